"""The names that public programs use, and what a PyTorch without accelerators says about devices, switches and types.

api_surface.tsv: every name of PyTorch's that 998 files of public repositories use, in how many repositories and files.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.unsupported import Absent, AbsentModule
from tests.differential import difference

HERE = Path(__file__).parent
NAMES = [line.split("\t")[0] for line in (HERE / "api_surface.tsv").read_text().splitlines()[1:]]

# What cannot be used, and why; a name stands for all below it. It can be imported, and raises NotImplementedError with
# its name when it is called.
NOT_SUPPORTED = {
    **{
        f"torch.distributed.{name}": "one process computes: only groups of one"
        for name in ("_tensor algorithms autograd checkpoint device_mesh fsdp nn.RemoteModule optim rpc tensor").split()
    },
    "torch.nn.parallel.scatter": "there are no devices to spread a tensor over",
    "torch.hub": "nothing is fetched over the network",
    "torch.utils.model_zoo": "the same",
    "torch.jit.load": "programs are not compiled, so that there are no files of them",
    "torch.onnx.export": "models are not traced",
    "torch.nested.nested_tensor": "there are no nested tensors",
    "Tensor.q_scale": "there are no quantized tensors",
}
# Of those, the ones that do answer: questions about what is there.
ANSWER: set[str] = set()
# Not there at all (AttributeError).
MISSING = {
    "torch.ops.profiler._record_function_enter": "an operator by its internal name; use torch.profiler.record_function",
    "torch.ops.profiler._record_function_exit": "the same",
}


def resolve(name: str) -> Any:
    """The object of that name, its modules imported as `import` would."""
    head, *rest = name.split(".")
    found: Any = microtorch if head == "torch" else microtorch.Tensor
    for part in rest:
        try:
            found = getattr(found, part)
        except AttributeError:
            if not inspect.ismodule(found):
                raise
            try:
                found = importlib.import_module(f"{found.__name__}.{part}")
            except ModuleNotFoundError:
                raise AttributeError(name) from None
    return found


def not_supported(name: str) -> bool:
    return name not in ANSWER and any(name == n or name.startswith(n + ".") for n in NOT_SUPPORTED)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in MISSING and not not_supported(n)])
def test_name_is_there(name: str) -> None:
    assert not isinstance(resolve(name), (Absent, AbsentModule))


@pytest.mark.parametrize("name", [n for n in NAMES if not_supported(n)])
def test_name_says_that_it_is_not_supported(name: str) -> None:
    call = resolve(name)
    last = name.rpartition(".")[2]
    with pytest.raises(NotImplementedError, match=rf"torch.*\b{last}.*is not supported by microtorch: "):
        call(microtorch.ones(2)) if name.startswith("Tensor.") else call()


@pytest.mark.parametrize("name", MISSING)
def test_missing_names(name: str) -> None:
    with pytest.raises(AttributeError):
        resolve(name)


def test_lists_are_of_names_in_use() -> None:
    listed = [*NOT_SUPPORTED, *MISSING, *ANSWER]
    assert [n for n in listed if not any(used == n or used.startswith(n + ".") for used in NAMES)] == []


def test_lazy_names_are_known_to_type_checkers() -> None:
    """What _lazy.py loads later stands in __init__.py under TYPE_CHECKING, and the other way round."""
    from microtorch import _lazy

    tree = ast.parse(Path(microtorch.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    told = {
        alias.asname or alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert told == set(_lazy.MODULES) | set(_lazy.HOMES)


INNER = """
torch._VF.gru_cell(*[torch.ones(s) for s in ((1, 2), (1, 2), (6, 2), (6, 2), (6,), (6,))])
torch._C._nn.gelu(torch.ones(2))
torch._C._linalg.linalg_det(torch.eye(2))
torch._C._fft.fft_fft(torch.ones(2))
torch._C._special.special_expit(torch.zeros(2))
torch._C._VariableFunctions.add(torch.ones(2), 1)
torch._C._set_grad_enabled(True)
torch._C.is_grad_enabled()
torch._C.get_default_dtype()
torch._C.Size is torch.Size, torch._C.device is torch.device, torch._C.dtype is torch.dtype, torch._C.Generator is torch.Generator
torch._C._LinAlgError is torch.linalg.LinAlgError
torch._C._jit_set_profiling_executor(True)
torch._C._nn.nothing_like_it
""".strip().splitlines()


@pytest.mark.parametrize("code", INNER)
def test_inner_names(code: str) -> None:
    assert difference(code) is None


def test_every_lazy_name_is_there() -> None:
    for name in dir(microtorch):
        getattr(microtorch, name)


def test_import_is_quick() -> None:
    """Neural networks, optimisers and files are not loaded before they are asked for."""
    code = "import microtorch, sys; print([m for m in sys.modules if m.startswith('microtorch.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("nn", "optim", "utils.data", "serialization", "distributions", "distributed"):
        assert f"'microtorch.{heavy}'" not in loaded


def test_modules_import_under_both_names() -> None:
    code = """
import microtorch.nn.functional as F, microtorch.optim as optim
from microtorch import nn
from microtorch.utils.data import DataLoader
from microtorch.cli.hook import install
install()
import torch, torch.nn as tnn, torch.distributed.fsdp as fsdp, torch.cuda.amp
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.nn.parallel.distributed import DistributedDataParallel
from torch.distributed import init_process_group, destroy_process_group
from torch.fx import symbolic_trace
from torch.utils.tensorboard import SummaryWriter
from torch.distributions.normal import Normal
from torch import distributions, jit, amp
assert tnn is nn and torch.optim is optim and torch.nn.functional is F and torch.jit.script(len) is len
print("fine")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "fine\n", run.stderr


# what a machine without accelerators answers -----------------------------------------------------------------------------

QUESTIONS = """
torch.cuda.is_available()
torch.cuda.device_count()
torch.cuda.current_device()
torch.cuda.manual_seed(0)
torch.cuda.manual_seed_all(0)
torch.cuda.get_rng_state_all()
torch.cuda.synchronize()
torch.cuda.empty_cache()
torch.cuda.memory_allocated()
torch.cuda.max_memory_allocated()
torch.cuda.memory_reserved()
torch.cuda.memory_stats()
torch.cuda.mem_get_info()
torch.cuda.get_device_name(0)
torch.cuda.get_device_properties(0)
torch.cuda.get_device_capability()
torch.cuda.is_initialized()
torch.cuda.init()
torch.cuda.device(0).__enter__()
torch.cuda.is_bf16_supported()
torch.cuda.current_stream()
torch.cuda.Stream()
torch.cuda.Event()
torch.cuda.FloatTensor(3)
torch.cuda.LongTensor([3])
torch.cuda.get_arch_list()
torch.cuda.CUDAGraph()
torch.cuda.memory_cached()
torch.cuda.nvtx.range_push('x')
isinstance(torch.ones(2), torch.cuda.FloatTensor)
torch.ones(2).cuda()
torch.ones(2).to('cuda')
torch.ones(2).to('cuda:0')
torch.ones(2).to(torch.device('cuda', 0))
torch.zeros(2, device='cuda')
torch.zeros(2, device=0)
torch.ones(2).to('mps')
torch.ones(2).to('xpu')
torch.ones(2).xpu()
torch.ones(2).to('xla')
torch.ones(2).to('nowhere')
torch.nn.Linear(2, 2).cuda()
torch.nn.Linear(2, 2).to('mps')
torch.ones(2).to('cpu').device
torch.nn.Linear(2, 2).cpu().weight.device
torch.device('cuda')
torch.device('cuda:1').index
str(torch.device('cuda', 1))
torch.device('cpu') == torch.device('cpu:0')
torch.device('cuda:x')
torch.device(3)
torch.device()
torch.mps.is_available()
torch.mps.device_count()
torch.xpu.is_available()
torch.xpu.device_count()
torch.mtia.is_available()
torch.cpu.is_available()
torch.cpu.device_count()
torch.cpu.synchronize()
torch.accelerator.is_available()
torch.accelerator.device_count()
torch.accelerator.current_accelerator()
torch.accelerator.current_device_index()
torch.accelerator.set_device_index(0)
torch.accelerator.synchronize()
torch.accelerator.device_index(0).__enter__()
torch.accelerator.device_index(None).__enter__()
torch.backends.cudnn.is_available()
torch.backends.cudnn.version()
torch.backends.cudnn.enabled
torch.backends.cudnn.benchmark
torch.backends.cudnn.deterministic
torch.backends.cudnn.allow_tf32
torch.backends.cuda.is_built()
torch.backends.cuda.matmul.allow_tf32
torch.backends.mps.is_available()
torch.backends.mps.is_built()
torch.backends.cuda.flash_sdp_enabled()
torch.autocast('cuda')._enabled
torch.autocast('cpu', enabled=False)._enabled
torch.autocast('cpu', dtype=torch.float64)._enabled
torch.autocast('nowhere')
torch.autocast()
torch.cuda.amp.autocast()._enabled
torch.is_autocast_enabled()
torch.is_autocast_enabled('cpu')
torch.get_autocast_dtype('cpu')
torch.get_autocast_gpu_dtype()
torch.amp.GradScaler().is_enabled()
torch.amp.GradScaler('cpu').get_scale()
torch.amp.GradScaler().state_dict()
torch.amp.GradScaler('cpu').state_dict()
torch.amp.GradScaler().scale(torch.ones(2))
torch.cuda.amp.GradScaler().get_scale()
torch.amp.GradScaler('cpu').scale(torch.ones(2))
torch.amp.GradScaler('cpu').scale([torch.ones(2), (torch.ones(1),)])
torch.amp.GradScaler('cpu').scale(3)
torch.amp.GradScaler('cpu', growth_factor=0.5)
torch.compiler.is_compiling()
torch.jit.is_scripting()
torch.jit.is_tracing()
torch.distributed.is_initialized()
torch.distributed.get_rank()
torch.distributed.get_world_size()
torch.distributed.barrier()
torch.distributed.destroy_process_group()
torch.distributed.get_default_backend_for_device('cpu')
torch.distributed.is_nccl_available()
torch.spmm(torch.eye(2), torch.ones(2, 2))
torch.ones(2).indices()
torch.ones(2).values()
torch.ones(2).coalesce()
torch.ones(2).is_coalesced()
torch.ones(2).to_dense()
torch.ones(2).resize(1, 2)
torch.ones(2).resize_as(torch.ones(2, 1))
torch.ones(2).reinforce(1)
torch.ones(2).is_cpu
torch.ones(2).is_xla
torch.ones(2).volatile
torch.ones(2).name
torch.jagged
torch.sparse_csr
torch.pi
torch.autograd.Variable(torch.ones(2))
torch.autograd.Variable(torch.ones(2), requires_grad=True)
torch.autograd.Variable(torch.ones(2), volatile=True)
torch.autograd.Variable([1, 2])
torch.autograd.Variable(torch.ones(2, dtype=torch.int64), requires_grad=True)
isinstance(torch.ones(2), torch.autograd.Variable)
isinstance(torch.nn.Parameter(torch.ones(2)), torch.autograd.Variable)
type(torch.autograd.Variable(torch.nn.Parameter(torch.ones(2)))).__name__
torch.typename(torch.ones(2))
torch.typename(torch.nn.Linear(1, 1))
torch.typename(3)
torch.typename(torch.float32)
torch.get_float32_matmul_precision()
torch.set_float32_matmul_precision('nothing')
torch.are_deterministic_algorithms_enabled()
torch.get_deterministic_debug_mode()
torch.set_deterministic_debug_mode(7)
torch.set_deterministic_debug_mode('no')
torch.set_num_threads(0)
torch.set_num_threads(1.5)
torch.is_storage(3)
torch.is_distributed(torch.ones(2))
torch.is_vulkan_available()
torch.get_device(torch.ones(2))
torch.overrides.has_torch_function((torch.ones(2),))
torch.matrix_rank(torch.ones(2, 2))
torch.lstsq(torch.ones(2, 2), torch.ones(2, 2))
torch.ones(2, 2).symeig()
torch.eig(torch.ones(2, 2))
torch.ones(2, 2).solve(torch.ones(2, 2))
[torch.select_copy(torch.ones(2, 3), 0, 1), torch.slice_copy(torch.ones(2, 3), 1, 0, 2), torch.detach_copy(torch.ones(2))]
[torch.view_as_real_copy(torch.ones(1, dtype=torch.complex64)), torch.view_as_complex_copy(torch.ones(3, 2))]
[reversed(torch.arange(6).view(2, 3)), reversed(torch.tensor(1)), torch.ones(4, 2).unsafe_split(3)]
[torch.sym_int(3.7), torch.sym_float(3), torch.sym_max(3, 2.0), torch.sym_min(1, 2), torch.sym_not(True), torch.sym_ite(True, 1, 2), torch.sym_sum([1, 2])]
torch.cond(torch.tensor(False), torch.sin, torch.cos, (torch.zeros(1),))
[torch.autograd.is_multithreading_enabled(), torch.autograd.grad_mode.no_grad is torch.no_grad]
torch.func.replace_all_batch_norm_modules_(torch.nn.Sequential(torch.nn.BatchNorm1d(3))).state_dict()
torch.overrides.is_tensor_like(torch.ones(2))
torch.overrides.is_tensor_like(3)
torch.__version__ >= (2, 0)
torch.__version__ > '1.10'
torch.__version__ < '2.2.1'
torch.__version__.split('.')[:2]
torch.version.cuda
torch.version.hip
torch.clone(torch.ones(2))
torch.detach(torch.ones(2, requires_grad=True))
torch.futures.Future().done()
torch.futures.wait_all([])
torch.utils._pytree.tree_flatten({'a': [1, (2, None)]})[0]
repr(torch.utils._pytree.tree_flatten({'a': [1, (2, None)], 'b': 3})[1])
torch.utils._pytree.tree_map(lambda x: x + 1, {'a': [1, (2,)]})
torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)(3).name
[torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)(i).name for i in range(14)]
torch.multiprocessing.get_sharing_strategy() in ('file_system', 'file_descriptor')
torch.finfo(torch.float32)
torch.finfo(torch.float16)
torch.finfo(torch.float64)
torch.finfo(torch.bfloat16)
torch.finfo(torch.float64).tiny
torch.finfo()
torch.finfo(torch.int8)
torch.finfo(torch.complex64).eps
torch.iinfo(torch.int8)
torch.iinfo(torch.uint8).min
torch.iinfo(torch.int64)
torch.iinfo(torch.float32)
torch.iinfo(torch.bool)
torch.iinfo(3)
torch.set_default_dtype(torch.int32)
torch.set_default_dtype('a')
torch.set_default_tensor_type('torch.DoubleTensor')
torch.set_default_tensor_type(torch.LongTensor)
torch.set_default_tensor_type('torch.cuda.FloatTensor')
isinstance(torch.ones(2), torch.FloatTensor)
isinstance(torch.ones(2).long(), torch.FloatTensor)
isinstance(torch.nn.Parameter(torch.ones(2)), torch.FloatTensor)
torch.ones(2).type()
torch.ones(2).type('torch.LongTensor')
torch.ones(2).type(torch.DoubleTensor)
torch.ones(2).type(torch.int8)
torch.ones(2).type('torch.NoTensor')
torch.FloatTensor([1, 2])
torch.LongTensor([1.5, 2])
torch.FloatTensor(2, 3).shape
torch.FloatTensor(torch.ones(2))
torch.LongTensor(torch.ones(2))
torch.Tensor([1, 2]).dtype
torch.Tensor(2, 3).shape
torch.IntTensor(np.ones(2, 'int32'))
torch.ByteTensor([1, 300])
torch.LongTensor(torch.Size([2])).shape
torch.Tensor('a')
repr(torch.FloatTensor)
repr(torch.Tensor)
torch.FloatTensor.dtype
torch.HalfTensor([1]).dtype
""".strip().split("\n")


@pytest.mark.parametrize("code", QUESTIONS)
def test_answers(code: str) -> None:
    assert difference(code, strides=False) is None


# NumPy, DLPack, copies -------------------------------------------------------------------------------------------------

ARRAYS = """
np.sin(torch.ones(3))
np.add(torch.ones(3), torch.ones(3))
np.add(torch.ones(3), np.ones(3))
np.ones(3) + torch.ones(3)
torch.ones(3) + np.ones(3)
torch.ones(3) * np.float32(2)
np.float32(2) * torch.ones(3)
np.float64(2) - torch.ones(3)
np.ones(3, 'float32') * torch.ones(3)
np.asarray(torch.ones(3)).dtype
np.asarray(torch.ones(3), dtype='float64').dtype
np.array(torch.ones(2, 2))
np.array([torch.tensor(1.0), torch.tensor(2.0)]).dtype
np.stack([torch.ones(2), torch.zeros(2)])
np.concatenate([torch.ones(2), torch.zeros(2)])
np.isnan(torch.tensor([1.0, float('nan')]))
np.maximum(torch.ones(2), 3)
np.sin(torch.ones(3, requires_grad=True))
np.asarray(torch.ones(3, requires_grad=True))
np.linalg.norm(torch.ones(4))
np.array_equal(torch.ones(2), np.ones(2))
np.where(torch.tensor([True, False]), 1, 2)
np.argmax(torch.tensor([1.0, 3.0, 2.0]))
np.ones(3)[torch.tensor([0, 2])]
np.zeros(torch.Size([2, 3])).shape
np.exp(torch.tensor(1.0))
np.dot(torch.ones(3), np.ones(3))
torch.from_numpy(np.arange(3))
torch.from_numpy(np.arange(3)[::-1])
torch.from_numpy([1])
torch.from_numpy(np.array(['a']))
torch.tensor(np.float32(1.5)).dtype
torch.tensor([np.float64(1.5)]).dtype
torch.tensor(np.arange(3, dtype='int16')).dtype
torch.as_tensor(np.ones(2)).dtype
torch.ones(2).numpy().dtype
torch.ones(2, requires_grad=True).numpy()
torch.ones(2, requires_grad=True).detach().numpy().sum()
list(torch.arange(3))
[float(x) for x in torch.arange(3)]
torch.arange(6).reshape(2, 3).tolist()
max(torch.tensor([1, 3]))
sum(torch.tensor([1, 3]))
sorted(torch.tensor([3, 1]))
int(torch.tensor(3.7))
range(3)[torch.tensor(1)]
[10, 20][torch.tensor(1)]
bool(torch.tensor([]))
bool(torch.ones(2))
float(torch.ones(2))
'%.2f' % torch.tensor(1.234)
'{:.2f}'.format(torch.tensor(1.234))
f'{torch.tensor(3):d}'
round(torch.tensor(1.2345), ndigits=2)
abs(torch.tensor(-1.5))
divmod(torch.tensor(7), 3)
torch.tensor(3) in [torch.tensor(3)]
3 in torch.tensor([1, 3])
len(torch.ones(3, 2))
np.from_dlpack(torch.ones(3)).sum()
torch.from_dlpack(np.ones(3))
torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(torch.arange(3)))
torch.from_dlpack(torch.arange(4)[1:])
torch.ones(2, requires_grad=True).__dlpack__()
torch.ones(3).__dlpack_device__()[1]
torch.ones(3).__array_priority__
""".strip().split("\n")


@pytest.mark.parametrize("code", ARRAYS)
def test_arrays(code: str) -> None:
    assert difference(code, strides=False) is None


def test_memory_is_shared() -> None:
    t = microtorch.zeros(3)
    t.numpy()[0] = 1
    np.from_dlpack(t)[1] = 2
    microtorch.from_dlpack(t)[2] = 3
    assert t.tolist() == [1, 2, 3]
    array = np.zeros(2)
    microtorch.from_numpy(array)[0] = 5
    assert array[0] == 5


def test_pickles_and_copies() -> None:
    import copy

    w = microtorch.nn.Parameter(microtorch.ones(2))
    for make in (lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy):
        again = make(
            {"w": w, "dtype": microtorch.float16, "size": w.shape, "device": w.device, "t": microtorch.arange(3).t()}
        )
        assert type(again["w"]) is type(w) and again["w"].requires_grad and again["w"] is not w
        assert again["dtype"] is microtorch.float16 and again["size"] == (2,) and again["device"] == w.device
        assert again["t"].tolist() == [0, 1, 2]


def test_generator_state_is_pytorchs() -> None:
    torch.manual_seed(3)
    torch.rand(5), torch.randn(3)
    microtorch.set_rng_state(microtorch.from_numpy(torch.get_rng_state().numpy().copy()))
    assert microtorch.rand(4).tolist() == torch.rand(4).tolist()
    torch.set_rng_state(torch.from_numpy(microtorch.get_rng_state().numpy().copy()))
    assert microtorch.randn(20).tolist() == torch.randn(20).tolist()
    with microtorch.random.fork_rng():
        microtorch.rand(10)
    assert microtorch.rand(4).tolist() == torch.rand(4).tolist()


# torch.testing ---------------------------------------------------------------------------------------------------------

CLOSE = """
t([1., 2]), t([1., 2.1])
t([1., 2]), t([1., 2])
t([[1., 2], [3, 4]]), t([[1., 2.1], [3, 9]])
t([[1., 2], [3, 4]]), t([[1., 2.1], [3, 9]]), rtol=0, atol=0
t([1, 2]), t([1, 3])
t([1, 2]), t([1, 3]), rtol=0.1, atol=0.1
t([1., 2]), t([1, 2])
t([1., 2]), t([1, 2]), check_dtype=False
t([1., 2]), t([1., 2, 3])
t(1.), t(2.)
1., 2.
1, 2
1, 1.0
True, False
None, None
None, 1
'a', 'a'
[1., t(2.)], [1., t(3.)]
{'a': 1}, {'a': 2}
{'a': 1}, {'b': 2}
[1], [1, 2]
t([float('nan')]), t([float('nan')])
t([float('nan')]), t([float('nan')]), equal_nan=True
t([float('inf')]), t([float('inf')])
t([float('inf'), 1]), t([1., 1])
t([1.]), t([2.]), msg='hey'
t([1.]), t([2.]), msg=lambda m: 'X' + m
t([1.]), t([2.]), rtol=1.
t([1.]), [1.]
np.array([1.]), np.array([1.5])
t([1.]), np.array([1.])
t([True, False]), t([True, True])
t([1 + 2j]), t([1 + 3j])
1 + 2j, 1 + 3j
t([]), t([])
t([0., 0.]), t([0., 1.])
torch.ones(2, 3).t().contiguous(), torch.ones(2, 3).t(), check_stride=True
(1, 2), [1, 2]
[[t([1.])]], [[t([2.])]]
t([1.]).double(), t([1. + 1e-6]).double()
t([1.]).half(), t([1. + 1e-2]).half()
float('nan'), float('nan')
0.0, 1.0
1.0, 'a'
torch.nn.Parameter(t([1.])), t([1.])
t([1], dtype=torch.uint8), t([255], dtype=torch.uint8)
t(3), t(4)
""".strip().split("\n")


@pytest.mark.parametrize("code", CLOSE)
def test_assert_close(code: str) -> None:
    def told(library: Any) -> tuple[str, str]:
        scope = {"torch": library, "t": library.tensor, "np": np, "close": library.testing.assert_close}
        try:
            eval(f"close({code})", scope)
        except Exception as error:
            return type(error).__name__, str(error)
        return "", ""

    assert told(microtorch) == told(torch)


def test_make_tensor() -> None:
    for options in ("(2, 3), dtype=torch.float32", "5, dtype=torch.int64", "(4,), dtype=torch.bool", "(3,), dtype=torch.complex64",
                    "(3,), dtype=torch.uint8, low=2, high=7", "(3, 2), dtype=torch.float64, noncontiguous=True, requires_grad=True",
                    "(8,), dtype=torch.int32, low=-1, high=2, exclude_zero=True", "(2,), dtype=torch.int64, low=5, high=2",
                    "(2,), dtype=torch.int64, requires_grad=True"):  # fmt: skip
        assert difference(f"torch.testing.make_tensor({options}, device='cpu')") is None, options


# mixed precision, profiling, processes -----------------------------------------------------------------------------------

SCALED = """
model = torch.nn.Linear(3, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler({device!r}, growth_interval=2)
told = []
for step in range(6):
    optimizer.zero_grad()
    loss = model(torch.randn(4, 3)).square().mean()
    if step == 3:
        loss = loss * float("inf")
    scaler.scale(loss).backward()
    if step == 1:
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    scaler.step(optimizer)
    scaler.update()
    told.append((scaler.get_scale(), model.weight.sum().item()))
"""


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_grad_scaler(device: str) -> None:
    def train(library: Any) -> Any:
        scope: dict[str, Any] = {"torch": library}
        library.manual_seed(0)
        with warnings.catch_warnings(action="ignore"):
            exec(SCALED.format(device=device), scope)
        return scope["told"]

    np.testing.assert_allclose(train(microtorch), train(torch), rtol=1e-5)


def test_compile_returns_what_it_was_given() -> None:
    model = microtorch.nn.Linear(2, 2)
    assert microtorch.compile(model)._orig_mod is model and microtorch.compile(dynamic=True)(len) is len
    assert microtorch.jit.script(model) is model and microtorch.jit.trace(model, microtorch.ones(2)) is model
    assert microtorch.compiler.disable(len) is len and microtorch._dynamo.disable()(len) is len
    with pytest.raises(RuntimeError, match="Either mode or options"):
        microtorch.compile(model, mode="default", options={})


def test_threads() -> None:
    before = microtorch.get_num_threads()
    try:
        microtorch.set_num_threads(1)
        assert microtorch.get_num_threads() == 1
    finally:
        microtorch.set_num_threads(before)


def test_profile(tmp_path: Path) -> None:
    traces = []
    with microtorch.profiler.profile(
        schedule=microtorch.profiler.schedule(wait=1, warmup=1, active=2, repeat=1),
        on_trace_ready=lambda p: traces.append(len(p.events())),
    ) as prof:
        for _ in range(6):
            with microtorch.profiler.record_function("step"), microtorch.profiler.record_function("inner"):
                pass
            prof.step()
    assert traces == [6]  # two steps, with two blocks each
    rows = {row.key: row for row in prof.key_averages()}
    assert rows["step"].count == rows["inner"].count == 2
    assert rows["step"].cpu_time_total >= rows["inner"].cpu_time_total
    text = prof.key_averages().table(sort_by="cpu_time_total", row_limit=5)
    assert "Self CPU time total" in text and text.index("step") < text.index("inner")
    prof.export_chrome_trace(str(tmp_path / "trace.json"))
    assert (tmp_path / "trace.json").stat().st_size > 100


def test_futures() -> None:
    future = microtorch.futures.Future()
    follower = future.then(lambda f: f.value() + 1)
    every = microtorch.futures.collect_all([future, follower])
    assert not every.done()
    future.set_result(1)
    assert follower.wait() == 2 and every.wait() == [future, follower]
    with pytest.raises(RuntimeError):
        future.set_result(2)


@pytest.mark.slow
def test_spawn(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, microtorch as torch, microtorch.multiprocessing as mp\n"
        "def work(rank, factor):\n"
        "    if factor == 0:\n"
        "        raise ValueError('no factor')\n"
        "    print(rank * factor, flush=True)\n"
        "if __name__ == '__main__':\n"
        "    mp.spawn(work, (int(sys.argv[1]),), nprocs=2)\n"
    )
    root = str(HERE.parent)
    runs = [subprocess.run([sys.executable, program, factor], capture_output=True, text=True, cwd=root, env=_environment(root))
            for factor in ("3", "0")]  # fmt: skip
    assert sorted(runs[0].stdout.split()) == ["0", "3"], runs[0].stderr
    assert "ProcessRaisedException" in runs[1].stderr and "no factor" in runs[1].stderr


def _environment(root: str) -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": root}


def test_tensorboard_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboardX"):
        from microtorch.utils.tensorboard import SummaryWriter

        SummaryWriter()


def test_timer() -> None:
    measured = microtorch.utils.benchmark.Timer("x + 1", globals={"x": microtorch.ones(2)}).timeit(10)
    assert measured.mean > 0 and "x + 1" in repr(measured) and "10 runs" in repr(measured)
