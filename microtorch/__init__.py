"""microtorch: PyTorch's API on NumPy."""
import warnings as _warnings

_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"microtorch\.")

from microtorch.tensor import Tensor
from microtorch.functions.creation import *
from microtorch.autograd.modes import no_grad, enable_grad, set_grad_enabled
from microtorch.dtypes import *
from microtorch.autograd import engine
