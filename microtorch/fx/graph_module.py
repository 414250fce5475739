"""GraphModule: a module whose forward is the code of a graph."""

from __future__ import annotations

import copy
import linecache
from itertools import count
from typing import Any

from microtorch._missing import missing_names as _missing_names
from microtorch._tensor import Tensor
from microtorch.fx.graph import Graph, PythonCode
from microtorch.nn.modules.module import Module
from microtorch.nn.parameter import Parameter

_numbers = count()


class GraphModule(Module):
    """A module that runs a graph. `graph` may be changed; `recompile()` then makes the code anew.

    root: the module, or a dict by name, that the graph's modules, parameters and buffers are taken from.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        for base in cls.__mro__:
            if base.__name__ == "GraphModuleImpl":
                return super().__new__(cls)

        class GraphModuleImpl(cls):  # type: ignore[valid-type, misc]  # one class each, whose forward is its own
            pass

        GraphModuleImpl.__module__ = "torch.fx.graph_module"
        GraphModuleImpl.__qualname__ = "GraphModule.__new__.<locals>.GraphModuleImpl"
        return super().__new__(GraphModuleImpl)

    def __init__(self, root: Any, graph: Graph, class_name: str = "GraphModule") -> None:
        super().__init__()
        self.__class__.__name__ = class_name
        targets = [n.target for n in graph.nodes if n.op in ("get_attr", "call_module")]
        if isinstance(root, Module):
            self.training = root.training
            for target in sorted(set(targets), key=targets.index):
                _take(root, self, target)
        elif isinstance(root, dict):
            for target in sorted(set(targets), key=lambda t: t.count(".")):
                if target not in root:
                    raise RuntimeError(f"Node referenced target {target} but that target was not provided in ``root``!")
                _put(self, target, root[target])
        else:
            raise RuntimeError("Unsupported type " + str(root) + " passed for root!")
        self.meta: dict[str, Any] = {}
        self.graph = graph

    @property
    def graph(self) -> Graph:
        """The graph; setting it makes the code anew."""
        return self.__dict__["_graph"]  # type: ignore[no-any-return]

    @graph.setter
    def graph(self, value: Graph) -> None:
        if not isinstance(value, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(value)}")
        self.__dict__["_graph"] = value
        value.owning_module = self
        self.recompile()

    @property
    def code(self) -> str:
        """The Python code."""
        return str(self.__dict__["_code"])

    def recompile(self) -> PythonCode:
        """Make the code of the graph as it is now."""
        made = self.graph.python_code("self")
        self.__dict__["_code"] = made.src
        source = made.src.replace("torch.fx._symbolic_trace.wrap(", "str(")
        file = f"<eval_with_key>.{next(_numbers)}"
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        names = dict(made.globals)
        exec(compile(source, file, "exec"), names)
        type(self).forward = names["forward"]  # type: ignore[method-assign]
        return made

    def add_submodule(self, target: str, m: Module) -> bool:
        """Put a module under a dotted name; True if that was possible."""
        _put(self, target, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Take a module out by its dotted name; True if it was there."""
        *path, last = target.split(".")
        at: Any = self
        for part in path:
            at = getattr(at, part, None)
        if not isinstance(getattr(at, last, None), Module):
            return False
        delattr(at, last)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Take out modules that no step uses."""
        used: set[str] = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                parts = node.target.split(".")
                used |= {".".join(parts[: i + 1]) for i in range(len(parts))}
                if node.op == "call_module":
                    module = self.get_submodule(node.target)
                    used |= {f"{node.target}.{n}" for n, _ in module.named_modules() if n}
        for name in [n for n, _ in self.named_modules() if n and n not in used]:
            self.delete_submodule(name)

    def print_readable(self, print_output: bool = True, **_: Any) -> str:
        """The code as a class; printed, too."""
        lines = self.code.strip("\n ").split("\n")
        inputs = sum(n.op == "placeholder" and n.target.replace("*", "") != n.name for n in self.graph.nodes)
        if any(n.op not in ("placeholder", "output") for n in self.graph.nodes):
            lines[1 + inputs : 1 + inputs] = ["", "    # No stacktrace found for following nodes"]
        body = "\n".join(f"    {line}" if line else "" for line in lines)
        text = f"class {self._get_name()}(torch.nn.Module):\n{body}\n"
        if print_output:
            print(text)
        return text

    def __str__(self) -> str:
        return "\n".join(
            [super().__str__(), self.code, "# To see more debug info, please use `graph_module.print_readable()`"]
        )

    def __deepcopy__(self, memo: Any) -> GraphModule:
        fake = Module()
        fake.__dict__.update({k: copy.deepcopy(v, memo) for k, v in self.__dict__.items() if k not in ("_graph",)})
        made = GraphModule(fake, copy.deepcopy(self.graph), type(self).__name__)
        made.meta = dict(self.meta)
        return made

    def __copy__(self) -> GraphModule:
        return GraphModule(self, copy.deepcopy(self.graph), type(self).__name__)

    def __reduce__(self) -> Any:
        raise NotImplementedError("a torch.fx.GraphModule cannot be pickled; save its state_dict")


def _take(root: Module, to: Module, target: str) -> None:
    """Let `to` have what `root` has under a dotted name."""
    *path, last = target.split(".")
    for part in path:
        below = getattr(to, part, None)
        root = getattr(root, part)
        if below is root:
            return
        if below is None:
            below = Module()
            to.add_module(part, below)
        to = below
    value = getattr(root, last)
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        to.register_buffer(last, value)
    else:
        setattr(to, last, value)


def _put(to: Any, target: str, value: Any) -> None:
    *path, last = target.split(".")
    for part in path:
        below = getattr(to, part, None)
        if below is None:
            below = Module()
            to.add_module(part, below)
        to = below
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        to.register_buffer(last, value)
    else:
        setattr(to, last, value)


__getattr__ = _missing_names(__name__)
