"""Images of bytes resized: PyTorch does it in fixed point, so every number must be the same."""

import pytest

from tests.nn.cases import check, programs

SETUP = """F = torch.nn.functional
few = (torch.arange(300) * 37 % 256).to(torch.uint8).reshape(1, 3, 10, 10)
many = (torch.arange(600) * 37 % 256).to(torch.uint8).reshape(1, 6, 10, 10)"""
CASES = """
F.interpolate(few, (5, 7), mode="bilinear")
F.interpolate(few, (15, 17), mode="bicubic")
F.interpolate(many, (4, 7), mode="bicubic", antialias=True)
F.interpolate(many, (4, 7), mode="bilinear", antialias=True)
F.interpolate(few, (4, 7), mode="bilinear", align_corners=True)
F.interpolate(few, scale_factor=1.7, mode="bicubic", align_corners=True)
F.interpolate(few[0], 3, mode="linear")
F.interpolate(few[None], 3, mode="trilinear")
F.interpolate(few.long(), 3, mode="bilinear")
F.interpolate(few.long(), 3, mode="bicubic", antialias=True)
F.interpolate(few.long(), 3, mode="nearest")
"""


@pytest.mark.parametrize(("before", "line"), programs(CASES, SETUP))
def test_bytes(before: str, line: str) -> None:
    check(before, line)
