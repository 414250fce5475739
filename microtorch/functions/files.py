"""Tensors in files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.operands import type_text
from microtorch.autograd.state import wrap
from microtorch.functions.arguments import numpy_dtype
from microtorch.kernels.bfloat16 import BF16, BFloats

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def from_file(
    filename: str,
    shared: bool | None = None,
    size: int | None = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A vector of the first `size` numbers of a file of nothing else, which is read where it is looked at (mapped).

    shared: what is written into the tensor is written into the file, which is made, or made longer, if need be; else
    it stays in this process. Raises RuntimeError for a file that is not there, or is too short.

    >>> import microtorch as torch
    >>> import tempfile, os
    >>> name = os.path.join(tempfile.mkdtemp(), "numbers")
    >>> x = torch.from_file(name, shared=True, size=3)
    >>> x += 1
    >>> torch.from_file(name, size=2)
    tensor([1., 1.])
    """
    for name, position, value, kinds in (
        ("filename", 1, filename, (str,)),
        ("shared", 2, shared, (bool, type(None))),
        ("size", 3, size, (int, type(None))),
    ):
        if not isinstance(value, kinds):
            wanted_kind = kinds[0].__name__
            raise TypeError(
                f"from_file(): argument '{name}' (position {position}) must be {wanted_kind}, not {type_text(value)}"
            )
    kind = dtypes.default.float if dtype is None else numpy_dtype(dtype)
    stored = np.dtype(np.uint16) if kind is BF16 else kind
    wanted = (size or 0) * stored.itemsize
    if wanted < 0:
        raise RuntimeError(f"unable to mmap {wanted} bytes from file <{filename}>: Cannot allocate memory (12)")
    try:
        have = os.path.getsize(filename) if os.path.exists(filename) or not shared else 0
        if shared and wanted > have:
            with open(filename, "ab") as file:
                file.truncate(wanted)
            have = wanted
    except OSError as error:
        raise RuntimeError(
            f"unable to open file <{filename}> in read-{'write' if shared else 'only'} mode: {error.strerror} "
            f"({error.errno})"
        ) from None
    if wanted > have:
        raise RuntimeError(f"file <{filename}> size <{have}> is smaller than the required mapping size <{wanted}>")
    if not wanted:
        data: Any = np.empty(0, stored)
    else:
        mode: Any = "r+" if shared else "c"
        data = np.asarray(np.memmap(filename, stored, mode, shape=(wanted // stored.itemsize,)))
    found: Any = BFloats(data) if kind is BF16 else data
    t = wrap(found)
    return t.requires_grad_() if requires_grad else t
