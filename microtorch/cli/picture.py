"""`--graph FILE`: the graph of the program's first backward() as a picture."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from microtorch import viz
from microtorch.autograd import engine


class FirstBackward:
    """Waits for the first backward(), draws its graph to a file, and is never heard of again.

    Nothing that goes wrong here may stop the program: it is told on stderr.
    """

    def __init__(self, path: str) -> None:
        """Raises ValueError or RuntimeError if such a file cannot be drawn here at all."""
        viz.check(path)
        self.path = os.path.abspath(path)  # the program may change folder
        self.shown = path
        self.process = os.getpid()
        self.done = False

    def start(self) -> None:
        """Watch the engine."""
        engine.before_backward.append(self._draw)

    def finish(self) -> None:
        """The program has ended: say so if there was nothing to draw."""
        if not self.done and os.getpid() == self.process:
            self._stop()
            _say(f"{self.shown} was not written: the program never called backward()")

    def _stop(self) -> None:
        self.done = True
        if self._draw in engine.before_backward:
            engine.before_backward.remove(self._draw)

    def _draw(self, roots: Sequence[Any]) -> None:
        self._stop()
        if os.getpid() != self.process:  # a process forked off before: its backward is not the first
            return
        try:
            outputs = roots[0] if len(roots) == 1 else tuple(roots)
            graph = viz.graph(outputs, params=viz.names_in_frames(sys._getframe(1)))
            viz.render(graph, self.path)
        except Exception as error:  # whatever it is, the program goes on
            _say(f"{self.shown} was not written: {error}")
        else:
            _say(f"graph of the first backward() written to {self.shown} ({len(graph.nodes)} nodes)")


def _say(message: str) -> None:
    print(f"microtorch: {message}", file=sys.stderr, flush=True)
