"""`torch.backends.mkldnn`: not there; the switches are remembered, and change nothing."""

enabled = True
deterministic = False


def is_available() -> bool:
    """False."""
    return False
