"""`torch.version`: the PyTorch whose API this is, and what it was built for (nothing but the CPU)."""

from __future__ import annotations

from microtorch.torch_version import TorchVersion

__version__ = TorchVersion("2.13.0")
debug = False
cuda: str | None = None
hip: str | None = None
rocm: str | None = None
xpu: str | None = None
git_version = "Unknown"
