"""microtorch's own version, in one place; `torch.__version__` is that of the PyTorch whose API this is."""

__version__ = "0.1.0"
