"""From indices to a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.autograd.state import wrap
from microtorch.utils.data._utils.collate import default_collate
from microtorch.utils.data.dataset import Subset, TensorDataset


class IterableFetcher:
    """Batches of a stream. `fetch(indices)` takes as many samples as there are indices; StopIteration at the end."""

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> None:
        self.auto_collation, self.collate_fn, self.drop_last = auto_collation, collate_fn, drop_last
        self.stream = iter(dataset)
        self.ended = False

    def fetch(self, indices: Any) -> Any:
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.stream))
        samples: list[Any] = []
        for _ in indices:
            try:
                samples.append(next(self.stream))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(indices)):
            raise StopIteration
        return self.collate_fn(samples)


class MapFetcher:
    """Batches of a dataset with numbered samples."""

    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> None:
        self.dataset, self.auto_collation, self.collate_fn = dataset, auto_collation, collate_fn

    def fetch(self, indices: Any) -> Any:
        dataset = self.dataset
        if not self.auto_collation:
            return self.collate_fn(dataset[indices])
        if self.collate_fn is default_collate:
            batch = rows(dataset, indices)
            if batch is not None:
                return batch
        several = getattr(dataset, "__getitems__", None)
        return self.collate_fn(several(indices) if several else [dataset[i] for i in indices])


def rows(dataset: Any, indices: list[int]) -> list[Any] | None:
    """The collated batch of a TensorDataset (or a Subset of one), taken row by row in one step; None for all else.

    The same as collating the single samples, and many times quicker.
    """
    while type(dataset) is Subset:
        indices = [dataset.indices[i] for i in indices]
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or any(t._node is not None for t in dataset.tensors):
        return None
    try:
        at = np.array(indices, np.intp)
    except (TypeError, ValueError):
        return None  # a batch sampler's own kind of index
    if at.ndim != 1:
        return None
    try:
        return [wrap(t._data.take(at, 0)) for t in dataset.tensors]
    except IndexError:
        return None  # the slow way raises the error of the dataset's own indexing
