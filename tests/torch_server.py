"""A process that has imported torch once and runs programs, each in a fork of itself: torch takes seconds to import.

It reads lines of JSON from stdin, {"command": [program, *arguments], "folder": ...}, and answers each with the exit
code of `python program *arguments` in that folder; what the program prints is in the files `folder`.out and .err.
"""

import json
import os
import runpy
import signal
import sys
import traceback

import torch  # noqa: F401  (so that every fork has it)


def run(command: list[str], folder: str) -> None:
    """Be `python program`, until its end; never returns."""
    code = 1
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        for number, ending in ((1, "out"), (2, "err")):
            file = os.open(f"{folder}.{ending}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(file, number)
        sys.argv = command
        sys.path[0] = os.path.dirname(command[0])
        runpy.run_path(command[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if child == 0:
            run(task["command"], task["folder"])
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
        signal.alarm(task["seconds"])
        _, status = os.waitpid(child, 0)
        signal.alarm(0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


if __name__ == "__main__":
    main()
