"""`torch.distributed.nn`: calls among processes that gradients flow through."""

from microtorch._missing import missing_names as _missing_names
from microtorch.distributed.nn.functional import (
    all_gather as all_gather,
    all_reduce as all_reduce,
    all_to_all as all_to_all,
    broadcast as broadcast,
    gather as gather,
    reduce as reduce,
    scatter as scatter,
)
from microtorch.unsupported import absent as _absent

RemoteModule = _absent(__name__, "RemoteModule", "one process computes: only groups of world_size=1")


__getattr__ = _missing_names(__name__)
