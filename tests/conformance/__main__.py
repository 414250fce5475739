"""Run the operator database from the command line: `python -m tests.conformance --ops '^(sum|mean)$' --dtype
float32`."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import multiprocessing
import re

from tests.conformance import harness


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--ops", default="", help="regular expression that operators' names contain (default: all)")
    parser.add_argument("--dtype", default="float32", help="one of " + ", ".join(harness.MODES[:-2]))
    parser.add_argument("--samples", default="all", help="how many samples of each operator, or all")
    parser.add_argument("--grad2", action="store_true", help="second derivatives, in float64")
    parser.add_argument("--errors", action="store_true", help="the calls that torch refuses")
    parser.add_argument(
        "--variant", default="function", choices=["function", "method", "inplace"], help="which form is called"
    )
    parser.add_argument("--reference", action="store_true", help="PyTorch's larger set of samples, with special values")
    parser.add_argument("--names", action="store_true", help="compare the names of grad_fn, too")
    parser.add_argument("--strides", action="store_true", help="compare how results lie in memory, too")
    parser.add_argument("--fails-only", action="store_true", help="print only operators that do not pass")
    parser.add_argument("--all", action="store_true", help="out-of-scope operators, too")
    parser.add_argument(
        "--write", action="store_true", help="write the list of known failures of this mode (known_MODE.txt)"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: %(default)s)")
    options = parser.parse_args()
    mode = "grad2" if options.grad2 else "errors" if options.errors else options.dtype
    limit = None if options.samples == "all" else int(options.samples)
    names = [n for n in (harness.database() if options.all else harness.in_scope()) if re.search(options.ops, n)]
    one = functools.partial(
        harness.run, mode=mode, samples=limit, variant=options.variant, reference=options.reference,
        names=options.names, strides=options.strides,
    )  # fmt: skip
    results = []
    with contextlib.ExitStack() as stack:
        if options.jobs > 1:
            context = multiprocessing.get_context("spawn")
            found = stack.enter_context(context.Pool(options.jobs)).imap(one, names, 4)
        else:
            found = map(one, names)
        for result in found:
            results.append(result)
            if not (options.fails_only and result.fine):
                print(result.line(), flush=True)
    fine = sum(r.fine for r in results)
    passed, failed, unsupported = (
        sum(getattr(r, what) for r in results) for what in ("passed", "failed", "unsupported")
    )
    print(f"{mode}: {fine} of {len(results)} operators pass; samples: {passed} passed, {failed} failed, "
          f"{unsupported} not applicable")  # fmt: skip
    if options.write:
        path = harness.HERE / f"known_{mode}.txt"
        lines = [f"{r.name:44} {r.first[:150]}".rstrip() for r in results if not r.fine]
        path.write_text("# operators that fail in this mode, and how: may only shrink (python -m tests.conformance --write)\n"
                        + "".join(line + "\n" for line in lines))  # fmt: skip
        path = harness.HERE / "results.json"
        figures = json.loads(path.read_text()) if path.exists() else {}
        figures[mode] = {"operators": sum(r.fine for r in results if r.passed or r.failed or r.missing), "of": sum(
            bool(r.passed or r.failed or r.missing) for r in results), "samples": passed, "failed": failed, "limit": limit}  # fmt: skip
        path.write_text(json.dumps({m: figures[m] for m in harness.MODES if m in figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
