"""The user's program: its code, and the names that Python gives a main module. Shared by the process that
`microtorch run` starts in and by those that the program starts itself."""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType
from typing import Any

ENVIRONMENT = "MICROTORCH_PROGRAM"  # where started processes find what the program is


class ProgramError(Exception):
    """The program cannot be started; the message says why. `exit_code` is what `python` would exit with."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class MainSpec(ModuleSpec):
    """The `__spec__` of a program that we run.

    Its name is the module that multiprocessing runs first in a process that it starts afresh: there the import hook is
    missing, and `microtorch.cli.spawned` installs it before it loads the program.
    """

    def __init__(self, package: str, origin: str | None) -> None:
        super().__init__("microtorch.cli.spawned", None, origin=origin)
        self._package = package

    @property
    def parent(self) -> str:
        """The package that the program's relative imports start from; empty for a script."""
        return self._package


@dataclass(frozen=True)
class Program:
    """What is run: its code, its file, and the names its namespace starts with."""

    code: CodeType
    path: str | None
    names: dict[str, Any]


def load_script(script: str) -> Program:
    """The program in the file `script`.

    Raises ProgramError if it cannot be read, SyntaxError if it is not Python.
    """
    path = os.path.abspath(script)
    if os.path.isdir(path):
        raise ProgramError(f"{script} is a folder: run a file of it, or -m MODULE", 2)
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        raise ProgramError(f"can't open {script}: {error.strerror}", 2) from error
    _prepare(source)
    code = compile(source, path, "exec", dont_inherit=True)
    names = {"__loader__": SourceFileLoader("__main__", path), "__package__": None, "__spec__": MainSpec("", path)}
    return Program(code, path, {**names, "__file__": path, "__cached__": None})


def _prepare(source: bytes) -> None:
    """Look out for classes that stand in for tensors if the program has some (see microtorch/_overriding.py)."""
    if b"__torch_function__" in source:
        importlib.import_module("microtorch.overrides")


def load_module(name: str) -> Program:
    """The program in the module `name`, or in `name.__main__` if `name` is a package.

    Raises ProgramError if there is none, and whatever importing its packages raises.
    """
    parts = name.split(".")
    for i in range(1, len(parts)):  # packages first, so that an error in one of them is seen as it is
        parent = ".".join(parts[:i])
        if importlib.util.find_spec(parent) is None:
            raise ProgramError(f"No module named {parent}", 1)
        importlib.import_module(parent)
    spec = importlib.util.find_spec(name)
    if spec is None:
        hint = f" (did you mean {name[:-3]}?)" if name.endswith(".py") else ""
        raise ProgramError(f"No module named {name}{hint}", 1)
    if spec.submodule_search_locations is not None:
        if parts[-1] == "__main__" or importlib.util.find_spec(f"{name}.__main__") is None:
            raise ProgramError(f"{name} is a package without a __main__: it cannot be run", 1)
        return load_module(f"{name}.__main__")
    code = spec.loader.get_code(name) if hasattr(spec.loader, "get_code") else None  # type: ignore[union-attr]
    if code is None:
        raise ProgramError(f"{name} has no Python code: it cannot be run", 1)
    read = getattr(spec.loader, "get_data", None)
    _prepare(read(spec.origin) if read is not None and spec.origin else b"")
    package = spec.parent or ""
    names = {"__loader__": spec.loader, "__package__": package, "__spec__": MainSpec(package, spec.origin)}
    return Program(code, spec.origin, {**names, "__file__": spec.origin, "__cached__": spec.cached})


def load(description: str) -> Program:
    """The program that the environment variable describes: `script PATH` or `module NAME`."""
    kind, _, name = description.partition(" ")
    return load_script(name) if kind == "script" else load_module(name)
