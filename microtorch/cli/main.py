"""The `microtorch` command: which part of the package does what is asked.

A command is a line in COMMANDS and a module with `make_parser(prog)`, whose parser's default `command` is a function of
the options. The module is imported when its command is given.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from microtorch.cli.program import ProgramError
from microtorch.release import __version__

COMMANDS = {
    "run": ("microtorch.cli.run_command", "run a program written for PyTorch, unedited"),
    "warmup": ("microtorch.cli.warmup", "compile the kernels of the extra `fast` once for all"),
    "check": ("microtorch.cli.check", "compare a program with itself under PyTorch"),
}
"""Each command with its module and what it does."""

_EXAMPLES = """\
examples:
  microtorch run train.py --epochs 3           `import torch` in train.py means microtorch
  microtorch run --summary --profile train.py  also a table of the model, and one of where the time goes
  microtorch run --graph step.svg train.py     also a picture of the first backward()
  microtorch check train.py                    are values, gradients and parameters those of PyTorch?
  microtorch COMMAND --help                    all about one command"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of what comes before a command's own arguments."""
    width = max(len(name) for name in COMMANDS) + 2
    lines = [f"  {name:<{width}}{what}" for name, (_, what) in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="microtorch",
        usage="microtorch COMMAND [ARGUMENTS ...]",
        description="PyTorch's API on NumPy.\n\ncommands:\n" + "\n".join(lines),
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"microtorch {__version__}")
    parser.add_argument("name", metavar="COMMAND", choices=COMMANDS, help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (sys.argv[1:] if None) and return the exit code.

    What the user's program raises comes through, SystemExit included, so that the process ends as the program would.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = make_parser()
    if argv and argv[0].endswith(".py"):
        parser.error(f"unknown command {argv[0]!r}; to run a program: microtorch run {' '.join(argv)}")
    name = parser.parse_args(argv[:1]).name
    own: argparse.ArgumentParser = importlib.import_module(COMMANDS[name][0]).make_parser(f"microtorch {name}")
    options = own.parse_args(argv[1:])
    try:
        return options.command(options) or 0
    except ProgramError as error:
        print(f"{own.prog}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
