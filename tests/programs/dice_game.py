"""The game of three dice: a sum of 11 or more is "big". A network learns the rule from rolls alone."""

import itertools

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(42)
rolls = torch.randint(1, 7, (1000, 3))
big = (rolls.sum(dim=1) >= 11).float()
print("first rolls:", rolls[:5].tolist())
print("their sums: ", rolls[:5].sum(dim=1).tolist())
print("big:        ", big[:5].tolist())
print(f"share of big rolls: {big.mean().item():.3f}\n")


def encode(dice):
    """Dice faces 1..6 to numbers around zero."""
    return (dice.float() - 3.5) / 2


loader = DataLoader(TensorDataset(encode(rolls), big), batch_size=50, shuffle=True)
model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(1, 21):
    total = 0.0
    for dice, target in loader:
        score = model(dice).squeeze(1)
        loss = criterion(score, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(dice)
    if epoch % 4 == 0:
        print(f"epoch {epoch:2d}  loss {total / len(rolls):.4f}")

# All 216 rolls there are, most of them seen, some not.
every_roll = torch.tensor(list(itertools.product(range(1, 7), repeat=3)))
truth = every_roll.sum(dim=1) >= 11
with torch.no_grad():
    probability = torch.sigmoid(model(encode(every_roll))).squeeze(1)
guess = probability > 0.5
print(f"\nright on {int((guess == truth).sum())} of {len(every_roll)} rolls")
print(f"big by the rule: {int(truth.sum())} of {len(every_roll)}")

print("\nsum  big?  mean probability")
sums = every_roll.sum(dim=1)
for total in range(3, 19):
    p = probability[sums == total].mean().item()
    print(f"{total:3d}  {'yes' if total >= 11 else 'no':4s}  {p:.3f}")
