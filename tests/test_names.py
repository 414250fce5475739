"""Small names of PyTorch that few programs use, each against PyTorch's own."""

import warnings

import pytest

import microtorch
from tests.differential import difference, torch

CASES = [
    "torch.tensor([1.0, 2.0]).map2_(torch.tensor([3.0, 4.0]), torch.tensor([5.0, 6.0]), lambda a, b, c: a + b * c)",
    "torch.ones(2, 2).map2_(torch.tensor(3.0), torch.tensor([5.0, 6.0]), lambda a, b, c: a - b * c)",
    "torch.sgn(torch.tensor([1 + 2j, -3j, 0j, complex('inf'), complex('nan'), 1e-30 + 1e-30j]))",
    "torch.segment_reduce(torch.ones(3), 'bad')",
    "x = torch.ones(2)\nx.const_data_ptr() == x.data_ptr()",
    "torch.set_autocast_cpu_enabled(True); r = torch.is_autocast_enabled('cpu'); torch.set_autocast_cpu_enabled(False)\n"
    "r, torch.is_autocast_cpu_enabled()",
    "torch.set_autocast_cpu_dtype(torch.float16); r = str(torch.get_autocast_dtype('cpu')); "
    "torch.set_autocast_cpu_dtype(torch.bfloat16)\nr, str(torch.get_autocast_cpu_dtype())",
]


@pytest.mark.parametrize("code", CASES)
def test_name(code):
    assert difference(code) is None


@pytest.mark.parametrize(
    "call", ["is_autocast_cpu_enabled()", "get_autocast_cpu_dtype()", "set_autocast_cpu_enabled(False)"]
)
def test_deprecated_by_the_same_words(call):
    said = []
    for lib in (torch, microtorch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            eval(f"lib.{call}", {"lib": lib})
        said.append([(w.category, str(w.message).split(" (Triggered")[0]) for w in caught][:1])
    assert said[0] == said[1]
