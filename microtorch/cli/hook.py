"""The import hook: `import torch` means microtorch.

`install()` puts a finder in front of Python's own. Under it `torch` and every `torch.x.y` are the modules `microtorch`
and `microtorch.x.y` themselves, not copies: `sys.modules["torch.nn"] is sys.modules["microtorch.nn"]`. A PyTorch that
is installed is never looked at. Once a module is imported the hook is out of the way: Python finds it in `sys.modules`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from microtorch._missing import missing_module, torch_name

_displaced: dict[str, ModuleType] = {}  # modules of the real PyTorch that were imported before install()


class _Same(Loader):
    """Hands out a module that is already loaded under another name."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # the import system has put the alias's own in its place


_PUBLIC = frozenset(
    """_tensor amp autograd cuda distributed distributions dtypes func fx library nn optim profiler random
    return_types size storage utils""".split()
)
"""The parts of the package whose classes users meet."""

_HOMES = {
    "_tensor": "torch",
    "dtypes": "torch",
    "size": "torch",
    "random": "torch._C",
    "autograd.modes": "torch.autograd.grad_mode",
    "optim.lr_base": "torch.optim.lr_scheduler",
    "optim.lr_cyclic": "torch.optim.lr_scheduler",
    "cuda.types": "torch.cuda",
}
"""Modules whose classes PyTorch has elsewhere."""

_renamed: list[tuple[type, str]] = []  # classes, with the names of their own modules


def _rename(module: ModuleType) -> None:
    """Let the public classes of a module say that they are PyTorch's: programs print them and compare the text."""
    name = module.__name__
    home = _HOMES.get(name.removeprefix("microtorch."), torch_name(name))
    for label, value in list(vars(module).items()):
        if isinstance(value, type) and value.__module__ == name and not label.startswith("_"):
            _renamed.append((value, name))
            value.__module__ = home


class _Renaming(Loader):
    """Loads a module of ours, and renames its classes."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        _rename(module)
        sys.modules.setdefault(torch_name(module.__name__), module)  # where inspect and typing look


class AliasFinder(MetaPathFinder):
    """Finds `alias` and `alias.x` as `package` and `package.x`."""

    def __init__(self, alias: str = "torch", package: str = "microtorch") -> None:
        self.alias, self.package = alias, package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of `fullname` if it is ours, None if it is not.

        Raises ModuleNotFoundError if it is ours and microtorch lacks it.
        """
        head, _, tail = fullname.partition(".")
        if head == self.alias:
            module = self._module(f"{self.package}.{tail}" if tail else self.package, fullname)
            if module is not None:
                if sys.modules.get(fullname) is module:  # put there just now: the import system would load it again
                    del sys.modules[fullname]
                spec = ModuleSpec(fullname, _Same(module), origin=getattr(module, "__file__", None))
                spec.submodule_search_locations = getattr(module, "__path__", None)
                return spec
        elif head != self.package or not tail:
            return None
        else:
            found = PathFinder.find_spec(fullname, path)
            if found is not None:
                if self.alias == "torch" and tail.split(".")[0] in _PUBLIC and found.loader is not None:
                    found.loader = _Renaming(found.loader)
                    return found
                return None
        # Here it is ours, and lacking; `from torch import x` has asked for microtorch.x.
        # importlib.util.find_spec(name), two frames up, is only a question: its answer is None.
        if sys._getframe(2).f_globals.get("__name__") == "importlib.util":
            return None
        raise missing_module(f"{self.alias}.{tail}")

    def _module(self, real: str, fullname: str) -> ModuleType | None:
        try:
            return importlib.import_module(real)
        except ModuleNotFoundError as error:
            if error.name not in (real, fullname):
                raise  # the module is there, and something that it needs is not
            return None


def _ours(name: str, alias: str) -> bool:
    return name == alias or name.startswith(alias + ".")


def installed(alias: str = "torch") -> bool:
    """Whether `import torch` means microtorch now."""
    return any(isinstance(finder, AliasFinder) and finder.alias == alias for finder in sys.meta_path)


def install(alias: str = "torch", package: str = "microtorch") -> None:
    """Let `import torch` mean microtorch from now on. A second call changes nothing.

    Modules of the real PyTorch that this process has already imported are put aside until `uninstall()`. Where torchviz
    is not installed, `from torchviz import make_dot` gets microtorch.viz's.

    >>> import sys
    >>> install()
    >>> import torch.nn
    >>> torch.nn is sys.modules["microtorch.nn"]
    True
    >>> uninstall()
    """
    if installed(alias):
        return
    for name in [name for name in sys.modules if _ours(name, alias)]:
        _displaced[name] = sys.modules.pop(name)
    sys.meta_path.insert(0, AliasFinder(alias, package))
    if alias == "torch":
        for name, module in list(sys.modules.items()):
            if name.startswith(f"{package}.") and name.split(".")[1] in _PUBLIC:
                _rename(module)
    sys.meta_path.append(
        AliasFinder("torchviz", f"{package}.viz.digraph")
    )  # the last: one that is installed comes first


def uninstall(alias: str = "torch") -> None:
    """Undo `install()`: `import torch` means what it meant before. Without an `install()` this does nothing."""
    if not installed(alias):
        return
    while alias == "torch" and _renamed:
        kind, name = _renamed.pop()
        kind.__module__ = name
    ours = (alias, "torchviz")
    sys.meta_path[:] = [f for f in sys.meta_path if not (isinstance(f, AliasFinder) and f.alias in ours)]
    for name in [name for name in sys.modules if _ours(name, alias) or name == "torchviz"]:
        del sys.modules[name]
    for name in [name for name in _displaced if _ours(name, alias)]:
        sys.modules[name] = _displaced.pop(name)
