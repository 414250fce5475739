"""`microtorch run`: a program as `python` would run it, with `import torch` meaning microtorch.

The program becomes the module `__main__` of this process: its own argv, sys.path[0] and `__file__`, its exit code, and
tracebacks that begin with its own first line.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType, TracebackType
from typing import Protocol

import microtorch
from microtorch._missing import missing_name
from microtorch.cli import hook
from microtorch.cli.program import ENVIRONMENT, Program, load_module, load_script

_PACKAGE = os.path.dirname(os.path.abspath(microtorch.__file__))


class Watcher(Protocol):
    """What looks at the program while it runs."""

    def start(self) -> None:
        """The program begins."""

    def finish(self) -> None:
        """The program has ended, well or not."""


def run_script(script: str, args: Sequence[str] = (), watchers: Sequence[Watcher] = ()) -> None:
    """Run the file `script`, as `python script args` does.

    Raises ProgramError if it cannot be started, else whatever it raises.
    """
    _prepare(os.path.dirname(os.path.realpath(script)), f"script {os.path.abspath(script)}")
    sys.argv[:] = [script, *args]
    try:
        program = load_script(script)
    except SyntaxError as error:
        _show_only_the_program(error, None)
        raise
    _execute(program, watchers)


def run_module(name: str, args: Sequence[str] = (), watchers: Sequence[Watcher] = ()) -> None:
    """Run the module `name`, as `python -m name args` does; else like `run_script`."""
    _prepare(os.getcwd(), f"module {name}")
    sys.argv[:] = ["-m", *args]  # what Python shows while it looks for the module
    program = load_module(name)
    sys.argv[0] = program.path or name
    _execute(program, watchers)


def _prepare(folder: str, description: str) -> None:
    """Make this process ready for the program: where it imports from, what torch is, what its children run."""
    if not sys.flags.safe_path:
        sys.path[0] = folder
    home = os.path.dirname(_PACKAGE)
    if home not in sys.path:  # run from its source: processes that the program starts must find microtorch too
        sys.path.append(home)
    os.environ[ENVIRONMENT] = description
    hook.install()


def _execute(program: Program, watchers: Sequence[Watcher]) -> None:
    main = ModuleType("__main__")
    main.__dict__.update(program.names, __builtins__=builtins, __annotations__={})
    sys.modules["__main__"] = main  # left there: exit handlers and threads outlive this function
    for watcher in watchers:
        watcher.start()
    try:
        exec(program.code, main.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        _show_only_the_program(error, program.code)
        raise
    finally:
        for watcher in reversed(watchers):
            watcher.finish()


def _show_only_the_program(error: BaseException, code: CodeType | None) -> None:
    """Take our own frames out of the traceback that Python will print for `error`."""
    _name_what_is_missing(error)
    show = sys.excepthook  # the program's own, if it has set one

    def excepthook(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        if value is error:
            trace = _from(trace, code)
            value = value.with_traceback(trace)  # the default hook prints the one inside
        show(kind, value, trace)

    sys.excepthook = excepthook


def _name_what_is_missing(error: BaseException) -> None:
    """Let the error for a name that a module of ours lacks say so: Python's own words for it do not name torch."""
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        module, name = error.obj.__name__, error.name
        if _is_ours(module) and name:
            error.args = missing_name(module, name).args
    elif isinstance(error, ImportError) and _is_ours(error.name or ""):
        head, found, tail = error.msg.partition("cannot import name '")
        if found and not head:
            error.msg = str(missing_name(error.name or "", tail.partition("'")[0]))


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == microtorch.__name__


def _from(trace: TracebackType | None, code: CodeType | None) -> TracebackType | None:
    """The part of a traceback that begins where `code` runs, and ends where microtorch reports a missing name."""
    while trace is not None and trace.tb_frame.f_code is not code:
        trace = trace.tb_next
    last = trace
    while last is not None and last.tb_next is not None:
        if _reports_missing(last.tb_next.tb_frame.f_code):
            last.tb_next = None
            break
        last = last.tb_next
    return trace


def _reports_missing(code: CodeType) -> bool:
    if code.co_name == "__getattr__" and code.co_filename.startswith(_PACKAGE + os.sep):
        return True
    return code.co_filename == hook.__file__ or code.co_filename.startswith("<frozen importlib")
