"""`--graph FILE`: the graph of the program's first backward() as a picture."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from microtorch import viz
from microtorch.autograd import engine


class FirstBackward:
    """Waits for the first backward(), draws its graph to a file, and is never heard of again.

    A page (.html) is written again when that backward() is over, with the gradients. Nothing that goes wrong here may
    stop the program: it is told on stderr.
    """

    def __init__(self, path: str) -> None:
        """Raises ValueError or RuntimeError if such a file cannot be drawn here at all."""
        viz.check(path)
        self.path = os.path.abspath(path)  # the program may change folder
        self.shown = path
        self.process = os.getpid()
        self.recording = viz.recording()
        self.graph: viz.Graph | None = None
        self.outputs: Any = None

    def start(self) -> None:
        """Watch the engine, and note in which modules operations run."""
        self.recording.__enter__()
        engine.before_backward.append(self._begins)

    def finish(self) -> None:
        """The program has ended: say so if there was nothing to draw."""
        if self._begins in engine.before_backward and os.getpid() == self.process:
            if self.graph is None:
                _say(f"{self.shown} was not written: the program never called backward()")
            else:
                self._add_gradients()
            self._stop()

    def _stop(self) -> None:
        engine.before_backward.remove(self._begins)
        self.recording.__exit__(None, None, None)
        self.graph = self.outputs = None

    def _begins(self, roots: Sequence[Any], wanted: object) -> None:
        if os.getpid() != self.process:  # a process forked off before: its backward is not the first
            self._stop()
        elif self.graph is None:
            self._draw(roots)
        else:
            self._add_gradients()
            self._stop()

    def _draw(self, roots: Sequence[Any]) -> None:
        self.outputs = roots[0] if len(roots) == 1 else tuple(roots)
        try:
            self.graph = viz.graph(self.outputs, params=viz.names_in_frames(sys._getframe(2)))
            viz.render(self.graph, self.path)
        except Exception as error:  # whatever it is, the program goes on
            _say(f"{self.shown} was not written: {error}")
            self._stop()
        else:
            _say(f"graph of the first backward() written to {self.shown} ({len(self.graph.nodes)} nodes)")
            if not self.path.endswith(".html"):
                self._stop()

    def _add_gradients(self) -> None:
        """The first backward() is over: what it noted on the nodes comes into the page."""
        assert self.graph is not None
        try:
            after = viz.graph(self.outputs)  # read in the same order: the same nodes have the same numbers
            grads = {step.node: step.incoming for step in after.steps}
            nodes = [replace(node, grad=grads.get(node.id, node.grad)) for node in self.graph.nodes]
            viz.render(replace(self.graph, nodes=nodes, steps=after.steps), self.path)
        except Exception as error:  # whatever it is, the program goes on
            _say(f"the gradients were not added to {self.shown}: {error}")


def _say(message: str) -> None:
    print(f"microtorch: {message}", file=sys.stderr, flush=True)
