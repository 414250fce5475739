"""Datasets and loaders: one's own Dataset, batches, shuffling by seed and by generator, splits, collate functions."""

import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, random_split


class Squares(Dataset):
    """The pairs (i, i^2)."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError(i)
        return torch.tensor(float(i)), i * i


data = Squares(10)
print(len(data), data[3])
for x, y in DataLoader(data, batch_size=4):
    print(x, y, x.dtype, y.dtype)
print(
    "batches:",
    len(DataLoader(data, batch_size=4)),
    "without the last:",
    len(DataLoader(data, batch_size=4, drop_last=True)),
)

torch.manual_seed(0)
loader = DataLoader(data, batch_size=5, shuffle=True)
for epoch in range(2):
    print("epoch", epoch, [y.tolist() for _, y in loader])
print("a number drawn between epochs:", torch.rand(1))
print("epoch 2", [y.tolist() for _, y in loader])
torch.manual_seed(0)
print("seeded again:", [y.tolist() for _, y in loader])

g = torch.Generator()
g.manual_seed(42)
own = DataLoader(data, batch_size=10, shuffle=True, generator=g)
print("own generator:", next(iter(own))[1].tolist(), next(iter(own))[1].tolist())

torch.manual_seed(1)
train, val = random_split(data, [7, 3])
print("split:", train.indices, val.indices, len(train), val[0])
train, val, test = random_split(range(10), [0.5, 0.3, 0.2], generator=torch.Generator().manual_seed(7))
print("by fractions:", list(train), list(val), list(test))
print("subset:", [y for _, y in Subset(data, [9, 0])])

features, labels = torch.arange(6.0).reshape(3, 2), torch.tensor([0, 1, 2])
tensors = TensorDataset(features, labels)
print(len(tensors), tensors[1], next(iter(DataLoader(tensors, batch_size=2))))


class Records(Dataset):
    """Dictionaries with a text, a list and a number in each."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return {"name": f"row{i}", "pair": (i, i + 0.5), "value": torch.full((2,), i)}


print(next(iter(DataLoader(Records(), batch_size=3))))


def pad(rows):
    """Sequences of different lengths, filled with zeros to the longest."""
    longest = max(len(row) for row in rows)
    return torch.stack([torch.cat([row, torch.zeros(longest - len(row), dtype=row.dtype)]) for row in rows])


ragged = [torch.arange(1, n + 1) for n in (1, 3, 2, 4)]
for batch in DataLoader(ragged, batch_size=2, collate_fn=pad):
    print(batch)
print("batch_size=None:", [int(x.sum()) for x in DataLoader(ragged, batch_size=None)])

it = iter(DataLoader(data, batch_size=8))
next(it), next(it)
try:
    next(it)
except StopIteration:
    print("StopIteration after the last batch")
