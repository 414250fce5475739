"""`torch.types`: names for annotations."""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from microtorch._tensor import Tensor
from microtorch.dtypes import dtype
from microtorch.size import Size, device

_int, _float, _bool = builtins.int, builtins.float, builtins.bool
_dtype, _device = dtype, device
_size: TypeAlias = Size | list[builtins.int] | tuple[builtins.int, ...]
_complex: TypeAlias = builtins.complex
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
Number: TypeAlias = builtins.int | builtins.float | builtins.bool
Device: TypeAlias = device | str | builtins.int | None
FileLike: TypeAlias = str | os.PathLike[str] | Path | Any
Storage: TypeAlias = Any
IntLikeType: TypeAlias = builtins.int
FloatLikeType: TypeAlias = builtins.float
BoolLikeType: TypeAlias = builtins.bool
