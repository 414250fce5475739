"""`torch.backends.cpu`."""


def get_cpu_capability() -> str:
    """Return "DEFAULT": which instructions are used is NumPy's own choice."""
    return "DEFAULT"
