"""Devices, precision, threads: what a PyTorch built for the CPU says of what it has not, and GradScaler on the CPU."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

import microtorch
from tests.differential import difference

CALLS = """
torch.cuda.is_available() | torch.cuda.device_count() | torch.cuda.manual_seed(1) | torch.cuda.manual_seed_all(1) | torch.cuda.seed()
torch.cuda.initial_seed() | torch.cuda.current_device() | torch.cuda.synchronize() | torch.cuda.set_device(-1) | torch.cuda.get_device_name(0)
torch.cuda.get_device_properties(0) | torch.cuda.get_device_capability() | torch.cuda.empty_cache() | torch.cuda.memory_allocated()
torch.cuda.max_memory_allocated() | torch.cuda.memory_reserved() | torch.cuda.mem_get_info() | torch.cuda.get_rng_state()
torch.cuda.get_rng_state_all() | torch.cuda.set_rng_state_all([]) | torch.cuda.is_initialized() | torch.cuda.init()
torch.cuda.is_bf16_supported() | torch.cuda.get_arch_list() | torch.cuda.Event(enable_timing=True) | torch.cuda.Stream()
torch.cuda.current_stream() | torch.cuda.device(0).__enter__() | torch.cuda.device(-1).__enter__() | torch.cuda.FloatTensor(2)
torch.zeros(2).cuda() | torch.zeros(2, device='cuda') | torch.nn.Linear(1, 1).cuda() | torch.randn(2, device='cuda:0')
torch.mps.is_available() | torch.xpu.is_available() | torch.mps.manual_seed(0) | torch.accelerator.is_available()
torch.accelerator.current_accelerator() | torch.accelerator.device_count() | torch.backends.mps.is_available() | torch.backends.mps.is_built()
torch.backends.cuda.is_built() | torch.backends.cuda.matmul.allow_tf32 | torch.backends.cuda.flash_sdp_enabled()
torch.backends.cudnn.is_available() | torch.backends.cudnn.version() | torch.backends.cudnn.enabled | torch.backends.cudnn.benchmark
torch.backends.cudnn.deterministic | torch.get_float32_matmul_precision() | torch.are_deterministic_algorithms_enabled()
torch.get_deterministic_debug_mode() | torch.set_deterministic_debug_mode('x') | torch.set_num_threads(0) | torch.set_num_threads(1.5)
torch.is_autocast_enabled() | torch.amp.is_autocast_available('cpu') | torch.amp.GradScaler('cpu').get_scale()
torch.amp.GradScaler('cpu').state_dict() | torch.amp.GradScaler('cuda').state_dict() | torch.amp.GradScaler('cuda').get_scale()
torch.amp.GradScaler('cuda').scale(torch.ones(2)) | torch.amp.GradScaler('cpu').update() | torch.amp.GradScaler('cpu').load_state_dict({})
torch.inf, torch.nan != torch.nan, torch.pi, torch.e, torch.newaxis
"""


@pytest.mark.parametrize("call", [c.strip() for line in CALLS.strip().splitlines() for c in line.split(" | ")])
def test_call(call: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert difference(call) is None


def test_switches_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    # PyTorch's own test data, where it has been imported, forbids setting its flags
    monkeypatch.setitem(torch.backends.flags_frozen.__globals__, "__allow_nonbracketed_mutation_flag", True)
    for T in (torch, microtorch):
        before = T.backends.cudnn.deterministic, T.get_float32_matmul_precision(), T.get_num_threads()
        T.backends.cudnn.deterministic = True
        T.set_float32_matmul_precision("high")
        T.use_deterministic_algorithms(True, warn_only=True)
        T.set_num_threads(1)
        assert T.backends.cudnn.deterministic and T.get_float32_matmul_precision() == "high"
        assert T.are_deterministic_algorithms_enabled() and T.is_deterministic_algorithms_warn_only_enabled()
        assert T.get_deterministic_debug_mode() == 1 and T.get_num_threads() == 1
        T.use_deterministic_algorithms(False)
        T.backends.cudnn.deterministic = before[0]
        T.set_float32_matmul_precision(before[1])
        T.set_num_threads(before[2])


def scaled_training(T: Any) -> list[Any]:
    """A scaler on the CPU: infinities halve its factor and leave the step out, good steps let it grow."""
    T.manual_seed(0)
    model = T.nn.Linear(2, 1)
    optimizer = T.optim.SGD(model.parameters(), lr=0.1)
    scaler = T.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    seen: list[Any] = []
    for step in range(6):
        x = T.full((4, 2), float("inf") if step == 2 else 1.0 + step)
        optimizer.zero_grad()
        scaler.scale(model(x).square().mean()).backward()
        if step % 2:
            scaler.unscale_(optimizer)
            T.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        for again in (lambda: scaler.step(optimizer), lambda: scaler.unscale_(optimizer)):
            try:
                again()
            except RuntimeError as error:
                seen.append(str(error))
        scaler.update()
        seen += [scaler.get_scale(), [round(w, 5) for w in model.weight.flatten().tolist()], scaler.state_dict()]
    other = T.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    scaler.update(3.0)
    return [*seen, other.get_scale(), scaler.get_scale(), scaler.is_enabled(), scaler.get_growth_interval()]


def test_a_scaler_on_the_cpu() -> None:
    theirs, ours = scaled_training(torch), scaled_training(microtorch)
    assert ours == theirs
    assert 16.0 in theirs and 8.0 in theirs  # it grew, and shrank


def test_deprecated_names_warn() -> None:
    for T in (torch, microtorch):
        with pytest.warns(FutureWarning, match="deprecated"), pytest.warns(UserWarning, match="CUDA is not available"):
            assert not T.cuda.amp.autocast()._enabled
        with pytest.warns(FutureWarning, match="deprecated"), pytest.warns(UserWarning, match="CUDA is not available"):
            assert not T.cuda.amp.GradScaler().is_enabled()
