"""`torch.export`: programs are not traced. Its names can be imported, and raise when they are used."""

from microtorch._missing import missing_names as _missing_names
from microtorch.unsupported import absent as _absent

_WHY = "programs are not traced"
Dim, ExportedProgram, export, load, save = (
    _absent(__name__, name, _WHY) for name in ("Dim", "ExportedProgram", "export", "load", "save")
)


__getattr__ = _missing_names(__name__)
