"""`microtorch run`: its arguments, and what watches the program on its way."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from microtorch.cli.run import Watcher, run_module, run_script

_DESCRIPTION = """\
Run a Python program with `import torch` meaning microtorch. The program is run as `python SCRIPT ARGS` would run it,
and its exit code is returned; options of microtorch come before SCRIPT, everything after it belongs to the program.
What microtorch has to say goes to stderr."""

_EXAMPLES = """\
examples:
  microtorch run train.py --epochs 3             train.py gets --epochs 3
  microtorch run --graph step.svg train.py       also draw the graph of the first backward()
  microtorch run --summary train.py              also a table of the model: layers, shapes, parameters
  microtorch run --profile train.py              also a table of operations: time and memory
  microtorch run --trace trace.json train.py     also a trace for ui.perfetto.dev
  microtorch run -m package.train --epochs 3     as `python -m package.train --epochs 3`"""


def make_parser(prog: str) -> argparse.ArgumentParser:
    """The parser of the command's arguments."""
    parser = argparse.ArgumentParser(
        prog=prog,
        usage="%(prog)s [OPTIONS] (SCRIPT | -m MODULE) [ARGS ...]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--graph", metavar="FILE", help="draw the first backward() to FILE (.svg .png .pdf .dot .html)")
    parser.add_argument("--summary", action="store_true", help="print a table of the first model that is called")
    parser.add_argument("--profile", action="store_true", help="print where the time went, operation by operation")
    parser.add_argument("--trace", metavar="FILE", help="write a trace of all operations to FILE (.json, .json.gz)")
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, help="run a module, as `python -m` does")
    parser.add_argument("script", metavar="SCRIPT", nargs="?", help="the program's file")
    parser.add_argument("args", metavar="ARGS", nargs=argparse.REMAINDER, help="the program's own arguments")
    parser.set_defaults(command=_run, parser=parser)
    return parser


def _run(options: argparse.Namespace) -> int:
    parser: argparse.ArgumentParser = options.parser
    if not options.module and not options.script:
        parser.error("nothing to run: give a SCRIPT, or -m MODULE")
    watchers: list[Watcher] = []
    if options.graph:  # what is not asked for is not loaded
        from microtorch.cli.picture import FirstBackward

        watchers.append(_made(parser, f"--graph {options.graph}", lambda: FirstBackward(options.graph)))
    if options.summary:
        from microtorch.cli.observe import FirstModel

        watchers.append(FirstModel())
    if options.profile or options.trace:
        from microtorch.cli.observe import Profile

        watchers.append(_made(parser, f"--trace {options.trace}", lambda: Profile(options.profile, options.trace)))
    if options.module:
        run_module(options.module[0], options.module[1:], watchers)
    else:
        run_script(options.script, options.args, watchers)
    return 0


def _made(parser: argparse.ArgumentParser, option: str, make: Callable[[], Any]) -> Any:
    """A watcher, or the end of the command with the reason why it cannot be."""
    try:
        return make()
    except (ValueError, RuntimeError, OSError) as error:
        parser.error(f"{option}: {error}")
