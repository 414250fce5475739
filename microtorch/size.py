"""torch.Size, torch.device, and the names of layouts and memory formats."""

from __future__ import annotations

from typing import Any


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple that prints as PyTorch prints it.

    >>> import microtorch as torch
    >>> torch.zeros(2, 3).shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    def __new__(cls, sizes: Any = ()) -> Size:
        """Raises TypeError for what is no integer (a tensor of one integer counts as one)."""
        if type(sizes) is Size:
            return tuple.__new__(cls, sizes)
        values = [n if type(n) is int else _integer(n, i) for i, n in enumerate(sizes)]
        return tuple.__new__(cls, values)

    def numel(self) -> int:
        """The number of elements."""
        n = 1
        for i in self:
            n *= i
        return n

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, self))}])"

    __str__ = __repr__

    def __getitem__(self, key: Any) -> Any:
        part = tuple.__getitem__(self, key)
        return tuple.__new__(Size, part) if type(key) is slice else part

    def __add__(self, other: Any) -> Any:
        if type(other) is Size:
            return tuple.__new__(Size, tuple.__add__(self, other))
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other: Any) -> Any:
        return Size(tuple(other) + tuple(self))

    def __mul__(self, n: Any) -> Any:
        return Size(tuple.__mul__(self, n))

    __rmul__ = __mul__

    def __reduce__(self) -> Any:
        return Size, (tuple(self),)


def _integer(n: Any, i: int) -> int:
    if isinstance(n, float) or not hasattr(n, "__index__"):
        raise TypeError(f"torch.Size() takes an iterable of 'int' (item {i} is '{type(n).__name__}')")
    return int(n)


class device:
    """Where a tensor lives: always the CPU here.

    >>> import microtorch as torch
    >>> torch.device("cpu")
    device(type='cpu')
    """

    __slots__ = ("type", "index")
    _types = ("cpu", "cuda", "mps", "meta", "xpu", "hpu", "mtia", "xla", "privateuseone", "ipu", "vulkan")

    def __init__(self, type: Any = None, index: int | None = None) -> None:
        if index is not None:
            if not isinstance(index, int):
                raise TypeError(f"device(): argument 'index' (position 2) must be int, not {index.__class__.__name__}")
            if index < 0:
                raise RuntimeError("Device index must not be negative")
        if isinstance(type, device):
            type, index = type.type, type.index
        elif not isinstance(type, (str, int)) or isinstance(type, bool):
            got = "" if type is None else type.__class__.__name__
            raise TypeError(
                f"device() received an invalid combination of arguments - got ({got}), but "
                "expected one of:\n"
                " * (torch.device device)\n * (str type, int index = -1)\n"
            )
        elif isinstance(type, int):
            if type < 0:
                raise RuntimeError("Device index must not be negative")
            raise RuntimeError("Cannot access accelerator device when none is available.")
        elif ":" in type:
            type, number = type.split(":", 1)
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}:{number}'")
            index = int(number)
        if type not in self._types:
            raise RuntimeError(
                "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, "
                f"vulkan, mps, meta, hpu, mtia, privateuseone device type at start of device string: {type}"
            )
        self.type: str = type
        self.index = index

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (")" if self.index is None else f", index={self.index})")

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        """A block whose new tensors are made on this device: the CPU, or "meta" (shapes without numbers)."""
        on_meta(self)
        chosen.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        chosen.pop()


cpu, meta = device("cpu"), device("meta")

chosen: list[device] = []
"""Where new tensors go unless told otherwise: the default device if one was set, then the blocks that are open."""


def on_meta(d: Any) -> bool:
    """Whether a new tensor of that device (None: the one chosen) has no numbers.

    Raises for any device but the CPU and "meta".
    """
    if d is None:
        return bool(chosen) and chosen[-1].type == "meta"
    if d is not cpu and d != "cpu" and not isinstance(d, int) and device(d).type == "meta":
        return True
    require_cpu(d)
    return False


def require_cpu(d: Any) -> None:
    """Raise for any device but the CPU (None is the CPU)."""
    if d is None or d is cpu or d == "cpu":
        return
    if isinstance(d, int):
        raise RuntimeError("Cannot access accelerator device when none is available.")
    wanted = device(d)
    if wanted.type in ("cuda", "xpu"):
        raise AssertionError(f"Torch not compiled with {wanted.type.upper()} enabled")
    if wanted.type == "meta":
        raise NotImplementedError("microtorch: this is not implemented on the device 'meta'")
    if wanted.type != "cpu":
        raise RuntimeError(f"PyTorch is not linked with support for {wanted.type} devices")


class _Named:
    """A constant of `torch`, known by its name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class layout(_Named):
    """How a tensor's elements are stored: torch.strided, or torch.sparse_coo and sparse_csr (docs/sparse.md)."""

    __slots__ = ()


strided, sparse_coo, sparse_csr = layout("strided"), layout("sparse_coo"), layout("sparse_csr")
jagged = layout("jagged")
sparse_csc, sparse_bsr, sparse_bsc = layout("sparse_csc"), layout("sparse_bsr"), layout("sparse_bsc")
layouts = {each.name: each for each in (strided, sparse_coo, sparse_csr)}
"""Those that there are tensors of, by their names."""


class memory_format(_Named):
    """In which order of dimensions the elements lie in memory."""

    __slots__ = ()


contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")


def require_strided(wanted: Any) -> None:
    """Raise for any layout but torch.strided (None is that)."""
    if wanted is None or wanted is strided:
        return
    if not isinstance(wanted, layout):
        raise TypeError(f"argument 'layout' must be torch.layout, not {type(wanted).__name__}")
    raise NotImplementedError(f"microtorch has strided tensors only: {wanted!r} is not supported")
