"""Random programs, run by torch and by microtorch line by line.

    python -m tests.fuzz --programs 2000 --seed 0     # programs 0 .. 1999; those that differ are printed, made small

After every line the tensors must agree in values, dtype, shape, strides, version, requires_grad and grad_fn, or both
libraries must have raised the same error; at the end the gradients must agree. A program is its seed.
"""

from __future__ import annotations

import argparse
import time

from tests.fuzz.running import excuses, kind, program, script, shrunk, unforgiven


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="the first program's")
    parser.add_argument("--views", action="store_true", help="mostly views and in-place writes")
    parser.add_argument("--wide", action="store_true", help="complex numbers, layers, transforms, training and more")
    parser.add_argument("--more", action="store_true", help="what those leave out of the public names, too")
    parser.add_argument("--names", action="store_true", help="compare the names of grad_fn, too")
    parser.add_argument("--show", type=int, default=5, help="print at most so many that differ")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--without", action="append", default=[], help="an excuse that is not accepted")
    parser.add_argument("--excuses", action="store_true", help="print how often each known difference was met")
    options = parser.parse_args()
    unforgiven.update(options.without)
    bad, lines, start = 0, 0, time.time()
    done = 0
    kinds: set[str | None] = set()  # of those printed: each kind of difference once
    for seed in range(options.seed, options.seed + options.programs):
        if time.time() - start > options.seconds:
            break
        text, found = program(seed, options.views, options.names, options.wide, options.more)
        done += 1
        lines += len(text)
        if found is not None:
            bad += 1
            if len(kinds) < options.show and kind(found) not in kinds:
                kinds.add(kind(found))
                small, less = shrunk(text, seed, options.names)
                print(script(small, seed, less or f"{found} (not seen again)"), end="\n\n", flush=True)
    if options.excuses:
        print("\n".join(f"{n:6} {reason}" for reason, n in excuses.most_common()))
    print(f"{bad} of {done} programs differ ({lines} lines, {time.time() - start:.0f} s)")


if __name__ == "__main__":
    main()
