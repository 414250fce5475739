"""Run the operator database from the command line: `python -m tests.conformance --ops '^(sum|mean)$' --dtype
float32`."""

from __future__ import annotations

import argparse
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
    parser.add_argument("--fails-only", action="store_true", help="print only operators that do not pass")
    parser.add_argument("--all", action="store_true", help="out-of-scope operators, too")
    parser.add_argument(
        "--write", action="store_true", help="write the list of known failures of this mode (known_MODE.txt)"
    )
    options = parser.parse_args()
    mode = "grad2" if options.grad2 else "errors" if options.errors else options.dtype
    limit = None if options.samples == "all" else int(options.samples)
    results = []
    for name in harness.database() if options.all else harness.in_scope():
        if not re.search(options.ops, name):
            continue
        result = harness.run(
            name, mode, limit, variant=options.variant, reference=options.reference, names=options.names
        )
        results.append(result)
        if not (options.fails_only and result.fine):
            print(result.line(), flush=True)
    fine = sum(r.fine for r in results)
    print(f"{mode}: {fine} of {len(results)} operators pass; samples: {sum(r.passed for r in results)} passed, "
          f"{sum(r.failed for r in results)} failed, {sum(r.unsupported for r in results)} not applicable")  # fmt: skip
    if options.write:
        path = harness.HERE / f"known_{mode}.txt"
        lines = [f"{r.name:44} {r.first[:150]}".rstrip() for r in results if not r.fine]
        path.write_text("# operators that fail in this mode, and how: may only shrink (python -m tests.conformance --write)\n"
                        + "".join(line + "\n" for line in lines))  # fmt: skip


if __name__ == "__main__":
    main()
