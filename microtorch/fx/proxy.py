"""Proxy: what stands for a tensor while a program is traced; every operation on it becomes a step of the graph."""

from __future__ import annotations

import dis
import inspect
import operator
import sys
from collections.abc import Iterator
from typing import Any

from microtorch import _overriding
from microtorch._missing import missing_names as _missing_names
from microtorch._tensor import Tensor
from microtorch.fx.graph import Graph
from microtorch.fx.node import Node, map_aggregate


class TraceError(ValueError):
    """What a program does that depends on a value, which is not known while it is traced."""


class TracerBase:
    """What makes steps of operations."""

    graph: Graph

    def create_node(
        self, kind: str, target: Any, args: Any, kwargs: Any, name: str | None = None, type_expr: Any = None
    ) -> Node:
        """A step."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node: Node) -> Proxy:
        """What stands for a step's result."""
        return Proxy(node, self)

    def create_proxy(
        self, kind: str, target: Any, args: Any, kwargs: Any, name: str | None = None, type_expr: Any = None,
        proxy_factory_fn: Any = None,
    ) -> Proxy:  # fmt: skip
        """Make a step, and what stands for its result."""
        given, named = self.create_arg(tuple(args)), self.create_arg(dict(kwargs))
        node = self.create_node(kind, target, given, named, name, type_expr)
        return self.proxy(node) if proxy_factory_fn is None else proxy_factory_fn(node)

    def create_arg(self, a: Any) -> Any:
        """An argument as steps hold it: Nodes for Proxies."""
        return map_aggregate(a, self._arg)

    def _arg(self, a: Any) -> Any:
        return a.node if isinstance(a, Proxy) else a

    def to_bool(self, obj: Proxy) -> bool:
        """Raises TraceError: which way the program goes is not known."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj: Any) -> Iterator[Any]:
        """The parts of `a, b = x`, as many as there are names. Raises TraceError for a loop: how often is not known."""
        count = _names_to_unpack()
        if count is not None:
            return (obj[i] for i in range(count))
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or "
            "**kwargs function argument. See the torch.fx docs on pytorch.org for a more detailed explanation of what "
            "types of control flow can be traced, and check out the Proxy docstring for help troubleshooting Proxy "
            "iteration errors"
        )

    def keys(self, obj: Proxy) -> Any:
        """What `**x` asks for."""
        return Attribute(obj, "keys")()


def _names_to_unpack() -> int | None:
    """If the program's line is about to unpack (`a, b = x`), into how many names."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("microtorch.fx"):
        frame = frame.f_back
    if frame is None:
        return None
    for step in dis.get_instructions(frame.f_code):
        if step.offset == frame.f_lasti and step.opname == "UNPACK_SEQUENCE":
            return step.argval if isinstance(step.argval, int) else None
    return None


class GraphAppendingTracer(TracerBase):
    """Makes steps at the end of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph


class Proxy:
    """Stands for the result of a step, `node`, while a program is traced."""

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, k: str) -> Attribute:
        if k.startswith("__") and k.endswith("__"):
            raise AttributeError(k)
        return Attribute(self, k)

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        return self.tracer.iter(self)

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call "
            "torch.fx.wrap('len') at module scope"
        )

    def keys(self) -> Any:
        """What `**x` asks for."""
        return self.tracer.keys(self)

    def __hash__(self) -> int:
        return id(self)

    @classmethod
    def __torch_function__(cls, orig_method: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tracer = next(p.tracer for p in _proxies((args, kwargs)))
        name = _overriding.name_of(orig_method)
        place, _, last = name.rpartition(".")
        if place == "torch.Tensor":
            return tracer.create_proxy("call_method", last, args, kwargs)
        if _overriding.in_python(name) and place == "torch.nn.functional":
            args, kwargs = _as_handed_on(orig_method, args, kwargs)
        return tracer.create_proxy("call_function", orig_method, args, kwargs)


def _as_handed_on(func: Any, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments as PyTorch's own Python functions hand them on: what has a default by its name."""
    signature = inspect.signature(getattr(func, "__wrapped__", func))
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    given, named = [], {}
    for name, parameter in signature.parameters.items():
        if parameter.default is parameter.empty:
            given.append(bound.arguments[name])
        else:
            named[name] = bound.arguments[name]
    return tuple(given), named


def _proxies(value: Any) -> list[Proxy]:
    found: list[Proxy] = []

    def note(v: Any) -> Any:
        if isinstance(v, Proxy):
            found.append(v)
        return v

    map_aggregate(value, note)
    return found


class Attribute(Proxy):
    """Stands for an attribute; a step is made of it only if it is used, not if it is a method that is called."""

    def __init__(self, root: Proxy, attr: str) -> None:
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node: Node | None = None

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The step, made now."""
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args: Any, **kwargs: Any) -> Proxy:
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


def _magic(name: str, function: Any, reflected: bool) -> Any:
    def method(*args: Any) -> Any:
        tracer = next(p.tracer for p in _proxies(args))
        return tracer.create_proxy("call_function", function, args[::-1] if reflected else args, {})

    method.__name__ = name
    return method


for _name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():
    _function = getattr(operator, f"{_name}_" if _name in ("and", "or") else _name)
    setattr(Proxy, f"__{_name}__", _magic(f"__{_name}__", _function, False))
    setattr(Proxy, f"__r{_name}__", _magic(f"__r{_name}__", _function, True))
for _name in "eq ne lt gt le ge pos neg invert abs getitem".split():
    setattr(Proxy, f"__{_name}__", _magic(f"__{_name}__", getattr(operator, _name), False))

__all__ = ["Attribute", "GraphAppendingTracer", "Proxy", "Tensor", "TraceError", "TracerBase"]
__getattr__ = _missing_names(__name__)
