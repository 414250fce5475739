"""Checkpointing: save nothing in the forward pass of a part of the model, and compute it again in the backward pass.

T. Chen, B. Xu, C. Zhang, C. Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016
(https://arxiv.org/abs/1604.06174).

Two ways, as in PyTorch. Reentrant: an autograd.Function that runs the part without recording, and in its backward runs
it again, recorded, with a backward pass of its own. Not reentrant (better): the part is recorded as always, but what it
saves is replaced by a number, and computed again when backward asks for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from microtorch import random
from microtorch.autograd import engine
from microtorch.autograd.function import Function
from microtorch.autograd.graph import saved_tensors_hooks
from microtorch.autograd.modes import enable_grad, mode, no_grad
from microtorch.autograd.node import require_grad
from microtorch.autograd.state import TensorBase, wrap

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "checkpoint",
    "checkpoint_sequential",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]

_ADVICE = (
    "use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can pass "
    "use_reentrant=True. Refer to docs for more details on the differences between the two variants."
)


class CheckpointError(RuntimeError):
    """The second run did not do what the first did."""


class _Enough(Exception):
    """The second run has saved all that is needed."""


_early_stop: bool | None = None


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Whether checkpoints inside stop their second run once all saved tensors are there (default), or finish it."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """As in PyTorch; the errors here are the same with and without it."""
    yield


def noop_context_fn() -> tuple[Any, Any]:
    """Contexts for the two runs that do nothing."""
    return nullcontext(), nullcontext()


@contextmanager
def _random_state(state: Any) -> Iterator[None]:
    """Inside, random numbers start from that state (None: from where they are)."""
    generator = random.default_generator
    if state is None:
        yield
        return
    before = generator._state_array()
    generator._set_state_array(state)
    try:
        yield
    finally:
        generator._set_state_array(before)


def get_device_states(*args: Any) -> tuple[list[Any], list[Any]]:
    """The accelerators that some tensors are on, and the states of their generators: none."""
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Set what `get_device_states` gave: nothing."""


def _metadata(t: Any) -> dict[str, Any]:
    return {"shape": t.shape, "dtype": t.dtype, "device": t.device}


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, whose saved tensors are dropped and computed again when backward wants them.

    use_reentrant: which of the two ways (see above). context_fn: gives the contexts of the two runs. preserve_rng_state
    (default True): the second run draws the same random numbers (dropout masks) as the first. determinism_check: "none"
    does not compare shapes and dtypes of the two runs.
    Raises CheckpointError in the backward pass if the second run saves something else.

    >>> import microtorch as torch
    >>> from microtorch.utils.checkpoint import checkpoint
    >>> x = torch.ones(2, requires_grad=True)
    >>> checkpoint(lambda x: (x * 2).exp(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([14.7781, 14.7781])
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, "
            f"calling checkpoint without use_reentrant will raise an exception. {_ADVICE}",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    stop = early_stop if _early_stop is None else _early_stop
    return _not_reentrant(function, args, kwargs, preserve, context_fn, determinism_check, stop)


def _not_reentrant(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    preserve: bool,
    context_fn: Callable[[], tuple[Any, Any]],
    determinism_check: str,
    early_stop: bool,
) -> Any:
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    first, second = context_fn()
    given: Any = None
    if mode.enabled:
        recorded = wrap(np.empty(0, np.float32))
        require_grad(recorded)
        given = _Inputs.apply(recorded, *args).grad_fn
    state = random.default_generator._state_array() if preserve else None
    saved: list[dict[str, Any]] = []  # of each tensor that the first run saved: shape, dtype
    again: dict[int, Any] = {}  # what the second run saved, until backward has it

    def pack(tensor: Any) -> int:
        saved.append(_metadata(tensor))
        return len(saved) - 1

    def run_again() -> None:
        found: list[Any] = []
        given.saved_tensors  # noqa: B018  # refuses what was written since

        def keep(tensor: Any) -> Any:
            found.append(tensor.detach())
            if early_stop and len(found) == len(saved):
                raise _Enough
            return tensor.detach()

        try:
            with _random_state(state), second, enable_grad(), saved_tensors_hooks(keep, lambda t: t):
                function(*args, **kwargs)
        except _Enough:
            pass
        if len(found) != len(saved):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(saved)}\nNumber of tensors saved during "
                f"recomputation: {len(found)}."
            )
        different = [(i, a, _metadata(b)) for i, (a, b) in enumerate(zip(saved, found)) if a != _metadata(b)]
        if different and determinism_check == "default":
            text = "".join(
                f"tensor at position {i}:\nsaved metadata: {a}\nrecomputed metadata: {b}\n" for i, a, b in different
            )
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                f"during the forward pass.\n{text}."
            )
        again.update(enumerate(found))

    def unpack(place: int) -> Any:
        if place not in again:
            run_again()
        return again.pop(place)

    with saved_tensors_hooks(pack, unpack), first:
        return function(*args, **kwargs)


class _Inputs(Function):
    """The inputs of a checkpointed part, saved for its second run as those of any operation are."""

    @staticmethod
    def forward(ctx: Any, recorded: Any, *args: Any) -> Any:
        ctx.save_for_backward(*[a for a in args if isinstance(a, TensorBase)])
        return recorded.clone()


class CheckpointFunction(Function):
    """A part of a model as one node, whose backward runs the part again."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        if not any(isinstance(a, TensorBase) and a._node is not None for a in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
        ctx.run_function = run_function
        ctx.random_state = random.default_generator._state_array() if preserve_rng_state else None
        ctx.others = [None if isinstance(a, TensorBase) else a for a in args]
        ctx.save_for_backward(*[a if isinstance(a, TensorBase) else None for a in args])
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        if not engine.transforms.whole:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        inputs: list[Any] = []
        for t, other in zip(ctx.saved_tensors, ctx.others):
            if t is None:
                inputs.append(other)
            else:
                own = t.detach()
                own.requires_grad = t.requires_grad
                inputs.append(own)
        with _random_state(ctx.random_state), enable_grad():
            outputs = ctx.run_function(*inputs)
        outputs = (outputs,) if isinstance(outputs, TensorBase) else outputs
        pairs = [(o, g) for o, g in zip(outputs, gradients) if isinstance(o, TensorBase) and o._node is not None]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        engine.backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *[x._grad if isinstance(x, TensorBase) else None for x in inputs])


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """A sequential model in so many segments, each checkpointed but the last."""
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In "
            f"version 2.9 we will raise an exception if use_reentrant is not passed. {_ADVICE}",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps: Sequence[Any] = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(steps) // segments

    def segment(first: int, last: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for step in steps[first:last]:
                x = step(x)
            return x

        return run

    end = 0
    for start in range(0, size * (segments - 1), size):
        end = start + size
        input = checkpoint(segment(start, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return segment(end, len(steps))(input)
