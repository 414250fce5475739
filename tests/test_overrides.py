"""`__torch_function__` costs nothing until somebody wants to be asked, and is gone with the last mode.

What it does is compared with PyTorch in tests/programs/torch_function.py and tensor_subclasses.py.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

# each in a process of its own: what it starts would stay on for the tests that come after
PROGRAMS = {
    "nothing is exchanged by importing": """
        import microtorch as torch, microtorch.nn, microtorch.optim, microtorch.overrides, microtorch.utils.data
        before = torch.Tensor.__add__.__code__, torch.mean.__code__
        assert not torch._overriding._exchanged
    """,
    "a mode leaves every function as it was": """
        import inspect
        import microtorch as torch
        kept = {f: (f.__code__, f.__kwdefaults__, inspect.signature(f)) for f in vars(torch).values() if inspect.isfunction(f)}
        attributes = {n: v.fget.__code__ for n, v in vars(torch.Tensor).items() if isinstance(v, property)}
        add = torch.add
        with torch.overrides.BaseTorchFunctionMode():
            assert torch.add is add and add.__code__ is not kept[add][0]
            assert inspect.signature(add) == kept[add][2], inspect.signature(add)
            assert (torch.ones(2) + 1).tolist() == [2, 2]
        assert all(f.__code__ is c and f.__kwdefaults__ is k for f, (c, k, _) in kept.items())
        assert all(vars(torch.Tensor)[n].fget.__code__ is c for n, c in attributes.items())
        assert "_ask" not in str(inspect.signature(add)) and not hasattr(torch.exp, "__wrapped__")
    """,
    "modes belong to their thread": """
        import threading
        import microtorch as torch
        class Refuse(torch.overrides.TorchFunctionMode):
            def __torch_function__(self, func, types, args=(), kwargs=None):
                raise AssertionError
        found = []
        with Refuse():
            t = threading.Thread(target=lambda: found.append((torch.ones(2) + 1).tolist()))
            t.start()
            t.join()
        assert found == [[2, 2]]
    """,
    "a class that asks for another protocol is refused": """
        import microtorch as torch
        class Wrapper(torch.Tensor):
            @classmethod
            def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
                return func(*args, **(kwargs or {}))
        for make in (lambda: torch.ones(2).as_subclass(Wrapper), lambda: torch.Tensor._make_subclass(Wrapper, torch.ones(2)),
                     lambda: torch.Tensor._make_wrapper_subclass(Wrapper, (2,))):
            try:
                make()
            except NotImplementedError as error:
                assert "__torch_dispatch__" in str(error)
            else:
                raise AssertionError
    """,
    "gradients through a subclass, to second order": """
        import microtorch as torch
        class My(torch.Tensor):
            pass
        x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda x: (x.as_subclass(My) * x).exp().sum(), x)
        assert torch.autograd.gradgradcheck(lambda x: (x.as_subclass(My) ** 3).sin(), x)
    """,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_in_a_process_of_its_own(program: str) -> None:
    lines = PROGRAMS[program].split("\n")
    code = "\n".join(line[8:] for line in lines)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
