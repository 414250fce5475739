"""`torch.library`: operations of one's own, under a name: `torch.ops.mylib.mean`.

>>> import microtorch as torch
>>> @torch.library.custom_op("mylib::twice", mutates_args=())
... def twice(x: torch.Tensor) -> torch.Tensor:
...     return torch.from_numpy(2 * x.numpy())
>>> twice.register_autograd(lambda ctx, grad: 2 * grad)
>>> x = torch.ones(2, requires_grad=True)
>>> twice(x)
tensor([2., 2.], grad_fn=<GeneratedBackwardFor_mylib_twice_defaultBackward>)
>>> torch.ops.mylib.twice.default
<OpOverload(op='mylib.twice', overload='default')>

They run on the CPU, and are not compiled; `opcheck`, Triton's operations and rules for vmap raise NotImplementedError.
"""

from __future__ import annotations

import collections.abc
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import microtorch
from microtorch._missing import missing_names as _missing_names
from microtorch._ops import OpOverload, OpOverloadPacket, defined as _defined, namespace as _namespace
from microtorch._tensor import Tensor
from microtorch.autograd.function import Function
from microtorch.autograd.modes import mode, no_grad
from microtorch.autograd.node import next_number
from microtorch.autograd.state import storage_of
from microtorch.unsupported import absent as _absent

_WHY = "operations are called as they are: nothing is traced or compiled"
triton_op, wrap_triton, opcheck, register_vmap, register_torch_dispatch, get_ctx, get_kernel = (
    _absent(__name__, name, _WHY)
    for name in ("triton_op", "wrap_triton", "opcheck", "register_vmap", "register_torch_dispatch", "get_ctx",
                 "get_kernel")
)  # fmt: skip


# schemas --------------------------------------------------------------------------------------------------------------


class Argument(NamedTuple):
    """One argument of a schema. type: as in "Tensor?"; default: its value, or `inspect.Parameter.empty`."""

    name: str
    type: str
    default: Any = inspect.Parameter.empty
    keyword: bool = False
    alias: str = ""  # "a0!" of one that is written

    @property
    def is_write(self) -> bool:
        """True if the operation writes it."""
        return "!" in self.alias

    def __str__(self) -> str:
        kind = self.type
        if self.alias:
            kind = kind.replace("Tensor", f"Tensor({self.alias})", 1)
        return f"{kind} {self.name}" + ("" if self.default is inspect.Parameter.empty else f"={_literal(self.default)}")


class FunctionSchema(NamedTuple):
    """What an operation takes and returns; printed as "mylib::f(Tensor x) -> Tensor"."""

    name: str
    overload_name: str
    arguments: tuple[Argument, ...]
    returns: str

    @property
    def is_mutable(self) -> bool:
        """True if it writes an argument."""
        return any(a.is_write for a in self.arguments)

    def __str__(self) -> str:
        parts, star = [], False
        for argument in self.arguments:
            if argument.keyword and not star:
                parts.append("*")
                star = True
            parts.append(str(argument))
        name = f"{self.name}.{self.overload_name}" if self.overload_name else self.name
        return f"{name}({', '.join(parts)}) -> {self.returns}"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, float):
        return repr(value).removesuffix("0") if repr(value).endswith(".0") else repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_literal, value))}]"
    return str(value)


_TYPES: dict[Any, str] = {
    Tensor: "Tensor",
    int: "SymInt",
    float: "float",
    bool: "bool",
    str: "str",
    microtorch.dtype: "ScalarType",
    microtorch.device: "Device",
    complex: "Scalar",
}


def _type_text(kind: Any) -> str | None:
    """A type annotation as schemas have it; None for one that they lack."""
    if kind in _TYPES:
        return _TYPES[kind]
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        rest = [k for k in inside if k is not type(None)]
        if set(rest) == {int, float, bool}:
            text: str | None = "Scalar"
        else:
            text = _type_text(rest[0]) if len(rest) == 1 else None
        return text if text is None or len(rest) == len(inside) else text + "?"
    if origin in (list, collections.abc.Sequence) and len(inside) == 1:
        element = _type_text(inside[0])
        return None if element is None else element + "[]"
    return None


def infer_schema(
    prototype_function: Callable[..., Any], /, *, mutates_args: str | Iterable[str], op_name: str | None = None
) -> str:
    """The schema of a function whose parameters and result have type annotations.

    mutates_args: names of the tensors that it writes. Raises ValueError for annotations that are missing or unknown.

    >>> import microtorch as torch
    >>> def f(x: torch.Tensor, scale: float = 1.0) -> torch.Tensor: ...
    >>> infer_schema(f, mutates_args=())
    '(Tensor x, float scale=1.0) -> Tensor'
    """
    signature = inspect.signature(prototype_function)

    def error(what: str) -> ValueError:
        return ValueError(f"infer_schema(func): {what} Got func with signature {signature})")

    hints = typing.get_type_hints(prototype_function, {**vars(typing), **prototype_function.__globals__})
    written = {mutates_args} if isinstance(mutates_args, str) and mutates_args != "unknown" else set(mutates_args)
    found = []
    for i, (name, parameter) in enumerate(signature.parameters.items()):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise error("We do not support positional-only args, varargs, or varkwargs.")
        if name not in hints:
            raise error(f"Parameter {name} must have a type annotation.")
        text = _type_text(hints[name])
        if text is None:
            raise error(f"Parameter {name} has unsupported type {hints[name]}.")
        default = parameter.default
        if default not in (inspect.Parameter.empty, None) and not isinstance(default, (int, float, bool, str)):
            raise error(
                f"Parameter {name} has an unsupported default value type {type(default)}. Please file an issue on "
                "GitHub so we can prioritize this."
            )
        if (name in written or mutates_args == "unknown") and text.startswith("Tensor"):
            alias = f"a{i}!"
        elif name in written:
            raise error(
                f"Parameter {name} is in mutable_args but only Tensors or collections of Tensors can be mutated"
            )
        else:
            alias = ""
        found.append(Argument(name, text, default, parameter.kind is parameter.KEYWORD_ONLY, alias))
    unknown = written - set(signature.parameters)
    if unknown and mutates_args != "unknown":
        raise error(f"{unknown} in mutates_args were not found in the custom op's signature.")
    if "return" not in hints:
        raise error("No return type annotation was provided. Please add one.")
    schema = FunctionSchema(op_name or "", "", tuple(found), _returns(hints["return"], error))
    return re.sub(r"=(-?\d+\.)(?=[,)])", r"=\g<1>0", str(schema))  # Python's way to write numbers


def _returns(kind: Any, error: Callable[[str], ValueError]) -> str:
    if kind in (None, type(None)):
        return "()"
    if typing.get_origin(kind) is tuple:
        parts = [_type_text(k) for k in typing.get_args(kind)]
    else:
        parts = [_type_text(kind)]
    if None in parts:
        raise error(f"Return has unsupported type {kind}.")
    return f"({', '.join(map(str, parts))})" if typing.get_origin(kind) is tuple else str(parts[0])


def _parse(name: str, text: str) -> FunctionSchema:
    """The schema in a text such as "(Tensor x, float s=1.0) -> Tensor"."""
    matched = re.fullmatch(r"\s*\((.*)\)\s*->\s*(.+?)\s*", text, re.DOTALL)
    if matched is None:
        raise RuntimeError(f"{name}: expected a schema like '(Tensor x) -> Tensor', got {text!r}")
    arguments, keyword = [], False
    for part in filter(None, (p.strip() for p in re.split(r",(?![^\[(]*[\])])", matched[1]))):
        if part == "*":
            keyword = True
            continue
        kind, _, rest = part.rpartition(" ") if "=" not in part else _before_default(part)
        label, equals, default = rest.partition("=")
        alias = re.search(r"\(([^)]*)\)", kind)
        value = _value(default) if equals else inspect.Parameter.empty
        arguments.append(
            Argument(label, re.sub(r"\([^)]*\)", "", kind).strip(), value, keyword, alias[1] if alias else "")
        )
    head, _, overload = name.partition(".")
    return FunctionSchema(head, overload, tuple(arguments), matched[2])


def _before_default(part: str) -> tuple[str, str, str]:
    head, _, default = part.partition("=")
    kind, _, label = head.strip().rpartition(" ")
    return kind, " ", f"{label}={default.strip()}"


def _value(text: str) -> Any:
    try:
        return eval(text, {"__builtins__": {}}, {"True": True, "False": False, "None": None})
    except (NameError, SyntaxError):
        return text


# operations -----------------------------------------------------------------------------------------------------------


class _Operation:
    """An operation that a program has defined: what a call of it does."""

    def __init__(self, name: str, schema: FunctionSchema) -> None:
        self.name, self.schema = name, schema
        self.kernels: dict[str, Callable[..., Any]] = {}
        self.fake: Callable[..., Any] | None = None
        self.function: type[Function] | None = None  # what records it, below which nothing is recorded
        self.checked = False  # results that share memory with arguments are refused
        space, _, last = name.partition("::")
        overload = schema.overload_name or "default"
        self.packet = OpOverloadPacket(space, last, self, (overload,), schema)
        _defined[space, last] = self.packet
        self.overload: OpOverload = getattr(self.packet, overload)

    def kernel(self) -> Callable[..., Any]:
        """The implementation for the CPU. Raises NotImplementedError if there is none."""
        for key in ("cpu", "compositeexplicitautograd", "compositeimplicitautograd", "default"):
            if key in self.kernels:
                return self.kernels[key]
        raise NotImplementedError(
            f"Could not run '{self.name}' with arguments from the 'CPU' backend. This could be because the operator "
            "doesn't exist for this backend, or was omitted during the selective/custom build process (if using custom "
            "build)."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = self.bound(args, kwargs)
        if self.function is None:
            return self.run(values)
        if mode.enabled and not self.schema.is_mutable and any(t.requires_grad for t in _tensors(values)):
            flat, layout = _flattened(values)
            result = self.function.apply(layout, *flat)
            return result
        with no_grad():
            return self.run(values)

    def run(self, values: list[Any]) -> Any:
        """Call the implementation."""
        given, named = [], {}
        for argument, value in zip(self.schema.arguments, values):
            if argument.keyword:
                named[argument.name] = value
            else:
                given.append(value)
        result = self.kernel()(*given, **named)
        if self.checked:
            self.check(values, result)
        for argument, value in zip(self.schema.arguments, values):
            if argument.is_write and isinstance(value, Tensor) and self.checked:
                storage_of(value).wrote(next_number())
        return result

    def check(self, values: list[Any], result: Any) -> None:
        """Raise RuntimeError if a result is an argument, or shares its memory."""
        seen = [storage_of(t) for t in _tensors(values)]
        for out in _tensors(result if isinstance(result, (tuple, list)) else [result]):
            storage = storage_of(out)
            if any(storage.shares(other) for other in seen):
                kernel = self.kernel()
                raise RuntimeError(
                    f"{self.name.partition('::')[2]} (with implementation in {inspect.getmodule(kernel)}): The output "
                    "of this custom operator (1) must not also be an input to this custom operator and (2) may not "
                    "alias any inputs to this custom operator or other returns. The most common way to trigger this "
                    "error is if we have y = custom_op(x) and y and x are the same Tensor. Please instead return a "
                    "clone of the offending output tensor(s) (e.g. return x.clone()) or refactor the custom operator "
                    "to not return y."
                )
            seen.append(storage)

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The values of all arguments, as the schema orders them. Raises PyTorch's RuntimeError for others."""
        arguments = self.schema.arguments
        positional = [a for a in arguments if not a.keyword]
        if len(args) > len(positional):
            raise RuntimeError(
                f"{self.name}() expected at most {len(positional)} argument(s) but received {len(args)} argument(s). "
                f"Declaration: {self.schema}"
            )
        left = dict(kwargs)
        values = []
        for i, argument in enumerate(arguments):
            if i < len(args) and not argument.keyword:
                value = args[i]
            elif argument.name in left:
                value = left.pop(argument.name)
            elif argument.default is not inspect.Parameter.empty:
                value = argument.default
            else:
                raise RuntimeError(
                    f"{self.name}() is missing value for argument '{argument.name}'. Declaration: {self.schema}"
                )
            if argument.type == "Tensor" and not isinstance(value, Tensor):
                raise RuntimeError(
                    f"{self.name}() Expected a value of type 'Tensor' for argument '{argument.name}' but instead found "
                    f"type '{type(value).__name__}'.\nPosition: {i}\nValue: {value}\nDeclaration: {self.schema}\n"
                    f"Cast error details: Unable to cast {value} to Tensor"
                )
            values.append(value)
        if left:
            raise RuntimeError(f"Unknown keyword argument '{next(iter(left))}' for operator '{self.name}'. "
                               f"Schema: {self.schema}")  # fmt: skip
        return values

    def record(self, backward: Callable[..., Any] | None, setup: Callable[..., Any] | None) -> None:
        """Make the class whose node stands in the graph for a call."""
        operation = self

        def forward(ctx: Any, layout: Any, *flat: Any) -> Any:
            values = _restored(layout, flat)
            ctx._layout = layout
            with no_grad():
                result = operation.run(values)
            if setup is not None:
                given = [v for a, v in zip(operation.schema.arguments, values) if not a.keyword]
                named = {a.name: v for a, v in zip(operation.schema.arguments, values) if a.keyword}
                more = {"keyword_only_inputs": named} if named else {}
                setup(ctx, inputs=tuple(given), output=result, **more)
            return tuple(result) if isinstance(result, list) else result

        def back(ctx: Any, *grads: Any) -> Any:
            if backward is None:
                raise RuntimeError(
                    f"Trying to backward through {operation.overload} but no autograd formula was registered. Please "
                    "use register_autograd to add one."
                )
            found = backward(ctx, *grads)
            found = list(found) if isinstance(found, (tuple, list)) else [found]
            flat: list[Any] = [None]
            for size, grad in zip(ctx._layout, [*found, *[None] * (len(ctx._layout) - len(found))]):
                if size is None:
                    flat.append(grad)
                else:
                    flat += [None] * size if grad is None else list(grad)
            return tuple(flat)

        name = f"GeneratedBackwardFor_{self.name.replace('::', '_')}_{self.overload._overloadname}"
        self.function = type(name, (Function,), {"forward": staticmethod(forward), "backward": staticmethod(back)})


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    """The tensors among values, and in lists among them."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            found += [v for v in value if isinstance(v, Tensor)]
    return found


def _flattened(values: list[Any]) -> tuple[list[Any], tuple[int | None, ...]]:
    """The values, those of lists of tensors one by one; the layout has each list's length, and None for the rest."""
    flat: list[Any] = []
    layout: list[int | None] = []
    for value in values:
        if isinstance(value, (tuple, list)) and any(isinstance(v, Tensor) for v in value):
            flat += value
            layout.append(len(value))
        else:
            flat.append(value)
            layout.append(None)
    return flat, tuple(layout)


def _restored(layout: tuple[int | None, ...], flat: Sequence[Any]) -> list[Any]:
    values, place = [], 0
    for size in layout:
        if size is None:
            values.append(flat[place])
            place += 1
        else:
            values.append(list(flat[place : place + size]))
            place += size
    return values


def _operation(op: Any) -> _Operation:
    """The operation of a name, an overload or a CustomOpDef.

    Raises RuntimeError for one that no program has defined.
    """
    if isinstance(op, CustomOpDef):
        return op._operation
    if isinstance(op, (OpOverload, OpOverloadPacket)):
        op = op.name() if isinstance(op, OpOverload) else op._qualified_op_name
    space, _, name = str(op).partition("::")
    packet = _defined.get((space, name.partition(".")[0]))
    if packet is None or not isinstance(packet.implementation, _Operation):
        if space == "aten":
            raise NotImplementedError(f"torch.library: another implementation of {op}, an operation of PyTorch's own")
        raise RuntimeError(f"operator {op} does not exist")
    return packet.implementation


class CustomOpDef:
    """An operation made by `custom_op`: called like the function that it was made of."""

    def __init__(self, namespace: str, name: str, schema: str, fn: Callable[..., Any]) -> None:
        self._namespace, self._name, self._init_fn = namespace, name, fn
        self._qualname = f"{namespace}::{name}"
        self._schema = schema
        self._operation = _Operation(self._qualname, _parse(self._qualname, schema))
        self._operation.checked = True
        self._operation.record(None, None)
        self._opoverload = self._operation.overload
        self.__doc__, self.__name__ = fn.__doc__, name

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._opoverload(*args, **kwargs)

    def register_kernel(self, device_types: str | Sequence[str] | None, fn: Any = None, /) -> Any:
        """Another implementation, for a kind of device; decorates a function."""
        return register_kernel(self, device_types, fn)

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """A function that makes results of the right shapes; kept, and not called: nothing is traced."""
        self._operation.fake = fn
        return fn

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """`backward(ctx, *grads)` gives the gradient of each argument; `setup_context(ctx, inputs, output)` saves."""
        register_autograd(self, backward, setup_context=setup_context)


def custom_op(
    name: str, fn: Callable[..., Any] | None = None, /, *, mutates_args: str | Iterable[str],
    device_types: str | Sequence[str] | None = None, schema: str | None = None, tags: Any = None,
) -> Any:  # fmt: skip
    """Make a function an operation, `torch.ops.<namespace>.<name>`; decorates it.

    name: "namespace::name". mutates_args: names of the tensors that it writes. Its results may not be views of its
    arguments (RuntimeError). Without a `schema` its parameters and result need type annotations (ValueError).
    What it does is not recorded: gradients flow through it once it has `register_autograd`.
    """

    def make(function: Callable[..., Any]) -> CustomOpDef:
        text = infer_schema(function, mutates_args=mutates_args) if schema is None else schema
        namespace, last = name.split("::")
        made = CustomOpDef(namespace, last, text, function)
        register_kernel(made, device_types, function)
        return made

    return make if fn is None else make(fn)


def register_kernel(op: Any, device_types: str | Sequence[str] | None, func: Any = None, /, *, lib: Any = None) -> Any:
    """An operation's implementation for a kind of device ("cpu"; None: all); decorates a function."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for kind in ["default"] if device_types is None else _listed(device_types):
            if device_types is None:
                _operation(op).kernels.pop("cpu", None)
            _operation(op).kernels[kind.lower()] = function
        return function

    return add if func is None else add(func)


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def register_fake(
    op: Any, func: Any = None, /, *, lib: Any = None, _stacklevel: int = 1, allow_override: bool = False
) -> Any:
    """A function that makes results of the right shapes; kept, and not called: nothing is traced."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        _operation(op).fake = function
        return function

    return add if func is None else add(func)


impl_abstract = register_fake


def register_autograd(
    op: Any, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None, lib: Any = None
) -> None:
    """The derivative of an operation.

    backward(ctx, *grads) gives the gradient of each argument, None for what is no tensor; it must be made of
    operations that are themselves differentiable. setup_context(ctx, inputs, output) saves what it needs
    (`ctx.save_for_backward`). Raises RuntimeError for an operation that writes its arguments.
    """
    operation = _operation(op)
    if operation.schema.is_mutable:
        raise RuntimeError(
            f"Cannot register autograd formula for non-functional operator {op} with schema "
            f"{operation.schema}. Please create a functional operator and register an autograd formula for that."
        )
    operation.record(backward, setup_context)


def define(qualname: str | Library, schema: Any = None, *, lib: Library | None = None, tags: Any = ()) -> Any:
    """Name an operation, as in `define("mylib::f", "(Tensor x) -> Tensor")`; `impl` says what it does.

    Raises ValueError for a name without a namespace.
    """
    if isinstance(qualname, Library):
        name = qualname.define(schema)
        return lambda function: impl(qualname, name)(function)
    namespace, colons, _ = qualname.partition("::")
    if not colons:
        raise ValueError(
            f"torch.library.define(qualname, ...): expected qualname to be a string of the form "
            f"namespace::name, got {qualname!r}"
        )
    _Operation(qualname.partition(".")[0], _parse(qualname, schema))
    _namespace(namespace)
    return None


def impl(qualname: Any, types: Any = None, func: Any = None, *, lib: Library | None = None) -> Any:
    """What an operation does: `impl("mylib::f", "cpu")`, "default" for all devices; decorates a function.

    The older form is `impl(library, name, dispatch_key)`.
    """
    if isinstance(qualname, Library):

        def put(function: Callable[..., Any]) -> Callable[..., Any]:
            qualname.impl(types, function, func or "")
            return function

        return put

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for kind in _listed(types):
            _operation(qualname).kernels[kind.lower()] = function
        return function

    return add if func is None else add(func)


_namespaces: set[str] = set()


class Library:
    """Operations of a namespace, defined one after the other; kind: "DEF", "FRAGMENT" or "IMPL".

    >>> lib = Library("letters", "DEF")
    >>> lib.define("double(Tensor x) -> Tensor")
    'double'
    >>> lib.impl("double", lambda x: x + x, "CPU")
    >>> microtorch.ops.letters.double(microtorch.ones(2))
    tensor([2., 2.])
    """

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        if kind not in ("IMPL", "DEF", "FRAGMENT"):
            raise ValueError(f"Unsupported kind: {kind}")
        if kind == "DEF":
            if ns in _namespaces:
                raise RuntimeError(
                    f"Only a single TORCH_LIBRARY can be used to register the namespace {ns}; please put all of your "
                    "definitions in a single TORCH_LIBRARY block.  If you were trying to specify implementations, "
                    "consider using TORCH_LIBRARY_IMPL (which can be duplicated).  If you really intended to define "
                    "operators for a single namespace in a distributed way, you can use TORCH_LIBRARY_FRAGMENT to "
                    "explicitly indicate this."
                )
            _namespaces.add(ns)
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key
        self._mine: list[str] = []

    def __repr__(self) -> str:
        return f"Library(kind={self.kind}, ns={self.ns}, dispatch_key={self.dispatch_key})>"

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Name an operation: `lib.define("f(Tensor x) -> Tensor")`; its name."""
        name, paren, rest = schema.partition("(")
        name = name.strip()
        define(f"{self.ns}::{name}", paren + rest)
        self._mine.append(name.partition(".")[0])
        return name

    def impl(
        self, op_name: Any, fn: Callable[..., Any], dispatch_key: str = "", *, with_keyset: bool = False,
        allow_override: bool = False,
    ) -> None:  # fmt: skip
        """Say what an operation does. Keys of other devices are kept, and not used.

        Raises NotImplementedError for keys that stand between the call and the kernel (Autograd, Functionalize ...).
        """
        key = (dispatch_key or self.dispatch_key or "default").lower()
        if key in ("autograd", "autogradcpu", "functionalize", "python", "autocastcpu"):
            raise NotImplementedError(f"torch.library.Library.impl with the key {dispatch_key}; use register_autograd")
        name = op_name.name() if isinstance(op_name, OpOverload) else op_name
        name = name if "::" in name else f"{self.ns}::{name}"
        _operation(name).kernels[key] = fn

    def _destroy(self) -> None:
        """Forget the operations."""
        for name in self._mine:
            _defined.pop((self.ns, name), None)
            vars(_namespace(self.ns)).pop(name, None)
        _namespaces.discard(self.ns)


@contextmanager
def _scoped_library(*args: Any, **kwargs: Any) -> Iterator[Library]:
    """A Library whose operations are forgotten at the end of the block."""
    library = Library(*args, **kwargs)
    try:
        yield library
    finally:
        library._destroy()


__getattr__ = _missing_names(__name__)
