"""`torch.compile` and `torch.compiler`: nothing is compiled. Functions are returned as they are, modules wrapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microtorch._missing import missing_names as _missing_names
from microtorch.nn.modules.module import Module


def compile(
    model: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None, backend: Any = "inductor",
    mode: str | None = None, options: Any = None, disable: bool = False, recompile_limit: int | None = None,
) -> Any:  # fmt: skip
    """The function itself, or a module that calls the module; also as a decorator with arguments.

    Raises RuntimeError if both `mode` and `options` are given.

    >>> compile(lambda x: x + 1, fullgraph=True)(1)
    2
    """
    if model is None:
        return lambda model: compile(model, mode=mode, options=options)
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    return model if disable or not isinstance(model, Module) else OptimizedModule(model)


class OptimizedModule(Module):
    """What `torch.compile(module)` returns: it holds the module as `_orig_mod`, and all else of it is the module's.

    >>> from microtorch import nn
    >>> compiled = compile(nn.Linear(2, 3))
    >>> compiled.in_features, list(compiled.state_dict())
    (2, ['_orig_mod.weight', '_orig_mod.bias'])
    """

    def __init__(self, module: Module) -> None:
        super().__init__()
        self.__dict__.pop("training")  # the module's
        self._modules["_orig_mod"] = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module."""
        return self._modules["_orig_mod"](*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__["_modules"]["_orig_mod"]
        return module if name == "_orig_mod" else getattr(module, name)

    def __setattr__(self, name: str, value: Any) -> None:
        modules = self.__dict__.get("_modules")
        if name in ("forward", "__dict__") or not modules:  # (not modules: it is being made)
            super().__setattr__(name, value)
        elif name == "_orig_mod":
            modules[name] = value
        else:
            setattr(modules["_orig_mod"], name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._modules["_orig_mod"], name)

    def __len__(self) -> int:
        module: Any = self._modules["_orig_mod"]
        return len(module)

    def __bool__(self) -> bool:
        return True

    def __dir__(self) -> list[str]:
        return dir(self._modules["_orig_mod"])


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function itself, also as a decorator with arguments."""
    return (lambda fn: fn) if fn is None else fn


def _same(fn: Any) -> Any:
    """The function itself."""
    return fn


allow_in_graph = assume_constant_result = disallow_in_graph = nonstrict_trace = forbid_in_graph = graph_break = _same


def reset() -> None:
    """Nothing to forget."""


def cudagraph_mark_step_begin() -> None:
    """Nothing to mark."""


def is_compiling() -> bool:
    """False."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """None of them."""
    return []


def set_stance(stance: Any = "default", **options: Any) -> None:
    """Nothing changes."""


def run(fn: Callable[..., Any] | None = None) -> Any:
    """The function itself."""
    return disable(fn)


__getattr__ = _missing_names(__name__)
