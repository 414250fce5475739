"""DistributedSampler, as in `torch.utils.data.distributed`."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Sized

from microtorch.kernels.random import Stream
from microtorch.utils.data.sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """The indices of one of several processes: of the order that all share, each takes every num_replicas-th.

    The order is made from `seed` plus the epoch (`set_epoch`). If the numbers do not divide, the first indices are
    used twice, or the last ones left out with `drop_last`.
    Without `num_replicas` or `rank` those of the process group are taken (`torch.distributed`).
    Raises ValueError for a rank out of range, and if there is no process group to ask.
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None:
            num_replicas = importlib.import_module("microtorch.distributed").get_world_size()
        if rank is None:
            rank = importlib.import_module("microtorch.distributed").get_rank()
        assert num_replicas is not None and rank is not None
        if rank >= num_replicas or rank < 0:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        order = Stream(self.seed + self.epoch).randperm(n).tolist() if self.shuffle else list(range(n))
        if self.total_size > n:
            order = (order * math.ceil(self.total_size / n))[: self.total_size]
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Make the next order another one; to be called with the same number in all processes."""
        self.epoch = epoch
