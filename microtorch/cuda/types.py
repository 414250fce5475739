"""`torch.cuda.FloatTensor` and its like: types of which there are no tensors."""

from __future__ import annotations

from typing import Any, NoReturn


class CudaType(type):
    """The class of these types: calling one raises TypeError, nothing is an instance of one."""

    def __call__(cls, *args: Any, **named: Any) -> NoReturn:
        raise TypeError(f"type torch.cuda.{cls.__name__} not available. Torch not compiled with CUDA enabled.")

    def __instancecheck__(cls, instance: object) -> bool:
        return False

    def __repr__(cls) -> str:
        return f"<class 'torch.cuda.{cls.__name__}'>"


def _type(name: str) -> Any:
    return CudaType(name, (), {"__module__": "torch.cuda", "is_cuda": True, "__doc__": "There are no such tensors."})


FloatTensor, DoubleTensor, HalfTensor = _type("FloatTensor"), _type("DoubleTensor"), _type("HalfTensor")
LongTensor, IntTensor, ShortTensor = _type("LongTensor"), _type("IntTensor"), _type("ShortTensor")
CharTensor, ByteTensor, BoolTensor = _type("CharTensor"), _type("ByteTensor"), _type("BoolTensor")
BFloat16Tensor = _type("BFloat16Tensor")
