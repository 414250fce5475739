"""Datasets and samplers of one's own: collate_fn, a balanced sampler, buckets by length, streams, folds, workers."""

import math
import random

import numpy as np
import torch
from torch.utils.data import (
    BatchSampler, ChainDataset, ConcatDataset, DataLoader, Dataset, IterableDataset, RandomSampler, Sampler,
    SequentialSampler, StackDataset, Subset, SubsetRandomSampler, TensorDataset, WeightedRandomSampler, default_collate,
    get_worker_info, random_split,
)  # fmt: skip


class Sentences(Dataset):
    """Sequences of different lengths with labels, as dictionaries."""

    def __init__(self, n, transform=None):
        rng = np.random.RandomState(0)
        self.items = [rng.randint(1, 20, size=rng.randint(2, 9)) for _ in range(n)]
        self.transform = transform

    def __len__(self):
        return len(self.items)

    def __getitem__(self, idx):
        if torch.is_tensor(idx):
            idx = idx.tolist()
        sample = {"ids": self.items[idx], "label": int(self.items[idx].sum() % 2), "name": f"s{idx}"}
        return self.transform(sample) if self.transform else sample


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, sample):
        for t in self.transforms:
            sample = t(sample)
        return sample


class Truncate:
    def __init__(self, n):
        self.n = n

    def __call__(self, sample):
        return {**sample, "ids": sample["ids"][: self.n]}


class ToTensor:
    def __call__(self, sample):
        return {**sample, "ids": torch.from_numpy(sample["ids"])}


def pad_collate(batch):
    lengths = torch.tensor([len(b["ids"]) for b in batch])
    ids = torch.zeros(len(batch), int(lengths.max()), dtype=torch.long)
    for i, b in enumerate(batch):
        ids[i, : lengths[i]] = b["ids"]
    mask = torch.arange(ids.size(1))[None, :] < lengths[:, None]
    return {
        "ids": ids,
        "mask": mask,
        "label": torch.tensor([b["label"] for b in batch]),
        "name": [b["name"] for b in batch],
    }


class BucketSampler(Sampler):
    def __init__(self, lengths, batch_size):
        self.lengths, self.batch_size = lengths, batch_size

    def __iter__(self):
        order = sorted(range(len(self.lengths)), key=lambda i: self.lengths[i])
        batches = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        for i in torch.randperm(len(batches)).tolist():
            yield batches[i]

    def __len__(self):
        return math.ceil(len(self.lengths) / self.batch_size)


class Range(IterableDataset):
    def __init__(self, start, end):
        super().__init__()
        self.start, self.end = start, end

    def __iter__(self):
        info = get_worker_info()
        if info is None:
            lo, hi = self.start, self.end
        else:
            per_worker = int(math.ceil((self.end - self.start) / float(info.num_workers)))
            lo = self.start + info.id * per_worker
            hi = min(lo + per_worker, self.end)
        return iter(range(lo, hi))


def seed_worker(worker_id):
    worker_seed = torch.initial_seed() % 2**32
    np.random.seed(worker_seed)
    random.seed(worker_seed)


class Noisy(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        return i, torch.rand(()).item(), random.random(), np.random.rand()


if __name__ == "__main__":
    torch.manual_seed(0)
    data = Sentences(10, Compose([Truncate(6), ToTensor()]))
    for batch in DataLoader(data, batch_size=4, shuffle=True, collate_fn=pad_collate):
        print(batch["ids"], batch["mask"].sum(1), batch["label"], batch["name"])
    for batch in DataLoader(
        data, batch_sampler=BucketSampler([len(s["ids"]) for s in data], 4), collate_fn=pad_collate
    ):
        print(batch["ids"].shape, end=" ")
    print()
    labels = torch.tensor([0] * 90 + [1] * 10)
    weights = 1.0 / torch.bincount(labels).float()
    sampler = WeightedRandomSampler(weights[labels], num_samples=100, replacement=True)
    drawn = torch.cat([y for (y,) in DataLoader(TensorDataset(labels), batch_size=25, sampler=sampler)])
    print("balanced:", torch.bincount(drawn).tolist(), list(sampler)[:5])
    g = torch.Generator().manual_seed(5)
    train, valid, test = random_split(range(20), [0.6, 0.25, 0.15], generator=g)
    print(len(train), len(valid), len(test), list(test), [train[i] for i in range(3)])
    folds = torch.randperm(12, generator=g).chunk(3)
    for k, held_out in enumerate(folds):
        rest = torch.cat([f for j, f in enumerate(folds) if j != k])
        loader = DataLoader(list(range(12)), batch_size=8, sampler=SubsetRandomSampler(rest.tolist(), generator=g))
        print("fold", k, held_out.tolist(), [b.tolist() for b in loader])
    print(
        list(BatchSampler(SequentialSampler(range(7)), 3, drop_last=True)), list(RandomSampler(range(4), num_samples=6))
    )
    print(list(RandomSampler(range(4), replacement=True, num_samples=6, generator=g)))
    both = ConcatDataset([Subset(range(10), [1, 3]), list("ab")])
    print(len(both), both[-1], both.cumulative_sizes, list(ChainDataset([Range(0, 3), Range(7, 9)])))
    stack = StackDataset(a=range(3), b=list("xyz"))
    print(stack[1], len(stack), next(iter(DataLoader(stack, batch_size=2))))
    print(default_collate([{"a": [1, 2.0], "b": np.float32(3)}, {"a": [3, 4.0], "b": np.float32(5)}]))
    print([b.tolist() for b in DataLoader(Range(3, 10), batch_size=2, drop_last=True)])
    print(sorted(sum([b.tolist() for b in DataLoader(Range(3, 10), batch_size=2, num_workers=2)], [])))
    loader = DataLoader(
        Noisy(), batch_size=2, num_workers=2, worker_init_fn=seed_worker, generator=g, persistent_workers=True
    )
    for epoch in range(2):
        for i, t, p, n in loader:
            print(i, t.round(decimals=4), p.round(decimals=4), n.round(decimals=4))
    for a, b in zip(DataLoader(range(5)), DataLoader(range(5), shuffle=True, batch_size=None)):
        print(a, b, end="; ")
    print()
    for arguments in ({"shuffle": True, "sampler": [1]}, {"batch_size": 0}, {"num_workers": -1}):
        try:
            DataLoader(range(3), **arguments)
        except ValueError as error:
            print("ValueError:", error)
    try:
        default_collate([object()])
    except TypeError as error:
        print("TypeError:", error)
    try:
        list(DataLoader([torch.zeros(1), torch.zeros(2)], batch_size=2))
    except RuntimeError as error:
        print("RuntimeError:", error)
