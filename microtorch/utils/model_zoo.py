"""`torch.utils.model_zoo`: weights over the network are not fetched."""

from microtorch._missing import missing_names as _missing_names
from microtorch.hub import _none

load_url = _none("load_url", "torch.utils.model_zoo")
_download_url_to_file = _none("_download_url_to_file", "torch.utils.model_zoo")


__getattr__ = _missing_names(__name__)
