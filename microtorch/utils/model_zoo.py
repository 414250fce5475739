"""`torch.utils.model_zoo`: weights over the network are not fetched."""

from microtorch._missing import missing_name as _missing_name
from microtorch.hub import _none

load_url = _none("load_state_dict_from_url")
_download_url_to_file = _none("download_url_to_file")


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
