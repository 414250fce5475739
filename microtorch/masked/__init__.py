"""`torch.masked`: sums, means, softmax ... of the elements where a mask is True.

>>> import microtorch as torch
>>> x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
>>> mask = torch.tensor([[True, False, True], [False, False, False]])
>>> torch.masked.sum(x, 1, mask=mask)
tensor([4., 0.])
>>> torch.masked.mean(x, 1, mask=mask)
tensor([2., nan])

What is masked out gets a neutral element: 0 in a sum, -inf in a maximum. Where all is masked out the result
is that element, or NaN where there is none. A mask is broadcast to the input. MaskedTensor can be imported, and raises
NotImplementedError when it is used.
"""

from microtorch._missing import missing_names as _missing_names
from microtorch.masked.ops import (
    amax as amax,
    amin as amin,
    argmax as argmax,
    argmin as argmin,
    cumprod as cumprod,
    cumsum as cumsum,
    log_softmax as log_softmax,
    logaddexp as logaddexp,
    logsumexp as logsumexp,
    mean as mean,
    median as median,
    norm as norm,
    normalize as normalize,
    prod as prod,
    softmax as softmax,
    softmin as softmin,
    std as std,
    sum as sum,
    var as var,
)
from microtorch.unsupported import absent as _absent

_WHY = "there are no tensors that carry a mask; torch.masked.sum and its like take one"
MaskedTensor, masked_tensor, as_masked_tensor = (
    _absent(__name__, name, _WHY) for name in ("MaskedTensor", "masked_tensor", "as_masked_tensor")
)


def is_masked_tensor(obj: object, /) -> bool:
    """False: there are none."""
    return False


__getattr__ = _missing_names(__name__)
