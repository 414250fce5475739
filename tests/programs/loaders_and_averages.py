"""Datasets, samplers and collating of every kind; mixup, moving averages, schedulers in a row, early stopping."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import math
import random
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    get_worker_info,
    random_split,
)

torch.manual_seed(0)


class Words(Dataset):
    def __init__(s, n, transform=None):
        s.x = [torch.randint(1, 9, (random.Random(i).randint(1, 5),)) for i in range(n)]
        s.transform = transform

    def __len__(s):
        return len(s.x)

    def __getitem__(s, i):
        v = s.x[i]
        return (s.transform(v) if s.transform else v), {"len": len(v), "id": i, "name": f"w{i}"}


def collate(batch):
    xs, ms = zip(*batch)
    lens = torch.tensor([m["len"] for m in ms])
    return nn.utils.rnn.pad_sequence(xs, batch_first=True, padding_value=0), lens, default_collate(ms)


class Bucket(Sampler):
    def __init__(s, ds, b):
        s.ds, s.b = ds, b

    def __iter__(s):
        idx = sorted(range(len(s.ds)), key=lambda i: len(s.ds.x[i]))
        bs = [idx[i : i + s.b] for i in range(0, len(idx), s.b)]
        g = torch.Generator().manual_seed(7)
        for j in torch.randperm(len(bs), generator=g).tolist():
            yield bs[j]

    def __len__(s):
        return math.ceil(len(s.ds) / s.b)


ds = Words(11)
dl = DataLoader(ds, batch_sampler=Bucket(ds, 3), collate_fn=collate)
print(len(dl))
for x, l, m in dl:
    print(x.tolist(), l.tolist(), m["name"], m["id"].dtype)
tr, va = random_split(ds, [0.7, 0.3], generator=torch.Generator().manual_seed(1))
print(len(tr), len(va), va.indices, [Subset(ds, [1, 2])[0][1]["id"]])
ws = WeightedRandomSampler([0.1, 0.9, 0.5], 6, generator=torch.Generator().manual_seed(2))
print(
    list(ws),
    list(RandomSampler(range(4), replacement=True, num_samples=5, generator=torch.Generator().manual_seed(1))),
    list(BatchSampler(SequentialSampler(range(5)), 2, True)),
)


class Stream(IterableDataset):
    def __iter__(s):
        assert get_worker_info() is None
        yield from range(5)


print(
    [b.tolist() for b in DataLoader(Stream(), batch_size=2)],
    [b for b in DataLoader(["a", "b", "c"], batch_size=2)],
    ConcatDataset([TensorDataset(torch.arange(3)), TensorDataset(torch.arange(10, 12))])[4],
    [
        t.shape
        for t in next(
            iter(
                DataLoader(TensorDataset(torch.ones(5, 2), torch.zeros(5)), batch_size=3, shuffle=True, drop_last=True)
            )
        )
    ],
)
print(
    default_collate([{"a": 1, "b": [1.0, 2.0]}, {"a": 2, "b": [3.0, 4.0]}]),
    default_collate([(1, "x"), (2, "y")]),
    default_collate([1.5, 2]),
)
g = torch.Generator()
g.manual_seed(0)
for ep in range(2):
    print([b.tolist() for b in DataLoader(torch.arange(7), batch_size=3, shuffle=True, generator=g)])
# mixup, cutmix, EMA, early stopping, grad accumulation
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

m = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
em = AveragedModel(m, multi_avg_fn=get_ema_multi_avg_fn(0.9))
sw = AveragedModel(m)
opt = torch.optim.SGD(m.parameters(), lr=0.1)
sch = torch.optim.lr_scheduler.SequentialLR(
    opt,
    [
        torch.optim.lr_scheduler.LinearLR(opt, 0.1, total_iters=3),
        torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=5),
    ],
    milestones=[3],
)
X = torch.randn(32, 4)
Y = torch.randint(0, 3, (32,))


class Stop:
    def __init__(s, p):
        s.p, s.best, s.c = p, math.inf, 0

    def __call__(s, v):
        if v < s.best - 1e-3:
            s.best, s.c = v, 0
            return False
        s.c += 1
        return s.c >= s.p


st = Stop(2)
for ep in range(8):
    lam = torch.distributions.Beta(0.4, 0.4).sample().item()
    pm = torch.randperm(32)
    xm = lam * X + (1 - lam) * X[pm]
    o = m(xm)
    l = lam * F.cross_entropy(o, Y) + (1 - lam) * F.cross_entropy(o, Y[pm])
    (l / 2).backward()
    if ep % 2:
        opt.step()
        opt.zero_grad()
        em.update_parameters(m)
        sw.update_parameters(m)
    sch.step()
    print(ep, f"{lam:.3f} {l.item():.4f}", [f"{v:.4f}" for v in sch.get_last_lr()], st(l.item()))
update_bn(DataLoader(TensorDataset(X), batch_size=8), sw)
print(sw.n_averaged, sw.module[1].running_mean, em(X).shape, list(em.state_dict())[:2])
print(sch.state_dict()["_milestones"], opt.state_dict()["param_groups"][0]["initial_lr"])
print(opt)
print(sch.__class__.__name__)
