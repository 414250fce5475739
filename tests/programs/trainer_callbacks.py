"""A trainer with callbacks and a registry: metrics, mixed-precision guards, accumulation, checkpointing, profiles of shapes."""

import inspect
import logging
import os
import sys
import tempfile
import warnings
from collections import defaultdict
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Dataset, TensorDataset

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger("trainer")
warnings.filterwarnings("ignore")


@dataclass
class Config:
    lr: float = 0.05
    epochs: int = 3
    batch_size: int = 16
    accumulate: int = 2
    device: torch.device = field(default_factory=lambda: torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    amp: bool = torch.cuda.is_available()
    optimizer: Callable[..., Optimizer] = partial(torch.optim.SGD, momentum=0.9)


class HyperParameters:
    def save_hyperparameters(self, ignore=()):
        frame = inspect.currentframe().f_back
        _, _, _, local_vars = inspect.getargvalues(frame)
        self.hparams = {k: v for k, v in local_vars.items() if k not in {*ignore, "self"} and not k.startswith("_")}
        for k, v in self.hparams.items():
            setattr(self, k, v)


class Net(nn.Module, HyperParameters):
    def __init__(self, n_in: int, hidden: int, classes: int, recompute: bool = False):
        super().__init__()
        self.save_hyperparameters(ignore=["classes", "__class__"])
        self.block = nn.Sequential(
            nn.Linear(n_in, hidden), nn.LayerNorm(hidden), nn.GELU("tanh"), nn.Linear(hidden, hidden)
        )
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        h = checkpoint(self.block, x, use_reentrant=False) if self.recompute and self.training else self.block(x)
        return self.head(F.relu(h))


class AverageMeter:
    def __init__(self):
        self.reset()

    def reset(self):
        self.sum = self.count = 0.0

    def update(self, val, n=1):
        self.sum += float(val) * n
        self.count += n

    @property
    def avg(self):
        return self.sum / max(self.count, 1)


class Callback:
    def on_epoch_end(self, trainer: "Trainer", epoch: int) -> None: ...

    def on_batch_end(self, trainer: "Trainer", loss: Tensor) -> None: ...


class History(Callback):
    def __init__(self):
        self.values: Dict[str, List[float]] = defaultdict(list)

    def on_epoch_end(self, trainer, epoch):
        for name, meter in trainer.meters.items():
            self.values[name].append(round(meter.avg, 3))


class GradNorm(Callback):
    def on_batch_end(self, trainer, loss):
        grads = [p.grad.detach().flatten() for p in trainer.model.parameters() if p.grad is not None]
        trainer.meters["grad"].update(torch.cat(grads).norm())


class Checkpoint(Callback):
    def __init__(self, folder: Path):
        self.folder = folder

    def on_epoch_end(self, trainer, epoch):
        path = self.folder / f"epoch{epoch}.pt"
        torch.save({"model": trainer.model.state_dict(), "hparams": trainer.model.hparams, "epoch": epoch}, path)
        for old in sorted(self.folder.glob("epoch*.pt"))[:-2]:
            os.remove(old)


class Trainer:
    def __init__(self, model: nn.Module, config: Config, callbacks: Optional[List[Callback]] = None):
        self.model, self.config, self.callbacks = model.to(config.device), config, callbacks or []
        self.optimizer = config.optimizer(model.parameters(), lr=config.lr)
        self.scaler = torch.amp.GradScaler("cuda", enabled=config.amp)
        self.meters: Dict[str, AverageMeter] = defaultdict(AverageMeter)

    def fit(self, train: Dataset, valid: Tuple[Tensor, Tensor]) -> Any:
        loader = DataLoader(train, batch_size=self.config.batch_size, shuffle=True, drop_last=True, pin_memory=False)
        for epoch in range(self.config.epochs):
            self.meters.clear()
            self.model.train()
            for i, batch in enumerate(loader):
                x, y = (t.to(self.config.device, non_blocking=True) for t in batch)
                with torch.autocast("cuda") if self.config.amp else nullcontext():
                    loss = F.cross_entropy(self.model(x), y) / self.config.accumulate
                self.scaler.scale(loss).backward()
                self.meters["loss"].update(loss.item() * self.config.accumulate, len(x))
                if (i + 1) % self.config.accumulate == 0:
                    for cb in self.callbacks:
                        cb.on_batch_end(self, loss)
                    self.scaler.unscale_(self.optimizer)
                    nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                    self.scaler.step(self.optimizer)
                    self.scaler.update()
                    self.optimizer.zero_grad()
            self.model.eval()
            with torch.inference_mode():
                self.meters["valid"].update((self.model(valid[0]).argmax(-1) == valid[1]).float().mean())
            for cb in self.callbacks:
                cb.on_epoch_end(self, epoch)
            log.info("epoch %d %s", epoch, {k: f"{m.avg:.3f}" for k, m in sorted(self.meters.items())})
        return self


torch.manual_seed(0)
x = torch.randn(160, 6)
y = (x @ torch.randn(6, 3)).argmax(1)
data, valid = TensorDataset(x[:128], y[:128]), (x[128:], y[128:])
config = Config()
print({k: str(v) for k, v in asdict(config).items() if k != "optimizer"})
results = []
with tempfile.TemporaryDirectory() as folder:
    for recompute in (False, True):
        torch.manual_seed(1)
        history = History()
        Trainer(Net(6, 16, 3, recompute), config, [GradNorm(), history, Checkpoint(Path(folder))]).fit(data, valid)
        results.append(dict(history.values))
    print(sorted(os.listdir(folder)))
    saved = torch.load(Path(folder) / "epoch2.pt", weights_only=True)
    print(saved["hparams"], saved["epoch"])
    model = Net(**saved["hparams"], classes=3)
    print(model.load_state_dict(saved["model"]), torch.equal(model.head.bias, saved["model"]["head.bias"]))
print("recomputing changes nothing:", results[0] == results[1])
with torch.inference_mode():
    out = model(x[:1])
print(out.requires_grad, out.is_inference())
model2 = nn.Sequential(*[nn.Linear(6, 6) for _ in range(3)])
model2.load_state_dict({k: torch.zeros_like(v) for k, v in model2.state_dict().items()}, assign=True)
print(sum(p.sum() for p in model2.parameters()), torch.nn.utils.parameters_to_vector(model2.parameters()).shape)
