"""Generators, and the default one: `manual_seed`, `seed`, `initial_seed`, `fork_rng`, as in `torch.random`.

A `Generator` holds a `kernels.random.Stream`, which draws; here only seeds and states are dealt with. What draws
tensors is in functions/random.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from microtorch.autograd.state import TensorBase, wrap
from microtorch.kernels.batched import check_random, running
from microtorch.kernels.random import Stream
from microtorch.size import device as Device, require_cpu

__all__ = ["set_rng_state", "get_rng_state", "manual_seed", "seed", "initial_seed", "fork_rng", "thread_safe_generator"]


class Generator:
    """A source of random numbers with a state of its own; `stream` is what the kernels draw from.

    >>> a, b = Generator().manual_seed(7), Generator().manual_seed(7)
    >>> a.stream.randperm(5).tolist() == b.stream.randperm(5).tolist()
    True
    """

    __slots__ = ("device", "_stream", "__weakref__")

    def __init__(self, device: Any = "cpu") -> None:
        require_cpu(device)
        self.device = Device(device)
        self._stream = Stream()

    @property
    def stream(self) -> Stream:
        """What draws; inside vmap only as its `randomness` allows."""
        if running.levels:
            check_random()
        return self._stream

    def manual_seed(self, seed: int) -> Self:
        """Start anew from an integer, -2**63 to 2**64-1; negative ones count from 2**64 downwards."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.signedinteger)):
            if isinstance(seed, np.unsignedinteger):
                raise TypeError("an integer is required")
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        self._stream.seed(int(seed))
        return self

    def seed(self) -> int:
        """Start anew from 64 bits of the system's randomness, and return them."""
        seed = int.from_bytes(os.urandom(8), "little")
        self._stream.seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed this generator last started from.

        >>> Generator().initial_seed(), Generator().manual_seed(-1).initial_seed()
        (67280421310721, 18446744073709551615)
        """
        return self._stream.initial_seed

    def clone_state(self) -> Generator:
        """A new generator that goes on from here by itself."""
        clone = type(self)(self.device)
        clone._stream = self._stream.clone()
        return clone

    def get_offset(self) -> int:
        """Only generators of other devices have an offset."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset: int) -> None:
        """Only generators of other devices have an offset."""
        raise RuntimeError("CPU Generator does not use offset")

    def get_state(self) -> Any:
        """The state: a uint8 Tensor of 5056 elements."""
        return wrap(self._state_array())

    def set_state(self, new_state: Any) -> Generator:
        """Go on from a state that `get_state` gave; the generator itself.

        Raises TypeError for what is no uint8 Tensor, RuntimeError for one of another length.
        """
        if not isinstance(new_state, TensorBase):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        self._set_state_array(new_state._data)
        return self

    graphsafe_get_state, graphsafe_set_state = get_state, set_state

    def _state_array(self) -> NDArray[np.uint8]:
        """The 5056 bytes of `torch.get_rng_state()`."""
        return self._stream.get_state()

    def _set_state_array(self, state: NDArray[np.uint8]) -> Self:
        self._stream.set_state(state)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.device, self._state_array())


def _restored(cls: type[Generator], device: Any, state: NDArray[np.uint8]) -> Generator:
    return cls(device)._set_state_array(state)


default_generator = Generator()
default_generator.seed()  # unlike other generators, the default one begins somewhere else in each process


def manual_seed(seed: int) -> Generator:
    """Seed the default generator with an integer, or with what int() makes one; returns the generator.

    >>> manual_seed(0).stream.uniform((3,)).tolist()
    [0.49625658988952637, 0.7682217955589294, 0.08847743272781372]
    """
    return default_generator.manual_seed(int(seed))


def get_rng_state() -> Any:
    """The state of the default generator: a uint8 Tensor of 5056 elements.

    >>> import microtorch as torch
    >>> state = torch.get_rng_state()
    >>> a = torch.rand(3)
    >>> torch.set_rng_state(state)
    >>> torch.equal(a, torch.rand(3))
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Put the default generator into a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


def seed() -> int:
    """Seed the default generator from the system's randomness; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator last started from."""
    return default_generator.initial_seed()


@contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str | None = None,
) -> Iterator[None]:
    """Within the context draw as one likes; afterwards the default generator is where it was before.

    `devices` names accelerators whose generators to keep as well; there are none here.

    >>> _ = manual_seed(0)
    >>> with fork_rng():
    ...     _ = default_generator.stream.uniform((100,))
    >>> default_generator.stream.randint((3,), 0, 10).tolist()
    [4, 9, 3]
    """
    if not enabled or device_type == "meta":
        yield
        return
    if devices is not None and list(devices):
        raise AssertionError("Torch not compiled with CUDA enabled")
    state = default_generator._state_array()
    try:
        yield
    finally:
        default_generator._set_state_array(state)


def thread_safe_generator() -> Generator | None:
    """The generator of a DataLoader's worker thread; None, as in PyTorch, where there is none."""
    return None
