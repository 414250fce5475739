"""`torch.sparse`: there are no sparse tensors; the functions for dense ones are here."""

from __future__ import annotations

from typing import Any, NoReturn

from microtorch._missing import missing_name as _missing_name
from microtorch.functions.linalg import addmm as addmm, mm as mm
from microtorch.functions.reduce import sum as sum
from microtorch.functions.softmax import log_softmax as log_softmax, softmax as softmax
from microtorch.unsupported import absent as _absent, not_supported as _not_supported

_WHY = "there are no sparse tensors"

FloatTensor, DoubleTensor, LongTensor, IntTensor, HalfTensor = (
    _absent(__name__, name, _WHY) for name in ("FloatTensor", "DoubleTensor", "LongTensor", "IntTensor", "HalfTensor")
)
check_sparse_tensor_invariants = _absent(__name__, "check_sparse_tensor_invariants", _WHY)


def _none(name: str) -> Any:
    def raises(*args: Any, **named: Any) -> NoReturn:
        """Raises NotImplementedError."""
        raise _not_supported(f"torch.{name}", _WHY)

    raises.__name__ = raises.__qualname__ = name
    return raises


# torch's own names for making them
sparse_coo_tensor, sparse_csr_tensor = _none("sparse_coo_tensor"), _none("sparse_csr_tensor")
sparse_csc_tensor, sparse_bsr_tensor = _none("sparse_csc_tensor"), _none("sparse_bsr_tensor")
sparse_bsc_tensor, sparse_compressed_tensor = _none("sparse_bsc_tensor"), _none("sparse_compressed_tensor")


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
