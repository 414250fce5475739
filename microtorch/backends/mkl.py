"""`torch.backends.mkl`: Intel's matrix library: NumPy brings its own."""


def is_available() -> bool:
    """False."""
    return False
