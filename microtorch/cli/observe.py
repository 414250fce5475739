"""`--summary` and `--profile`: tables of the program's model and of its operations.

Nothing that goes wrong here may stop the program; tables go to stderr.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from microtorch import model_summary
from microtorch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from microtorch.profiler import profile

LIMIT = 500_000
"""So many calls are kept at most: a program that runs for hours does not fill the memory."""


class FirstModel:
    """Prints the summary of the first model that is called, from that call; no second one is made."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.handles: list[Any] = []
        self.model: Any = None
        self.recorder: model_summary.Recorder | None = None
        self.inputs: Any = None

    def start(self) -> None:
        """Wait for the first call of a model."""
        self.handles = [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after, always_call=True),
        ]

    def finish(self) -> None:
        """The program has ended: say so if there was no model."""
        self._stop()
        if self.model is None and os.getpid() == self.process:
            _say("--summary: the program called no model")

    def _stop(self) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles = []

    def _before(self, module: Any, args: Any) -> None:
        if self.model is not None or os.getpid() != self.process or next(module.parameters(), None) is None:
            return
        self.model, self.inputs = module, args
        try:
            recorder = model_summary.Recorder(module, True, None)
            recorder.begin_root()
        except Exception as error:  # whatever it is, the program goes on
            _say(f"--summary: {error}")
        else:
            self.recorder = recorder

    def _after(self, module: Any, args: Any, output: Any) -> None:
        recorder = self.recorder
        if module is not self.model or recorder is None:
            return
        self._stop()
        try:
            recorder.remove()
            recorder.end_root(args, output)
            table = model_summary.table_of(recorder, self.inputs, depth=3)
        except Exception as error:  # whatever it is, the program goes on
            _say(f"--summary: {error}")
        else:
            print(table, file=sys.stderr, flush=True)


class Profile:
    """Times the program's operations; prints a table of them, writes a trace, or both."""

    def __init__(self, table: bool, trace: str | None) -> None:
        """Raises ValueError if there is no folder for such a trace."""
        self.table, self.shown = table, trace
        self.trace = None if trace is None else os.path.abspath(trace)  # the program may change folder
        if self.trace is not None and not os.path.isdir(os.path.dirname(self.trace)):
            raise ValueError(f"there is no folder {os.path.dirname(self.trace)}")
        self.process = os.getpid()
        self.profile = profile(profile_memory=table, limit=LIMIT)

    def start(self) -> None:
        """Begin to time."""
        self.profile.start()

    def finish(self) -> None:
        """The program has ended: tell."""
        if os.getpid() != self.process:
            return
        try:
            self.profile.stop()
            if self.table:
                rows = self.profile.key_averages()
                if len(self.profile.events()) >= LIMIT:
                    _say(f"--profile: these are the first {LIMIT:,} calls")
                print(rows.table(sort_by="self_cpu_time_total", row_limit=30), file=sys.stderr, flush=True)
            if self.trace is not None:
                self.profile.export_chrome_trace(self.trace)
                _say(f"trace of {len(self.profile.events()):,} calls written to {self.shown}")
        except Exception as error:  # whatever it is, the program's end stays what it is
            _say(f"--profile: {error}")


def _say(message: str) -> None:
    print(f"microtorch: {message}", file=sys.stderr, flush=True)
