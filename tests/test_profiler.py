"""The profiler names and counts the operations that PyTorch's names and counts; its tables and traces have their form."""

from __future__ import annotations

import gzip
import json
import threading
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.autograd.profiler

import microtorch
import microtorch.autograd.profiler
from microtorch._instrument import Instrument
from microtorch.autograd.table import arrays
from microtorch.profiler import names
from tests.differential import difference

torch.set_num_threads(1)

SETUP = """
import {name} as torch
from {name} import nn
import {name}.nn.functional as F
torch.manual_seed(0)
x, y, w = torch.randn(4, 6), torch.randn(4, 6), torch.randn(6, 6, requires_grad=True)
i, b, img = torch.tensor([0, 2, 1, 3]), torch.randn(2, 4, 6), torch.randn(2, 3, 8, 8)
lin, conv, bn, ln, lstm = nn.Linear(6, 3), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(3), nn.LayerNorm(6), nn.LSTM(6, 5)
gru, emb = nn.GRU(6, 5), nn.Embedding(5, 3)
"""

# Programs of which each operation that the user calls has the same name and place in both.
SAME = """
x + y; x - y; x * y; x / y; x ** 2; -x; x @ w; x + 1; 2 * x; 1 - x; x > y; x == y
x.exp(); x.log(); x.abs().sqrt(); x.sin().cos(); x.tanh(); x.sigmoid(); x.clamp(0, 1); x.round(); torch.maximum(x, y)
x.sum(); x.mean(); x.max(); x.sum(1); x.mean(0, keepdim=True); x.max(1); x.argmax(1); x.std(); x.var(0); x.prod(); x.cumsum(0)
x.t(); x.transpose(0, 1); x.permute(1, 0); x.view(6, 4); x.reshape(24); x.unsqueeze(0); x.squeeze(); x.flatten(); x.expand(4, 6)
torch.cat([x, y]); torch.stack([x, y]); x.split(2); x.chunk(2); x.repeat(2, 1); x.flip(0); x.roll(1, 0); torch.where(x > 0, x, y)
x.sort(1); x.topk(2); x.gather(1, i[:, None]); x.index_select(0, i); x.masked_fill(x > 0, 0.0); x.tril(); x.diagonal()
torch.zeros(3); torch.ones(3); torch.arange(5); torch.eye(3); torch.full((2,), 1.0); torch.randn(3); torch.rand(3); torch.randint(5, (3,))
torch.zeros_like(x); torch.ones_like(x); torch.empty(3); torch.linspace(0, 1, 5); torch.randperm(5); torch.bernoulli(x.sigmoid())
x.add_(y); x.mul_(2); x.zero_(); y.copy_(x); y.fill_(1.0); y.sub_(x).div_(2)
torch.mm(x, w); torch.bmm(b, b.transpose(1, 2)); torch.addmm(x, x, w); torch.matmul(b, w); torch.dot(x[0], y[0]); torch.einsum('ij,kj->ik', x, y)
torch.outer(x[0], y[0]); torch.mv(w, x[0]); torch.baddbmm(b[:, :, :4], b, b.transpose(1, 2)); x.norm(); torch.linalg.norm(x)
F.relu(x); F.gelu(x); F.silu(x); F.softmax(x, 1); F.log_softmax(x, 1); F.leaky_relu(x); F.elu(x); F.softplus(x); F.hardtanh(x); F.mish(x)
F.linear(x, w); F.embedding(i, w); F.dropout(x, 0.5); F.layer_norm(x, (6,)); F.conv2d(img, conv.weight); F.pad(x, (1, 1)); F.one_hot(i)
F.mse_loss(x, y); F.l1_loss(x, y); F.cross_entropy(x, i); F.nll_loss(F.log_softmax(x, 1), i); F.binary_cross_entropy_with_logits(x, y.sigmoid()); F.smooth_l1_loss(x, y); F.kl_div(x, y); F.huber_loss(x, y)
F.max_pool2d(img, 2); F.avg_pool2d(img, 2); F.adaptive_avg_pool2d(img, 1); F.scaled_dot_product_attention(b, b, b); F.cosine_similarity(x, y);
F.interpolate(img, scale_factor=2); F.interpolate(img, scale_factor=2, mode='bilinear'); F.unfold(img, 2); F.grid_sample(img, torch.zeros(2, 2, 2, 2), align_corners=False)
lin(x); conv(img); bn(img); ln(x); nn.Sequential(lin, nn.ReLU(), nn.Dropout(0.1))(x); gru(b); lstm(b); emb(i); nn.Flatten()(img)
nn.MSELoss()(x, y); nn.BCELoss()(x.sigmoid(), y.sigmoid()); nn.NLLLoss()(x, i); nn.CrossEntropyLoss(label_smoothing=0.1)(x, i); nn.L1Loss()(x, y)
x[0]; x[1:3]; x[:, None]; x[i]; x[x > 0]; x[..., 0]
x.item() if x.numel() == 1 else x.sum().item(); x.detach(); x.clone(); x.t().contiguous(); x.to(torch.float64); x.double(); x.long(); x.float()
torch.linalg.inv(w); torch.linalg.solve(w, w); torch.det(w); torch.linalg.cholesky(w @ w.t() + 6 * torch.eye(6)); torch.linalg.svd(w); torch.linalg.qr(w)
torch.fft.fft(x); torch.fft.rfft(x); torch.special.erf(x) if False else torch.erf(x); torch.logsumexp(x, 1); torch.cdist(x, y); torch.multinomial(x.softmax(1), 2)
""".strip().split("\n")  # fmt: skip

STEPS = """
(w * w).sum()
(x @ w).relu().mean()
lin(x).pow(2).sum()
F.mse_loss(lin(x), torch.zeros(4, 3))
F.gelu(lin(x)).exp().sum()
conv(img).relu().max()
bn(img).tanh().sum()
ln(x @ w).sigmoid().mean()
F.softmax(x @ w, 1).log().sum()
(w[0] * w[:, 1]).sum() + w[1:3].sum()
torch.cat([w, w * 2]).std()
F.embedding(i, w).abs().sum()
torch.stack([w, w.t()]).prod()
F.max_pool2d(conv(img), 2).sum()
lstm(b)[0].sum()
""".strip().split("\n")


def profiled(library: Any, code: str, **options: Any) -> Any:
    scope: dict[str, Any] = {}
    exec(SETUP.format(name=library.__name__), scope)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(code, scope)  # once before: what is set up at first use is not counted
        exec(SETUP.format(name=library.__name__), scope)
        with library.profiler.profile(**options) as prof:
            exec(code, scope)
    return prof


def called(prof: Any) -> list[str]:
    """The operations that the program called itself, in order. (The losses of PyTorch broadcast, ours look at shapes.)"""
    own = [e.name for e in prof.events() if e.cpu_parent is None and e.name.startswith("aten::")]
    return [name for name in own if name != "aten::broadcast_tensors"]


@pytest.mark.parametrize("code", [c.strip() for line in SAME for c in line.split("; ")])
def test_operations_have_pytorchs_names(code: str) -> None:
    assert called(profiled(microtorch, code)) == called(profiled(torch, code))


@pytest.mark.parametrize("code", STEPS)
def test_steps_backwards_have_pytorchs_names_and_numbers(code: str) -> None:
    """One of ours may stand for two of PyTorch's: a linear layer has no TBackward0."""

    def steps(library: Any) -> Counter[str]:
        prof = profiled(library, f"loss = {code}\nloss.backward()")
        return Counter(e.name for e in prof.events() if e.scope == 1)

    theirs, ours = steps(torch), steps(microtorch)
    assert ours["torch::autograd::AccumulateGrad"] and not ours - theirs
    assert {name.split(": ")[-1] for name in theirs - ours} <= {"TBackward0"}


def test_every_name_is_one_of_pytorchs() -> None:
    found = {*names.operations().values(), *names.kernels().values()}
    wrong = [n for n in found if n.startswith("aten::") and not hasattr(torch.ops.aten, n[6:])]
    assert not wrong, f"rename them in profiler/names.py: {wrong}"
    assert len([n for n in found if n.startswith("aten::")]) > 700


# tables ---------------------------------------------------------------------------------------------------------------

TRAIN = """
opt = torch.optim.SGD(lin.parameters(), lr=0.1)
opt.zero_grad()
with torch.profiler.record_function("forward"):
    loss = F.mse_loss(lin(x), torch.zeros(4, 3))
loss.backward()
opt.step()
"""


def heads(table: str) -> list[str]:
    line = next(line for line in table.split("\n") if "Name" in line)
    return [h.strip() for h in line.split("  ") if h.strip()]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"profile_memory": True},
        {"record_shapes": True},
        {"with_flops": True},
        {"profile_memory": True, "record_shapes": True, "with_flops": True},
    ],
)
@pytest.mark.parametrize("by_shape", [False, True])
def test_tables_have_pytorchs_form(options: dict[str, bool], by_shape: bool) -> None:
    tables = []
    for library in (torch, microtorch):
        rows = profiled(library, TRAIN, **options).key_averages(group_by_input_shape=by_shape)
        for row in rows:
            row.flops = 1000 if row.flops else 0  # of the same magnitude, for the heading
        tables.append(rows.table(sort_by="cpu_time_total", row_limit=4, header="A header"))
    theirs, ours = tables
    assert heads(ours) == heads(theirs)
    if not by_shape:
        rule = [[len(part) for part in table.split("\n")[2].split("  ")] for table in tables]
        assert rule[0][1:] == rule[1][1:]
        assert [line[:10] for line in ours.split("\n") if line[:2] in ("==", "--", "A ")] == [
            line[:10] for line in theirs.split("\n") if line[:2] in ("==", "--", "A ")
        ]
    assert ours.count("\n") == theirs.count("\n")
    assert ours.strip().split("\n")[-1].startswith("Self CPU time total: ")


def test_blocks_and_optimizers_are_named_as_in_pytorch() -> None:
    def blocks(library: Any) -> list[tuple[str, str | None]]:
        prof = profiled(library, TRAIN)
        return [(e.name, e.cpu_parent and e.cpu_parent.name) for e in prof.events() if e.scope == 7]

    theirs = blocks(torch)
    assert len(theirs) == 3 and blocks(microtorch) == theirs


def test_shapes_and_flops_are_pytorchs() -> None:
    code = "lin(x); torch.mm(x, w); torch.bmm(b, b.transpose(1, 2)); conv(img); x + y; x * 2; conv(img[:1]); x.sum()"
    wanted = {"aten::mm", "aten::bmm", "aten::add", "aten::mul", "aten::conv2d", "aten::linear", "aten::addmm"}
    found = []
    for library in (torch, microtorch):
        events = profiled(library, code, record_shapes=True, with_flops=True).events()
        shapes = [(e.name, [s for s in e.input_shapes if s]) for e in events if e.name in wanted - {"aten::addmm"}]
        found.append((shapes, Counter((e.name, e.flops) for e in events if e.name in wanted)))
    assert found[1] == found[0] and any(flops for _, flops in found[0][1])


def test_memory_is_pytorchs() -> None:
    code = "a = x + y; m = x @ w; v = m.t(); r = F.relu(m); s = r.sum(); del a\nc = torch.cat([x, y]); z = torch.zeros(100)"

    def used(library: Any) -> list[tuple[str, int]]:
        events = profiled(library, code, profile_memory=True).events()
        return [(e.name, e.cpu_memory_usage) for e in events if e.cpu_parent is None and e.name != "[memory]"]

    theirs = used(torch)
    assert ("aten::cat", 192) in theirs and used(microtorch) == theirs


def test_memory_that_is_freed_counts_back() -> None:
    with microtorch.profiler.profile(profile_memory=True) as prof:
        a = microtorch.ones(1000)
        del a
        with microtorch.profiler.record_function("block"):
            b = microtorch.ones(50, 10)
            c = b * 2
            del b
    rows = {row.key: row for row in prof.key_averages()}
    assert rows["[memory]"].cpu_memory_usage == -4000
    assert rows["block"].cpu_memory_usage == 2000 and rows["block"].self_cpu_memory_usage == -2000
    assert rows["aten::mul"].cpu_memory_usage == 2000 and c.numel() == 500
    assert sum(e.self_cpu_memory_usage for e in prof.events()) == 2000


def test_times_add_up() -> None:
    prof = profiled(microtorch, TRAIN)
    events = prof.events()
    for e in events:
        assert 0 <= e.self_cpu_time_total <= e.cpu_time_total == pytest.approx(e.time_range.elapsed_us())
        for c in e.cpu_children:
            assert c.cpu_parent is e
            assert e.time_range.start <= c.time_range.start <= c.time_range.end <= e.time_range.end
    top = sum(e.cpu_time_total for e in events if e.cpu_parent is None)
    assert events.self_cpu_time_total == pytest.approx(top) == pytest.approx(events.total_average().self_cpu_time_total)
    averages = prof.key_averages()
    assert sum(row.count for row in averages) == len(events) and len({row.key for row in averages}) == len(averages)


# traces ---------------------------------------------------------------------------------------------------------------


def test_trace(tmp_path: Path) -> None:
    prof = profiled(microtorch, TRAIN, record_shapes=True)
    prof.add_metadata("run", "one")
    prof.add_metadata_json("sizes", "[1, 2]")
    prof.export_chrome_trace(str(tmp_path / "t.json"))
    prof.export_chrome_trace(str(tmp_path / "t.json.gz"))
    trace = json.loads((tmp_path / "t.json").read_text())
    assert trace == json.loads(gzip.open(tmp_path / "t.json.gz", "rt").read())
    assert trace["run"] == "one" and trace["sizes"] == [1, 2]
    spans = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    assert {"name", "cat", "ts", "dur", "pid", "tid", "args"} <= set(spans[0])
    ends: list[float] = []  # spans of one thread are nested, never crossed
    for e in sorted(spans, key=lambda e: (e["ts"], -e["dur"])):
        while ends and ends[-1] <= e["ts"]:
            ends.pop()
        assert not ends or e["ts"] + e["dur"] <= ends[-1] + 1e-6
        ends.append(e["ts"] + e["dur"])
    starts = {e["id"]: e for e in trace["traceEvents"] if e["ph"] == "s"}
    finishes = {e["id"]: e for e in trace["traceEvents"] if e["ph"] == "f"}
    assert starts.keys() == finishes.keys() and len(starts) >= 2
    for key, s in starts.items():
        source = max((e for e in spans if e["ts"] == s["ts"]), key=lambda e: e["args"]["External id"])
        target = next(e for e in spans if e["ts"] == finishes[key]["ts"])
        pair = source["name"], target["name"].split(": ")[1]
        assert pair in {("aten::addmm", "AddmmBackward0"), ("aten::mse_loss", "MseLossBackward0")}
        assert source["args"]["Sequence number"] == target["args"]["Sequence number"] and s["ts"] < target["ts"]


def test_stacks(tmp_path: Path) -> None:
    prof = profiled(microtorch, "def f(x):\n    return lin(x).sum()\nf(x).backward()", with_stack=True)
    (linear,) = [e for e in prof.events() if e.name == "aten::linear"]
    assert linear.stack[0].endswith(": forward") and "linear.py(" in linear.stack[0]
    assert any(line.endswith("<string>(2): f") for line in linear.stack)
    (step,) = [e for e in prof.events() if e.name == "AddmmBackward0"]
    assert step.stack[-1] == linear.stack[-1] and any(line.endswith("(2): f") for line in step.stack)
    prof.export_stacks(str(tmp_path / "stacks.txt"))
    for line in (tmp_path / "stacks.txt").read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        assert int(count) > 0 and ";" in stack and " " not in stack
    by_place = prof.key_averages(group_by_stack_n=2)
    assert "Source Location" in by_place.table() and all(len(row.stack) <= 2 for row in by_place)
    with pytest.raises(ValueError, match="metric should be one of"):
        prof.export_stacks(str(tmp_path / "stacks.txt"), "wrong")


# schedules ------------------------------------------------------------------------------------------------------------

STEPPED = """
import {name} as torch
from {name}.profiler import profile, schedule
seen = []
def ready(p):
    seen.append((p.step_num, [e.key for e in p.events() if e.scope == 7], sum(r.key == "aten::exp" for r in p.key_averages())))
with profile(schedule=schedule(wait=1, warmup={warmup}, active={active}, repeat={repeat}, skip_first=1), on_trace_ready=ready) as p:
    for i in range(10):
        torch.ones(2).exp()
        p.step()
"""


@pytest.mark.parametrize("warmup,active,repeat", [(1, 2, 1), (1, 1, 2), (1, 2, 0), (2, 3, 0), (1, 20, 0)])
def test_schedules(warmup: int, active: int, repeat: int) -> None:
    found = []
    for library in (torch, microtorch):
        scope: dict[str, Any] = {}
        exec(STEPPED.format(name=library.__name__, warmup=warmup, active=active, repeat=repeat), scope)
        found.append(scope["seen"])
    assert found[1] == found[0] and found[0]


@pytest.mark.parametrize(
    "arguments, step",
    [("wait=-1, warmup=1, active=1", 0), ("wait=0, warmup=0, active=0", 0), ("wait=1, warmup=0, active=1", -1)],
)
def test_wrong_schedules(arguments: str, step: int) -> None:
    found = difference(f"torch.profiler.schedule({arguments})({step})")
    assert found is None, found


def test_tensorboard_handler(tmp_path: Path) -> None:
    handler = microtorch.profiler.tensorboard_trace_handler(str(tmp_path / "log"), worker_name="me", use_gzip=True)
    with microtorch.profiler.profile(on_trace_ready=handler):
        microtorch.ones(2).exp()
    (file,) = (tmp_path / "log").iterdir()
    assert file.name.startswith("me.") and file.name.endswith(".pt.trace.json.gz")
    assert any(e["name"] == "aten::exp" for e in json.loads(gzip.open(file, "rt").read())["traceEvents"])


# the rest -------------------------------------------------------------------------------------------------------------


def test_the_older_names() -> None:
    for library in (torch, microtorch):
        with library.autograd.profiler.profile(record_shapes=True) as prof:
            with library.autograd.profiler.record_function("block"):
                library.ones(2, 3).exp()
        top = [e.name for e in prof.function_events if e.cpu_parent is None]
        assert top == ["block"]
        assert "aten::exp" in prof.table() and "aten::exp" in str(prof) and "aten::exp" in str(prof.key_averages())
        assert prof.total_average().key == "Total" and prof.self_cpu_time_total > 0
        with library.autograd.profiler.profile(enabled=False) as prof:
            library.ones(2)


def test_decorated_functions_and_threads() -> None:
    @microtorch.profiler.record_function("named")
    def work(n: int) -> Any:
        return microtorch.ones(n).exp()

    with microtorch.profiler.profile() as prof:
        work(2)
        thread = threading.Thread(target=work, args=(3,))
        thread.start()
        thread.join()
    blocks = [e for e in prof.events() if e.name == "named"]
    assert len(blocks) == 2 and blocks[0].thread != blocks[1].thread
    for block in blocks:
        assert [c.name for c in block.cpu_children] == ["aten::ones", "aten::exp"]
        assert all(c.thread == block.thread for c in block.cpu_children)


def test_errors_leave_nothing_open() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"), microtorch.profiler.profile() as prof:
        microtorch.mm(microtorch.ones(2, 3), microtorch.ones(2, 3))
    assert [e.name for e in prof.events() if e.cpu_parent is None] == ["aten::ones", "aten::ones", "aten::mm"]
    with microtorch.profiler.profile() as prof:
        microtorch.ones(1)
    assert [e.name for e in prof.events()] == ["aten::ones"]


def test_nothing_stays_watched() -> None:
    codes = {f: f.__code__ for f in names.operations()}
    kernels = dict(vars(arrays))
    outer = microtorch.profiler.profile()
    with outer:
        with microtorch.profiler.profile() as inner:  # one inside another
            microtorch.ones(2).exp()
        microtorch.ones(2).log()
    assert {e.name for e in inner.events()} == {"aten::ones", "aten::exp"}
    assert {e.name for e in outer.events()} == {"aten::ones", "aten::exp", "aten::log"}
    assert all(f.__code__ is code for f, code in codes.items()) and dict(vars(arrays)) == kernels


def test_results_need_a_run() -> None:
    for library in (torch, microtorch):
        with pytest.raises(AssertionError, match="Profiler must be initialized before getting key averages"):
            library.profiler.profile().key_averages()


def test_instruments_watch_functions_of_every_kind() -> None:
    def make(k: int) -> Any:
        def inner(a: int, *more: int, b: int = 2, **rest: int) -> Any:
            return a, more, b, rest, k

        return inner

    class Thing:
        def method(self) -> Any:
            return __class__  # type: ignore[name-defined]  # noqa: F821

    seen = []

    def watcher(label: Any, function: Any, args: Any, kwargs: Any) -> Any:
        seen.append((label, args[1:], kwargs))
        return function(*args, **kwargs)

    function = make(7)
    instrument = Instrument({function: "f", Thing.method: "m"}, watcher)
    instrument.start()
    try:
        assert function(1, 5, b=3, c=4) == (1, (5,), 3, {"c": 4}, 7)
        assert function(1) == (1, (), 2, {}, 7) and make(8)(1)[-1] == 8
        assert Thing().method() is Thing
    finally:
        instrument.stop()
    function(1)
    assert seen == [("f", (5,), {"b": 3, "c": 4}), ("f", (), {}), ("m", (), {})]
