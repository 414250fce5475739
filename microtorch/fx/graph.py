"""Graph: the steps of a program in their order, and the Python code that they make."""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import microtorch
from microtorch._missing import missing_names as _missing_names
from microtorch.fx.node import IN_PLACE, OPERATORS, Node, map_arg, qualified_name, target_text, type_text

_TAKEN = frozenset(
    (*keyword.kwlist, *dir(builtins), "inf", "nan", "NoneType", "torch", "device", "fx_pytree", "pytree")
)


class PythonCode(NamedTuple):
    """The text of a `forward`, and the names that it needs besides."""

    src: str
    globals: dict[str, Any]


class CodeGen:
    """How a graph becomes code; programs may subclass it to change the signature."""

    def gen_fn_def(self, free_vars: list[str], maybe_return_annotation: str) -> str:
        """The line with `def`."""
        if not free_vars or free_vars[0] != "self":
            free_vars = ["self", *free_vars]
        return f"def forward({', '.join(free_vars)}){maybe_return_annotation}:"

    def generate_output(self, output_args: Any) -> str:
        """The line with `return`."""
        return f"return {output_args!r}"


class _Names:
    """Names that are not taken."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.counts: dict[str, int] = {}

    def create(self, wanted: str) -> str:
        """The name wanted, made a Python name, with a number behind it if it is taken."""
        name = re.sub("[^0-9a-zA-Z_]+", "_", wanted) or "_unnamed"
        if name[0].isdigit():
            name = f"_{name}"
        matched = re.fullmatch(r"(.*)_(\d+)", name)
        if matched is None:
            base, number = name, None
        else:
            base, number = matched[1], int(matched[2])
        candidate = name if number is None or number else f"{base}_{number}"
        number = number if number is not None else self.counts.get(base, 0)
        while candidate in self.used or candidate in _TAKEN:
            number += 1
            candidate = f"{base}_{number}"
        self.used.add(candidate)
        self.counts[base] = number
        return candidate


class _Nodes:
    """The steps in their order."""

    def __init__(self, graph: Graph, direction: str = "_next") -> None:
        self.graph, self.direction = graph, direction

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Node]:
        node = getattr(self.graph._root, self.direction)
        while node is not self.graph._root:
            following = node
            if not node._erased:
                yield node
            node = getattr(following, self.direction)

    def __reversed__(self) -> _Nodes:
        return _Nodes(self.graph, "_prev" if self.direction == "_next" else "_next")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])|(?<!^)(?<![A-Z_])([A-Z])(?=[a-z])", lambda m: "_" + m[0], name).lower()


class Graph:
    """Steps, made one by one: `placeholder`, `call_function` ... `output`; see Node.

    >>> import microtorch as torch
    >>> graph = Graph()
    >>> x = graph.placeholder("x")
    >>> y = graph.call_function(torch.relu, (x,))
    >>> _ = graph.output(y)
    >>> print(graph)
    graph():
        %x : [num_users=1] = placeholder[target=x]
        %relu : [num_users=1] = call_function[target=torch.relu](args = (%x,), kwargs = {})
        return relu
    """

    def __init__(self, owning_module: Any = None, tracer_cls: Any = None, tracer_extras: Any = None) -> None:
        self._names = _Names()
        self._root = Node(self, "", "root", "", (), {})
        self._insert: Callable[[Node], None] = self._root.prepend
        self.owning_module, self._tracer_cls, self._codegen = owning_module, tracer_cls, CodeGen()

    @property
    def nodes(self) -> _Nodes:
        """The steps."""
        return _Nodes(self)

    def find_nodes(self, *, op: str, target: Any = None, sort: bool = True) -> list[Node]:
        """The steps of a kind, with a target if one is given."""
        return [n for n in self.nodes if n.op == op and (target is None or n.target == target)]

    # making steps ----------------------------------------------------------------------------------------------------

    def create_node(
        self, op: str, target: Any, args: tuple[Any, ...] | None = None, kwargs: dict[str, Any] | None = None,
        name: str | None = None, type_expr: Any = None,
    ) -> Node:  # fmt: skip
        """A new step at the place where steps are inserted, which is the end unless told otherwise."""
        if op not in ("call_function", "call_method", "get_attr", "call_module", "placeholder", "output"):
            raise AssertionError(f"op {op!r}")
        args, kwargs = () if args is None else args, {} if kwargs is None else kwargs
        wanted = name if name is not None else self._target_to_str(target)
        node = Node(self, self._names.create(wanted), op, target, args, kwargs, type_expr)
        self._insert(node)
        return node

    @staticmethod
    def _target_to_str(target: Any) -> str:
        if callable(target):
            return _snake(target.__name__)
        name = target.lstrip("_") if target.startswith("__") and target.endswith("__") else target
        return _snake(name.removesuffix("__") if name is not target else name)

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = inspect.Signature.empty) -> Node:
        """An input."""
        args = () if default_value is inspect.Signature.empty else (default_value,)
        return self.create_node("placeholder", name, args=args, type_expr=type_expr)

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """A parameter or buffer of the module."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(self, module_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """A call of a submodule by its name."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(self, method_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """A call of the first argument's method."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(
        self, the_function: Any, args: Any = None, kwargs: Any = None, type_expr: Any = None, name: str | None = None
    ) -> Node:
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def output(self, result: Any, type_expr: Any = None) -> Node:
        """The result."""
        return self.create_node("output", "output", args=(result,), type_expr=type_expr)

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Any] = lambda x: x) -> Node:
        """A step like one of another graph; `arg_transform` gives this graph's for that graph's."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        made.meta = dict(node.meta)
        return made

    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False) -> Any:
        """Copy another graph's steps to here; what its output is. val_map: its steps -> ours, filled on the way."""
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                found = map_arg(node.args[0], lambda n: val_map[n])
                return (found, node) if return_output_node else found
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def __deepcopy__(self, memo: Any = None) -> Graph:
        made = Graph(tracer_cls=self._tracer_cls)
        values: dict[Node, Node] = {}
        for node in self.nodes:
            values[node] = made.node_copy(node, lambda n: values[n])
        return made

    @contextmanager
    def inserting_before(self, n: Node | None = None) -> Iterator[None]:
        """Inside, steps are made before this one (None: at the beginning)."""
        with self._inserting(self._root._next.prepend if n is None else n.prepend):
            yield

    @contextmanager
    def inserting_after(self, n: Node | None = None) -> Iterator[None]:
        """Inside, steps are made behind this one (None: at the end)."""
        last = [self._root._prev if n is None else n]

        def put(node: Node) -> None:
            last[0].append(node)
            last[0] = node

        with self._inserting(put):
            yield

    @contextmanager
    def _inserting(self, put: Callable[[Node], None]) -> Iterator[None]:
        before, self._insert = self._insert, put
        try:
            yield
        finally:
            self._insert = before

    # changing it -----------------------------------------------------------------------------------------------------

    def erase_node(self, to_erase: Node) -> None:
        """Take a step out. Raises RuntimeError if others use its result."""
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: "
                f"{to_erase.users}!"
            )
        to_erase._remove()
        to_erase._erased = True
        to_erase._set((), {})

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None, **_: Any) -> bool:
        """Take out steps whose result nobody uses; True if there were any."""
        changed = False
        for node in reversed(list(self.nodes)):
            impure = node.is_impure() if is_impure_node is None else is_impure_node(node)
            if not impure and not node.users:
                self.erase_node(node)
                changed = True
        return changed

    def lint(self) -> None:
        """Raise RuntimeError if a step is not in order: uses a later one, or one of another graph."""
        seen: set[Node] = set()
        names: set[str] = set()
        for node in self.nodes:
            for used in node.all_input_nodes:
                if used.graph is not self:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' does not belong to this Graph, but was used as an argument! If you are copying nodes from another graph, make sure to use ``arg_transform`` on node_copy() to remap values\n{self}")  # fmt: skip  # noqa: E501
                if used not in seen:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' was used before it has been defined! Please check that Nodes in the graph are topologically ordered\n{self}")  # fmt: skip  # noqa: E501
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            seen.add(node)
            names.add(node.name)

    # text ------------------------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return "\n    ".join(["graph():", *filter(None, (node.format_node() for node in self.nodes))])

    def print_tabular(self) -> None:
        """Print the steps as a table (package tabulate)."""
        import tabulate  # type: ignore[import-untyped]

        rows = [[n.op, n.name, n.target, n.args, n.kwargs] for n in self.nodes]
        print(tabulate.tabulate(rows, headers=["opcode", "name", "target", "args", "kwargs"]))

    def set_codegen(self, codegen: CodeGen) -> None:
        """Let another CodeGen write the signature."""
        self._codegen = codegen

    def python_code(self, root_module: str = "self", **_: Any) -> PythonCode:
        """The code of a method `forward`."""
        free, body, wrapped = [], [], []
        names: dict[str, Any] = {
            "torch": microtorch,
            "device": microtorch.device,
            "inf": float("inf"),
            "nan": float("nan"),
        }
        last_used = self._last_uses()

        def text(value: Any) -> str:
            return _argument(value, names)

        def call(node: Node) -> str:
            parts = [*map(text, node.args), *(f"{k} = {text(v)}" for k, v in node.kwargs.items())]
            return ", ".join(parts)

        for node in self.nodes:
            unused = last_used.get(node, [])
            if node.op == "placeholder":
                label = str(node.target)
                kind = f" : {type_text(node.type)}" if node.type and type_text(node.type) else ""
                free.append(label + kind + (f" = {text(node.args[0])}" if node.args else ""))
                raw = label.replace("*", "")
                if raw != node.name:
                    body.append(f"{node.name} = {raw}")
                continue
            if node.op == "output":
                body.append(self._codegen.generate_output(_plain(node.args[0], text)))
                continue
            if node.op == "get_attr":
                line = f"{node.name} = {_attribute(root_module, node.target)}"
            elif node.op == "call_module":
                line = f"{node.name} = {_attribute(root_module, node.target)}({call(node)})"
            elif node.op == "call_method":
                rest = [*map(text, node.args[1:]), *(f"{k} = {text(v)}" for k, v in node.kwargs.items())]
                line = f"{node.name} = {_attribute(text(node.args[0]), node.target)}({', '.join(rest)})"
            elif node.target in OPERATORS and not node.kwargs:
                line = f"{node.name} = {OPERATORS[node.target].format(*map(text, node.args))}"
            elif node.target in IN_PLACE and not node.kwargs:
                first, second = map(text, node.args)
                line = f"{first} {IN_PLACE[node.target]} {second};  {node.name} = {first}"
            elif node.target is getattr and isinstance(node.args[1], str) and node.args[1].isidentifier():
                line = f"{node.name} = {_attribute(text(node.args[0]), node.args[1])}"
            else:
                name = qualified_name(node.target)
                if not name.startswith("torch.") or not _found(name, node.target):
                    label = re.sub("^operator", "_operator", name).replace(".", "_").replace("<lambda>", "_lambda_")
                    names[label] = node.target
                    if getattr(node.target, "_is_fx_wrapped", False):
                        wrapped.append(label)
                    name = label
                line = f"{node.name} = {name}({call(node)})"
            if not node.users:
                unused = [*unused, node]
            line += f";  {' = '.join([n.name for n in unused] + ['None'])}" if unused else ""
            body.append(line)
        if not body:
            body.append("pass")
        head = "\n".join(f'torch.fx._symbolic_trace.wrap("{name}")' for name in dict.fromkeys(wrapped))
        lines = "".join(f"    {line}\n" for line in "\n".join(body).split("\n"))
        gap = f"\n{head}\n\n" if head else "\n\n\n"
        return PythonCode(
            f"{gap}{self._codegen.gen_fn_def(free, '')}\n{lines}    ".removesuffix("    ") + "    ", names
        )

    def _last_uses(self) -> dict[Node, list[Node]]:
        """For each step, those whose results are used there for the last time."""
        seen: set[Node] = set()
        found: dict[Node, list[Node]] = {}
        for node in reversed(self.nodes):
            if node.op == "placeholder":
                continue
            for used in node.all_input_nodes:
                if used not in seen:
                    seen.add(used)
                    if node.op != "output":
                        found.setdefault(node, []).append(used)
        return found


class _Raw:
    """A text that `repr` gives as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _plain(value: Any, text: Callable[[Any], str]) -> _Raw:
    return _Raw(text(value))


def _found(name: str, target: Any) -> bool:
    """True if torch.<name> is that function."""
    found: Any = microtorch
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
        if found is None:
            return False
    return found is target


def _argument(value: Any, names: dict[str, Any]) -> str:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        label = type(value).__name__
        names[label] = type(value)
        return f"{label}({', '.join(_argument(v, names) for v in value)})"
    if isinstance(value, tuple):
        inside = ", ".join(_argument(v, names) for v in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, list):
        return f"[{', '.join(_argument(v, names) for v in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_argument(v, names)}" for k, v in value.items()) + "}"
    if isinstance(value, slice):
        return f"slice({', '.join(_argument(v, names) for v in (value.start, value.stop, value.step))})"
    if value is Ellipsis:
        return "..."
    if callable(value) and not isinstance(value, Node):
        name = target_text(value)
        if not name.startswith("torch.") and name not in dir(builtins):
            name = name.replace(".", "_")
            names[name] = value
        return name
    return repr(value)


def _attribute(start: str, path: str) -> str:
    """`start.a.b`; a part that is no Python name by getattr."""
    for part in path.split("."):
        start = (
            f'getattr({start}, "{part}")' if not part.isidentifier() or keyword.iskeyword(part) else f"{start}.{part}"
        )
    return start


__getattr__ = _missing_names(__name__)
