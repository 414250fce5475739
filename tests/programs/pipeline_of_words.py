"""A data pipeline of one's own: Dataset, collate, samplers, random_split, subsets, concatenation, worker seeds, errors."""

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)


class Words(Dataset):
    words = "the quick brown fox jumps over a lazy dog while seven wizards vex big quilts".split()

    def __len__(self):
        return len(self.words)

    def __getitem__(self, i):
        w = self.words[i]
        return {
            "ids": torch.tensor([ord(c) - 97 for c in w]),
            "len": len(w),
            "word": w,
            "frac": np.float32(len(w) / 10),
        }


def collate(batch):
    batch = sorted(batch, key=lambda b: -b["len"])
    ids = pad_sequence([b["ids"] for b in batch], batch_first=True, padding_value=-1)
    return ids, torch.tensor([b["len"] for b in batch]), [b["word"] for b in batch]


class ByLength(Sampler):
    def __init__(self, data, size, generator=None):
        self.data, self.size, self.generator = data, size, generator

    def __iter__(self):
        order = sorted(range(len(self.data)), key=lambda i: (self.data[i]["len"], i))
        batches = [order[i : i + self.size] for i in range(0, len(order), self.size)]
        for j in torch.randperm(len(batches), generator=self.generator).tolist():
            yield batches[j]

    def __len__(self):
        return -(-len(self.data) // self.size)


data = Words()
g = torch.Generator().manual_seed(0)
train, val, test = random_split(data, [0.7, 0.2, 0.1], generator=g)
print(len(train), len(val), len(test), list(train.indices), type(train).__name__)
for ids, lens, words in DataLoader(train, batch_size=4, shuffle=True, collate_fn=collate, generator=g):
    print(ids, lens, words)
for batch in DataLoader(data, batch_sampler=ByLength(data, 5, torch.Generator().manual_seed(2)), collate_fn=collate):
    print(batch[0].shape, batch[2])
same = [d for d in data if d["len"] == 5]
print(default_collate(same))
try:
    default_collate([data[0], data[5]])
except RuntimeError as e:
    print("RuntimeError:", e)
for bad in ([object()], [{"a": 1}, {"b": 1}], [[1, 2], [1]]):
    try:
        print(default_collate(bad))
    except Exception as e:
        print(type(e).__name__, str(e)[:90].replace(hex(id(bad)), ""))
print(default_collate([(1, 2.5, "a", True, np.arange(2)), (3, 4.5, "b", False, np.arange(2))]))

labels = torch.tensor([0] * 8 + [1] * 2)
weights = (1.0 / torch.bincount(labels).float())[labels]
sampler = WeightedRandomSampler(weights, 12, generator=torch.Generator().manual_seed(5))
print(list(sampler), len(sampler))
print(list(SubsetRandomSampler([3, 1, 4, 1, 5], generator=torch.Generator().manual_seed(1))))
print(list(RandomSampler(range(5), replacement=True, num_samples=7, generator=torch.Generator().manual_seed(1))))
print(
    list(BatchSampler(SequentialSampler(range(7)), 3, drop_last=True)),
    list(BatchSampler(SequentialSampler(range(7)), 3, False)),
)
both = ConcatDataset([TensorDataset(torch.arange(3)), TensorDataset(torch.arange(10, 12))])
print([both[i] for i in range(-2, 5)], both.cumulative_sizes)
print(StackDataset(torch.arange(3), labels[:3])[1], StackDataset(x=torch.arange(3), y=labels[:3])[2])


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        assert info is None
        yield from (torch.tensor([i, i * i]) for i in range(self.n))


print([b.tolist() for b in DataLoader(Stream(5), batch_size=2)])
print([b.tolist() for b in DataLoader(ChainDataset([Stream(2), Stream(1)]), batch_size=None)])
loader = DataLoader(TensorDataset(torch.arange(10.0).reshape(5, 2), torch.arange(5)), batch_size=2, drop_last=True)
print(len(loader), len(loader.dataset), loader.batch_size, loader.drop_last, type(loader.sampler).__name__)
it = iter(loader)
print(next(it), next(it))
print(next(it, "the end"))
for kw in (
    {"batch_size": 2, "shuffle": True, "sampler": SequentialSampler(range(5))},
    {"batch_sampler": [[0]], "batch_size": 4},
    {"batch_size": None, "drop_last": True},
    {"num_workers": -1},
    {"batch_size": 0},
    {"prefetch_factor": 2},
):
    try:
        DataLoader(loader.dataset, **kw)
    except Exception as e:
        print(type(e).__name__, e)
for f in (
    lambda: random_split(range(5), [2, 2]),
    lambda: TensorDataset(torch.ones(2), torch.ones(3)),
    lambda: len(DataLoader(Stream(3))),
    lambda: DataLoader(Stream(3), shuffle=True),
    lambda: Subset(data, [0, 99])[1],
    lambda: random_split(range(5), [0.5, 0.6]),
    lambda: WeightedRandomSampler(weights, 0),
    lambda: RandomSampler([]),
    lambda: both[9],
):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, e)
