"""DistributedDataParallel: a module whose gradients all processes of a group average. See `torch.distributed`."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from microtorch.autograd.modes import mode, no_grad
from microtorch.distributed import distributed_c10d as dist
from microtorch.functions.join import cat
from microtorch.nn.modules.module import Module
from microtorch.nn.parameter import is_lazy
from microtorch.size import device as _device

__all__ = ["DistributedDataParallel", "GradBucket"]

_UNFINISHED = (
    "Expected to have finished reduction in the prior iteration before starting a new one. This error indicates that "
    "your module has parameters that were not used in producing loss. You can enable unused parameter detection by "
    "passing the keyword argument `find_unused_parameters=True` to `torch.nn.parallel.DistributedDataParallel`, and "
    "by \nmaking sure all `forward` function outputs participate in calculating loss. \nIf you already have done the "
    "above, then the distributed data parallel module wasn't able to locate the output tensors in the return value "
    "of your module's `forward` function. Please include the loss function and the structure of the return value of "
    "`forward` of your module when reporting this issue (e.g. list, dict, iterable).\nParameter indices which did "
    "not receive grad for rank 0: {places}\n In addition, you can set the environment variable "
    "TORCH_DISTRIBUTED_DEBUG to either INFO or DETAIL to print out information about which particular parameters did "
    "not receive gradient on this rank as part of this error"
)


class GradBucket:
    """The gradients of some parameters, one behind the other in one tensor: what a communication hook gets."""

    def __init__(self, parameters: list[Any]) -> None:
        self._parameters = parameters
        self._buffer = cat([p.grad.reshape(-1) for p in parameters])

    def buffer(self) -> Any:
        """All gradients, flat."""
        return self._buffer

    def set_buffer(self, tensor: Any) -> None:
        """Put another tensor of that size in its place."""
        self._buffer = tensor

    def gradients(self) -> list[Any]:
        """The gradients: views of the buffer."""
        parts = self._buffer.split([p.numel() for p in self._parameters])
        return [part.view(p.shape) for part, p in zip(parts, self._parameters)]

    def parameters(self) -> list[Any]:
        """The parameters."""
        return list(self._parameters)

    def index(self) -> int:
        """0: there is one bucket."""
        return 0

    def is_last(self) -> bool:
        """True: there is one bucket."""
        return True


class DistributedDataParallel(Module):
    """Calls `module`, and averages its gradients over the processes of a group: here over one, so that they stay.

    Parameters are named "module.*". A group must be there (`torch.distributed.init_process_group`).
    find_unused_parameters: without it, a backward pass that misses a parameter makes the next call raise RuntimeError.
    register_comm_hook: a function that gets each backward pass's gradients, and gives back what to use in their place.
    Raises ValueError without a group or with device_ids on the CPU, RuntimeError for a module without parameters to
    be trained.

    >>> import microtorch as torch, microtorch.distributed as dist
    >>> dist.init_process_group("gloo", init_method="tcp://127.0.0.1:29500", rank=0, world_size=1)
    >>> torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))
    DistributedDataParallel(
      (module): Linear(in_features=2, out_features=1, bias=True)
    )
    >>> dist.destroy_process_group()
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0,
        broadcast_buffers: bool | None = None, init_sync: bool = True, process_group: Any = None,
        bucket_cap_mb: float | None = None, find_unused_parameters: bool = False, check_reduction: bool = False,
        gradient_as_bucket_view: bool = False, static_graph: bool = False, delay_all_reduce_named_params: Any = None,
        param_to_hook_all_reduce: Any = None, mixed_precision: Any = None, device_mesh: Any = None,
        skip_all_reduce_unused_params: bool = False, bucket_cap_mb_list: list[int] | None = None,
        batched_grad_copy: bool = False, forward_sync_buffers: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if mixed_precision is not None or device_mesh is not None or delay_all_reduce_named_params is not None:
            raise NotImplementedError(
                "DistributedDataParallel: mixed_precision, device_mesh and delay_all_reduce_named_params"
            )
        self.process_group = dist._get_default_group() if process_group is None else process_group
        self.parameters_to_ignore = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        parameters = [p for n, p in module.named_parameters() if n not in self.parameters_to_ignore]
        if not any(p.requires_grad for p in parameters):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a "
                "gradient."
            )
        if device_ids is not None and len(device_ids) > 1:
            raise ValueError("device_ids can only be None or contain a single element.")
        if device_ids or (output_device is not None and output_device != 0):
            raise ValueError(
                "DistributedDataParallel device_ids and output_device arguments only work with "
                "single-device/multiple-device GPU modules or CPU modules, but got device_ids "
                f"{device_ids}, output_device {output_device}, and module parameters {{device(type='cpu')}}."
            )
        self.is_multi_device_module, self.device_type = False, "cpu"
        self.device_ids = self.output_device = None
        self.static_graph, self.dim = static_graph, dim
        self.module = module
        self.device = _device("cpu")
        if broadcast_buffers is not None:
            self._warn_of_broadcast(forward_sync_buffers)
        else:
            broadcast_buffers = True
        self.forward_sync_buffers = broadcast_buffers if forward_sync_buffers is None else forward_sync_buffers
        self.find_unused_parameters = find_unused_parameters
        self.require_backward_grad_sync = self.require_forward_param_sync = True
        self.gradient_as_bucket_view, self.batched_grad_copy = gradient_as_bucket_view, batched_grad_copy
        self.mixed_precision = None
        if check_reduction:
            warnings.warn(
                "The `check_reduction` argument in `DistributedDataParallel` module is deprecated. "
                "Please avoid using it.",
                FutureWarning,
                stacklevel=2,
            )
        if any(is_lazy(p) for p in parameters):
            raise RuntimeError(
                "Modules with uninitialized parameters can't be used with `DistributedDataParallel`. "
                "Run a dummy forward pass to correctly initialize the modules"
            )
        self._comm_hook: tuple[Any, Callable[..., Any]] | None = None
        self._watch()

    @staticmethod
    def _warn_of_broadcast(forward_sync_buffers: bool | None) -> None:
        if forward_sync_buffers is not None:
            text = (
                "Both `broadcast_buffers` and `forward_sync_buffers` were specified. `broadcast_buffers` is deprecated "
                "and its value is ignored when `forward_sync_buffers` is provided."
            )
        else:
            text = (
                "`broadcast_buffers` is deprecated. Use `forward_sync_buffers` instead. IMPORTANT: unlike "
                "`broadcast_buffers=False`, `forward_sync_buffers=False` still syncs buffers at init. If you rely on "
                "buffers NOT being synced at init (e.g. rank-local buffers), keep using `broadcast_buffers=False` "
                "until `init_sync_buffers` is available."
            )
        warnings.warn(text, FutureWarning, stacklevel=3)

    # which parameters have got their gradient ------------------------------------------------------------------------

    def _watch(self) -> None:
        """Be told of each gradient."""
        self._trained = [
            p for n, p in self.module.named_parameters() if p.requires_grad and n not in self.parameters_to_ignore
        ]
        self._ready: set[int] = set()  # places among them, of the backward pass that has begun
        for place, parameter in enumerate(self._trained):
            parameter.register_post_accumulate_grad_hook(lambda p, place=place: self._got(place))

    def _got(self, place: int) -> None:
        """A parameter has its gradient; with the last one, the pass is over."""
        if not self.require_backward_grad_sync:
            return
        self._ready.add(place)
        if len(self._ready) == len(self._trained):
            self._reduce()

    def _reduce(self) -> None:
        """What the processes do with the gradients of a pass: nothing, if there is no hook for it."""
        found = [self._trained[place] for place in sorted(self._ready)]
        self._ready.clear()
        if self._comm_hook is None:
            return
        state, hook = self._comm_hook
        with no_grad():
            bucket = GradBucket(found)
            value = hook(state, bucket).value()
            bucket.set_buffer(value[0] if isinstance(value, (list, tuple)) else value)
            for parameter, grad in zip(found, bucket.gradients()):
                parameter.grad.copy_(grad)

    def _finish(self) -> None:
        """Before a call: the last backward pass must have reached all parameters, or they may be unused."""
        if not self._ready or len(self._ready) == len(self._trained):
            return
        if not (self.find_unused_parameters or self.static_graph):
            missing = " ".join(str(i) for i in range(len(self._trained)) if i not in self._ready)
            raise RuntimeError(_UNFINISHED.format(places=missing))
        self._ready.clear()

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """The module's result."""
        if mode.enabled and self.require_backward_grad_sync:
            self._finish()
        return self.module(*inputs, **kwargs)

    # ------------------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """Inside, gradients are added up and not averaged: for several small batches that make a large one."""
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def register_comm_hook(self, state: object, hook: Callable[[object, GradBucket], Any]) -> None:
        """Let `hook(state, bucket)` give the gradients to use, as a Future, in the place of averages.

        Raises TypeError if it is not callable.
        """
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        self._comm_hook = (state, hook)

    @contextlib.contextmanager
    def join(
        self, divide_by_initial_world_size: bool = True, enable: bool = True, throw_on_early_termination: bool = False
    ) -> Iterator[None]:
        """Inside, processes may have different numbers of batches; one process has no others to wait for."""
        yield

    def scatter(self, inputs: Any, kwargs: Any, device_ids: Any) -> Any:
        """The arguments, for one device."""
        return (inputs,), (kwargs,)

    def gather(self, outputs: Any, output_device: Any) -> Any:
        """The outputs, of one device."""
        return outputs

    def train(self, mode: bool = True) -> DistributedDataParallel:
        """Set training mode here and in the module."""
        super().train(mode)
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for name in ("process_group", "_trained", "_ready", "_comm_hook"):
            state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.process_group = dist._get_default_group()
        super().__setstate__(state)
        self._comm_hook = None
        self._watch()
