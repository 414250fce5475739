"""Benchmarks: the same workload code timed on PyTorch and on microtorch. Run `python -m benchmarks --help`."""
