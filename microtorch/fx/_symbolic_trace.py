"""Tracer: runs a program with Proxies in the place of its inputs, and so finds its graph."""

from __future__ import annotations

import builtins
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import microtorch
from microtorch import _overriding
from microtorch._missing import missing_names as _missing_names
from microtorch._tensor import Tensor
from microtorch.fx.graph import Graph
from microtorch.fx.graph_module import GraphModule
from microtorch.fx.proxy import Proxy, TracerBase, _proxies
from microtorch.nn.modules._calling import CallableModule
from microtorch.nn.modules.container import Sequential
from microtorch.nn.modules.module import Module
from microtorch.nn.parameter import Parameter

_wrapped: list[tuple[dict[str, Any], str]] = []  # (a module's names, the name of a function that is one step)


class PH:
    """The type of what stands for an argument in `concrete_args`."""


def wrap(fn_or_name: Any) -> Any:
    """Let calls of a function of this module be one step of a graph; takes its name, or decorates it.

    Raises NotImplementedError if it is not called at the top level of a module.
    """
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    _wrapped.append((frame.f_globals, name))
    if callable(fn_or_name) and not inspect.isbuiltin(fn_or_name):
        fn_or_name._is_fx_wrapped = True
    return fn_or_name


class Tracer(TracerBase):
    """Finds the graph of a module or function: `trace(root)`; subclasses decide which modules are one step.

    >>> import microtorch as torch
    >>> print(Tracer().trace(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())))
    graph():
        %input_1 : [num_users=1] = placeholder[target=input]
        %_0 : [num_users=1] = call_module[target=0](args = (%input_1,), kwargs = {})
        %_1 : [num_users=1] = call_module[target=1](args = (%_0,), kwargs = {})
        return _1
    """

    proxy_buffer_attributes = False

    def __init__(
        self, autowrap_modules: Any = (), autowrap_functions: Any = (), param_shapes_constant: bool = False
    ) -> None:
        self._functions = list(autowrap_functions)

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """True for a module that is one step: PyTorch's own, but Sequential."""
        ours = type(m).__module__.startswith(("torch.nn", "microtorch.nn"))
        return ours and not isinstance(m, Sequential)

    def path_of_module(self, mod: Module) -> str:
        """A submodule's name. Raises NameError for a module that is none."""
        path = self._paths.get(mod)
        if path is None:
            raise NameError("module is not installed as a submodule")
        return path

    def call_module(self, m: Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """What a call of a submodule is: a step, or what its forward does."""
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return self.create_proxy("call_module", path, args, kwargs)
        return forward(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What reading a module's attribute is: a step for a parameter."""
        wanted = Tensor if self.proxy_buffer_attributes else Parameter
        if isinstance(attr_val, wanted):
            name = self._tensors.get(id(attr_val))
            if name is not None:
                if name not in parameter_proxy_cache:
                    parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {})
                return parameter_proxy_cache[name]
        return attr_val

    def _arg(self, a: Any) -> Any:
        """An argument as steps hold it; a tensor is an attribute of the root."""
        if isinstance(a, Tensor):
            name = self._tensors.get(id(a))
            if name is None:
                i = 0
                while hasattr(self.root, f"_tensor_constant{i}"):
                    i += 1
                name = f"_tensor_constant{i}"
                self._tensors[id(a)] = name
                setattr(self.root, name, a)
                self._kept.append(a)
            return self.create_node("get_attr", name, (), {})
        if isinstance(a, Module):
            path = self._paths.get(a)
            if path is not None:
                return self.create_node("get_attr", path, (), {})
        return super()._arg(a)

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: dict[str, Any] | None = None) -> Any:
        """The inputs: a placeholder for each parameter of the function."""
        parameters = list(inspect.signature(root_fn).parameters.values())
        args: list[Any] = []
        if is_module:
            args, parameters = [self.root], parameters[1:]
        named: list[Any] = []
        for parameter in parameters:
            name, default = parameter.name, parameter.default
            stars = (
                "*" if parameter.kind is parameter.VAR_POSITIONAL else "**" * (parameter.kind is parameter.VAR_KEYWORD)
            )
            if concrete_args is not None and name in concrete_args:
                args.append(self._concrete(name, concrete_args[name]))
                continue
            given = () if default is parameter.empty else (default,)
            kind = None if parameter.annotation is parameter.empty else parameter.annotation
            if isinstance(kind, str) and root_fn.__module__.startswith("microtorch"):
                kind = None  # PyTorch's own modules have no annotations there
            proxy = self.create_proxy("placeholder", stars + name, given, {}, type_expr=kind)
            (named if stars else args).append(proxy)
        return args, named

    def _concrete(self, name: str, value: Any) -> Any:
        """An argument whose value is given: the code checks it (bools, ints, floats) and goes on with the value."""
        index = len([n for n in self.graph.nodes if n.op == "placeholder" and n.name.startswith(name)])
        proxy: Any = self.create_proxy("placeholder", f"{name}_{index + 1}", (), {})
        if isinstance(value, (bool, int, float)):
            text = f"{name} has been specialized to have value {value} but got another value"
            self.create_proxy("call_function", microtorch._assert, (proxy == value, text), {})
        return value

    def trace(self, root: Any, concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module's forward, or of a function."""
        if isinstance(root, Module):
            self.root: Module = root
            fn: Any = type(root).forward
        else:
            self.root, fn = Module(), root
        self.graph = Graph(tracer_cls=type(self))
        self._paths = {m: name for name, m in reversed(list(self.root.named_modules(remove_duplicate=False)))}
        self._tensors = {id(t): n for n, t in (*self.root.named_parameters(), *self.root.named_buffers())}
        self._kept: list[Any] = []
        with _Patched(self):
            args, stars = self.create_args_for_root(fn, isinstance(root, Module), concrete_args)
            parameters = list(inspect.signature(fn).parameters.values())
            kinds = [p.kind for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
            if stars:
                result = _call_with_stars(fn, args, stars, kinds)
            else:
                result = fn(*args)
            self.create_node("output", "output", (self.create_arg(result),), {})
        return self.graph


def _call_with_stars(fn: Any, args: list[Any], stars: list[Any], kinds: list[Any]) -> Any:
    """Call a function whose *args and **kwargs each are one Proxy."""
    function = inspect.unwrap(fn)
    code = function.__code__
    flags = code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    code = code.replace(co_argcount=code.co_argcount + len(stars), co_flags=flags)
    plain = type(function)(code, function.__globals__, function.__name__, None, function.__closure__)
    return plain(*args, *stars)


class _Patched:
    """Inside, calls of modules, reading their parameters and wrapped functions ask the tracer."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer

    def __enter__(self) -> None:
        tracer, cache = self.tracer, {}  # type: ignore[var-annotated]
        call, read = CallableModule.__call__, Module.__getattr__
        self._own = call, read

        def asking_call(module: Any, *args: Any, **kwargs: Any) -> Any:
            return tracer.call_module(module, lambda *a, **k: call(module, *a, **k), args, kwargs)

        def asking_read(module: Any, name: str) -> Any:
            return tracer.getattr(name, read(module, name), cache)

        CallableModule.__call__ = asking_call  # type: ignore[method-assign, assignment]
        Module.__getattr__ = asking_read  # type: ignore[method-assign]
        _overriding.activate()
        self._names: list[tuple[dict[str, Any], str, Any]] = []
        for names, name in _wrapped:
            function = names.get(name, getattr(builtins, name, None))
            self._names.append((names, name, names.get(name, self)))
            names[name] = _recording(function)

    def __exit__(self, *error: object) -> None:
        CallableModule.__call__, Module.__getattr__ = self._own  # type: ignore[method-assign]
        _overriding.deactivate()
        for names, name, before in reversed(self._names):
            if before is self:
                del names[name]
            else:
                names[name] = before


def _recording(function: Any) -> Callable[..., Any]:
    @functools.wraps(function)
    def record(*args: Any, **kwargs: Any) -> Any:
        found = _proxies((args, kwargs))
        if not found:
            return function(*args, **kwargs)
        return found[0].tracer.create_proxy("call_function", function, args, kwargs)

    return record


def symbolic_trace(root: Any, concrete_args: dict[str, Any] | None = None) -> GraphModule:
    """A module that does what `root` does, a module or a function, with its steps in `.graph` and `.code`.

    concrete_args: values of arguments on which the way through the program depends.
    Raises TraceError (a ValueError) where it depends on what a tensor holds.

    >>> import microtorch as torch
    >>> traced = symbolic_trace(lambda x: torch.relu(x) + 1)
    >>> print(traced.code.strip())
    def forward(self, x):
        relu = torch.relu(x);  x = None
        add = relu + 1;  relu = None
        return add
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else root.__name__
    return GraphModule(tracer.root, graph, name)


__all__ = ["PH", "Proxy", "Tracer", "symbolic_trace", "wrap"]
__getattr__ = _missing_names(__name__)
