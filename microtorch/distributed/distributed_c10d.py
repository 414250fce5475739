"""`torch.distributed.distributed_c10d`: what groups of processes (groups.py) compute together, for one process.

`init_process_group` with world_size=1 makes such a group; all results are those that PyTorch gives there: a sum over
one process is its own value. More processes raise NotImplementedError.
"""

from __future__ import annotations

import itertools
import pickle
from datetime import timedelta
from typing import Any

from microtorch import dtypes
from microtorch._missing import missing_names as _missing_names
from microtorch._tensor import Tensor
from microtorch.distributed.groups import (
    Backend as Backend,
    GroupMember as GroupMember,
    ProcessGroup as ProcessGroup,
    RedOpType as RedOpType,
    ReduceOp as ReduceOp,
    Work as Work,
    _get_default_group as _get_default_group,
    _get_default_store as _get_default_store,
    _known as _known,
    as_list,
    default_pg_timeout as default_pg_timeout,
    destroy_process_group as destroy_process_group,
    get_backend as get_backend,
    get_backend_config as get_backend_config,
    get_default_backend_for_device as get_default_backend_for_device,
    get_global_rank as get_global_rank,
    get_group_rank as get_group_rank,
    get_node_local_rank as get_node_local_rank,
    get_pg_count as get_pg_count,
    get_process_group_ranks as get_process_group_ranks,
    get_rank as get_rank,
    get_world_size as get_world_size,
    group as group,
    init_process_group as init_process_group,
    is_available as is_available,
    is_backend_available as is_backend_available,
    is_gloo_available as is_gloo_available,
    is_initialized as is_initialized,
    is_mpi_available as is_mpi_available,
    is_nccl_available as is_nccl_available,
    is_torchelastic_launched as is_torchelastic_launched,
    is_ucc_available as is_ucc_available,
    is_xccl_available as is_xccl_available,
    new_group as new_group,
    new_subgroups as new_subgroups,
    reduce_op as reduce_op,
)
from microtorch.distributed.stores import PrefixStore as PrefixStore, Store as Store, several as _several
from microtorch.size import device as _device

# what the calls check -------------------------------------------------------------------------------------------------


def _one(value: Any, name: str) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n"
            f"             but got {type(value)} instead."
        )


def _listed(values: Any, name: str) -> None:
    if not isinstance(values, list):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
            f"             but got {type(values)} instead."
        )
    if not all(isinstance(v, Tensor) for v in values):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n"
            f"             but got {type(values)} with elements of type {[type(v) for v in values]}."
        )


_REAL = {dtypes.complex64: dtypes.float32, dtypes.complex128: dtypes.float64}


def _same_dtype(*values: Any) -> None:
    last = None
    for tensor in itertools.chain.from_iterable(as_list(v) for v in values):
        dtype = _REAL.get(tensor.dtype, tensor.dtype)
        if last is not None and last != dtype:
            raise ValueError(f"Invalid usage of tensors with different dtypesFound {last} and  {tensor.dtype}")
        last = dtype


def _same_sizes(call: str, tensors: list[Any], tensor: Any) -> None:
    if len(tensors) != 1:
        raise RuntimeError(
            f"ProcessGroupGloo::{call}: invalid output tensor list at index 0 (expected length 1, got {len(tensors)})"
        )
    if tensors[0].shape != tensor.shape:
        expected, got = (f"({', '.join(map(str, t.shape))})" for t in (tensor, tensors[0]))
        raise RuntimeError(f"ProcessGroupGloo::{call}: invalid tensor size at index 0 (expected {expected}, got {got})")


def supports_complex(reduceOp: Any) -> bool:
    """True if complex numbers can be reduced so: summed or averaged."""
    return reduceOp not in (
        RedOpType.MAX, RedOpType.MIN, RedOpType.PRODUCT, RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR
    )  # fmt: skip


_BITS = (RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR)


def _reducible(call: str, tensor: Any, op: Any) -> None:
    """Raise PyTorch's error for a reduction that the tensor's dtype does not have."""
    dtype = tensor.dtype
    if op == RedOpType.PREMUL_SUM:
        raise TypeError(f"{call}: ReduceOp.PREMUL_SUM lacks its factor, and is of NCCL alone")
    if dtype.is_complex and not supports_complex(op):
        raise ValueError(f"{call} does not support {op} on complex tensors")
    if op in _BITS and (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"Cannot use ReduceOp.{RedOpType(op).name} with non-integral dtype")
    if op == RedOpType.AVG and not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"result type Float can't be cast to the desired output type {dtype.type_name}")


def _root(call: str, group: ProcessGroup | None, global_rank: int | None, group_rank: int | None) -> None:
    """Check who sends, or gets: process 0."""
    _known(group)
    if group_rank is not None and global_rank is not None:
        raise ValueError("Can't specify both group_rank and global_rank")
    rank = global_rank if group_rank is None else group_rank
    if rank is None:
        raise ValueError("Must specify global_rank or group_rank")
    if rank != 0:
        raise RuntimeError(f"ProcessGroupGloo::{call}: invalid root rank: {rank}")


def _done(written: Any, async_op: bool) -> Work | None:
    return Work(written) if async_op else None


def _write(target: Any, source: Any) -> None:
    if target is not source:
        target.detach().copy_(source.detach())


# calls among processes ------------------------------------------------------------------------------------------------


def barrier(group: ProcessGroup | None = None, async_op: bool = False, device_ids: Any = None) -> Work | None:
    """Wait for all processes."""
    _known(group)
    return _done(None, async_op)


def monitored_barrier(
    group: ProcessGroup | None = None, timeout: timedelta | None = None, wait_all_ranks: bool = False
) -> None:
    """Wait for all processes."""
    _known(group)


def broadcast(
    tensor: Tensor, src: int | None = None, group: ProcessGroup | None = None, async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:  # fmt: skip
    """Write the tensor of process `src` into all processes'."""
    _get_default_group()
    _root("broadcast", group, src, group_src)
    _one(tensor, "tensor")
    return _done(tensor, async_op)


def all_reduce(
    tensor: Tensor, op: Any = RedOpType.SUM, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Sum (`op`: ReduceOp.AVG, MAX, ...) all processes' tensors, in place.

    Raises ValueError or RuntimeError for a dtype that `op` does not take; ValueError without a group.

    >>> import microtorch as torch, microtorch.distributed as dist
    >>> dist.init_process_group("gloo", init_method="tcp://127.0.0.1:29500", rank=0, world_size=1)
    >>> x = torch.ones(2)
    >>> dist.all_reduce(x)
    >>> x
    tensor([1., 1.])
    >>> dist.destroy_process_group()
    """
    _one(tensor, "tensor")
    _get_default_group()
    _reducible("all_reduce", tensor, op)
    return _done(tensor, async_op)


def all_reduce_coalesced(
    tensors: list[Tensor], op: Any = RedOpType.SUM, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """`all_reduce` of several tensors."""
    for tensor in as_list(tensors):
        all_reduce(tensor, op, group)
    return _done(tensors, async_op)


def reduce(
    tensor: Tensor, dst: int | None = None, op: Any = RedOpType.SUM, group: ProcessGroup | None = None,
    async_op: bool = False, group_dst: int | None = None,
) -> Work | None:  # fmt: skip
    """Sum (`op`) all processes' tensors into that of process `dst`."""
    _root("reduce", group, dst, group_dst)
    _one(tensor, "tensor")
    _reducible("reduce", tensor, op)
    return _done(tensor, async_op)


def all_gather(
    tensor_list: list[Tensor], tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Write each process's tensor into its place of the list."""
    _listed(tensor_list, "tensor_list")
    _one(tensor, "tensor")
    _same_dtype(tensor_list, tensor)
    _known(group)
    _same_sizes("allgather", tensor_list, tensor)
    _write(tensor_list[0], tensor)
    return _done(tensor_list, async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Write all processes' tensors into one, one behind the other."""
    _one(input_tensor, "input_tensor")
    _one(output_tensor, "output_tensor")
    _same_dtype(output_tensor, input_tensor)
    _known(group)
    _write(output_tensor, input_tensor.reshape(output_tensor.shape))
    return _done(output_tensor, async_op)


all_gather_single = _all_gather_base = all_gather_into_tensor


def gather(
    tensor: Tensor, gather_list: list[Tensor] | None = None, dst: int | None = None,
    group: ProcessGroup | None = None, async_op: bool = False, group_dst: int | None = None,
) -> Work | None:  # fmt: skip
    """Write each process's tensor into its place of the list of process `dst` (0 unless told)."""
    _one(tensor, "tensor")
    _known(group)
    _root("gather", group, 0 if dst is None and group_dst is None else dst, group_dst)
    if not gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    _listed(gather_list, "gather_list")
    _same_dtype(tensor, gather_list)
    _same_sizes("gather", gather_list, tensor)
    _write(gather_list[0], tensor)
    return _done(gather_list, async_op)


def scatter(
    tensor: Tensor, scatter_list: list[Tensor] | None = None, src: int | None = None,
    group: ProcessGroup | None = None, async_op: bool = False, group_src: int | None = None,
) -> Work | None:  # fmt: skip
    """Write its place of the list of process `src` (0 unless told) into each process's tensor."""
    _one(tensor, "tensor")
    _known(group)
    _root("scatter", group, 0 if src is None and group_src is None else src, group_src)
    if not scatter_list:
        raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
    _listed(scatter_list, "scatter_list")
    _same_dtype(tensor, scatter_list)
    _same_sizes("scatter", scatter_list, tensor)
    _write(tensor, scatter_list[0])
    return _done(tensor, async_op)


def reduce_scatter(
    output: Tensor, input_list: list[Tensor], op: Any = RedOpType.SUM, group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:  # fmt: skip
    """Reduce all processes' lists, and write its place of it into each process's tensor."""
    _one(output, "output")
    _listed(input_list, "input_list")
    _same_dtype(output, input_list)
    _known(group)
    _reducible("reduce_scatter", output, op)
    _write(output, input_list[0])
    return _done(output, async_op)


def reduce_scatter_tensor(
    output: Tensor, input: Tensor, op: Any = RedOpType.SUM, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Reduce all processes' tensors, and write its part into each process's."""
    _one(output, "output")
    _one(input, "input")
    _same_dtype(output, input)
    _known(group)
    _reducible("reduce_scatter", output, op)
    _write(output, input.reshape(output.shape))
    return _done(output, async_op)


reduce_scatter_single = _reduce_scatter_base = reduce_scatter_tensor


def all_to_all(
    output_tensor_list: list[Tensor], input_tensor_list: list[Tensor], group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:  # fmt: skip
    """Each process sends a tensor of its list to each, and gets one of each."""
    _listed(output_tensor_list, "output_tensor_list")
    _listed(input_tensor_list, "input_tensor_list")
    _same_dtype(output_tensor_list, input_tensor_list)
    _known(group)
    for target, source in zip(output_tensor_list, input_tensor_list):
        _write(target, source)
    return _done(output_tensor_list, async_op)


def all_to_all_single(
    output: Tensor, input: Tensor, output_split_sizes: Any = None, input_split_sizes: Any = None,
    group: ProcessGroup | None = None, async_op: bool = False,
) -> Work | None:  # fmt: skip
    """Each process sends a part of its tensor to each, and gets one of each."""
    _one(output, "output")
    _one(input, "input")
    _same_dtype(output, input)
    _known(group)
    _write(output, input)
    return _done(output, async_op)


# objects --------------------------------------------------------------------------------------------------------------


def _sent(value: Any) -> Any:
    """An object as another process would get it: pickled, and read again."""
    return pickle.loads(pickle.dumps(value))


def all_gather_object(object_list: list[Any], obj: Any, group: ProcessGroup | None = None) -> None:
    """Put each process's object, which is pickled, into its place of the list."""
    _known(group)
    object_list[0] = _sent(obj)


def broadcast_object_list(
    object_list: list[Any], src: int | None = None, group: ProcessGroup | None = None, device: Any = None,
    group_src: int | None = None, weights_only: bool | None = None,
) -> None:  # fmt: skip
    """Put the objects of process `src` (0 unless told) into all processes' lists."""
    _known(group)
    _root("broadcast", group, 0 if src is None and group_src is None else src, group_src)


def gather_object(
    obj: Any, object_gather_list: list[Any] | None = None, dst: int | None = None, group: ProcessGroup | None = None,
    group_dst: int | None = None,
) -> None:  # fmt: skip
    """Put each process's object into its place of the list of process `dst` (0 unless told)."""
    _known(group)
    _root("gather", group, 0 if dst is None and group_dst is None else dst, group_dst)
    if not object_gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    object_gather_list[0] = _sent(obj)


def scatter_object_list(
    scatter_object_output_list: list[Any], scatter_object_input_list: list[Any] | None = None,
    src: int | None = None, group: ProcessGroup | None = None, group_src: int | None = None,
) -> None:  # fmt: skip
    """Put its object of the list of process `src` (0 unless told) into the first place of each process's list."""
    _known(group)
    if not isinstance(scatter_object_output_list, list) or len(scatter_object_output_list) < 1:
        raise ValueError("Expected argument scatter_object_output_list to be a list of size at least 1.")
    _root("scatter", group, 0 if src is None and group_src is None else src, group_src)
    if not scatter_object_input_list:
        raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
    scatter_object_output_list[0] = _sent(scatter_object_input_list[0])


# from one process to another ------------------------------------------------------------------------------------------


def _to_another(kind: str, rank: int | None, group: ProcessGroup | None) -> NotImplementedError | ValueError:
    _known(group)
    if rank == 0:
        return ValueError(
            f"Invalid {kind} rank: {kind} rank should not be the same as the rank of the current process."
        )
    return _several(f"microtorch.distributed, {kind} {rank},")


def isend(
    tensor: Tensor, dst: int | None = None, group: ProcessGroup | None = None, tag: int = 0,
    group_dst: int | None = None,
) -> Work:  # fmt: skip
    """Send to another process. Raises ValueError for this one, NotImplementedError for others."""
    _one(tensor, "tensor")
    raise _to_another("destination", dst if group_dst is None else group_dst, group)


def irecv(
    tensor: Tensor, src: int | None = None, group: ProcessGroup | None = None, tag: int = 0,
    group_src: int | None = None,
) -> Work:  # fmt: skip
    """Get from another process. Raises ValueError for this one, NotImplementedError for others."""
    _one(tensor, "tensor")
    raise _to_another("source", src if group_src is None else group_src, group)


def send(
    tensor: Tensor, dst: int | None = None, group: ProcessGroup | None = None, tag: int = 0,
    group_dst: int | None = None,
) -> None:  # fmt: skip
    """See `isend`."""
    isend(tensor, dst, group, tag, group_dst)


def recv(
    tensor: Tensor, src: int | None = None, group: ProcessGroup | None = None, tag: int = 0,
    group_src: int | None = None,
) -> int:  # fmt: skip
    """See `irecv`."""
    irecv(tensor, src, group, tag, group_src)
    return 0


class P2POp:
    """A call of isend or irecv for `batch_isend_irecv`."""

    def __init__(
        self, op: Any, tensor: Tensor, peer: int | None = None, group: ProcessGroup | None = None, tag: int = 0,
        group_peer: int | None = None,
    ) -> None:  # fmt: skip
        if op not in (isend, irecv):
            raise ValueError("Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                             "``torch.distributed.irecv``.")  # fmt: skip
        self.op, self.tensor, self.peer, self.group, self.tag = op, tensor, peer, _known(group), tag


def batch_isend_irecv(p2p_op_list: list[P2POp]) -> list[Work]:
    """Several calls of isend and irecv."""
    return [each.op(each.tensor, each.peer, each.group, each.tag) for each in p2p_op_list]


def _get_pg_default_device(group: ProcessGroup | None = None) -> _device:
    """The CPU."""
    return _device("cpu")


__getattr__ = _missing_names(__name__)
