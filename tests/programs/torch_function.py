"""Classes and modes that take part in PyTorch's functions: after "Extending PyTorch" in its documentation."""

import functools
import logging
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import (
    TorchFunctionMode,
    get_default_nowrap_functions,
    get_ignored_functions,
    get_overridable_functions,
    handle_torch_function,
    has_torch_function,
    has_torch_function_unary,
    has_torch_function_variadic,
    is_tensor_like,
    is_tensor_method_or_property,
    resolve_name,
    wrap_torch_function,
)


def attempt(f):
    try:
        print(f())
    except Exception as error:
        print(type(error).__name__, str(error).partition(" object at 0x")[0])


# a class that stands in for a tensor ---------------------------------------------------------------------------------
class Diagonal:
    def __init__(self, n, value):
        self.n, self.value = n, value


attempt(lambda: torch.mean(Diagonal(5, 2)))
HANDLED = {}


class ScalarTensor:
    def __init__(self, n, value):
        self._N = n
        self._value = value

    def __repr__(self):
        return f"ScalarTensor(N={self._N}, value={self._value})"

    def tensor(self):
        return self._value * torch.eye(self._N)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in HANDLED or not all(issubclass(t, (torch.Tensor, ScalarTensor)) for t in types):
            return NotImplemented
        return HANDLED[func](*args, **(kwargs or {}))


def implements(torch_function):
    def decorator(func):
        functools.update_wrapper(func, torch_function)
        HANDLED[torch_function] = func
        return func

    return decorator


@implements(torch.mean)
def mean(input):
    return float(input._value) / input._N


def ensure_tensor(data):
    return data.tensor() if isinstance(data, ScalarTensor) else torch.as_tensor(data)


@implements(torch.add)
def add(input, other):
    try:
        if input._N == other._N:
            return ScalarTensor(input._N, input._value + other._value)
        raise ValueError("Shape mismatch!")
    except AttributeError:
        return torch.add(ensure_tensor(input), ensure_tensor(other))


s, t = ScalarTensor(2, 2), torch.tensor([[1, 1], [1, 1]])
print(torch.mean(ScalarTensor(5, 2)), torch.add(s, s), torch.add(s, t), torch.add(t, s))
for f in (lambda: torch.add(s, ScalarTensor(3, 1)), lambda: torch.mul(s, 3), lambda: F.relu(s), lambda: t + s,
          lambda: torch.cat([s, s]), lambda: torch.stack((t, s)), lambda: torch.einsum("ij->i", s), lambda: t @ s):  # fmt: skip
    attempt(f)


class MetadataTensor:
    def __init__(self, data, metadata=None, **kwargs):
        self._t = torch.as_tensor(data, **kwargs)
        self._metadata = metadata

    def __repr__(self):
        return f"Metadata:\n{self._metadata}\n\ndata:\n{self._t}"

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        metadatas = tuple(a._metadata for a in args if hasattr(a, "_metadata"))
        args = [getattr(a, "_t", a) for a in args]
        assert len(metadatas) > 0
        return MetadataTensor(func(*args, **(kwargs or {})), metadata=metadatas[0])


m = MetadataTensor([[1, 2], [3, 4]], metadata={"owner": "Ministry of Silly Walks"})
print(torch.add(t, m), torch.mul(t, m), t + m, F.relu(m))


class Names:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return cls.__name__, func.__name__, len(args)


class MoreNames(Names):
    pass


x, n = torch.ones(2), Names()
print(torch.add(x, n), x + n, x.add(n), torch.cat([x, n]), torch.add(n, MoreNames()), torch.where(x > 0, x, n))
print(x * n, x > n, x - n, x / n, x @ n, F.linear(x, n), x.to(n), torch.sum(n, dim=0), x.masked_fill(x > 2, n))
attempt(lambda: n + 1)

# subclasses ----------------------------------------------------------------------------------------------------------
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")


class LoggingTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is not torch.Tensor.__repr__:
            logging.info("func: %s, args: %r, kwargs: %r", func.__name__, args, kwargs)
        return super().__torch_function__(func, types, args, kwargs or {})


class SubTensor(torch.Tensor):
    pass


class SubLogging(LoggingTensor):
    pass


print(type(torch.add(SubTensor([0]), SubTensor([1]))).__name__, type(torch.add(SubTensor([0]), torch.tensor(1.0))))
a = LoggingTensor([1.0, 2.0])
print(a + 1, 1 + a, 1 - a, torch.ones(2) + a, torch.ones(2).add(a))
print(torch.add(a, a), a.sum(), a[0], torch.cat([a, a]), a @ a, a > 1, -a, a.shape, a.max(0), a.mean())
a += 1
a[0] = 5
attempt(lambda: torch.add(SubTensor([0]), a))
print(type(torch.add(SubLogging([0, 0]), a)).__name__)


class Off(torch.Tensor):
    __torch_function__ = torch._C._disabled_torch_function_impl


print(type(torch.ones(2).as_subclass(Off) + 1).__name__)
with torch._C.DisableTorchFunctionSubclass():
    print(type(a + 1).__name__, has_torch_function_unary(a))
with torch._C.DisableTorchFunction():
    print(type(a + 1).__name__)

# modes ---------------------------------------------------------------------------------------------------------------


class Log(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        print(f"{resolve_name(func)}(*{args}, **{kwargs})")
        return func(*args, **(kwargs or {}))


class Multiply(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return (torch.mul if func in (torch.add, torch.Tensor.add) else func)(*args, **(kwargs or {}))


class Refuse(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return NotImplemented


x = torch.tensor([1.0, 2.0])
with Log():
    y = torch.add(x, 1)
    z = torch.ones(2) + y.sum()
    x.requires_grad
with Multiply():
    print(x + x, torch.add(x, 4), x.add(5))
    with Log():
        y = x + x
print(y, x + x)
with Refuse():
    attempt(lambda: torch.sum(x))
with Refuse():
    attempt(lambda: F.relu(SubTensor([1.0])))

# functions of one's own ----------------------------------------------------------------------------------------------


def twice(x, *, plus=0):
    if has_torch_function((x,)):
        return handle_torch_function(twice, (x,), x, plus=plus)
    return x * 2 + plus


@wrap_torch_function(lambda x: (x,))
def half(x):
    return x / 2


print(twice(torch.ones(1)), twice(a, plus=1), half(torch.ones(1)), half(a), twice(n), half(n))
print(has_torch_function_unary(x), has_torch_function_variadic(1, a), is_tensor_like(n), is_tensor_like(3))
print(resolve_name(torch.Tensor.add), resolve_name(torch.add), resolve_name(F.relu), resolve_name(print))
print(is_tensor_method_or_property(torch.Tensor.add), is_tensor_method_or_property(torch.add),
      is_tensor_method_or_property(torch.Tensor.shape.__get__))  # fmt: skip
known = get_overridable_functions()
print(torch.add in known[torch], torch.Tensor.add in known[torch.Tensor], F.linear in known[nn.functional],
      torch.is_tensor in get_ignored_functions(), torch.Tensor.grad.__get__ in get_default_nowrap_functions())  # fmt: skip
