"""`torch.ao`: quantization and pruning of the newer kind. Its names can be imported, and raise when they are used."""

from microtorch._missing import missing_names as _missing_names
from microtorch.quantization import NAMES as _NAMES, WHY as _WHY
from microtorch.unsupported import AbsentModule as _AbsentModule

_AbsentModule(f"{__name__}.quantization", _NAMES, _WHY)
_AbsentModule(f"{__name__}.quantization.quantize_fx", ("convert_fx", "fuse_fx", "prepare_fx", "prepare_qat_fx"), _WHY)
_AbsentModule(f"{__name__}.nn", (), _WHY)
_AbsentModule(f"{__name__}.nn.quantized", (), _WHY)


__getattr__ = _missing_names(__name__)
