"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microtorch.functions.join import stack
from microtorch.nn.modules.batchnorm import _BatchNorm
from microtorch.nn.modules.module import Module
from microtorch.nn.utils.stateless import call_with as functional_call


def _stacked(tensors: Sequence[Any], name: str) -> Any:
    """The tensors of all models as one leaf, which requires a gradient if they do."""
    needs = [t.requires_grad for t in tensors]
    if any(needs) != all(needs):
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    result = stack([t.detach() for t in tensors], 0)
    return result.requires_grad_() if needs[0] else result


def stack_module_state(models: Sequence[Module] | Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several models of one class, stacked along a new first dimension.

    Raises RuntimeError for no models, for models of several classes, or in different modes.

    >>> import microtorch as torch
    >>> params, buffers = stack_module_state([torch.nn.Linear(2, 3) for _ in range(4)])
    >>> params["weight"].shape
    torch.Size([4, 3, 2])
    """
    if len(models) == 0:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(m.named_parameters()) for m in models]
    buffers = [dict(m.named_buffers()) for m in models]
    return (
        {k: _stacked([p[k] for p in parameters], k) for k in parameters[0]},
        {k: _stacked([b[k] for b in buffers], k) for k in buffers[0]},
    )


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Take the running statistics away from all batch norms in a module, in place: vmap cannot update them.

    >>> import microtorch as torch
    >>> replace_all_batch_norm_modules_(torch.nn.Sequential(torch.nn.BatchNorm1d(3)))[0].running_mean is None
    True
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


__all__ = ["functional_call", "replace_all_batch_norm_modules_", "stack_module_state"]
