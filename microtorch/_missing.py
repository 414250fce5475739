"""What microtorch says about a name of PyTorch's that it lacks. Knows nothing of the rest: every module may use it."""

from __future__ import annotations

import sys
from collections.abc import Callable


def torch_name(name: str) -> str:
    """The name that PyTorch's users know: `microtorch.nn` is `torch.nn`.

    >>> torch_name("microtorch.nn.functional")
    'torch.nn.functional'
    """
    head, dot, tail = name.partition(".")
    return "torch" + dot + tail if head == "microtorch" else name


def missing_name(module: str, name: str) -> AttributeError:
    """The error for a name that a module of microtorch lacks; the caller raises it, from its `__getattr__`.

    It carries the module and the name, so that Python adds its "Did you mean" to an uncaught one.

    >>> print(missing_name("microtorch.nn", "Foo"))
    microtorch has no `torch.nn.Foo`
    """
    message = f"microtorch has no `{torch_name(module)}.{name}`"
    return AttributeError(message, name=name, obj=sys.modules.get(module))


def missing_names(module: str) -> Callable[[str], object]:
    """The `__getattr__` of a module that lacks what it does not define."""

    def __getattr__(name: str) -> object:
        raise missing_name(module, name)

    return __getattr__


def missing_module(name: str) -> ModuleNotFoundError:
    """The error for a module that microtorch lacks, by its full name.

    >>> print(missing_module("microtorch.distributed"))
    microtorch has no `torch.distributed`
    """
    # `from torch import x` swallows the error of a module named as the package is; under torch's name it comes through
    return ModuleNotFoundError(f"microtorch has no `{torch_name(name)}`", name=torch_name(name))
