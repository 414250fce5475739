"""`torch.distributed` for one process: groups of size 1, in which a sum over all processes is one's own value.

>>> import microtorch as torch, microtorch.distributed as dist
>>> dist.init_process_group("gloo", init_method="tcp://127.0.0.1:29500", rank=0, world_size=1)
>>> model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))
>>> dist.get_rank(), dist.get_world_size(), list(model.state_dict())
(0, 1, ['module.weight', 'module.bias'])
>>> dist.destroy_process_group()

More processes raise NotImplementedError; what needs them (FSDP, RPC, pipelines ...) can be imported, and says so when
it is used.
"""

from __future__ import annotations

import importlib as _importlib
import sys as _sys
from typing import Any

from microtorch._missing import missing_name as _missing_name
from microtorch.distributed.distributed_c10d import (
    Backend as Backend,
    GroupMember as GroupMember,
    P2POp as P2POp,
    ProcessGroup as ProcessGroup,
    RedOpType as RedOpType,
    ReduceOp as ReduceOp,
    Work as Work,
    _all_gather_base as _all_gather_base,
    _reduce_scatter_base as _reduce_scatter_base,
    all_gather as all_gather,
    all_gather_into_tensor as all_gather_into_tensor,
    all_gather_object as all_gather_object,
    all_gather_single as all_gather_single,
    all_reduce as all_reduce,
    all_reduce_coalesced as all_reduce_coalesced,
    all_to_all as all_to_all,
    all_to_all_single as all_to_all_single,
    barrier as barrier,
    batch_isend_irecv as batch_isend_irecv,
    broadcast as broadcast,
    broadcast_object_list as broadcast_object_list,
    default_pg_timeout as default_pg_timeout,
    destroy_process_group as destroy_process_group,
    gather as gather,
    gather_object as gather_object,
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
    irecv as irecv,
    is_available as is_available,
    is_backend_available as is_backend_available,
    is_gloo_available as is_gloo_available,
    is_initialized as is_initialized,
    is_mpi_available as is_mpi_available,
    is_nccl_available as is_nccl_available,
    is_torchelastic_launched as is_torchelastic_launched,
    is_ucc_available as is_ucc_available,
    is_xccl_available as is_xccl_available,
    isend as isend,
    monitored_barrier as monitored_barrier,
    new_group as new_group,
    new_subgroups as new_subgroups,
    recv as recv,
    reduce as reduce,
    reduce_op as reduce_op,
    reduce_scatter as reduce_scatter,
    reduce_scatter_single as reduce_scatter_single,
    reduce_scatter_tensor as reduce_scatter_tensor,
    scatter as scatter,
    scatter_object_list as scatter_object_list,
    send as send,
    supports_complex as supports_complex,
)
from microtorch.distributed.stores import (
    DistBackendError as DistBackendError,
    DistError as DistError,
    DistNetworkError as DistNetworkError,
    DistStoreError as DistStoreError,
    FileStore as FileStore,
    HashStore as HashStore,
    PrefixStore as PrefixStore,
    Store as Store,
    TCPStore as TCPStore,
)
from microtorch.unsupported import AbsentModule as _AbsentModule, absent as _absent

_WHY = "one process computes: only groups of world_size=1"

DeviceMesh, init_device_mesh, Reducer, split_group, send_object_list, recv_object_list = (
    _absent(__name__, name, _WHY)
    for name in ("DeviceMesh", "init_device_mesh", "Reducer", "split_group", "send_object_list", "recv_object_list")
)

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
    "elastic": "",
    "elastic.multiprocessing": "",
    "elastic.multiprocessing.errors": "",
    "fsdp": _FSDP,
    "fsdp.api": _FSDP,
    "fsdp.fully_sharded_data_parallel": _FSDP,
    "fsdp.sharded_grad_scaler": "ShardedGradScaler",
    "fsdp.wrap": """ModuleWrapPolicy always_wrap_policy enable_wrap lambda_auto_wrap_policy size_based_auto_wrap_policy
        transformer_auto_wrap_policy wrap""",
    "launch": "",
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


def _record(fn: Any, error_handler: Any = None) -> Any:
    """The function itself: an error in it ends the one process, and is seen."""
    return fn


_sys.modules[f"{__name__}.elastic.multiprocessing.errors"].__dict__["record"] = _record


def __getattr__(name: str) -> object:
    if name == "GradBucket":
        return _importlib.import_module("microtorch.nn.parallel.distributed").GradBucket
    if name == "nn":
        return _importlib.import_module("microtorch.distributed.nn")
    raise _missing_name(__name__, name)
