"""`torch.sparse`: tensors that hold their nonzero numbers only, by coordinates (COO) or compressed rows (CSR)."""

from __future__ import annotations

from microtorch import dtypes as _dtypes
from microtorch._missing import missing_names as _missing_names
from microtorch.functions.sparse import (
    addmm as addmm,
    check_sparse_tensor_invariants as check_sparse_tensor_invariants,
    hspmm as hspmm,
    legacy as _legacy,
    log_softmax as log_softmax,
    mm as mm,
    smm as smm,
    softmax as softmax,
    sparse_coo_tensor as sparse_coo_tensor,
    sparse_csr_tensor as sparse_csr_tensor,
    spdiags as spdiags,
    sum as sum,
    unsupported as _unsupported,
)

FloatTensor, DoubleTensor = _legacy("FloatTensor", _dtypes.float32), _legacy("DoubleTensor", _dtypes.float64)
LongTensor, IntTensor = _legacy("LongTensor", _dtypes.int64), _legacy("IntTensor", _dtypes.int32)
HalfTensor, ShortTensor = _legacy("HalfTensor", _dtypes.float16), _legacy("ShortTensor", _dtypes.int16)
CharTensor, ByteTensor = _legacy("CharTensor", _dtypes.int8), _legacy("ByteTensor", _dtypes.uint8)

# torch's own names for layouts that are not here
sparse_csc_tensor, sparse_bsr_tensor = _unsupported("sparse_csc_tensor"), _unsupported("sparse_bsr_tensor")
sparse_bsc_tensor, sparse_compressed_tensor = (
    _unsupported("sparse_bsc_tensor"),
    _unsupported("sparse_compressed_tensor"),
)


__getattr__ = _missing_names(__name__)
