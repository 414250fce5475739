"""`torch.backends.opt_einsum`: the order of `einsum`'s products is its own."""

enabled = False
strategy = None


def is_available() -> bool:
    """False."""
    return False
