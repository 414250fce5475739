"""`torch.utils.model_zoo`: weights over the network are not fetched."""

from microtorch._missing import missing_name as _missing_name
from microtorch.hub import _none

load_url = _none("load_url", "torch.utils.model_zoo")
_download_url_to_file = _none("_download_url_to_file", "torch.utils.model_zoo")


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
