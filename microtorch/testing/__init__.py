"""`torch.testing`: compare results (`assert_close`) and make random tensors to compare them on (`make_tensor`)."""

from microtorch._missing import missing_name as _missing_name
from microtorch.testing.comparison import assert_allclose as assert_allclose, assert_close as assert_close
from microtorch.testing.creation import make_tensor as make_tensor


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
