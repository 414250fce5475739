"""`torch.distributed.distributed_c10d`: groups of processes and what they compute together, for a group of one process.

`init_process_group` with world_size=1 makes such a group; all results are those that PyTorch gives there: a sum over
one process is its own value. More processes raise NotImplementedError.
"""

from __future__ import annotations

import itertools
import os
import pickle
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum, IntEnum
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlparse

from microtorch import dtypes
from microtorch._missing import missing_names as _missing_names
from microtorch._tensor import Tensor
from microtorch.distributed.stores import HashStore, PrefixStore as PrefixStore, Store as Store, several as _several
from microtorch.futures import Future
from microtorch.size import device as _device

default_pg_timeout = timedelta(minutes=30)


class RedOpType(IntEnum):
    """How values of several processes are made one."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = range(9)
    __str__ = Enum.__str__


class ReduceOp:
    """The kinds of reductions under the name that programs use: ReduceOp.SUM."""

    RedOpType = RedOpType
    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = RedOpType


class reduce_op:
    """The old name of ReduceOp."""

    SUM, PRODUCT, MIN, MAX = RedOpType.SUM, RedOpType.PRODUCT, RedOpType.MIN, RedOpType.MAX


class Backend(str):
    """The name of a library for such calls, in small letters.

    >>> Backend("GLOO")
    'gloo'
    """

    UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL, FAKE = "undefined", "gloo", "nccl", "ucc", "mpi", "xccl", "fake"
    backend_list: ClassVar[list[str]] = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI, FAKE]

    def __new__(cls, name: str) -> Any:
        if not isinstance(name, str):
            raise ValueError(f"Backend constructor parameter must be string-ish {name}")
        return name.lower()


class ProcessGroup:
    """A group of processes: here always this one."""

    def __init__(self, backend: str, name: str, timeout: timedelta, description: str = "undefined") -> None:
        self._backend, self.group_name, self._timeout, self.group_desc = backend, name, timeout, description

    def rank(self) -> int:
        """This process's number in the group: 0."""
        return 0

    def size(self) -> int:
        """How many processes there are: 1."""
        return 1

    def name(self) -> str:
        """The backend's name."""
        return self._backend

    def __deepcopy__(self, memo: Any) -> ProcessGroup:
        return self


class Work:
    """A call among processes that goes on while the program does; here it is always over."""

    def __init__(self, result: Any = None) -> None:
        self._result = result

    def wait(self, timeout: Any = None) -> bool:
        """True: it is done."""
        return True

    def is_completed(self) -> bool:
        """True."""
        return True

    def is_success(self) -> bool:
        """True."""
        return True

    def exception(self) -> None:
        """None."""

    def source_rank(self) -> int:
        """0: there is no other process."""
        return 0

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def result(self) -> list[Any]:
        """The tensors that the call wrote."""
        return list(_as_list(self._result))

    def get_future(self) -> Future[Any]:
        """A Future that has this result."""
        future: Future[Any] = Future()
        future.set_result(self.result())
        return future


class _World(type):
    """The class of `group`, whose WORLD is the group of all processes; None before `init_process_group`."""

    WORLD: ProcessGroup | None = None


class group(metaclass=_World):
    """`group.WORLD`: all processes."""


class GroupMember(metaclass=_World):
    """`GroupMember.WORLD`: all processes."""

    NON_GROUP_MEMBER = -100


_groups: dict[int, ProcessGroup] = {}  # by id; the first is that of all processes
_numbers = itertools.count()
_stores: list[Store] = []


# groups ---------------------------------------------------------------------------------------------------------------


def is_available() -> bool:
    """True: groups of one process."""
    return True


def is_initialized() -> bool:
    """True between `init_process_group` and `destroy_process_group`."""
    return _World.WORLD is not None


def is_gloo_available() -> bool:
    """True: a group of one process behaves as that of PyTorch's library for the CPU."""
    return True


def is_nccl_available() -> bool:
    """False."""
    return False


is_mpi_available = is_ucc_available = is_xccl_available = is_nccl_available


def is_backend_available(backend: str) -> bool:
    """True for gloo."""
    return backend.lower() in ("gloo", "fake")


def is_torchelastic_launched() -> bool:
    """True if torchrun has started this process."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def get_default_backend_for_device(device: Any) -> str:
    """The name of PyTorch's library for a kind of device: 'gloo' for the CPU."""
    kind = getattr(device, "type", device).split(":")[0]
    if kind not in ("cpu", "cuda", "mps", "xpu"):
        raise ValueError(f"Default backend not registered for device : {kind}")
    return {"cuda": "nccl", "xpu": "xccl"}.get(kind, "gloo")


def _rendezvous(url: str, rank: int, world_size: int) -> tuple[int, int]:
    """The rank and the number of processes that an `init_method` gives, completed from it and the environment."""
    parts = urlparse(url)
    scheme = parts.scheme
    query = parse_qs(parts.query)
    rank = int(query["rank"][0]) if "rank" in query else rank
    world_size = int(query["world_size"][0]) if "world_size" in query else world_size

    def error(what: str) -> ValueError:
        return ValueError(f"Error initializing torch.distributed using {scheme}:// rendezvous: {what}")

    if scheme == "env":
        found = {"RANK": rank, "WORLD_SIZE": world_size}
        for name, value in found.items():
            if value == -1:
                found[name] = int(_from_environment(name, error))
        for name in ("MASTER_ADDR", "MASTER_PORT"):
            _from_environment(name, error)
        return found["RANK"], found["WORLD_SIZE"]
    if scheme not in ("tcp", "file"):
        raise RuntimeError(f"No rendezvous handler for {scheme}://")
    if scheme == "tcp" and parts.port is None:
        raise error("port number missing")
    if scheme == "file" and not parts.path:
        raise error("path missing")
    if rank == -1:
        raise error("rank parameter missing")
    if world_size == -1:
        raise error("world size parameter missing")
    return rank, world_size


def _from_environment(name: str, error: Any) -> str:
    value = os.environ.get(name)
    if value is None:
        raise error(f"environment variable {name} expected, but not set")
    return value


def init_process_group(
    backend: str | None = None, init_method: str | None = None, timeout: timedelta | None = None,
    world_size: int = -1, rank: int = -1, store: Store | None = None, group_name: str = "", pg_options: Any = None,
    device_id: Any = None, _ranks: Any = None,
) -> None:  # fmt: skip
    """Make the group of all processes: of this one.

    backend: "gloo", or None. init_method: "env://" (the default: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT of the
    environment), "tcp://host:port" or "file:///path"; nothing is opened. Instead of it a `store`.
    Raises ValueError if there is one already, or what is needed is not given; RuntimeError for another backend;
    NotImplementedError for a world_size above 1.

    >>> import microtorch.distributed as dist
    >>> dist.init_process_group("gloo", init_method="tcp://127.0.0.1:29500", rank=0, world_size=1)
    >>> dist.get_rank(), dist.get_world_size()
    (0, 1)
    >>> dist.destroy_process_group()
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None:
        if init_method is not None:
            raise AssertionError("Cannot specify both init_method and store.")
        if world_size <= 0:
            raise AssertionError("world_size must be positive if using store")
        if rank < 0:
            raise AssertionError("rank must be non-negative if using store")
    elif init_method is None:
        init_method = "env://"
    name = "undefined" if backend is None else Backend(backend)
    if name == "mpi":
        raise RuntimeError(
            "Distributed package doesn't have MPI built in. MPI is only included if you build PyTorch from source on a "
            "host that has MPI installed."
        )
    if store is None:
        assert init_method is not None
        rank, world_size = _rendezvous(init_method, rank, world_size)
        store = HashStore()
    for each in name.split(","):
        kind = each.rpartition(":")[2]
        if kind == "nccl":
            raise RuntimeError("Distributed package doesn't have NCCL built in")
        if kind not in Backend.backend_list:
            raise ValueError(f"Unknown c10d backend type {kind.upper()}")
        if kind not in ("gloo", "undefined", "fake"):
            raise RuntimeError(f"Distributed package doesn't have {kind.upper()} built in")
    if world_size != 1:
        raise _several("microtorch.distributed.init_process_group")
    if rank != 0:
        raise ValueError(f"Rank {rank} is out of range. Valid ranks are 0 to 0 (world_size=1)")
    world = ProcessGroup(name, "0", timeout or default_pg_timeout, "default_pg")
    next(_numbers)
    _groups[id(world)] = world
    _stores.append(store)
    _World.WORLD = world


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """End a group; without one, or with that of all processes, end all.

    Raises AssertionError if there is none, ValueError for one that is no more.
    """
    global _numbers
    if group is None:
        group = _World.WORLD
    if group is None:
        raise AssertionError("Process group cannot be None")
    if id(group) not in _groups:
        raise ValueError("Invalid process group specified")
    if group is _World.WORLD:
        _groups.clear()
        _stores.clear()
        _World.WORLD, _numbers = None, itertools.count()
    else:
        del _groups[id(group)]


def _get_default_group() -> ProcessGroup:
    """The group of all processes. Raises ValueError before `init_process_group`."""
    if _World.WORLD is None:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return _World.WORLD


def _get_default_store() -> Store:
    _get_default_group()
    return _stores[0]


def _known(group: ProcessGroup | None) -> ProcessGroup:
    """The group, or that of all processes."""
    return _get_default_group() if group is None else group


def new_group(
    ranks: Sequence[int] | None = None, timeout: timedelta | None = None, backend: str | None = None,
    pg_options: Any = None, use_local_synchronization: bool = False, group_desc: str | None = None,
    device_id: Any = None,
) -> ProcessGroup:  # fmt: skip
    """Another group of the processes with those numbers: of process 0.

    Raises ValueError for other numbers, or more of them.
    """
    world = _get_default_group()
    numbers = [0] if ranks is None else list(ranks)
    if len(numbers) > 1:
        raise ValueError(
            "the new group's world size should be less or equal to the world size set by init_process_group"
        )
    for rank in numbers:
        if rank != 0:
            raise ValueError(f"Rank {rank} is out of range. Valid ranks are 0 to 0 (world_size=1)")
    if not numbers:
        raise TypeError("a group needs a process: the list of ranks is empty")
    name = world.name() if backend is None else Backend(backend)
    made = ProcessGroup(name, str(next(_numbers)), timeout or default_pg_timeout, group_desc or "undefined")
    _groups[id(made)] = made
    return made


def new_subgroups(
    group_size: int | None = None, group: ProcessGroup | None = None, timeout: timedelta | None = None,
    backend: str | None = None, pg_options: Any = None, group_desc: str | None = None,
) -> tuple[ProcessGroup, list[ProcessGroup]]:  # fmt: skip
    """Groups of `group_size` processes each: (this process's, all of them)."""
    size = 1 if group_size is None else group_size
    if size <= 0:
        raise ValueError(f"The arg 'group_size' ({size}) must be positive")
    if size > get_world_size(group):
        raise ValueError(f"The arg 'group_size' ({size}) must not exceed the world size ({get_world_size(group)})")
    made = new_group([0], timeout, backend)
    return made, [made]


def get_rank(group: ProcessGroup | None = None) -> int:
    """This process's number: 0; -1 in a group that it is not of."""
    return _number_in(group, 0)


def get_world_size(group: ProcessGroup | None = None) -> int:
    """How many processes there are: 1; -1 for a group that this one is not of."""
    return _number_in(group, 1)


def _number_in(group: Any, number: int) -> int:
    """The number, or -1 for the mark of a group that this process is not of."""
    _get_default_group()
    if group == GroupMember.NON_GROUP_MEMBER:
        return -1
    if group is not None:
        _registered(group)
    return number


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """The number of this process on its machine, from the environment's LOCAL_RANK.

    Raises RuntimeError if it is not there, and no `fallback_rank` is given.
    """
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work, "
        "assuming you are not running in a multi-device context and want the code to run locally instead."
    )


def get_backend(group: ProcessGroup | None = None) -> str:
    """The name of the library that a group was made with: "gloo"."""
    return _known(group).name()


def get_backend_config(group: ProcessGroup | None = None) -> str:
    """The libraries of a group by device, as "cpu:gloo"."""
    name = _known(group).name()
    return name if ":" in name else f"cpu:{'gloo' if name == 'undefined' else name}"


def get_pg_count() -> int:
    """How many groups there are."""
    return len(_groups)


def get_process_group_ranks(group: ProcessGroup | None) -> list[int]:
    """The numbers of a group's processes among all: [0]."""
    _known(group)
    return [0]


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The number in a group of the process that has `global_rank` among all.

    Raises ValueError if it is not in the group, or the group is no more.
    """
    _registered(group)
    if global_rank != 0:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return 0


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The number among all of the process that has `group_rank` in a group; raises ValueError as above."""
    _registered(group)
    if group_rank != 0:
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return 0


def _registered(group: ProcessGroup) -> None:
    if id(group) not in _groups:
        raise ValueError(f"Group {group} is not registered, please create group with torch.distributed.new_group API")


# what the calls check -------------------------------------------------------------------------------------------------


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


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
    for tensor in itertools.chain.from_iterable(_as_list(v) for v in values):
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
    for tensor in _as_list(tensors):
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
