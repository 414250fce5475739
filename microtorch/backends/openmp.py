"""`torch.backends.openmp`: OpenMP."""


def is_available() -> bool:
    """False."""
    return False
