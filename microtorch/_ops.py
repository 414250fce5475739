"""`torch.ops`: operations by namespace, name and overload, as `torch.ops.aten.add.Tensor`.

Those of `aten` are PyTorch's own, and compute what microtorch's functions of that name do (`_aten.py` has those whose
arguments differ); other namespaces hold what programs define by `torch.library`.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable
from typing import Any

from microtorch._overriding import local

Implementation = Callable[..., Any]


class OpOverload:
    """One overload of an operation: `torch.ops.aten.add.Tensor`.

    Inside of a TorchDispatchMode a call goes to the mode, else to the implementation.
    """

    __name__: str

    def __init__(self, packet: OpOverloadPacket, overload: str) -> None:
        self.overloadpacket = self._overloadpacket = packet
        self._overloadname, self._opname, self.namespace = overload, packet.__name__, packet.namespace
        self.__name__ = f"{packet.__name__}.{overload}"
        self.__qualname__, self.__module__ = self.__name__, packet.__module__

    @property
    def _schema(self) -> Any:
        if self.overloadpacket.schema is None:
            raise NotImplementedError(f"{self}: microtorch keeps no schemas of PyTorch's own operations")
        return self.overloadpacket.schema

    def name(self) -> str:
        """As in "aten::add.Tensor"."""
        name = self._overloadpacket._qualified_op_name
        return name if self._overloadname == "default" else f"{name}.{self._overloadname}"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        modes = local.modes
        if modes and local.everything:
            for i in range(len(modes) - 1, -1, -1):
                if isinstance(modes[i], DispatchMode):
                    return modes[i].send(self, args, kwargs, modes[:i])
        return plain(self.overloadpacket.implementation(*args, **kwargs))

    def decompose(self, *args: Any, **kwargs: Any) -> Any:
        """NotImplemented: an operation is here as small as it gets."""
        return NotImplemented

    def __hash__(self) -> int:
        return id(self)

    def __str__(self) -> str:
        return f"{self.namespace}.{self._opname}.{self._overloadname}"

    def __repr__(self) -> str:
        return f"<OpOverload(op='{self.namespace}.{self._opname}', overload='{self._overloadname}')>"

    def __deepcopy__(self, memo: Any = None) -> OpOverload:
        return self

    def __reduce__(self) -> Any:
        return getattr, (self.overloadpacket, self._overloadname)


class OpOverloadPacket:
    """All overloads of an operation: `torch.ops.aten.add`; a call chooses one by its arguments."""

    __name__: str

    def __init__(
        self, namespace: str, name: str, implementation: Implementation, overloads: tuple[str, ...], schema: Any = None,
    ) -> None:  # fmt: skip
        self.namespace, self.__name__, self.implementation, self.schema = namespace, name, implementation, schema
        self.__qualname__, self.__module__ = name, f"torch._ops.{namespace}"
        self._qualified_op_name = f"{namespace}::{name}"
        self._names = overloads
        self._made: dict[str, OpOverload] = {}

    def overloads(self) -> list[str]:
        """The names of the overloads."""
        return list(self._names)

    def __getattr__(self, name: str) -> OpOverload:
        made = self.__dict__.get("_made")
        if made is None or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        if name in made:
            return made[name]
        if name not in self._names:
            raise AttributeError(
                f"The underlying op of '{self.namespace}.{self.__name__}' has no overload name '{name}'"
            )
        made[name] = OpOverload(self, name)
        return made[name]

    def choose(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> OpOverload:
        """The overload for these arguments."""
        names = self._names
        if len(names) == 1:
            return getattr(self, names[0])
        return getattr(self, overload_for(self.__name__, names, args, kwargs))

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if local.modes and local.everything:
            return self.choose(args, kwargs)(*args, **kwargs)
        return plain(self.implementation(*args, **kwargs))

    def __str__(self) -> str:
        return f"{self.namespace}.{self.__name__}"

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='{self.namespace}.{self.__name__}')>"

    def __deepcopy__(self, memo: Any = None) -> OpOverloadPacket:
        return self

    def __reduce__(self) -> Any:
        return getattr, (namespace(self.namespace), self.__name__)


def plain(result: Any) -> Any:
    """A result with names (`torch.return_types.max`) as a mere tuple, as operations return it."""
    return tuple(result) if isinstance(result, tuple) and hasattr(result, "_fields") else result


_ALWAYS_TENSOR = {"add", "sub", "mul", "div", "true_divide", "multiply", "subtract", "divide"}


def overload_for(name: str, names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Which of an operation's overloads PyTorch's functions call for such arguments."""
    if name.startswith("masked_fill"):
        return (
            "Scalar" if isinstance(args[2] if len(args) > 2 else kwargs["value"], (int, float, complex)) else "Tensor"
        )
    last = args[1] if len(args) > 1 else kwargs.get("other", kwargs.get("dim", kwargs.get("value")))
    number = isinstance(last, (int, float, complex))
    if "Tensor" in names and ("Scalar" in names or "Tensor_Scalar" in names):
        if name.strip("_") in _ALWAYS_TENSOR or not number:
            mode = "Tensor_mode" if kwargs.get("rounding_mode") is not None and "Tensor_mode" in names else "Tensor"
            return mode
        return "Scalar" if "Scalar" in names else "Tensor_Scalar"
    if "Tensor_Tensor" in names:
        if isinstance(args[0], (int, float, complex)):
            return "Scalar"
        return "Tensor_Scalar" if number else "Tensor_Tensor"
    if "Tensor" in names and "int" not in names and "default" not in names:
        return "Tensor"
    if "correction" in names:
        return "correction"
    if last is not None and isinstance(last, (int, tuple, list)) and not isinstance(last, bool):
        for found in ("dim", "dim_IntList", "int", "dim_int"):
            if found in names:
                return found
    if "other" in names and last is not None:
        return "other"
    return "default" if "default" in names else names[0]


class DispatchMode:
    """Base of torch.utils._python_dispatch.TorchDispatchMode."""

    def send(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], outer: tuple[Any, ...]) -> Any:
        """Ask this mode for the result of an operation; what it calls goes to the modes around it."""
        before = local.modes
        local.modes = outer
        try:
            result = self.__torch_dispatch__(func, (), args, kwargs)
        finally:
            local.modes = before
        if result is NotImplemented:
            local.modes = outer
            try:
                return func(*args, **kwargs)
            finally:
                local.modes = before
        return result

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError


class OpNamespace(types.ModuleType):
    """The operations of a namespace: `torch.ops.aten`."""

    def __init__(self, name: str) -> None:
        super().__init__(f"torch.ops.{name}")
        self.__file__ = "torch.ops"
        self._namespace = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        packet = defined.get((self._namespace, name))
        if packet is None and self._namespace == "aten":
            packet = importlib.import_module("microtorch._aten").packet(name)
        if packet is None:
            raise AttributeError(f"'_OpNamespace' '{self._namespace}' object has no attribute '{name}'")
        defined[self._namespace, name] = packet
        setattr(self, name, packet)
        return packet

    def __dir__(self) -> list[str]:
        return sorted(name for namespace, name in defined if namespace == self._namespace)


OpNamespace.__name__ = "_OpNamespace"

defined: dict[tuple[str, str], OpOverloadPacket] = {}
"""The operations that are known so far, by namespace and name."""


_namespaces: dict[str, OpNamespace] = {}


def namespace(name: str) -> OpNamespace:
    """`torch.ops.<name>`."""
    found = _namespaces.get(name)
    if found is None:
        found = _namespaces[name] = OpNamespace(name)
    return found
