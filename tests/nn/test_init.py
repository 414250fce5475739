"""nn.init: the same numbers, bit for bit, and the same errors."""

from __future__ import annotations

import pytest

from tests.nn.cases import check, programs

BEFORE = """
I = torch.nn.init
t = torch.zeros(4, 6)
c = torch.zeros(4, 2, 3, 3)
v = torch.zeros(3)
"""

FILLS = """
I.uniform_(t) | I.uniform_(v, -1, 2) | I.uniform_(t, generator=torch.Generator().manual_seed(3)) | I.uniform_(t.t(), 0, 1)
I.normal_(t) | I.normal_(v, 3, .1) | I.normal_(c.double()) | I.normal_(t, generator=torch.Generator().manual_seed(3))
I.trunc_normal_(t) | I.trunc_normal_(v, 3., 2., 1., 2.) | I.trunc_normal_(c, std=.02) | I.trunc_normal_(v, 9.) | I.trunc_normal_(c, 0, 1, 3, 4)
I.trunc_normal_(c.double(), a=1.5, b=3.) | I.trunc_normal_(t, generator=torch.Generator().manual_seed(3))
I.constant_(t, .3) | I.ones_(v) | I.zeros_(torch.ones(3)) | I.eye_(t) | I.eye_(v) | I.eye_(torch.zeros(3, 2, dtype=torch.int64))
I.dirac_(c) | I.dirac_(c, 2) | I.dirac_(c, 3) | I.dirac_(t) | I.dirac_(torch.zeros(2, 2, 4)) | I.dirac_(torch.zeros(1, 3, 2, 3, 4))
I.xavier_uniform_(t) | I.xavier_uniform_(c, 2.) | I.xavier_uniform_(v) | I.xavier_normal_(t) | I.xavier_normal_(c, gain=.1) | I.xavier_normal_(v)
I.kaiming_uniform_(t) | I.kaiming_uniform_(c, a=.2, mode='fan_out') | I.kaiming_uniform_(v) | I.kaiming_uniform_(t, nonlinearity='relu')
I.kaiming_uniform_(t, mode='x') | I.kaiming_uniform_(t, nonlinearity='x') | I.kaiming_uniform_(torch.zeros(0, 2)) | I.kaiming_uniform_(t, a=True)
I.kaiming_normal_(t) | I.kaiming_normal_(c, mode='FAN_OUT', nonlinearity='tanh') | I.kaiming_normal_(v) | I.kaiming_normal_(torch.zeros(0, 2))
I.sparse_(t, .5) | I.sparse_(t, .3, std=2) | I.sparse_(v, .5) | I.orthogonal_(v) | I.orthogonal_(torch.zeros(0, 3))
I.calculate_gain('linear') | I.calculate_gain('conv_transpose3d') | I.calculate_gain('tanh') | I.calculate_gain('relu') | I.calculate_gain('selu')
I.calculate_gain('leaky_relu') | I.calculate_gain('leaky_relu', .3) | I.calculate_gain('leaky_relu', True) | I.calculate_gain('leaky_relu', 'a')
I.calculate_gain('x') | I.calculate_gain('sigmoid')
I.uniform(t) | I.normal(t) | I.constant(t, 2) | I.eye(t) | I.dirac(c) | I.xavier_uniform(t) | I.xavier_normal(t) | I.kaiming_uniform(t)
I.kaiming_normal(t) | I.sparse(t, .5)
"""
CASES = programs("\n".join(case for line in FILLS.strip().split("\n") for case in line.split(" | ")), BEFORE)


@pytest.mark.parametrize("before, line", CASES)
def test_same_as_torch(before: str, line: str) -> None:
    check(before, line)


@pytest.mark.parametrize("shape", ["4, 6", "6, 4", "5, 5", "4, 2, 3"])
def test_orthogonal(shape: str) -> None:
    """The QR decomposition is another library's: equal up to rounding."""
    check(BEFORE, f"I.orthogonal_(torch.zeros({shape}), gain=2)", exact=False)


PARAMETERS = """
p = torch.nn.Parameter(v); (I.uniform_(p) is p, p.requires_grad, p.grad_fn, p)
p = torch.nn.Parameter(t); (I.orthogonal_(p) is p, p.requires_grad, p._version > 0)
p = torch.nn.Parameter(t); (I.eye_(p) is p, p.requires_grad, p)
p = torch.nn.Parameter(c); (I.dirac_(p) is p, p.requires_grad, p)
p = torch.nn.Parameter(t); (I.trunc_normal_(p) is p, p.requires_grad, p.is_leaf)
"""


@pytest.mark.parametrize("before, line", programs(PARAMETERS, BEFORE))
def test_parameters_stay_leaves(before: str, line: str) -> None:
    check(before, line, exact=False)
