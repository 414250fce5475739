"""`torch.distributed`: one process computes here, so that `is_available()` and `is_initialized()` are False.

Everything that needs a process group can be imported, and says so when it is used.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any, NoReturn

from microtorch._missing import missing_name as _missing_name
from microtorch.unsupported import AbsentModule as _AbsentModule, absent as _absent, not_supported as _not_supported

_WHY = "one process computes, there are no process groups"


class DistError(RuntimeError):
    """What a failed call among processes raises; there are none here."""


class DistBackendError(DistError):
    """What a failed library for such calls raises; there is none here."""


class DistNetworkError(DistError):
    """What a failed network raises; none is used here."""


class DistStoreError(DistError):
    """What a failed store raises; there is none here."""


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def is_backend_available(backend: str) -> bool:
    """False."""
    return False


def is_nccl_available() -> bool:
    """False."""
    return False


is_gloo_available = is_mpi_available = is_ucc_available = is_xccl_available = is_nccl_available


def is_torchelastic_launched() -> bool:
    """False."""
    return False


def get_default_backend_for_device(device: Any) -> str:
    """The name of PyTorch's library for a kind of device: 'gloo' for the CPU."""
    kind = getattr(device, "type", device).split(":")[0]
    if kind not in ("cpu", "cuda", "mps", "xpu"):
        raise ValueError(f"Default backend not registered for device : {kind}")
    return {"cuda": "nccl", "xpu": "xccl"}.get(kind, "gloo")


def init_process_group(*args: Any, **named: Any) -> NoReturn:
    """Raises NotImplementedError."""
    raise _not_supported("torch.distributed.init_process_group", _WHY)


def destroy_process_group(group: Any = None) -> NoReturn:
    """Raises AssertionError: there is none."""
    raise AssertionError("Process group cannot be None")


def _no_group(*args: Any, **named: Any) -> NoReturn:
    """Raise PyTorch's error of a call before `init_process_group`: ValueError."""
    raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")


get_rank = get_world_size = get_backend = barrier = monitored_barrier = get_group_rank = get_global_rank = _no_group
all_reduce = all_gather = all_gather_into_tensor = all_gather_object = all_to_all = all_to_all_single = _no_group
broadcast = broadcast_object_list = gather = gather_object = reduce = reduce_scatter = scatter = _no_group
reduce_scatter_tensor = scatter_object_list = send = recv = isend = irecv = batch_isend_irecv = new_group = _no_group
send_object_list = recv_object_list = get_process_group_ranks = new_subgroups = split_group = _no_group


class RedOpType(IntEnum):
    """How values of several processes are made one; a name here, since there is one process."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = range(9)
    __str__ = Enum.__str__


class ReduceOp:
    """The kinds of reductions under the name that programs use: ReduceOp.SUM."""

    RedOpType = RedOpType
    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = RedOpType


class group:
    """The group of all processes: None before `init_process_group`."""

    WORLD: None = None


(Backend, DeviceMesh, FileStore, HashStore, P2POp, PrefixStore, ProcessGroup, Store, TCPStore, Work,
 init_device_mesh, GradBucket, Reducer) = (
    _absent(__name__, name, _WHY)
    for name in ("Backend", "DeviceMesh", "FileStore", "HashStore", "P2POp", "PrefixStore", "ProcessGroup",
                 "Store", "TCPStore", "Work", "init_device_mesh", "GradBucket", "Reducer")
)  # fmt: skip

_FSDP = """BackwardPrefetch CPUOffload CPUOffloadPolicy FSDPModule FullOptimStateDictConfig FullStateDictConfig
    FullyShardedDataParallel LocalOptimStateDictConfig LocalStateDictConfig MixedPrecision MixedPrecisionPolicy
    OffloadPolicy OptimStateDictConfig ShardedOptimStateDictConfig ShardedStateDictConfig ShardingStrategy
    StateDictConfig StateDictSettings StateDictType fully_shard register_fsdp_forward_method"""
_TENSOR = "DTensor DeviceMesh Partial Placement Replicate Shard distribute_module distribute_tensor init_device_mesh"
_RPC = """BackendType PyRRef RRef RpcBackendOptions TensorPipeRpcBackendOptions WorkerInfo enable_gpu_profiling
    get_worker_info init_rpc remote rpc_async rpc_sync shutdown"""
_PARALLEL = """ColwiseParallel ParallelStyle PrepareModuleInput PrepareModuleInputOutput PrepareModuleOutput
    RowwiseParallel SequenceParallel loss_parallel parallelize_module"""
_STATE = """StateDictOptions _init_optim_state get_model_state_dict get_optimizer_state_dict get_state_dict
    set_model_state_dict set_optimizer_state_dict set_state_dict"""
_CHECKPOINT = """FileSystemReader FileSystemWriter StorageReader StorageWriter DefaultLoadPlanner DefaultSavePlanner
    async_save load load_state_dict save save_state_dict"""
_WRAPPER = "CheckpointImpl CheckpointWrapper apply_activation_checkpointing checkpoint_wrapper offload_wrapper"

_MODULES = {
    "_tensor": _TENSOR,
    "_tensor.device_mesh": "DeviceMesh init_device_mesh",
    "_tensor.placement_types": "Placement Replicate Shard",
    "algorithms": "Join Joinable JoinHook",
    "algorithms._checkpoint": "",
    "algorithms._checkpoint.checkpoint_wrapper": _WRAPPER,
    "algorithms.ddp_comm_hooks": "",
    "algorithms.ddp_comm_hooks.default_hooks": "allreduce_hook bf16_compress_hook fp16_compress_hook",
    "algorithms.join": "Join Joinable JoinHook",
    "autograd": "backward context get_gradients",
    "checkpoint": _CHECKPOINT,
    "checkpoint.default_planner": "DefaultLoadPlanner DefaultSavePlanner",
    "checkpoint.state_dict": _STATE,
    "checkpoint.stateful": "Stateful",
    "device_mesh": "DeviceMesh init_device_mesh",
    "distributed_c10d": "ProcessGroup _get_default_group",
    "elastic": "",
    "elastic.multiprocessing": "",
    "elastic.multiprocessing.errors": "record",
    "fsdp": _FSDP,
    "fsdp.api": _FSDP,
    "fsdp.fully_sharded_data_parallel": _FSDP,
    "fsdp.sharded_grad_scaler": "ShardedGradScaler",
    "fsdp.wrap": """ModuleWrapPolicy always_wrap_policy enable_wrap lambda_auto_wrap_policy size_based_auto_wrap_policy
        transformer_auto_wrap_policy wrap""",
    "launch": "",
    "nn": "RemoteModule all_gather all_reduce broadcast gather reduce",
    "nn.functional": "all_gather all_reduce broadcast gather reduce",
    "optim": "DistributedOptimizer PostLocalSGDOptimizer ZeroRedundancyOptimizer",
    "pipelining": "PipelineStage Schedule1F1B ScheduleGPipe SplitPoint pipe_split pipeline",
    "rpc": _RPC,
    "rpc.api": _RPC,
    "rpc.functions": "async_execution",
    "tensor": _TENSOR,
    "tensor.parallel": _PARALLEL,
    "tensor.placement_types": "Partial Placement Replicate Shard",
}
for _name, _names in _MODULES.items():
    _AbsentModule(f"{__name__}.{_name}", _names.split(), _WHY)


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
