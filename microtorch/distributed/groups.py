"""Groups of processes for `torch.distributed`, of one process each: how they are made, found, asked and ended."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum, IntEnum
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlparse

from microtorch.distributed.stores import HashStore, PrefixStore as PrefixStore, Store as Store, several as _several
from microtorch.futures import Future

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
        return as_list(self._result).copy()

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


def as_list(value: Any) -> list[Any]:
    """A list as it is; a value as a list of one, None as an empty one."""
    return value if isinstance(value, list) else [] if value is None else [value]
