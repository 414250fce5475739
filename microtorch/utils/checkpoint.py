"""Checkpointing: save nothing in the forward pass of a part of the model, and compute it again in the backward pass.

T. Chen, B. Xu, C. Zhang, C. Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016
(https://arxiv.org/abs/1604.06174).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from microtorch import random
from microtorch.autograd.graph import saved_tensors_hooks
from microtorch.autograd.modes import enable_grad


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Any = None,
    determinism_check: str = "default",
    debug: bool = False,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, whose saved tensors are dropped and computed again when backward wants them.

    preserve_rng_state: the second run draws the same random numbers (dropout masks) as the first.

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
            "calling "
            "checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended.",
            stacklevel=2,
        )
    if context_fn is not None:
        raise NotImplementedError("checkpoint: context_fn is not supported by microtorch")
    state = random.default_generator._state_array() if preserve_rng_state else None
    count = 0
    again: list[Any] = []

    def pack(tensor: Any) -> int:
        nonlocal count
        count += 1
        return count - 1

    def unpack(place: int) -> Any:
        if not again:
            before = random.default_generator._state_array() if state is not None else None
            if state is not None:
                random.default_generator._set_state_array(state)
            try:
                with enable_grad(), saved_tensors_hooks(lambda t: again.append(t.detach()), _never):
                    function(*args, **kwargs)
            finally:
                if before is not None:
                    random.default_generator._set_state_array(before)
            if len(again) != count:
                raise CheckpointError(
                    "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                    f"recomputation.\nNumber of tensors saved during forward: {count}\nNumber of tensors saved during "
                    f"recomputation: {len(again)}."
                )
        return again[place]

    with saved_tensors_hooks(pack, unpack):
        return function(*args, **kwargs)


class CheckpointError(RuntimeError):
    """The second run did not do what the first did."""


def _never(packed: Any) -> Any:
    raise AssertionError("the graph of the second run is never run backwards")


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, preserve_rng_state: bool = True
) -> Any:
    """A sequential model in so many segments, each checkpointed but the last."""
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
        input = checkpoint(
            segment(start, end), input, use_reentrant=bool(use_reentrant), preserve_rng_state=preserve_rng_state
        )
    return segment(end, len(steps))(input)
