"""`torch.fx.passes`: what is done to graphs; here what finds shapes."""

from microtorch._missing import missing_names as _missing_names
from microtorch.fx.passes import shape_prop as shape_prop

__getattr__ = _missing_names(__name__)
