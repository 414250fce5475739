"""The command line: programs run under `microtorch run` behave as under `python`, with torch meaning microtorch."""

from __future__ import annotations

import importlib
import importlib.util
import json
import multiprocessing
import os
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import microtorch
from microtorch._missing import missing_name
from microtorch.cli import hook
from microtorch.cli.main import main

ROOT = str(Path(microtorch.__file__).parents[1])
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    def write(name: str, source: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source))
        return name

    return write


@pytest.fixture
def python(tmp_path: Path) -> Run:
    def python(*args: str, input: str = "") -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": ROOT}
        command = [sys.executable, *args]
        return subprocess.run(
            command, input=input, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=120, check=False
        )

    return python


@pytest.fixture
def run(python: Run) -> Run:
    return lambda *args, **named: python("-m", "microtorch", "run", *args, **named)


# What torch is


def test_every_way_to_import_gives_the_modules_of_microtorch(write: Callable[[str, str], str], run: Run) -> None:
    write(
        "imports.py",
        """
        import sys
        import torch
        import torch.nn as nn
        import torch.nn.functional as F
        from torch import optim, nn as nn2
        from torch.optim.lr_scheduler import StepLR
        from torch.utils.data import DataLoader
        import microtorch

        assert torch is microtorch and nn is nn2 is microtorch.nn
        names = ["", ".nn", ".nn.functional", ".optim", ".optim.lr_scheduler", ".utils.data"]
        print([sys.modules["torch" + name] is sys.modules["microtorch" + name] for name in names])
        print(F.relu is microtorch.nn.functional.relu, StepLR is microtorch.optim.lr_scheduler.StepLR)
        print(DataLoader is microtorch.utils.data.DataLoader, {m.__spec__.name.split(".")[0] for m in (torch, nn, F)})
        """,
    )
    done = run("imports.py")
    assert done.stdout == "[True, True, True, True, True, True]\nTrue True\nTrue {'microtorch'}\n", done.stderr


def test_an_installed_torch_is_not_touched(write: Callable[[str, str], str], run: Run, tmp_path: Path) -> None:
    write("torch/__init__.py", "raise SystemExit('this is the real one')")
    write("script.py", "import torch; print(torch.__name__)")
    assert run("script.py").stdout == "microtorch\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import torch.nowhere.x", "ModuleNotFoundError: microtorch has no `torch.nowhere`"),
        ("import torch.autograd.nowhere", "ModuleNotFoundError: microtorch has no `torch.autograd.nowhere`"),
        ("from torch import foozle", "ModuleNotFoundError: microtorch has no `torch.foozle`"),
        ("from torch.autograd import foozle", "ModuleNotFoundError: microtorch has no `torch.autograd.foozle`"),
        ("from torch.autograd.engine import foozle", "ImportError: microtorch has no `torch.autograd.engine.foozle`"),
        ("import torch; torch.foozle", "AttributeError: microtorch has no `torch.foozle`"),
        ("import torch.autograd as a; a.foozle", "AttributeError: microtorch has no `torch.autograd.foozle`"),
    ],
)
def test_a_missing_name_is_one_clear_line(
    write: Callable[[str, str], str], run: Run, tmp_path: Path, line: str, message: str
) -> None:
    write("script.py", line)
    done = run("script.py")
    last = done.stderr.splitlines()
    assert done.returncode == 1
    assert last[:2] == ["Traceback (most recent call last):", f'  File "{tmp_path}/script.py", line 1, in <module>']
    assert last[2].strip() in line
    assert last[-1] == message
    assert "hook.py" not in done.stderr


def test_scripts_can_ask_whether_a_module_is_there(write: Callable[[str, str], str], run: Run) -> None:
    write(
        "script.py",
        """
        import importlib.util
        print(importlib.util.find_spec("torch.nowhere"), importlib.util.find_spec("torch.autograd") is not None)
        try:
            import torch.nowhere
        except ImportError as error:
            print(error.name, hasattr(__import__("torch"), "foozle"))
        """,
    )
    assert run("script.py").stdout == "None True\ntorch.nowhere False\n"


# Run as `python` would


PROGRAMS = {
    "names": """
        import sys
        print(__name__, __file__, __package__, __doc__, sys.argv, sys.path[0], sorted(globals()))
        print(sys.modules["__main__"].__dict__ is globals(), type(__loader__).__name__, __builtins__)
        """,
    "exit code": "import sys; print('partly'); sys.exit(7)",
    "exit message": "raise SystemExit('because')",
    "exception": """
        def f(x):
            return 1 / x
        try:
            f(0)
        except ZeroDivisionError as error:
            raise RuntimeError("wrong") from error
        """,
    "interrupt": "raise KeyboardInterrupt",
    "syntax error": "x = = 1",
    "indentation error": "if True:\nx = 1",
    "own hooks": """
        import atexit, sys, traceback
        sys.excepthook = lambda kind, value, trace: print(kind, value, traceback.extract_tb(trace))
        atexit.register(lambda: print("at exit", sys.modules["__main__"].here))
        here = 3
        raise ValueError("x")
        """,
    "relative import": "from . import x",
    "neighbour": "import helper; print(helper.VALUE)",
    "pickle": """
        import pickle
        class Own: pass
        print(pickle.loads(pickle.dumps(Own())).__class__ is Own)
        """,
    "standard input": "print(input().upper())",
    "thread": """
        import threading, time
        threading.Thread(target=lambda: (time.sleep(0.05), print("late", here))).start()
        here = 4
        """,
    "encoding": "# -*- coding: latin-1 -*-\nprint(ascii('ä'))",
    "exception group": "raise ExceptionGroup('two', [ValueError(1), TypeError(2)])",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_runs_as_under_python(write: Callable[[str, str], str], python: Run, run: Run, program: str) -> None:
    write("helper.py", "VALUE = 5")
    write("script.py", PROGRAMS[program])
    theirs = python("script.py", "a", "--graph", "-m", "--", "b c", input="hello\n")
    ours = run("script.py", "a", "--graph", "-m", "--", "b c", input="hello\n")
    assert (ours.stdout, ours.stderr, ours.returncode) == (theirs.stdout, theirs.stderr, theirs.returncode)


@pytest.mark.parametrize("name", ["package.part", "package"])
def test_a_module_runs_as_under_python(write: Callable[[str, str], str], python: Run, run: Run, name: str) -> None:
    write("package/__init__.py", "")
    write("package/helper.py", "VALUE = 5")
    source = (
        "import sys\nfrom .helper import VALUE\nprint(__name__, __file__, __package__, sys.argv, sys.path[0], VALUE)"
    )
    write("package/part.py", source)
    write("package/__main__.py", source + "\nraise SystemExit(3)")
    theirs, ours = python("-m", name, "-m", "x"), run("-m", name, "-m", "x")
    assert (ours.stdout, ours.stderr, ours.returncode) == (theirs.stdout, theirs.stderr, theirs.returncode)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_started_processes_see_microtorch_too(write: Callable[[str, str], str], run: Run, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    write(
        "script.py",
        f"""
        import multiprocessing
        import torch
        class Own:
            def __init__(self, value): self.value = value
        def work(own):
            import microtorch
            return own.value + 1, torch is microtorch
        if __name__ == "__main__":
            with multiprocessing.get_context("{method}").Pool(1) as pool:
                print(pool.map(work, [Own(1), Own(2)]))
        """,
    )
    done = run("script.py")
    assert done.stdout == "[(2, True), (3, True)]\n", done.stderr


# The command itself


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["run"], 2, "nothing to run: give a SCRIPT, or -m MODULE"),
        (["run", "-m"], 2, "nothing to run"),
        (["run", "nowhere.py"], 2, "can't open nowhere.py: No such file or directory"),
        (["run", "."], 2, ". is a folder"),
        (["run", "-m", "nowhere.x"], 1, "No module named nowhere"),
        (["run", "-m", "package"], 1, "package is a package without a __main__"),
        (["run", "--gaph", "x.svg", "script.py"], 2, "--gaph"),
        (["run", "--graph", "x.jpg", "script.py"], 2, "its suffix must be one of .svg .png .pdf .dot .gv .html"),
        (["run", "--graph", "nowhere/x.svg", "script.py"], 2, "there is no folder"),
        (["run", "--trace", "nowhere/x.json", "script.py"], 2, "there is no folder"),
        (["check"], 2, "SCRIPT"),
        (["check", "nowhere.py"], 2, "can't open nowhere.py: No such file or directory"),
        (["check", "."], 2, ". is a folder"),
        (["check", "--steps", "many", "script.py"], 2, "invalid int value: 'many'"),
        (["script.py", "--lr", "1"], 2, "to run a program: microtorch run script.py --lr 1"),
        (["fly"], 2, "fly"),
        ([], 2, "COMMAND"),
    ],
)
def test_mistakes_are_named(
    write: Callable[[str, str], str], python: Run, args: list[str], code: int, message: str
) -> None:
    write("package/__init__.py", "")
    write("script.py", "print('ran')")
    done = python("-m", "microtorch", *args)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    cases = [
        (["run", "--help"], "--graph FILE"),
        (["run", "--help"], "microtorch run --profile train.py"),
        (["check", "--help"], "exit codes: 0 all is equal, 1 something differs, 2 it could not be compared"),
        (["--help"], "run a program"),
        (["--help"], "compare a program with itself under PyTorch"),
        (["--version"], "microtorch 0."),
    ]
    for args, text in cases:
        with pytest.raises(SystemExit) as end:
            main(args)
        assert end.value.code == 0
        assert text in capsys.readouterr().out


# --graph


TRAINING = """
    import torch

    class Trainer:
        def __init__(self):
            self.weight = torch.ones(3, 2, requires_grad=True)
        def step(self, x):
            loss = ((x * self.weight).exp() + shift).sum()
            loss.backward()
            return loss

    shift = torch.zeros(2, requires_grad=True)
    trainer = Trainer()
    for _ in range(3):
        trainer.step(torch.ones(3, 2))
    (shift * shift).sum().backward()
    print("trained")
    raise SystemExit(5)
    """


@pytest.mark.parametrize("suffix", [".svg", ".html", ".dot"])
def test_graph_draws_the_first_backward(
    write: Callable[[str, str], str], run: Run, tmp_path: Path, suffix: str
) -> None:
    write("script.py", TRAINING)
    picture = "step" + suffix
    done = run("--graph", picture, "script.py")
    assert (done.stdout, done.returncode) == ("trained\n", 5)
    assert done.stderr == f"microtorch: graph of the first backward() written to {picture} (8 nodes)\n"
    text = (tmp_path / picture).read_text()
    for word in ("weight", "shift", "loss", "Exp", "Sum", "Mul", "Add", "(3, 2)"):
        assert word in text
    if suffix == ".svg":
        ET.fromstring(text)
        assert text.count('class="node"') == 8
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_graph_names_the_parameters_as_the_program_does(
    write: Callable[[str, str], str], run: Run, tmp_path: Path
) -> None:
    write(
        "script.py",
        """
        import torch
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
            def forward(self, x):
                return self.layers(x)
        def train(net):
            scores = net(torch.ones(2, 3))
            nn.MSELoss()(scores, torch.zeros(2, 1)).backward()
        model = Net()
        train(model)
        """,
    )
    done = run("--graph", "step.dot", "script.py")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "step.dot").read_text()
    for i, shapes in ((0, ("(4, 3)", "(4,)")), (2, ("(1, 4)", "(1,)"))):
        for name, shape in zip(("weight", "bias"), shapes, strict=True):
            assert f'"{i}.{name}\\n{shape}' in text
    for module in ("net: Net", "layers: Sequential", "2: scores (2, 1)"):
        assert module in text


def test_the_picture_survives_a_failing_program_that_changes_folder(
    write: Callable[[str, str], str], run: Run, tmp_path: Path
) -> None:
    write("script.py", "import os; os.chdir('/')" + textwrap.dedent(TRAINING).replace("SystemExit(5)", "ValueError"))
    done = run("--graph", "step.svg", "script.py")
    assert done.returncode == 1
    assert (tmp_path / "step.svg").exists()


def test_a_picture_that_cannot_be_drawn_does_not_stop_the_program(
    write: Callable[[str, str], str], run: Run, tmp_path: Path
) -> None:
    write(
        "script.py",
        """
        import torch
        x = y = torch.ones(1, requires_grad=True)
        for i in range(6000):  # without a pattern, that would be drawn as a repeated block
            y = (y + 1, y * 1, y - 1, y / 1)[pow(3, i, 65537) % 4]
        y.backward()
        print(x.grad)
        """,
    )
    done = run("--graph", "deep.svg", "script.py")
    assert (done.stdout, done.returncode) == ("tensor([1.])\n", 0)
    assert done.stderr.startswith("microtorch: deep.svg was not written: the graph has 5,")
    assert not (tmp_path / "deep.svg").exists()


def test_a_page_gets_the_gradients_of_the_first_backward(
    write: Callable[[str, str], str], run: Run, tmp_path: Path
) -> None:
    write(
        "script.py",
        """
        import torch
        x = torch.tensor(3.0, requires_grad=True)
        for _ in range(3):
            x.grad = None
            (x * x).backward()
            print(x.grad)
        """,
    )
    done = run("--graph", "step.html", "script.py")
    assert done.stdout == "tensor(6.)\n" * 3
    assert done.stderr == "microtorch: graph of the first backward() written to step.html (3 nodes)\n"
    page = (tmp_path / "step.html").read_text()
    data = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert [(step["node"], step["incoming"]["text"]) for step in data["steps"]] == [(1, "1"), (2, "6")]


def test_torchviz_is_there(write: Callable[[str, str], str], run: Run) -> None:
    pytest.importorskip("graphviz")
    if importlib.util.find_spec("torchviz") is not None:
        pytest.skip("a torchviz is installed here, which comes first")
    write("script.py", "import torch, torchviz\nprint(torchviz.make_dot(torch.ones(1, requires_grad=True) * 2).source)")
    done = run("script.py")
    assert done.returncode == 0, done.stderr
    assert "MulBackward0" in done.stdout


def test_graph_without_a_backward_says_so(write: Callable[[str, str], str], run: Run) -> None:
    write("script.py", "print('no training')")
    done = run("--graph", "step.svg", "script.py")
    assert (done.stdout, done.returncode) == ("no training\n", 0)
    assert done.stderr == "microtorch: step.svg was not written: the program never called backward()\n"


# The hook by itself


@pytest.fixture
def alias() -> Iterator[str]:
    hook.install("lamp", "microtorch")
    yield "lamp"
    hook.uninstall("lamp")


# --summary, --profile, --trace


MODEL = """
    import sys
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Sequential(nn.Linear(4, 8), nn.ReLU()), nn.Linear(8, 2)
            self.calls = 0
        def forward(self, x):
            self.calls += 1
            return self.head(self.body(x))

    torch.manual_seed(0)
    net = Net()
    for _ in range(3):
        net(torch.randn(5, 4)).sum().backward()
    print(net.calls, torch.rand(1).item())
    sys.exit(4)
    """


def test_summary_of_the_first_model(write: Callable[[str, str], str], run: Run) -> None:
    write("script.py", MODEL)
    plain, done = run("script.py"), run("--summary", "script.py")
    assert (done.stdout, done.returncode) == (plain.stdout, 4) and plain.stdout.startswith("3 ")
    assert "│    └─Linear: 2-1                       [5, 8]                    40" in done.stderr
    assert "Total params: 58" in done.stderr and done.stderr.count("Net ") == 1


def test_profile_and_trace(write: Callable[[str, str], str], run: Run, tmp_path: Path) -> None:
    write("script.py", MODEL)
    done = run("--profile", "--summary", "--trace", "trace.json", "script.py")
    assert done.returncode == 4 and done.stdout == run("script.py").stdout
    for text in (
        "Self CPU %",
        "Self CPU Mem",
        "aten::linear",
        "AddmmBackward0",
        "Self CPU time total: ",
        "Total params",
    ):
        assert text in done.stderr
    names = [e["name"] for e in json.loads((tmp_path / "trace.json").read_text())["traceEvents"]]
    assert names.count("aten::linear") == 6 and "calls written to trace.json" in done.stderr


def test_observing_a_program_without_a_model_or_with_an_error(write: Callable[[str, str], str], run: Run) -> None:
    write("script.py", "import torch\ntorch.ones(2).exp()\nraise ValueError('its own')\n")
    done = run("--profile", "--summary", "script.py")
    assert done.returncode == 1 and "ValueError: its own" in done.stderr
    assert "--summary: the program called no model" in done.stderr and "aten::exp" in done.stderr


def test_install_and_uninstall(alias: str) -> None:
    engine = importlib.import_module("lamp.autograd.engine")
    assert engine is sys.modules["microtorch.autograd.engine"]
    assert engine.__spec__ is not None
    assert engine.__spec__.name == "microtorch.autograd.engine"  # the alias leaves no trace in the module
    finders = len(sys.meta_path)
    hook.install("lamp", "microtorch")
    assert len(sys.meta_path) == finders
    hook.uninstall("lamp")
    assert not [name for name in sys.modules if name.startswith("lamp")]
    with pytest.raises(ModuleNotFoundError, match="No module named 'lamp'"):
        importlib.import_module("lamp")
    hook.uninstall("lamp")


def test_uninstall_brings_back_what_was_imported_before(monkeypatch: pytest.MonkeyPatch) -> None:
    before = type(sys)("lantern")
    monkeypatch.setitem(sys.modules, "lantern", before)
    hook.install("lantern", "microtorch")
    try:
        assert importlib.import_module("lantern") is microtorch
    finally:
        hook.uninstall("lantern")
    assert sys.modules["lantern"] is before


def test_other_imports_do_not_notice_the_hook(alias: str) -> None:
    finder = sys.meta_path[0]
    assert finder.find_spec("json", None) is None
    assert finder.find_spec("lampshade", None) is None
    assert finder.find_spec("microtorch", None) is None


def test_an_error_inside_a_module_is_not_taken_for_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "torchlike"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "fast.py").write_text("import an_extra_that_is_missing")
    monkeypatch.syspath_prepend(tmp_path)
    hook.install("lantern", "torchlike")
    try:
        with pytest.raises(ModuleNotFoundError, match="No module named 'an_extra_that_is_missing'"):
            importlib.import_module("lantern.fast")
        with pytest.raises(ModuleNotFoundError, match="microtorch has no `lantern.slow`"):
            importlib.import_module("lantern.slow")
        with pytest.raises(ImportError, match="microtorch has no `lantern.slow`"):
            exec("from lantern import slow")
        assert importlib.util.find_spec("lantern.slow") is None
    finally:
        hook.uninstall("lantern")


def test_missing_name_says_what_torchs_users_know() -> None:
    error = missing_name("microtorch.autograd", "foo")
    assert str(error) == "microtorch has no `torch.autograd.foo`"
    assert (error.name, error.obj) == ("foo", sys.modules["microtorch.autograd"])
