"""Learn to read handwritten digits: a three-layer perceptron on 1,797 images of 8x8 pixels.

Plain PyTorch: it runs on PyTorch (`python digits_mlp.py`) and on microtorch (`python -m microtorch run digits_mlp.py`)
without an edit, and prints the same numbers. Needs tqdm and matplotlib for the progress bar and the picture.

Writes into the folder given by --out:
    digits_mlp.pt    the trained weights, for model.load_state_dict(torch.load(...))
    digits_mlp.png   loss and accuracy per epoch
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split
from tqdm import tqdm

plt.switch_backend("Agg")  # draw into files: no window, no display needed
DATA = Path(__file__).resolve().parent / "data" / "digits.csv.gz"


class MLP(nn.Module):
    """64 pixels -> 128 -> 64 -> 10 scores, one for each digit."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 128),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, x):
        return self.layers(x)


def load_digits():
    """The images as (1797, 64) floats in 0..1, with their labels, (1797,) integers in 0..9."""
    table = np.loadtxt(DATA, delimiter=",", dtype=np.float32)
    pixels = torch.from_numpy(table[:, :64]) / 16.0
    labels = torch.from_numpy(table[:, 64].astype(np.int64))
    return TensorDataset(pixels, labels)


def train_epoch(model, loader, loss_fn, optimizer, progress):
    """Show every training image to the model once; returns the mean loss and the accuracy on the way."""
    model.train()
    total_loss, correct, count = 0.0, 0, 0
    for pixels, labels in loader:
        scores = model(pixels)
        loss = loss_fn(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(labels)
        correct += (scores.argmax(dim=1) == labels).sum().item()
        count += len(labels)
        progress.update()
    return total_loss / count, correct / count


@torch.no_grad()
def evaluate(model, loader, loss_fn):
    """Mean loss and accuracy on images that the model is not trained on."""
    model.eval()
    total_loss, correct, count = 0.0, 0, 0
    for pixels, labels in loader:
        scores = model(pixels)
        total_loss += loss_fn(scores, labels).item() * len(labels)
        correct += (scores.argmax(dim=1) == labels).sum().item()
        count += len(labels)
    return total_loss / count, correct / count


def draw_history(history, path):
    """One picture, two panels: the loss and the accuracy per epoch, in training and in the test."""
    epochs = range(1, len(history) + 1)
    train_loss, train_accuracy, test_loss, test_accuracy = zip(*history)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.plot(epochs, train_loss, label="train")
    left.plot(epochs, test_loss, label="test")
    left.set(title="Cross-entropy loss", xlabel="epoch", yscale="log")
    right.plot(epochs, [100 * a for a in train_accuracy], label="train")
    right.plot(epochs, [100 * a for a in test_accuracy], label="test")
    right.set(title="Accuracy", xlabel="epoch", ylabel="%")
    for panel in (left, right):
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(alpha=0.3)
        panel.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description="Train a small network to read 8x8 handwritten digits.")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the weights and the picture")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=4e-3, help="first learning rate of Adam")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(args.seed)
    train_set, test_set = random_split(load_digits(), [1437, 360])
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=len(test_set))
    model = MLP()
    print(model)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    print(f"{len(train_set):,} images to learn from, {len(test_set)} to test on\n")

    loss_fn = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)  # the rate falls to 0 by the end
    history = []
    print("epoch | train loss  accuracy | test loss  accuracy")
    with tqdm(total=args.epochs * len(train_loader), unit="batch") as progress:
        for epoch in range(1, args.epochs + 1):
            train = train_epoch(model, train_loader, loss_fn, optimizer, progress)
            test = evaluate(model, test_loader, loss_fn)
            scheduler.step()
            history.append(train + test)
            progress.write(f"{epoch:5d} | {train[0]:10.4f}  {train[1]:8.2%} | {test[0]:9.4f}  {test[1]:8.2%}")

    weights, picture = args.out / "digits_mlp.pt", args.out / "digits_mlp.png"
    torch.save(model.state_dict(), weights)
    draw_history(history, picture)
    print(f"\ntest accuracy {history[-1][3]:.2%}")
    print(f"weights -> {weights}")
    print(f"picture -> {picture}")


if __name__ == "__main__":
    main()
