"""`torch.distributed.nn.functional`: calls among processes that gradients flow through; in a group of one process."""

from __future__ import annotations

import warnings
from typing import Any

from microtorch._missing import missing_names as _missing_names
from microtorch.autograd.function import Function
from microtorch.distributed import distributed_c10d as dist


def _deprecated(name: str, instead: str) -> None:
    warnings.warn(
        f"torch.distributed.nn.functional.{name} is deprecated, use torch.distributed._functional_collectives.{instead}"
        " instead.",
        FutureWarning,
        stacklevel=3,
    )


class _AllReduce(Function):
    @staticmethod
    def forward(ctx: Any, op: Any, group: Any, tensor: Any) -> Any:
        tensor = tensor.clone()
        dist.all_reduce(tensor, op, group)
        return tensor

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return None, None, grad


class _Reduce(_AllReduce):
    pass


class _Broadcast(_AllReduce):
    @staticmethod
    def forward(ctx: Any, src: int, group: Any, tensor: Any) -> Any:
        tensor = tensor.clone()
        dist.broadcast(tensor, src, group)
        return tensor


class _AllGather(Function):
    @staticmethod
    def forward(ctx: Any, group: Any, tensor: Any) -> Any:
        dist.get_world_size(group)
        return (tensor.contiguous().clone(),)

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return None, grad


class _Gather(_AllGather):
    pass


class _Scatter(_AllGather):
    @staticmethod
    def forward(ctx: Any, group: Any, tensor: Any) -> Any:
        dist.get_world_size(group)
        return tensor.clone()


class _AlltoAll(_AllGather):
    pass


def all_reduce(tensor: Any, op: Any = dist.RedOpType.SUM, group: Any = None) -> Any:
    """The sum (`op`) of all processes' tensors, as a new tensor."""
    _deprecated("all_reduce", "all_reduce")
    return _AllReduce.apply(op, group, tensor)


def all_gather(tensor: Any, group: Any = None) -> Any:
    """All processes' tensors, as a tuple.

    >>> import microtorch as torch, microtorch.distributed as dist, microtorch.distributed.nn, warnings
    >>> dist.init_process_group("gloo", init_method="tcp://127.0.0.1:29500", rank=0, world_size=1)
    >>> with warnings.catch_warnings(action="ignore"):
    ...     dist.nn.all_gather(torch.ones(2, requires_grad=True) * 2)
    (tensor([2., 2.], grad_fn=<_AllGatherBackward>),)
    >>> dist.destroy_process_group()
    """
    _deprecated("all_gather", "all_gather_single")
    return _AllGather.apply(group, tensor)


def broadcast(tensor: Any, src: int, group: Any = None) -> Any:
    """The tensor of process `src`, as a new tensor."""
    _deprecated("broadcast", "broadcast")
    return _Broadcast.apply(src, group, tensor)


def reduce(tensor: Any, dst: int, op: Any = dist.RedOpType.SUM, group: Any = None) -> Any:
    """The sum (`op`) of all processes' tensors, for process `dst`."""
    return _Reduce.apply(op, group, tensor)


def gather(tensor: Any, dst: int = 0, group: Any = None) -> Any:
    """All processes' tensors as a tuple, for process `dst`."""
    return _Gather.apply(group, tensor)


def scatter(tensors: Any, src: int = 0, group: Any = None) -> Any:
    """This process's tensor of the list of process `src`."""
    return _Scatter.apply(group, tensors[0])


def all_to_all(output_tensor_list: Any, input_tensor_list: Any, group: Any = None) -> Any:
    """The tensors that each process has sent to this one, as a tuple."""
    return _AlltoAll.apply(group, input_tensor_list[0])


__getattr__ = _missing_names(__name__)
