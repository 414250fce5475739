"""Progress bars for what takes over a second: with tqdm, if it is installed and somebody looks."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def clock(what: str) -> Iterator[None]:
    """While something of unknown length runs: what it is, and how long it has taken.

    >>> with clock("thinking"):
    ...     pass
    """
    bar = make_bar(what, None)
    if bar is None:
        yield
        return
    over = threading.Event()

    def tick() -> None:
        while not over.wait(0.25):
            bar.refresh()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        bar.close()


def make_bar(what: str, total: int | None) -> Any:
    """A bar of tqdm's (`update()`, `close()`) that vanishes at the end, or None."""
    if not sys.stderr.isatty() or importlib.util.find_spec("tqdm") is None:
        return None
    from tqdm import tqdm

    shape = "{desc} ({elapsed})" if total is None else None
    return tqdm(desc=what, total=total, leave=False, file=sys.stderr, bar_format=shape)
