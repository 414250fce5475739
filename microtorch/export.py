"""`torch.export`: programs are not traced. Its names can be imported, and raise when they are used."""

from microtorch._missing import missing_name as _missing_name
from microtorch.unsupported import absent as _absent

_WHY = "programs are not traced"
Dim, ExportedProgram, export, load, save = (
    _absent(__name__, name, _WHY) for name in ("Dim", "ExportedProgram", "export", "load", "save")
)


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
