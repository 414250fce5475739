"""Node: one step of a graph that was traced, and helpers over the arguments of steps."""

from __future__ import annotations

import builtins
import operator
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import microtorch
from microtorch import _overriding
from microtorch._missing import missing_names as _missing_names

if TYPE_CHECKING:
    from microtorch.fx.graph import Graph

Argument = Any
BaseArgumentTypes = Any
Target = Any


def map_aggregate(a: Any, fn: Callable[[Any], Any]) -> Any:
    """`fn` of every value in an argument: in tuples, lists, dicts and slices."""
    if isinstance(a, tuple):
        parts = [map_aggregate(x, fn) for x in a]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    if isinstance(a, list):
        return [map_aggregate(x, fn) for x in a]
    if isinstance(a, dict):
        return {k: map_aggregate(v, fn) for k, v in a.items()}
    if isinstance(a, slice):
        return slice(map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn))
    return fn(a)


def map_arg(a: Any, fn: Callable[[Node], Any]) -> Any:
    """`fn` of every Node in an argument; the rest stays."""
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


_COMPILED = frozenset(
    """gelu linear one_hot pad softplus softshrink scaled_dot_product_attention hardtanh_ leaky_relu_ elu_
    adaptive_avg_pool2d""".split()
)


def qualified_name(func: Any) -> str:
    """The name under which a function is found in torch, operator, math ... or in its own module."""
    name: str = func.__name__
    if getattr(builtins, name, None) is func:
        return name
    if func.__module__ == "_operator":
        return f"operator.{name}"
    if isinstance(func, types.FunctionType) and str(func.__module__).startswith("microtorch"):
        _overriding.survey()
        found = _overriding.name_of(func)
        if func not in _overriding.names and vars(microtorch).get(name) is func:
            return f"torch.{name}"
        if found.removeprefix("torch.") in _overriding._PYTHON:
            return found.replace("torch.", "torch.functional.")
        last = found.rpartition(".")[2]
        if found.startswith("torch.nn.functional.") and last in _overriding._COMPILED:
            return f"torch._C._nn.{last}" if last in _COMPILED else f"torch.{last}"
        return found.replace("microtorch", "torch")
    module = getattr(func, "__module__", None) or ""
    return f"{module.replace('microtorch', 'torch', 1) if module.startswith('microtorch') else module}.{name}"


def target_text(target: Any) -> str:
    """A step's target as text."""
    if isinstance(target, str):
        return target
    name = qualified_name(target)
    return f"builtins.{name}" if "." not in name and getattr(builtins, name, None) is target else name


def type_text(kind: Any) -> str:
    """A type annotation as code has it: "torch.Tensor", "int"."""
    if kind is None or kind is Any:
        return ""
    if getattr(kind, "__module__", "") == "builtins":
        return str(kind.__qualname__) if not isinstance(kind, types.GenericAlias) else repr(kind)
    if isinstance(kind, type):
        if kind.__name__ == "Tensor":
            return "torch.Tensor"
        return f"{kind.__module__}.{kind.__qualname__}".replace("microtorch.", "torch.")
    return (
        repr(kind)
        .replace("microtorch._tensor.", "torch.")
        .replace("microtorch.", "torch.")
        .replace("typing.", "typing_")
    )


class Node:
    """A step: `op` is "placeholder", "get_attr", "call_function", "call_method", "call_module" or "output".

    target: the name of an attribute, module or method, or the function; args, kwargs: its arguments, Nodes among them.
    users: the steps that use its result, as a dict. meta: for what passes find out about it.
    """

    def __init__(
        self, graph: Graph, name: str, op: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any],
        return_type: Any = None,
    ) -> None:  # fmt: skip
        self.graph, self.name, self.op, self.target, self.type = graph, name, op, target, return_type
        self.users: dict[Node, None] = {}
        self._input_nodes: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self._prev = self._next = self
        self._erased = False
        self._args: tuple[Any, ...] = ()
        self._kwargs: dict[str, Any] = {}
        self._set(args, kwargs)

    def _set(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for node in self._input_nodes:
            node.users.pop(self, None)
        self._input_nodes = {}
        self._args = map_arg(tuple(args), self._uses)
        self._kwargs = map_arg(dict(kwargs), self._uses)

    def _uses(self, node: Node) -> Node:
        self._input_nodes.setdefault(node)
        node.users.setdefault(self)
        return node

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments by place."""
        return self._args

    @args.setter
    def args(self, value: tuple[Any, ...]) -> None:
        self._set(value, self._kwargs)

    @property
    def kwargs(self) -> dict[str, Any]:
        """The arguments by name."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, value: dict[str, Any]) -> None:
        self._set(self._args, value)

    @property
    def all_input_nodes(self) -> list[Node]:
        """The steps whose results it uses."""
        return list(self._input_nodes)

    @property
    def next(self) -> Node:
        """The step after it."""
        return self._next

    @property
    def prev(self) -> Node:
        """The step before it."""
        return self._prev

    def prepend(self, x: Node) -> None:
        """Move a step to before this one."""
        assert self.graph is x.graph, "Attempting to move a Node into a different Graph"
        if x is self:
            return
        x._remove()
        before = self._prev
        before._next, x._prev, x._next, self._prev = x, before, self, x

    def append(self, x: Node) -> None:
        """Move a step to behind this one."""
        self._next.prepend(x)

    def _remove(self) -> None:
        self._prev._next, self._next._prev = self._next, self._prev

    def update_arg(self, idx: int, arg: Any) -> None:
        """Put another argument at a place."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Any) -> None:
        """Put one more argument before a place."""
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key: str, arg: Any) -> None:
        """Put another argument under a name."""
        self.kwargs = {**self.kwargs, key: arg}

    def replace_all_uses_with(
        self, replace_with: Node, delete_user_cb: Callable[[Node], bool] = lambda user: True, *,
        propagate_meta: bool = False,
    ) -> list[Node]:  # fmt: skip
        """Let all that use this step's result use another's; the steps that were changed."""
        if propagate_meta:
            replace_with.meta.update({k: v for k, v in self.meta.items() if k not in replace_with.meta})
        changed = [user for user in list(self.users) if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Use one step's result in the place of another's."""

        def swap(node: Node) -> Node:
            return new_input if node is old_input else node

        self._set(map_arg(self.args, swap), map_arg(self.kwargs, swap))

    def is_impure(self, impure_random: bool = True) -> bool:
        """True for a step that does more than to give a result: inputs, outputs, asserts."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            return self.target in _side_effects or getattr(self.target, "__name__", "") == "_assert"
        return False

    def format_node(
        self, placeholder_names: list[str] | None = None, maybe_return_typename: list[str] | None = None
    ) -> str | None:
        """The line of the graph's text for this step."""
        users = f"[num_users={len(self.users)}]"
        if self.op == "placeholder":
            kind = f"{type_text(self.type)} " if self.type else ""
            default = f"(default={self.args[0]})" if self.args else ""
            return f"%{self.name} : {kind}{users} = {self.op}[target={self.target}]{default}"
        if self.op == "get_attr":
            return f"%{self.name} : {users} = {self.op}[target={target_text(self.target)}]"
        if self.op == "output":
            return f"return {self.args[0]}"
        args, kwargs = _text(self.args), _text(self.kwargs)
        return (
            f"%{self.name} : {users} = {self.op}[target={target_text(self.target)}](args = {args}, kwargs = {kwargs})"
        )

    def __repr__(self) -> str:
        return self.name

    def __lt__(self, other: Node) -> bool:
        order = list(self.graph.nodes)
        return order.index(self) < order.index(other)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def _text(a: Any) -> str:
    """Arguments in the graph's text: %name for a Node."""
    if isinstance(a, Node):
        return f"%{a.name}"
    if isinstance(a, tuple):
        inside = ", ".join(map(_text, a))
        return f"({inside},)" if len(a) == 1 else f"({inside})"
    if isinstance(a, list):
        return f"[{', '.join(map(_text, a))}]"
    if isinstance(a, dict):
        return "{" + ", ".join(f"{k}: {_text(v)}" for k, v in a.items()) + "}"
    return str(a)


_side_effects: set[Any] = set()


def has_side_effect(fn: Any) -> Any:
    """Mark a function whose calls are kept although nobody uses their result."""
    _side_effects.add(fn)
    return fn


OPERATORS = {
    operator.add: "{} + {}", operator.sub: "{} - {}", operator.mul: "{} * {}", operator.truediv: "{} / {}",
    operator.floordiv: "{} // {}", operator.mod: "{} % {}", operator.pow: "{} ** {}", operator.matmul: "{} @ {}",
    operator.and_: "{} & {}", operator.or_: "{} | {}", operator.xor: "{} ^ {}", operator.lshift: "{} << {}",
    operator.rshift: "{} >> {}", operator.getitem: "{}[{}]", operator.eq: "{} == {}", operator.ne: "{} != {}",
    operator.lt: "{} < {}", operator.gt: "{} > {}", operator.le: "{} <= {}", operator.ge: "{} >= {}",
    operator.neg: "-{}", operator.pos: "+{}", operator.invert: "~{}",
}  # fmt: skip
"""How code spells operators."""

IN_PLACE = {
    operator.iadd: "+=", operator.isub: "-=", operator.imul: "*=", operator.itruediv: "/=", operator.ifloordiv: "//=",
    operator.imod: "%=", operator.ipow: "**=", operator.imatmul: "@=", operator.iand: "&=", operator.ior: "|=",
    operator.ixor: "^=", operator.ilshift: "<<=", operator.irshift: ">>=",
}  # fmt: skip

__getattr__ = _missing_names(__name__)
