"""torch.utils.data against PyTorch: orders, random numbers used up, batches, errors; and what becomes of worker processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pytest
import torch

import microtorch
from tests.differential import compare, difference


class TwoArguments(Exception):
    def __init__(self, a: object, b: object) -> None:
        super().__init__(a, b)


START = """
from importlib import import_module
import sys, collections
D = torch.utils.data
seen = []
class Squares(D.Dataset):
    def __init__(self, n): self.n = n
    def __len__(self): return self.n
    def __getitem__(self, i): return torch.tensor(float(i)), i * i
class Stream(D.IterableDataset):
    def __init__(self, n): self.n = n
    def __iter__(self):
        info = D.get_worker_info()
        return iter(range(self.n) if info is None else range(info.id, self.n, info.num_workers))
class Sized(Stream):
    def __len__(self): return self.n - 1
class Seeds(D.Dataset):
    def __len__(self): return 6
    def __getitem__(self, i):
        import random
        info = D.get_worker_info()
        return i, torch.rand(1).item(), np.random.rand(), random.random(), info.id, info.seed, info.num_workers
class Bad(Squares):
    def __getitem__(self, i):
        if i == 3: raise self.n("oh")
        return i
    def __len__(self): return 5
from tests.test_data import TwoArguments
def after(x): return [x, torch.rand(2), torch.randint(0, 100, (3,))]
"""
Point = "collections.namedtuple('Point', 'x y')"


def SLOW(value: object) -> object:
    return pytest.param(value, marks=pytest.mark.slow)


def check(code: str) -> None:
    """The last line's value in both worlds, and the state of the random numbers after it."""
    *lines, last = code.strip().split("\n")
    found = difference("\n".join([START.strip(), *lines, f"after({last})"]))
    assert found is None, found.split("after(")[-1]


# order and random numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [
    "batch_size=4", "batch_size=4, drop_last=True", "batch_size=4, shuffle=True", "batch_size=3, shuffle=True, drop_last=True",
    "batch_size=None", "batch_size=None, shuffle=True", "batch_sampler=[[1, 2], [3], [0, 9]]", "sampler=[3, 1, 2], batch_size=2",
    "batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(5)", "batch_size=100",
    "sampler=D.SubsetRandomSampler([5, 6, 9])", "sampler=D.WeightedRandomSampler([1., 2, 3], 7), batch_size=3",
    "sampler=D.WeightedRandomSampler([1., 2, 3, 0], 3, replacement=False)", "sampler=D.RandomSampler(range(9), True, 70)",
    "sampler=D.RandomSampler(range(9), num_samples=25), batch_size=8", "sampler=D.RandomSampler(range(9), num_samples=5)",
    "sampler=D.RandomSampler(range(9), num_samples=25, generator=torch.Generator().manual_seed(3)), batch_size=8",
    "shuffle=True, generator=torch.Generator().manual_seed(3), batch_size=5", "pin_memory=True, batch_size=5",
])  # fmt: skip
@pytest.mark.parametrize("workers", [0, SLOW(2)])
def test_loader(arguments: str, workers: int) -> None:
    extra = f", num_workers={workers}" if workers else ""
    check(f"""
loader = D.DataLoader(Squares(10), {arguments}{extra})
first = list(loader)
between = torch.rand(1)
[first, between, list(loader), len(loader), next(iter(loader))]""")


@pytest.mark.parametrize("workers", ["", SLOW(", num_workers=2"), SLOW(", num_workers=2, prefetch_factor=1")])
@pytest.mark.parametrize(
    "arguments", ["batch_size=4", "batch_size=4, drop_last=True", "batch_size=None", "shuffle=False"]
)
@pytest.mark.parametrize("dataset", ["Stream(10)", "Stream(0)", "Stream(1)", "D.ChainDataset([Stream(5), Stream(2)])"])
def test_stream(dataset: str, arguments: str, workers: str) -> None:
    check(f"loader = D.DataLoader({dataset}, {arguments}{workers})\n[list(loader), list(loader)]")


def test_workers_give_the_same_in_pytorchs_order() -> None:
    check("""
loader = D.DataLoader(Squares(10), batch_size=3, shuffle=True, num_workers=2)
[list(loader), torch.rand(1), list(loader), len(loader)]""")
    check("list(D.DataLoader(Stream(10), batch_size=3, num_workers=2))")


@pytest.mark.slow  # PyTorch's persistent workers take 5 seconds to end, now and then
@pytest.mark.parametrize(
    "dataset",
    ["Stream(7)", "Squares(7), shuffle=True", "Squares(7), generator=torch.Generator().manual_seed(2), shuffle=True"],
)
def test_persistent_workers(dataset: str) -> None:
    check(
        f"loader = D.DataLoader({dataset}, batch_size=2, num_workers=2, persistent_workers=True)\n[list(loader), torch.rand(1), list(loader), list(loader)]"
    )


def test_workers_have_pytorchs_seeds_and_information() -> None:
    check("list(D.DataLoader(Seeds(), batch_size=2, num_workers=2, shuffle=True))")
    check("list(D.DataLoader(Seeds(), num_workers=2, generator=torch.Generator().manual_seed(2**40 + 7)))")


def test_default_collation_of_tensor_datasets_is_the_slow_one() -> None:
    for dataset in ("T", "D.Subset(T, [5, 3, -1])", "D.Subset(D.Subset(T, [5, 3, 1]), range(2))", "D.random_split(T, [4, 2])[0]",
                    "D.TensorDataset(torch.arange(6.).reshape(3, 2).t())"):  # fmt: skip
        check(f"""
T = D.TensorDataset(torch.arange(12.).reshape(6, 2), torch.arange(6), torch.zeros(6, 0, 2, dtype=torch.bool))
data = {dataset}
quick = list(D.DataLoader(data, batch_size=2))
quick + [D.default_collate([data[i] for i in range(2)])]""")
    check("list(D.DataLoader(D.TensorDataset(torch.arange(3)), sampler=[0, 5]))")
    x = microtorch.ones(3, 2, requires_grad=True)
    (batch,) = next(iter(microtorch.utils.data.DataLoader(microtorch.utils.data.TensorDataset(x), batch_size=2)))
    batch.sum().backward()
    assert x.grad.tolist() == [[1, 1], [1, 1], [0, 0]]


def test_samplers() -> None:
    for sampler in ("SequentialSampler(range(4))", "RandomSampler(range(40))", "RandomSampler(range(5), True, 3)", "BatchSampler(range(7), 3, False)",
                    "BatchSampler(range(7), 3, True)", "BatchSampler([], 3, False)", "SubsetRandomSampler(['a', 'b', 'c'])",
                    "WeightedRandomSampler([.1, .9], 5)", "WeightedRandomSampler([.1, .9], 1)", "BatchSampler(D.RandomSampler(range(9)), 2, True)"):  # fmt: skip
        check(f"s = D.{sampler}\n[list(s), list(s), len(s)]")
    for code in ("RandomSampler(range(3), replacement=1)", "RandomSampler([])", "RandomSampler(range(3), num_samples=0)", "BatchSampler(range(3), 0, True)",
                 "BatchSampler(range(3), True, True)", "BatchSampler(range(3), 2, 1)", "WeightedRandomSampler([1.], 0)", "WeightedRandomSampler([1.], 2, replacement=2)",
                 "WeightedRandomSampler([[1.]], 2)", "WeightedRandomSampler([1.], True)"):  # fmt: skip
        check(f"D.{code}")


def test_distributed_sampler() -> None:
    for n in (1, 2, 5, 10, 11, 12):
        for arguments in ("", ", shuffle=False", ", drop_last=True", ", seed=3", ", shuffle=False, drop_last=True"):
            check(f"""
samplers = [D.distributed.DistributedSampler(range({n}), num_replicas=3, rank=r{arguments}) for r in range(3)]
first = [list(s) for s in samplers]
[s.set_epoch(2) for s in samplers]
[first, [list(s) for s in samplers], [len(s) for s in samplers]]""")
    check("D.DistributedSampler(range(4), num_replicas=2, rank=2)")
    check("D.DistributedSampler(range(4), num_replicas=2, rank=-1)")


def test_random_split() -> None:
    for n, lengths in ((10, [7, 3]), (10, [.7, .3]), (10, [.5, .3, .2]), (11, [.5, .25, .25]), (1, [.5, .5]), (10, [11]), (10, [5, 4]), (10, [.5, .4]),
                       (10, [1.]), (10, [1.5, -.5]), (100, [.1] * 10), (0, [0]), (3, [1, 1, 1, 0])):  # fmt: skip
        check(f"[list(part) for part in D.random_split(range({n}), {lengths})]")
        check(
            f"[list(part.indices) for part in D.random_split(range({n}), {lengths}, generator=torch.Generator().manual_seed(1))]"
        )
    check(
        "[type(p).__name__ for p in D.random_split(range(3), [1, 2])] + [D.random_split(range(3), [1, 2], None)[0].indices]"
    )
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        microtorch.utils.data.random_split(range(1), [0.5, 0.5])


# datasets ----------------------------------------------------------------------------------------------------------------


def test_datasets() -> None:
    for code in (
        "D.TensorDataset(torch.arange(3), torch.arange(6).reshape(3, 2))[1]", "D.TensorDataset(torch.arange(3))[-1]", "D.TensorDataset(torch.arange(3))[3]",
        "D.TensorDataset(torch.arange(3))[:2]", "len(D.TensorDataset(torch.zeros(3, 2)))", "D.TensorDataset(torch.zeros(3), torch.zeros(2))", "D.TensorDataset()",
        "[(Squares(3) + Squares(2))[i] for i in (0, 2, 3, 4, -1, -5)]", "(Squares(3) + Squares(2))[5]", "(Squares(3) + Squares(2))[-6]", "len(Squares(3) + Squares(2))",
        "D.ConcatDataset([])", "D.ConcatDataset([Stream(3)])", "D.ConcatDataset([range(3), range(4)]).cumulative_sizes", "list(Stream(3) + Stream(2))", "len(Stream(3) + Stream(2))",
        "len(Sized(3) + Sized(5))", "list(D.ChainDataset([range(3)]))", "Stream(3)[1]", "D.Dataset()[0]", "len(D.Dataset())", "D.Subset(range(9), [4, 2])[1]", "D.Subset(np.arange(9), [4, 2])[[0, 1]].tolist()",
        "D.Subset(Squares(9), [4, 2]).__getitems__([1, 0])", "len(D.Subset(range(9), [4, 2]))", "D.Subset(range(3), [1])[1]",
        "D.StackDataset(Squares(3), range(3))[1]", "D.StackDataset(a=Squares(3), b=range(3))[1]", "D.StackDataset(Squares(3), range(3)).__getitems__([2, 0])",
        "D.StackDataset(a=Squares(3), b=range(3)).__getitems__([2, 0])", "D.StackDataset(range(3), range(2))", "D.StackDataset(a=range(3), b=range(2))", "D.StackDataset(range(3), b=range(3))",
        "D.StackDataset()", "len(D.StackDataset(range(3)))", "D.StackDataset(D.Subset(range(9), [4, 5]), range(2)).__getitems__([1, 0])", "list(D.DataLoader(D.StackDataset(Squares(3), range(3)), 2))",
        "type('MySubset', (D.Subset,), {'__getitem__': lambda self, i: 0})(range(3), [0])", "D.ConcatDataset([range(3)]).cummulative_sizes", "Squares.__class_getitem__(int) is not None",
    ):  # fmt: skip
        check(code)


def test_collate() -> None:
    for batch in (
        "[1, 2]", "[1., 2]", "[True, False]", "['a', 'b']", "[b'a', b'b']", "[torch.zeros(2), torch.ones(2)]", "[np.arange(2), np.arange(2)]", "[np.float32(1), np.float32(2)]", "[np.float64(1), np.float64(2)]",
        "[np.int16(1), np.int16(2)]", "[np.bool_(True)]", "[(1, 2.), (3, 4.)]", "[[1, 2.], [3, 4.]]", "[{'a': 1, 'b': torch.zeros(1)}] * 2", "[collections.OrderedDict(a=1)] * 2", "[collections.Counter(a=1)] * 2",
        f"[{Point}(1, 2.), {Point}(3, 4.)]", "[(1, 2), (3,)]", "[torch.zeros(2), torch.zeros(3)]", "[None]", "[object()]", "[np.array(['a'])]", "[np.array([None])]", "[{'a': [1, (2, 'x')]}] * 3", "[range(3)] * 2", "[]",
        "[(torch.tensor(1), 2)]", "((1, 2), (3, 4))", "[[]] * 2", "[()] * 2", "[{}] * 2", "[torch.tensor(1., requires_grad=True)] * 2", "[2**40, 1]", "[1, 2.5]", "[{'a': 1}, {'b': 1}]", "[[torch.zeros(1)], [None]]", "[collections.deque([1, 2])] * 2", "[1j, 2j]",
        "[collections.UserList([1, 2])] * 2", "[collections.defaultdict(int, a=1)] * 2", "[torch.zeros(2), 1]",
    ):  # fmt: skip
        code = f"D.default_collate({batch})"
        if "deque" in batch or "User" in batch:
            code = f"list({code})"
        check(code if Point not in batch else f"(lambda x: [list(x), x._fields])({code})")
        check(f"type({code}).__name__")
    for data in ("1", "np.arange(2)", "np.float32(1)", "np.str_('a')", "np.array(['a'])", "[np.arange(2), 'a', 3]", "(np.arange(2), 1)", "{'a': np.arange(2)}", f"list({Point}(np.arange(2), 2))", "torch.ones(1)", "'text'",
                 "range(2)", "collections.OrderedDict(a=np.arange(2))", "collections.deque([np.arange(2)])", "None", "collections.UserDict(a=np.arange(1))"):  # fmt: skip
        check(
            f"list(D.default_convert({data}).items())"
            if "Dict" in data
            else f"list(D.default_convert({data}))"
            if "deque" in data
            else f"D.default_convert({data})"
        )
        check(f"type(D.default_convert({data})).__name__")


def test_collate_with_another_map() -> None:
    for T in (torch, microtorch):
        C = T.utils.data._utils.collate
        mapping = {**C.default_collate_fn_map, type(None): lambda batch, *, collate_fn_map: "nothing"}
        assert C.collate([(None, 1), (None, 2)], collate_fn_map=mapping)[0] == "nothing"


def test_getitems_is_used_and_collate_fn_is_called() -> None:
    check("""
class Several(Squares):
    def __getitems__(self, indices): seen.append(list(indices)); return [self[i] for i in indices]
[list(D.DataLoader(Several(5), batch_size=2)), seen]""")
    check("list(D.DataLoader(Squares(5), batch_size=2, collate_fn=lambda batch: [len(batch), batch[0][1]]))")
    check("list(D.DataLoader(Squares(3), batch_size=None, collate_fn=lambda sample: sample[1]))")


@pytest.mark.parametrize("code", [
    "D.DataLoader(Squares(3), num_workers=-1)", "D.DataLoader(Squares(3), timeout=-1)", "D.DataLoader(Squares(3), prefetch_factor=2)", "D.DataLoader(Squares(3), num_workers=1, prefetch_factor=-1)",
    "D.DataLoader(Squares(3), persistent_workers=True)", "D.DataLoader(Stream(3), shuffle=True)", "D.DataLoader(Stream(3), sampler=[1])", "D.DataLoader(Stream(3), batch_sampler=[[1]])",
    "D.DataLoader(Squares(3), sampler=[1], shuffle=True)", "D.DataLoader(Squares(3), batch_sampler=[[1]], batch_size=2)", "D.DataLoader(Squares(3), batch_sampler=[[1]], drop_last=True)",
    "D.DataLoader(Squares(3), batch_size=None, drop_last=True)", "D.DataLoader(Squares(3), batch_size=0)", "D.DataLoader(Squares(0), shuffle=True)", "list(D.DataLoader(Squares(0)))", "len(D.DataLoader(Squares(0)))",
    "D.DataLoader(Squares(3), multiprocessing_context='fork')", "D.DataLoader(Squares(3), num_workers=1, multiprocessing_context='x')", "D.DataLoader(Squares(3), num_workers=1, multiprocessing_context=3)",
    "setattr(D.DataLoader(Squares(3)), 'batch_size', 2)", "setattr(D.DataLoader(Squares(3)), 'dataset', 2)", "len(D.DataLoader(Stream(3)))", "len(D.DataLoader(Sized(8), batch_size=2))", "len(D.DataLoader(Sized(8), batch_size=2, drop_last=True))",
    "len(D.DataLoader(Sized(8), batch_size=None))", "iter(D.DataLoader(Squares(3), timeout=1))", "iter(D.DataLoader(Squares(3), num_workers=1, prefetch_factor=0))", "list(D.DataLoader(Bad(ValueError)))", "list(D.DataLoader(Bad(KeyError), batch_size=None))",
    "len(iter(D.DataLoader(Squares(9), batch_size=2)))", "D.get_worker_info()", "D.DataLoader(Squares(3)).sampler.__class__.__name__", "D.DataLoader(Stream(3)).batch_sampler.__class__.__name__",
    "vars(D.DataLoader(Squares(3), 2, True))['batch_size']",
    "D.IterableDataset()", "D.ConcatDataset([Stream(3)])", "D.default_collate([torch.sparse_coo_tensor([[0]], [1.], (2,))] * 2)",
])  # fmt: skip
def test_loaders_arguments(code: str) -> None:
    check(code)


def test_streams_that_are_longer_than_they_say_warn() -> None:
    def run(T: object) -> list[str]:
        D = T.utils.data

        class Stream(D.IterableDataset):
            def __iter__(self) -> object:
                return iter(range(3))

            def __len__(self) -> int:
                return 2

            def __repr__(self) -> str:
                return "Stream"

        loader = D.DataLoader(Stream(), batch_size=None)
        len(loader)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            list(loader)
        return [str(w.message) for w in caught]

    assert run(torch) == run(microtorch) != []


def test_modules_are_where_pytorch_has_them() -> None:
    for name in ("sampler.RandomSampler", "dataset.random_split", "dataset.Subset", "dataloader.DataLoader", "dataloader.default_collate", "distributed.DistributedSampler",
                 "dataloader._SingleProcessDataLoaderIter", "dataloader._MultiProcessingDataLoaderIter", "_utils.collate.default_collate"):  # fmt: skip
        check(f"D.{name}.__name__")
    with pytest.raises(AttributeError, match=r"microtorch has no `torch.utils.data.IterDataPipe`"):
        microtorch.utils.data.IterDataPipe  # noqa: B018


# worker processes ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow  # PyTorch's workers take 5 seconds to end after an error
@pytest.mark.parametrize("kind", ["ValueError", "KeyError", "StopIteration", "TwoArguments", "IndexError"])
def test_errors_in_workers(kind: str) -> None:
    check(f"list(D.DataLoader(Bad({kind}), num_workers=2))")
    check(f"""
def init(i): raise {kind}(1, 2)
list(D.DataLoader(Squares(3), num_workers=1, worker_init_fn=init))""")
    code = f"""
it = iter(D.DataLoader(Bad({kind}), num_workers=2))
got = []
for _ in range(5):
    try: got.append(next(it))
    except Exception as error: got.append(str(error).split("Original")[0])
got"""
    assert difference(START.strip() + "\n" + "\n".join(_indented(code))) is None


def _indented(code: str) -> list[str]:
    return [line for line in code.strip().split("\n")]


class Bad(microtorch.utils.data.Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> int:
        return {0: 0, 1: 1, 2: 2}[i]


def test_an_error_in_a_worker_comes_with_its_traceback() -> None:
    it = iter(microtorch.utils.data.DataLoader(Bad(), num_workers=2, batch_size=None))
    assert [next(it), next(it), next(it)] == [0, 1, 2]
    with pytest.raises(KeyError) as caught:
        next(it)
    lines = repr(caught.value).split("\n")
    assert lines[0].endswith("Caught KeyError in DataLoader worker process 1.") and lines[1].startswith(
        "Original Traceback"
    )
    assert "return {0: 0, 1: 1, 2: 2}[i]" in repr(caught.value)


def test_worker_init_fn_in_order_and_prefetch() -> None:
    check("""
def init(i): D.get_worker_info().dataset.n = 100 + i
class Mine(Squares):
    def __getitem__(self, i): return self.n
list(D.DataLoader(Mine(4), num_workers=2, worker_init_fn=init))""")
    check("sorted(int(x) for x in D.DataLoader(range(20), batch_size=None, num_workers=2, in_order=False))")
    check("sorted(x.tolist() for x in D.DataLoader(Stream(20), batch_size=3, num_workers=2, in_order=False))")
    check(
        "list(D.DataLoader(range(20), batch_size=3, num_workers=2, prefetch_factor=5, multiprocessing_context='fork'))"
    )


class Module(microtorch.utils.data.Dataset):
    """At the top of a module, for processes that are not forked."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> object:
        return microtorch.full((2,), float(i)), np.arange(i % 2 + 1)[:1]


foreign: set[int] = set()  # workers of PyTorch's that still live


@pytest.fixture(autouse=True)
def note_foreign_processes() -> None:
    foreign.clear()
    foreign.update(p.pid for p in multiprocessing.active_children())


def children() -> list[int]:
    return [p.pid for p in multiprocessing.active_children() if p.pid not in foreign]


@pytest.mark.slow
def test_spawned_workers() -> None:
    loader = microtorch.utils.data.DataLoader(Module(), batch_size=2, num_workers=1, multiprocessing_context="spawn")
    assert [x.tolist() for x, _ in loader] == [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]
    assert not children()


def test_batches_are_whole_writable_and_of_any_kind() -> None:
    D = microtorch.utils.data
    samples = [
        microtorch.rand(1000, 300),
        np.zeros((0, 3)),
        {"a": [1, "x", None]},
        microtorch.arange(6).reshape(2, 3).t(),
        np.float32(2),
        b"b" * 100_000,
    ]
    got = list(D.DataLoader(samples, batch_size=None, num_workers=2, collate_fn=lambda x: x))
    for a, b in zip(samples, got):
        assert type(a) is type(b)
        assert np.array_equal(a, b) if hasattr(a, "shape") else a == b
    got[0].add_(1)
    got[1][:] = 1
    leaf = microtorch.ones(2, requires_grad=True)
    assert next(iter(D.DataLoader([leaf], batch_size=None, num_workers=1, collate_fn=lambda x: x))).requires_grad


def test_workers_end_with_their_iterator() -> None:
    D = microtorch.utils.data
    loader = D.DataLoader(range(100), num_workers=2)
    list(loader)
    assert not children()
    iterator = iter(loader)
    next(iterator)
    assert len(children()) == 2
    del iterator
    gc.collect()
    assert not children()
    loader = D.DataLoader(range(4), num_workers=2, persistent_workers=True)
    list(loader)
    before = children()
    assert len(before) == 2 and [int(x) for x in loader] == [0, 1, 2, 3] and children() == before
    next(iter(loader))  # left in the middle, taken up from the start
    assert [int(x) for x in loader] == [0, 1, 2, 3]
    del loader
    gc.collect()
    assert not children()


def test_two_loaders_at_once() -> None:
    D = microtorch.utils.data
    a, b = (
        D.DataLoader(range(6), num_workers=2, persistent_workers=True),
        D.DataLoader(range(5), num_workers=1, persistent_workers=True),
    )
    for _ in range(2):
        assert [(int(x), int(y)) for x, y in zip(a, b)] == [(i, i) for i in range(5)]


class Dies(microtorch.utils.data.Dataset):
    def __init__(self, how: str) -> None:
        self.how = how

    def __len__(self) -> int:
        return 50

    def __getitem__(self, i: int) -> object:
        if i == 5:
            if self.how == "exit":
                os._exit(3)
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "sys.exit":
                sys.exit(1)
            if self.how == "sleep":
                time.sleep(60)
        return microtorch.zeros(100_000)


@pytest.mark.parametrize("how", ["exit", "kill", "sys.exit"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_dead_worker_is_an_error(how: str, workers: int) -> None:
    loader = microtorch.utils.data.DataLoader(Dies(how), num_workers=workers)
    start = time.time()
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly"):
        list(loader)
    assert time.time() - start < 10 and not children()


def test_a_worker_killed_from_outside_while_idle() -> None:
    iterator = iter(microtorch.utils.data.DataLoader(range(100), num_workers=2))
    next(iterator)
    os.kill(children()[0], signal.SIGKILL)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(iterator)
    assert not children()


def test_timeout() -> None:
    loader = microtorch.utils.data.DataLoader(Dies("sleep"), num_workers=1, timeout=0.5)
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0.5 seconds"):
        list(loader)
    gc.collect()
    assert not children()


def test_a_batch_that_cannot_be_pickled_is_an_error() -> None:
    loader = microtorch.utils.data.DataLoader(range(3), num_workers=1, collate_fn=lambda batch: lambda: 0)
    with pytest.raises(Exception, match="in DataLoader worker process 0") as caught:
        list(loader)
    assert "pickle" in str(caught.value).lower()


def test_long_lists_of_indices_and_large_batches_do_not_block() -> None:
    loader = microtorch.utils.data.DataLoader(range(200_000), batch_size=50_000, num_workers=1, prefetch_factor=4)
    assert [int(x.sum()) for x in loader] == [sum(range(i, i + 50_000)) for i in range(0, 200_000, 50_000)]


SCRIPT = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it, and so do their children
import microtorch as torch
class Slow(torch.utils.data.Dataset):
    def __len__(self): return 1000
    def __getitem__(self, i): time.sleep(0.05); return i
it = iter(torch.utils.data.DataLoader(Slow(), num_workers=2))
print(" ".join(str(w.process.pid) for w in it._workers), flush=True)
for x in it: pass
"""


@pytest.mark.parametrize("how", ["interrupt", SLOW("interrupt group"), SLOW("kill")])
def test_no_process_is_left_behind(how: str, tmp_path: object) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pids = [int(p) for p in process.stdout.readline().split()]
    time.sleep(0.3)
    if how == "interrupt group":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT if how == "interrupt" else signal.SIGKILL)
    _, errors = process.communicate(timeout=20)
    deadline = time.time() + 10
    while any(alive(p) for p in pids) and time.time() < deadline:
        time.sleep(0.05)
    assert len(pids) == 2 and not any(alive(p) for p in pids)
    if how != "kill":
        assert errors.count("Traceback") == 1 and errors.rstrip().endswith("KeyboardInterrupt"), textwrap.indent(
            errors, "  "
        )


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_too_many_workers_warn() -> None:
    n = len(os.sched_getaffinity(0)) + 1
    texts = []
    for T in (torch, microtorch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            T.utils.data.DataLoader(range(3), num_workers=n)
        texts.append([str(w.message) for w in caught])
    assert texts[0] == texts[1] != []


def test_compare_can_fail() -> None:
    assert difference(START.strip() + "\nlist(D.DataLoader(Squares(3 if 'micro' in D.__name__ else 4)))") is not None
    assert compare(torch.ones(2), microtorch.ones(3)) is not None
