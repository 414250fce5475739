"""`microtorch.summary` prints what the package torchinfo prints for the same model under PyTorch."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import pytest
import torch
import torch.nn.utils.prune

import microtorch
import microtorch.nn.utils.prune

torchinfo = pytest.importorskip("torchinfo")

MODELS = """
class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.act, self.second = nn.Linear(20, 50), nn.Tanh(), nn.Linear(50, 3, bias=False)
    def forward(self, x, scale=1.0):
        return self.second(self.act(self.first(x))) * scale

class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                                      nn.Conv2d(8, 16, (3, 1), groups=2, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))
    def forward(self, x):
        return self.head(self.features(x))

class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
        self.relu = nn.ReLU(inplace=True)
        self.down = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b)) if stride > 1 else None
    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.down is None else self.down(x)))

class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 7, 2, 3)
        self.layer1 = nn.Sequential(Block(8, 8, 1), Block(8, 8, 1))
        self.layer2 = nn.Sequential(Block(8, 16, 2), Block(16, 16, 1))
        self.fc = nn.Linear(16, 5)
    def forward(self, x):
        return self.fc(self.layer2(self.layer1(self.stem(x))).mean((2, 3)))

class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm = nn.Embedding(30, 12), nn.LSTM(12, 16, 2, batch_first=True, bidirectional=True)
        self.out = nn.Linear(32, 4)
    def forward(self, x):
        y, (h, c) = self.lstm(self.embed(x))
        return {"scores": self.out(y), "last": h}

class Recursive(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(6, 6)
        self.again = self.lin
        self.frozen = nn.Linear(6, 6).requires_grad_(False)
        self.partly = nn.Linear(6, 2)
        self.partly.bias.requires_grad_(False)
    def forward(self, x):
        return self.partly(self.frozen(self.again(self.lin(self.lin(x)))))

class Lists(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(7))
        self.layers = nn.ModuleList([nn.ModuleDict({"a": nn.Linear(7, 7), "b": nn.Sequential(nn.Linear(7, 7), nn.ReLU())})
                                     for _ in range(2)])
        self.unused = nn.Linear(3, 3)
        self.weights = nn.ParameterList([nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(3))])
    def forward(self, x):
        for layer in self.layers:
            x = layer["b"](layer["a"](x)) * self.scale
        return x

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(4, 6), nn.Bilinear(4, 3, 6)
    def forward(self, x, y, extra=None):
        return [self.left(x), self.right(x, y)] + ([] if extra is None else [extra])

class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = MLP()
        self.heads = nn.ModuleList(nn.Linear(3, n) for n in (1, 2))
    def forward(self, batch):
        y = self.inner(batch["x"])
        return tuple(head(y) for head in self.heads)

class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.lazy, self.flat = nn.LazyLinear(5), nn.LazyConv1d(4, 3)
    def forward(self, x):
        return self.lazy(self.flat(x))

class Pruned(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(8, 8)
        prune.random_unstructured(self.lin, "weight", amount=0.5)
    def forward(self, x):
        return self.lin(x)
"""

CASES = [
    "MLP(), input_size=(16, 20)",
    "MLP(), input_size=[20], batch_dim=0",
    "MLP()",
    "MLP(), col_names=('num_params', 'trainable', 'params_percent', 'kernel_size')",
    "MLP(), input_data=torch.ones(2, 20), scale=2.0, mode='train'",
    "MLP(), input_data=torch.ones(2, 20), verbose=2, row_settings=('var_names',)",
    "MLP(), input_data={'x': torch.ones(2, 20), 'scale': 3.0}",
    "CNN(), input_size=(2, 3, 16, 16)",
    "CNN(), input_size=(2, 3, 16, 16), depth=1",
    "CNN(), input_size=(2, 3, 16, 16), depth=0",
    "CNN(), input_size=(3, 16, 16), batch_dim=0, verbose=2, col_names=ALL, col_width=18, row_settings=('depth', 'var_names')",
    "CNN(), input_size=(2, 3, 16, 16), row_settings=('ascii_only', 'depth')",
    "CNN(), input_size=(2, 3, 16, 16), dtypes=[torch.float32], device='cpu'",
    "ResNet(), input_size=(1, 3, 64, 64)",
    "ResNet(), input_size=(4, 3, 64, 64), depth=2, col_names=ALL",
    "ResNet(), input_size=(1, 3, 64, 64), row_settings=('depth', 'hide_recursive_layers')",
    "ResNet(), depth=4, verbose=2",
    "Tagger(), input_data=torch.zeros(3, 9, dtype=torch.long), col_names=ALL",
    "Tagger(), input_size=(3, 9), dtypes=[torch.long], verbose=2",
    "Recursive(), input_size=(3, 6), col_names=ALL",
    "Recursive()",
    "Lists(), input_size=(3, 7), depth=4",
    "Lists(), input_size=(3, 7), depth=1, col_names=ALL",
    "Lists(), verbose=2, depth=5",
    "Two(), input_size=[(5, 4), (5, 3)], col_names=ALL",
    "Two(), input_size=((4,), (3,)), batch_dim=0",
    "Two(), input_data=[torch.ones(5, 4), torch.ones(5, 3)], extra=torch.ones(2)",
    "Shared(), input_data=[{'x': torch.ones(6, 20)}], col_names=ALL",
    "Lazy(), input_size=(2, 3, 10)",
    "Pruned(), input_size=(2, 8), verbose=2",
    "nn.Linear(2, 3), input_size=(1, 2)",
    "nn.Transformer(16, 2, 1, 2, 32, batch_first=True), input_size=[(2, 5, 16), (2, 4, 16)]",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32), 3), input_data=torch.ones(5, 2, 16), depth=5, mode='train'",
    "nn.GRU(4, 8), input_size=(6, 2, 4), verbose=2",
    "nn.Sequential(nn.Identity(), nn.Sequential(nn.Sequential(nn.Linear(2000, 3000)))), input_size=(1, 2000), depth=9, col_names=ALL",
    "nn.Identity(), input_size=(4, 4)",
    # what is refused
    "MLP(), input_size=(16, 20), input_data=torch.ones(2, 20)",
    "MLP(), input_size=(16, 0)",
    "MLP(), input_size=3",
    "MLP(), col_width=0",
    "MLP(), verbose=3",
    "MLP(), col_names=('output_size',)",
    "MLP(), col_names=('colour',)",
    "MLP(), input_size=(16, 7)",
]  # fmt: skip


def text(code: str, library: Any, summary: Any) -> str:
    scope = {
        "torch": library,
        "nn": library.nn,
        "prune": library.nn.utils.prune,
        "summary": summary,
        "ALL": ("input_size", "output_size", "num_params", "params_percent", "kernel_size", "mult_adds", "trainable"),
    }
    library.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(MODELS, scope)
        try:
            exec(f"result = summary({code})", scope)
        except Exception as error:
            return type(error).__name__
    r = scope["result"]
    numbers = (
        r.total_params,
        r.trainable_params,
        r.total_mult_adds,
        r.total_param_bytes,
        r.total_output_bytes,
        r.input_size,
    )
    return plain(f"{r!r}\n{numbers}")


def plain(text: str) -> str:
    """Without torchinfo's slip since Python 3.11, where its enum's members are formatted by their names: (M) is meant."""
    for unit in ("MEGABYTES", "GIGABYTES", "TERABYTES"):
        text = text.replace(f"Units.{unit}", unit[0])
    return text


@pytest.mark.parametrize("code", CASES)
def test_the_text_is_torchinfos(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = text(code, torch, torchinfo.summary), plain(capsys.readouterr().out)
    ours = text(code, microtorch, microtorch.summary), capsys.readouterr().out
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]


def test_a_module_is_left_as_it_was() -> None:
    model = microtorch.nn.Sequential(microtorch.nn.Linear(3, 3), microtorch.nn.Dropout())
    model.train()[1].eval()
    microtorch.summary(model, input_size=(2, 3), verbose=0)
    assert model.training and not model[1].training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_torchinfo_itself_runs(tmp_path: Any) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\nfrom torch import nn\nfrom torch.nn.utils import prune\nfrom torchinfo import summary\n"
        + MODELS + "summary(CNN(), input_size=(2, 3, 16, 16))\nsummary(Lists(), input_size=(3, 7))\n"
    )  # fmt: skip
    runs = [[sys.executable, str(script)], [sys.executable, "-m", "microtorch", "run", str(script)]]
    theirs, ours = (subprocess.run(c, capture_output=True, text=True, timeout=120) for c in runs)
    assert ours.stdout and ours.stdout == theirs.stdout, ours.stderr
