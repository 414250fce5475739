"""`torch.quantization`: there are no quantized tensors. Its names can be imported, and raise when they are used."""

from microtorch._missing import missing_names as _missing_names
from microtorch.unsupported import absent as _absent

WHY = "there are no quantized tensors"
NAMES = """DeQuantStub FakeQuantize HistogramObserver MinMaxObserver MovingAverageMinMaxObserver QConfig QuantStub
    QuantWrapper convert convert_fx default_qconfig float_qparams_weight_only_qconfig fuse_modules
    get_default_qat_qconfig get_default_qconfig prepare prepare_fx prepare_qat prepare_qat_fx quantize
    quantize_dynamic quantize_qat""".split()

globals().update({name: _absent(__name__, name, WHY) for name in NAMES})


__getattr__ = _missing_names(__name__)
