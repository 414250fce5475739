"""`torch.library`: operators of one's own are classes of `torch.autograd.Function`. The names here raise."""

from microtorch._missing import missing_name as _missing_name
from microtorch.unsupported import absent as _absent

_WHY = "operators of one's own are classes of torch.autograd.Function"
Library, custom_op, define, impl, register_autograd, register_fake, register_kernel, triton_op, wrap_triton = (
    _absent(__name__, name, _WHY)
    for name in ("Library", "custom_op", "define", "impl", "register_autograd", "register_fake", "register_kernel",
                 "triton_op", "wrap_triton")
)  # fmt: skip


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
