"""`torch.functional`: functions of `torch` under an older name."""

from microtorch._missing import missing_names as _missing_names
from microtorch.functions.decompositions import old_lu as lu
from microtorch.functions.einsum import einsum as einsum
from microtorch.functions.join import block_diag as block_diag, split as split
from microtorch.functions.linalg import chain_matmul as chain_matmul, tensordot as tensordot
from microtorch.functions.norms import norm as norm
from microtorch.functions.ranges import cartesian_prod as cartesian_prod, meshgrid as meshgrid
from microtorch.functions.reduce import cdist as cdist
from microtorch.functions.shape import (
    atleast_1d as atleast_1d,
    atleast_2d as atleast_2d,
    atleast_3d as atleast_3d,
    broadcast_shapes as broadcast_shapes,
    broadcast_tensors as broadcast_tensors,
)
from microtorch.functions.sorting import unique as unique, unique_consecutive as unique_consecutive

__all__ = ["lu"]


__getattr__ = _missing_names(__name__)
