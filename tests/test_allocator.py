"""Freed memory is kept for the next step: no page faults; and who does not want that can say so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

STEPS = """
import resource
import microtorch.kernels
import numpy as np

def step():
    arrays = [np.ones(500_000) for _ in range(10)]  # 4 MB each, 40 MB together

for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment: str) -> int:
    """Page faults of five steps that make and free 40 MB each (a page has 4 KB, or 2 MB where the system joins)."""
    command = [sys.executable, "-c", STEPS]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_freed_memory_is_kept_unless_refused() -> None:
    """By default the steps cause no faults; with the allocator left alone they do again and again."""
    if "glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""):
        pytest.skip("another C library")
    assert faults() < 20
    assert faults(MICROTORCH_KEEP_MEMORY="0") > 50
    assert faults(MALLOC_TRIM_THRESHOLD_="100000", MALLOC_MMAP_THRESHOLD_="100000") > 50
