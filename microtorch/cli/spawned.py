"""What a process that the program starts by multiprocessing ("spawn" or "forkserver") runs in place of the program.

multiprocessing runs this file under the name `__mp_main__`. It installs the import hook and then becomes the program:
the program's functions and classes are found here when they are unpickled.
"""

from __future__ import annotations

import os

from microtorch.cli import hook, program

hook.install()
_description = os.environ.get(program.ENVIRONMENT, "")
# As Python does, a package's __main__ is not run again: it would run its main part, having no reason to guard it.
if _description and not (_description.startswith("module ") and _description.endswith(".__main__")):
    _program = program.load(_description)
    globals().update(_program.names)
    exec(_program.code, globals())
