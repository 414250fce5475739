"""Early stopping, the best weights, and a run that is stopped and taken up again: the same numbers as an unbroken one."""

import copy
import os
import random
import shutil

import numpy as np
import torch
import torch.nn as nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, LinearLR, ReduceLROnPlateau, SequentialLR, StepLR
from torch.utils.data import DataLoader, TensorDataset


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    os.environ["PYTHONHASHSEED"] = str(seed)


class EarlyStopping:
    def __init__(self, patience=3, delta=0.0, path="checkpoint.pt"):
        self.patience, self.delta, self.path = patience, delta, path
        self.counter, self.best_score, self.early_stop, self.val_loss_min = 0, None, False, np.inf

    def __call__(self, val_loss, model):
        score = -val_loss
        if self.best_score is None or score > self.best_score + self.delta:
            self.best_score = score
            print(f"Validation loss decreased ({self.val_loss_min:.4f} --> {val_loss:.4f}).  Saving model ...")
            torch.save(model.state_dict(), self.path)
            self.val_loss_min, self.counter = val_loss, 0
        else:
            self.counter += 1
            print(f"EarlyStopping counter: {self.counter} out of {self.patience}")
            self.early_stop = self.counter >= self.patience


set_seed(0)
x = torch.randn(96, 6)
y = (x @ torch.tensor([[1.0], [-2.0], [0.5], [0.0], [0.0], [1.0]])).tanh() + 0.3 * torch.randn(96, 1)
train, val = TensorDataset(x[:48], y[:48]), (x[48:], y[48:])


def build():
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(32), nn.Linear(32, 1))
    optimizer = AdamW(model.parameters(), lr=0.02)
    warmup = LinearLR(optimizer, start_factor=0.1, total_iters=3)
    scheduler = SequentialLR(
        optimizer, [warmup, CosineAnnealingWarmRestarts(optimizer, T_0=4, T_mult=2)], milestones=[3]
    )
    return model, optimizer, scheduler


def train_epoch(model, optimizer, scheduler, loader):
    model.train()
    total = 0.0
    for xb, yb in loader:
        loss = nn.functional.mse_loss(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    scheduler.step()
    return total / len(loader.dataset)


def save_checkpoint(state, is_best, filename="last.pth.tar"):
    torch.save(state, filename)
    if is_best:
        shutil.copyfile(filename, "model_best.pth.tar")


def run(epochs, stop_at=None, resume=None):
    set_seed(1)
    model, optimizer, scheduler = build()
    loader = DataLoader(train, batch_size=16, shuffle=True)
    start = 0
    if resume:
        checkpoint = torch.load(resume, map_location="cpu", weights_only=False)
        start = checkpoint["epoch"]
        model.load_state_dict(checkpoint["state_dict"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        scheduler.load_state_dict(checkpoint["scheduler"])
        torch.set_rng_state(checkpoint["rng"])
        random.setstate(checkpoint["python_rng"])
        print("=> loaded checkpoint '{}' (epoch {})".format(resume, checkpoint["epoch"]))
    for epoch in range(start, epochs):
        loss = train_epoch(model, optimizer, scheduler, loader)
        print(f"epoch {epoch} loss {loss:.4f} lr {scheduler.get_last_lr()[0]:.5f}")
        if epoch + 1 == stop_at:
            state = {
                "epoch": epoch + 1,
                "state_dict": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(),
                "rng": torch.get_rng_state(),
                "python_rng": random.getstate(),
            }
            save_checkpoint(state, is_best=True)
            return model
    return model


whole = run(6)
run(6, stop_at=3)
resumed = run(6, resume="last.pth.tar")
pairs = zip(whole.state_dict().items(), resumed.state_dict().values())
print("the resumed run is the unbroken one:", all(torch.equal(a, b) for (_, a), b in pairs))
print(sorted(torch.load("model_best.pth.tar", weights_only=True)))

set_seed(2)
model, optimizer, _ = build()
plateau = ReduceLROnPlateau(optimizer, mode="min", factor=0.5, patience=1)
stopping = EarlyStopping(patience=3, delta=1e-3)
best = copy.deepcopy(model.state_dict())
for epoch in range(40):
    train_epoch(
        model, optimizer, StepLR(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1), 1), DataLoader(train, 16, True)
    )
    model.eval()
    with torch.no_grad():
        val_loss = nn.MSELoss()(model(val[0]), val[1]).item()
    plateau.step(val_loss)
    stopping(val_loss, model)
    if stopping.early_stop:
        print("Early stopping")
        break
print(f"lr {optimizer.param_groups[0]['lr']:.6f}, bad epochs {plateau.num_bad_epochs}")
print(model.load_state_dict(torch.load("checkpoint.pt")))
try:
    model.load_state_dict({"0.weight": torch.zeros(3, 3), "extra": torch.zeros(1)})
except RuntimeError as error:
    print(error)
