"""`torch.utils.cpp_extension`: there is no C++ to extend. Its names can be imported, and raise when they are used."""

from microtorch._missing import missing_names as _missing_names
from microtorch.unsupported import absent as _absent

_WHY = "there is no C++ to extend"
CUDA_HOME = None
BuildExtension, CppExtension, CUDAExtension, load, load_inline, include_paths, library_paths = (
    _absent(__name__, name, _WHY)
    for name in ("BuildExtension", "CppExtension", "CUDAExtension", "load", "load_inline", "include_paths",
                 "library_paths")
)  # fmt: skip


__getattr__ = _missing_names(__name__)
