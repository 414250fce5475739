"""`microtorch check`: its arguments, and how its findings are told."""

from __future__ import annotations

import argparse
import os
import sys

from microtorch.cli.program import ProgramError
from microtorch.cli.progress import clock
from microtorch.testing.check import check_script
from microtorch.testing.difference import Tolerance

_DESCRIPTION = """\
Run a program under PyTorch and under microtorch, one after the other, from the same seed, and compare what they
compute: results of functions and modules, gradients on the way back, parameters after each optimizer step, and what is
printed. The first difference is told with both numbers and the line of the program. PyTorch must be installed."""

_EXAMPLES = """\
exit codes: 0 all is equal, 1 something differs, 2 it could not be compared

examples:
  microtorch check train.py --epochs 1         train.py gets --epochs 1
  microtorch check --steps 20 train.py         compare 20 backward passes call by call
  microtorch check --no-text --rtol 1e-2 train.py"""


def make_parser(prog: str) -> argparse.ArgumentParser:
    """The parser of the command's arguments."""
    parser = argparse.ArgumentParser(
        prog=prog,
        usage="%(prog)s [OPTIONS] SCRIPT [ARGS ...]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--steps", type=int, default=3, metavar="N",
        help="compare N backward passes call by call (default 3); of later ones losses, gradients and parameters",
    )  # fmt: skip
    parser.add_argument(
        "--rtol", type=float, metavar="X", help="allow X times a tensor's largest element (default 1e-3 for float32)"
    )
    parser.add_argument("--atol", type=float, default=1e-6, metavar="X", help="allow X besides (default 1e-6)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of random numbers (default 0)")
    parser.add_argument("--no-text", action="store_true", help="do not compare what is printed")
    parser.add_argument("script", metavar="SCRIPT", help="the program's file")
    parser.add_argument("args", metavar="ARGS", nargs=argparse.REMAINDER, help="the program's own arguments")
    parser.set_defaults(command=_check)
    return parser


def _check(options: argparse.Namespace) -> int:
    tolerance = Tolerance(options.rtol, options.atol)
    if os.path.isdir(options.script):
        raise ProgramError(f"{options.script} is a folder", 2)
    try:
        report = check_script(
            options.script, options.args, options.steps, tolerance, options.seed, not options.no_text, clock
        )
    except ModuleNotFoundError as error:
        raise ProgramError(str(error), 2) from None
    except OSError as error:
        raise ProgramError(f"can't open {options.script}: {error.strerror}", 2) from None
    print(report, file=sys.stdout)
    return 0 if report.difference is None else 1
