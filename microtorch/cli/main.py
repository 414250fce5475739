"""The `microtorch` command: its arguments, and which part of the package does what they ask."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from microtorch.cli.program import ProgramError
from microtorch.cli.run import run_module, run_script
from microtorch.release import __version__

_RUN = """\
Run a Python program with `import torch` meaning microtorch. The program is run as `python SCRIPT ARGS` would run it;
options of microtorch come before SCRIPT, everything after it belongs to the program."""

_RUN_EXAMPLES = """\
examples:
  microtorch run train.py --epochs 3             train.py gets --epochs 3
  microtorch run --graph step.svg train.py       also draw the graph of the first backward()
  microtorch run -m package.train --epochs 3     as `python -m package.train --epochs 3`"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; a command is a subparser with its function as `command`."""
    parser = argparse.ArgumentParser(prog="microtorch", description="PyTorch's API on NumPy.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"microtorch {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    run = commands.add_parser(
        "run",
        help="run a program written for PyTorch, unedited",
        usage="%(prog)s [--graph FILE] (SCRIPT | -m MODULE) [ARGS ...]",
        description=_RUN,
        epilog=_RUN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    run.add_argument("--graph", metavar="FILE", help="draw the first backward() to FILE (.svg .png .pdf .dot .html)")
    run.add_argument("-m", dest="module", nargs=argparse.REMAINDER, help="run a module, as `python -m` does")
    run.add_argument("script", metavar="SCRIPT", nargs="?", help="the program's file")
    run.add_argument("args", metavar="ARGS", nargs=argparse.REMAINDER, help="the program's own arguments")
    run.set_defaults(command=_run, parser=run)
    return parser


def _run(options: argparse.Namespace) -> None:
    parser: argparse.ArgumentParser = options.parser
    if not options.module and not options.script:
        parser.error("nothing to run: give a SCRIPT, or -m MODULE")
    picture = None
    if options.graph:
        from microtorch.cli.picture import FirstBackward  # a program run without a picture does not wait for viz

        try:
            picture = FirstBackward(options.graph)
        except (ValueError, RuntimeError, OSError) as error:
            parser.error(f"--graph {options.graph}: {error}")
    try:
        if options.module:
            run_module(options.module[0], options.module[1:], picture)
        else:
            run_script(options.script, options.args, picture)
    except ProgramError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (sys.argv[1:] if None) and return the exit code.

    What the user's program raises comes through, SystemExit included, so that the process ends as the program would.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = make_parser()
    if argv and argv[0].endswith(".py"):
        parser.error(f"unknown command {argv[0]!r}; to run a program: microtorch run {' '.join(argv)}")
    options = parser.parse_args(argv)
    options.command(options)
    return 0
