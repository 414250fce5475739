"""`microtorch.summary`: a table of a model's layers, with shapes, parameters, multiply-adds and memory.

The text is that of the package torchinfo, which PyTorch's users know, line for line.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import microtorch as torch
from microtorch.nn.parameter import is_lazy

_TITLES = {
    "kernel_size": "Kernel Shape",
    "input_size": "Input Shape",
    "output_size": "Output Shape",
    "num_params": "Param #",
    "params_percent": "Param %",
    "mult_adds": "Mult-Adds",
    "trainable": "Trainable",
}
_NEED_INPUT = {"input_size", "output_size", "mult_adds"}
_ROW_SETTINGS = {"depth", "var_names", "ascii_only", "hide_recursive_layers"}
_cache: dict[str, list[Layer]] = {}


class Layer:
    """One line of the table: a module at one of its calls.

    depth: how many modules it is inside of; macs: multiply-adds of the whole batch; is_recursive: it was called before.
    """

    def __init__(self, var_name: str, module: Any, depth: int, parent: Layer | None) -> None:
        self.var_name, self.module, self.depth, self.parent = var_name, module, depth, parent
        self.class_name = type(module).__name__
        self.layer_id = id(module)
        self.is_leaf_layer = not any(module.children())
        self.depth_index: int | None = None  # which of its depth it is, once all are known
        self.children: list[Layer] = []  # all below it, not only its own
        self.executed = self.is_recursive = self.contains_lazy_param = False
        self.input_size: list[int] = []
        self.output_size: list[int] = []
        self.num_params = self.trainable_params = self.param_bytes = self.output_bytes = self.macs = 0
        self.inner: list[tuple[str, list[int], int]] = []  # parameters: name, shape, count
        kernel = getattr(module, "kernel_size", None)
        self.kernel_size = list(kernel) if isinstance(kernel, Iterable) else kernel

    def __repr__(self) -> str:
        return f"{self.class_name}: {self.depth}"

    @property
    def trainable(self) -> str:
        """Whether its parameters require gradients: True, False or Partial; -- if it has none."""
        if not self.num_params:
            return "--"
        if not self.trainable_params:
            return "False"
        return "True" if self.num_params == self.trainable_params else "Partial"

    def _parameters(self) -> Iterator[tuple[str, Any, int]]:
        """(name, parameter, count); of a pruned one, those that its mask leaves."""
        for name, p in self.module.named_parameters():
            if is_lazy(p):
                self.contains_lazy_param = True
                continue
            count = p.numel()
            if name.endswith("_orig"):
                mask: Any = self.module
                for part in (name[:-5] + "_mask").split("."):
                    mask = getattr(mask, part, None)
                if mask is not None:
                    name, count = name[:-5], int(mask.sum())
            yield name, p, count

    def count_parameters(self) -> None:
        """Read its parameters: how many, how large."""
        self.num_params = self.trainable_params = self.param_bytes = 0
        inner: dict[str, tuple[str, list[int], int]] = {}
        for name, p, count in self._parameters():
            self.num_params += count
            self.param_bytes += p.element_size() * count
            self.trainable_params += count if p.requires_grad else 0
            shape = list(p.shape)
            if name == "weight" and len(shape) > 1:  # inputs first
                shape[0], shape[1] = shape[1], shape[0]
            if self.parent is not None or "." not in name:
                inner[name] = (name, shape, count)
        self.inner = list(inner.values())

    def called(self, inputs: Any, outputs: Any, batch_dim: int | None) -> None:
        """Note the shapes of one call, and count its multiply-adds: each parameter is used once for each output
        position (of a convolution, once for each pixel; of a recurrent layer, once for each example and time)."""
        if self.contains_lazy_param:
            self.contains_lazy_param = False
            self.count_parameters()
        self.input_size = _size(inputs, batch_dim)[0]
        self.output_size, item = _size(outputs, batch_dim)
        self.output_bytes = item * _product(self.output_size)
        self.executed = True
        for name, _, count in self._parameters():
            if name in ("weight", "bias"):
                if "Conv" in self.class_name:
                    self.macs += count * _product(self.output_size[:1] + self.output_size[2:])
                else:
                    self.macs += self.output_size[0] * count
            elif "weight" in name or "bias" in name:  # weight_ih_l0 and the like
                self.macs += count * _product(self.output_size[:2])

    def own(self, kind: str = "num_params") -> int:
        """Its parameters (or `trainable_params`) that are not those of a layer below."""
        return getattr(self, kind) - sum(
            getattr(c, kind) if c.is_leaf_layer else c.own(kind) for c in self.children if not c.is_recursive
        )

    def title(self, settings: set[str]) -> str:
        """Its first column."""
        name = f"{self.class_name} ({self.var_name})" if "var_names" in settings and self.var_name else self.class_name
        if "depth" not in settings or not self.depth:
            return name
        return f"{name}: {self.depth}" + ("" if self.depth_index is None else f"-{self.depth_index}")

    def cells(self, deepest: bool, total: int) -> dict[str, str]:
        """Its other columns; `deepest`: what is below it is not shown, and counted here."""
        whole = deepest or self.is_leaf_layer
        count = self.num_params if whole else self.own()
        if not self.num_params:
            parameters = "--"
        elif self.is_recursive:
            parameters = "(recursive)"
        elif whole:
            parameters = f"{count:,}" if self.trainable_params else f"({count:,})"
        else:
            parameters = f"{count:,}" if count > 0 else "--"
        if not total:
            percent = "     --"
        elif self.is_recursive:
            percent = "(recursive)"
        else:
            percent = f"{count / total:>7.2%}" if count else "     --"
        macs = "--"
        if self.macs > 0 and self.is_leaf_layer:
            macs = f"{self.macs:,}"
        elif self.macs > 0 and deepest:
            macs = f"{sum(c.macs for c in self.children if c.is_leaf_layer):,}"
        return {
            "kernel_size": str(self.kernel_size) if self.kernel_size else "--",
            "input_size": str(self.input_size) if self.input_size else "--",
            "output_size": str(self.output_size) if self.output_size else "--",
            "num_params": parameters,
            "params_percent": percent,
            "mult_adds": macs,
            "trainable": self.trainable,
        }


class ModelStatistics:
    """What `summary` returns; printed, it is the table.

    total_params, trainable_params, total_mult_adds; total_input, total_output_bytes (forward and backward),
    total_param_bytes; summary_list: the layers.
    """

    def __init__(
        self, layers: list[Layer], input_size: Any, total_input: int, depth: int, verbose: int,
        columns: Sequence[str], col_width: int, settings: set[str],
    ) -> None:  # fmt: skip
        self.summary_list, self.input_size, self.total_input = layers, input_size, total_input
        self._depth, self._verbose, self._settings = depth, verbose, settings
        self._columns, self._col_width = columns, col_width
        self.total_params = self.trainable_params = self.total_mult_adds = 0
        self.total_param_bytes = self.total_output_bytes = 0
        for layer in layers:
            if layer.is_leaf_layer:
                self.total_mult_adds += layer.macs
                if layer.num_params:
                    self.total_output_bytes += 2 * layer.output_bytes  # its gradient is as large
                if not layer.is_recursive:
                    self.total_params += layer.num_params
                    self.total_param_bytes += layer.param_bytes
                    self.trainable_params += layer.trainable_params
            elif not layer.is_recursive:
                self.total_params += max(layer.own(), 0)
                self.trainable_params += max(layer.own("trainable_params"), 0)
        longest = max((len(layer.title(settings)) + 5 * layer.depth + 1 for layer in layers), default=0)
        self._width = 40 if longest < 40 else math.ceil(longest / 5) * 5

    def _line(self, name: str, cells: Mapping[str, str]) -> str:
        parts = [f"{name:<{self._width}} ", *(f"{cells.get(c, ''):<{self._col_width}} " for c in self._columns)]
        return "".join(parts).rstrip()

    def _branch(self, depth: int) -> str:
        plain = "ascii_only" in self._settings
        if depth < 2:
            return "" if not depth else "+ " if plain else "├─"
        return ("|    " if plain else "│    ") * (depth - 1) + ("+ " if plain else "└─")

    def _rows(self) -> Iterator[str]:
        for layer in self.summary_list:
            if layer.depth > self._depth or ("hide_recursive_layers" in self._settings and layer.is_recursive):
                continue
            name = self._branch(layer.depth) + layer.title(self._settings)
            yield self._line(name, layer.cells(layer.depth == self._depth, self.total_params))
            if self._verbose == 2:
                for i, (inner, shape, count) in enumerate(layer.inner):
                    sign = "└─" if i == len(layer.inner) - 1 else "├─"
                    cells = {"kernel_size": str(shape), "num_params": f"{sign}{count:,}"}
                    yield self._line(self._branch(layer.depth + 1) + inner, cells)

    def __repr__(self) -> str:
        rule = "=" * (len(self._columns) * self._col_width + self._width)
        header = "Layer (type" + (" (var_name)" if "var_names" in self._settings else "")
        header += ":depth-idx" if "depth" in self._settings else ""
        frozen = self.total_params - self.trainable_params
        lines = [
            rule,
            self._line(header + ")", _TITLES),
            rule,
            *self._rows(),
            rule,
            f"Total params: {self.total_params:,}",
            f"Trainable params: {self.trainable_params:,}",
            f"Non-trainable params: {frozen:,}",
        ]
        if self.input_size:
            held = self.total_input, self.total_output_bytes, self.total_param_bytes
            lines += [
                f"Total mult-adds{_readable(self.total_mult_adds)}",
                rule,
                f"Input size (MB): {held[0] / 1e6:0.2f}",
                f"Forward/backward pass size (MB): {held[1] / 1e6:0.2f}",
                f"Params size (MB): {held[2] / 1e6:0.2f}",
                f"Estimated Total Size (MB): {sum(held) / 1e6:0.2f}",
            ]
        return "\n".join([*lines, rule])


def _readable(count: int) -> str:
    """A large number in millions, billions or trillions, as ` (G): 1.81`."""
    unit, value = next(((u, count / s) for u, s in (("T", 1e12), ("G", 1e9)) if count >= s), ("M", count / 1e6))
    return f" ({unit}): " + (f"{int(value):,d}" if value.is_integer() else f"{value:,.2f}")


def _product(sizes: Iterable[Any]) -> int:
    return math.prod(_product(n) if isinstance(n, Iterable) else n for n in sizes)


def _size(value: Any, batch_dim: int | None) -> tuple[list[int], int]:
    """The shape that stands for a module's inputs or outputs (the first tensor's), and the size of an element."""

    def single(size: list[int]) -> list[int]:
        return size if batch_dim is None else size[:batch_dim] + [1] + size[batch_dim + 1 :]

    if value is None:
        return [], 0
    if isinstance(value, (list, tuple)) and value:
        first: Any = getattr(value[0], "data", None)  # (a PackedSequence has its tensor under this name, too)
        if hasattr(first, "size") and callable(first.size):
            return single(list(first.size())), first.element_size()
    if isinstance(value, dict):
        size, item = _first_size(list(value.values())[-1])
        nested: list[Any] = size if batch_dim is None else [single(size)]
        return nested, item
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return list(value.shape), value.dtype.itemsize
    if isinstance(value, (list, tuple)):
        size, item = _first_size(value)
        if batch_dim is not None and batch_dim < len(size):
            size[batch_dim] = 1
        return size, item
    raise TypeError(f"Model contains a layer with an unsupported input or output type: {value}, type: {type(value)}")


def _first_size(value: Any) -> tuple[list[int], int]:
    """The shape of the first tensor inside nested lists and dicts, and the size of its elements."""
    while True:
        value = getattr(value, "tensors", value)
        if isinstance(value, (torch.Tensor, np.ndarray)):
            return list(value.shape), value.dtype.itemsize
        if isinstance(value, dict):
            value = list(value.values())
        if not isinstance(value, (list, tuple)) or not value:
            return [], 0
        value = value[0]


def _walk(data: Any, leaf: Callable[[Any], Any], join: Callable[[Any, Any], Any]) -> Any:
    """`leaf` of every tensor in nested data; `join(container, values)` puts the results of a container together."""
    if isinstance(data, np.ndarray):
        return leaf(torch.from_numpy(data))
    if isinstance(data, torch.Tensor):
        return leaf(data)
    if isinstance(data, Mapping):
        return join(data, {k: _walk(v, leaf, join) for k, v in data.items()})
    if isinstance(data, Iterable) and not isinstance(data, str):
        return join(data, [_walk(v, leaf, join) for v in data])
    return data


def _sizes(data: Any) -> Any:
    def same(container: Any, values: Any) -> Any:
        return type(container)(*values) if hasattr(container, "_fields") else type(container)(values)

    return _walk(data, lambda t: t.size(), same)


def _bytes(data: Any) -> int:
    def total(container: Any, values: Any) -> int:
        return sum(v for v in (values.values() if isinstance(values, dict) else values) if isinstance(v, int))

    found = _walk(data, lambda t: t.untyped_storage().nbytes(), total)
    return found if isinstance(found, int) else 0


def _list_of_sizes(size: Any) -> list[Any]:
    """`input_size` as a list of tuples, one for each argument of the model."""
    if not isinstance(size, (list, tuple)):
        raise TypeError(
            "Input_size is not a recognized type. Please ensure input_size is valid.\n"
            "For multiple inputs to the network, ensure input_size is a list of tuple sizes."
        )

    def numbers(nested: Any) -> Iterator[Any]:
        for n in nested:
            if isinstance(n, (list, tuple)):
                yield from numbers(n)
            else:
                yield n

    if not size or any(n <= 0 for n in numbers(size)):
        raise ValueError("Input_data is invalid, or negative size found in input_data.")
    if isinstance(size, list):
        return [tuple(size)] if isinstance(size[0], int) else size
    return list(size) if isinstance(size[0], tuple) else [size]


class Recorder:
    """Hooks on all modules of a model, which note each call as a line."""

    def __init__(self, model: Any, calls: bool, batch_dim: int | None) -> None:
        self.lines: list[Layer] = []
        self.seen: set[int] = set()  # modules that have a line
        self.latest: dict[int, Layer] = {}  # module -> its line, or what its line will be
        self.hooks: dict[int, tuple[Any, Any]] = {}
        self.batch_dim = batch_dim
        self._root: tuple[str, Any, int, Layer | None] = type(model).__name__, model, 0, None
        stack: list[tuple[str, Any, int, Layer | None]] = [self._root]
        while stack:
            place = stack.pop()
            _, module, depth, _ = place
            own = self.latest[id(module)] = Layer(*place)
            if not calls:
                self._begin(place)
            else:
                for hook in self.hooks.get(id(module), ()):  # its last place in the model counts
                    hook.remove()
                self.hooks[id(module)] = self._watch(place)
            below: list[tuple[str, Any, int, Layer | None]] = [
                (n, m, depth + 1, own) for n, m in module._modules.items() if m is not None
            ]
            stack += reversed(below)

    def _watch(self, place: tuple[str, Any, int, Layer | None]) -> tuple[Any, Any]:
        def before(module: Any, inputs: Any) -> None:
            self._begin(place)

        def after(module: Any, inputs: Any, outputs: Any) -> None:
            self.latest[id(module)].called(inputs, outputs, self.batch_dim)

        return place[1].register_forward_pre_hook(before), place[1].register_forward_hook(after)

    def _begin(self, place: tuple[str, Any, int, Layer | None]) -> None:
        self.latest[id(place[1])] = self._add(Layer(*place), len(self.lines))

    def _add(self, line: Layer, at: int) -> Layer:
        line.count_parameters()
        line.is_recursive = line.is_recursive or line.layer_id in self.seen
        self.seen.add(line.layer_id)
        self.lines.insert(at, line)
        return line

    def begin_root(self) -> None:
        """Note that the model itself is being called (its own hooks are not yet heard when they are put in now)."""
        self._begin(self._root)

    def end_root(self, inputs: Any, outputs: Any) -> None:
        """Note the model's own result."""
        self.latest[id(self._root[1])].called(inputs, outputs, self.batch_dim)

    def remove(self) -> None:
        """Take the hooks away."""
        for pair in self.hooks.values():
            for hook in pair:
                hook.remove()

    def add_holders(self) -> None:
        """Lines for modules that were not called, above the first line of what they hold."""
        inside: dict[int, Layer] = {}  # the line of each depth that we are in
        at = 0
        while at < len(self.lines):
            line = self.lines[at]
            above: dict[int, Layer] = {}
            parent = line.parent
            while parent is not None and parent.depth:
                above[parent.depth] = parent
                parent = parent.parent
            for depth in range(1, line.depth):
                holder = above[depth]
                there = depth in inside and inside[depth].module is holder.module
                if not there and holder is not self.lines[at - 1]:
                    inside[depth] = self._add(holder, at)
                    at += 1
            inside[line.depth] = line
            for depth in [d for d in inside if d > line.depth]:
                del inside[depth]
            at += 1


def _run(
    model: Any, data: Any, batch_dim: int | None, cache: bool, device: Any, training: bool, named: dict[str, Any]
) -> list[Layer]:
    """The lines of a model: of one call with `data`, or, if that is None, of its modules as they are nested."""
    name = type(model).__name__
    if cache and name in _cache:
        return _cache[name]
    recorder = Recorder(model, data is not None, batch_dim)
    if data is not None:
        modes = [(m, m.training) for m in model.modules()]
        try:
            model.train(training)
            with torch.no_grad():
                if device is not None:
                    model.to(device)
                model(**data, **named) if isinstance(data, dict) else model(*data, **named)
        except Exception as error:
            done = [line for line in recorder.lines if line.executed]
            raise RuntimeError(
                f"The model failed, for the reason given above. Executed layers up to: {done}"
            ) from error
        finally:
            recorder.remove()
            for module, before in modes:
                module.training = before
        recorder.add_holders()
    lines = _numbered(recorder.lines)
    if data is not None:
        _cache[name] = lines
    return lines


def _numbered(lines: list[Layer]) -> list[Layer]:
    """The lines, each with its number among those of its depth and with what is below it."""
    count: dict[int, int] = {}
    for i, line in enumerate(lines):
        count[line.depth] = line.depth_index = count.get(line.depth, 0) + 1
        end = next((j for j in range(i + 1, len(lines)) if lines[j].depth <= line.depth), len(lines))
        line.children = lines[i + 1 : end]
    return lines


def table_of(recorder: Recorder, inputs: Any, depth: int = 3) -> ModelStatistics:
    """The table of a call that a recorder has seen."""
    recorder.add_holders()
    lines = _numbered(recorder.lines)
    return ModelStatistics(
        lines, _sizes(inputs), _bytes(inputs), depth, 1, ["output_size", "num_params"], 25, {"depth"}
    )


def summary(
    model: Any, input_size: Any = None, input_data: Any = None, batch_dim: int | None = None,
    cache_forward_pass: bool | None = None, col_names: Iterable[str] | None = None, col_width: int = 25,
    depth: int = 3, device: Any = None, dtypes: Sequence[Any] | None = None, mode: str | None = None,
    row_settings: Iterable[str] | None = None, verbose: int | None = None, **kwargs: Any,
) -> ModelStatistics:  # fmt: skip
    """Print a table of a model's layers, as the package torchinfo prints it, and return it.

    Multiply-adds and shapes are those of one call of the model, in eval mode and without gradients.

    input_size: the shape of the model's input, or a list of shapes; the call is given random tensors (of `dtypes`).
    input_data: or the arguments themselves: a tensor, a list of them, or a dict of keyword arguments.
    batch_dim: `input_size` is of one example; put the dimension of the batch there.
    col_names: columns, of "input_size", "output_size", "num_params", "params_percent", "kernel_size", "mult_adds",
    "trainable". row_settings: of "depth", "var_names", "ascii_only", "hide_recursive_layers".
    depth: how deep to look into nested modules. mode: "eval" or "train". verbose: 0 prints nothing, 2 parameters, too.
    cache_forward_pass: take what was found for a model of the same class before. kwargs: more arguments of the model.

    Raises ValueError or TypeError for arguments that make no sense, RuntimeError if the model fails.

    >>> import microtorch as torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> table = torch.summary(model, input_size=(16, 8), verbose=0)
    >>> table.total_params, table.total_mult_adds
    (46, 736)
    >>> print(table)
    ==========================================================================================
    Layer (type:depth-idx)                   Output Shape              Param #
    ==========================================================================================
    Sequential                               [16, 2]                   --
    ├─Linear: 1-1                            [16, 4]                   36
    ├─ReLU: 1-2                              [16, 4]                   --
    ├─Linear: 1-3                            [16, 2]                   10
    ==========================================================================================
    Total params: 46
    Trainable params: 46
    Non-trainable params: 0
    Total mult-adds (M): 0.00
    ==========================================================================================
    Input size (MB): 0.00
    Forward/backward pass size (MB): 0.00
    Params size (MB): 0.00
    Estimated Total Size (MB): 0.00
    ==========================================================================================
    """
    has_input = input_data is not None or input_size is not None
    columns = (["output_size", "num_params"] if has_input else ["num_params"]) if col_names is None else list(col_names)
    settings = {"depth"} if row_settings is None else set(row_settings)
    for kind, given, known in (("column", columns, _TITLES), ("row setting", settings, _ROW_SETTINGS)):
        for name in given:
            if name not in known:
                raise ValueError(f"{name!r} is no {kind}; there are {', '.join(sorted(known))}")
    if mode not in (None, "train", "eval"):
        raise ValueError(f"{mode!r} is no mode; there are 'train' and 'eval'")
    if verbose is None:
        verbose = 0 if getattr(sys, "ps1", None) else 1  # in a notebook or a shell the value is shown anyway
    if col_width <= 0:
        raise ValueError(f"Column width must be greater than 0: col_width={col_width}")
    if verbose not in (0, 1, 2):
        raise ValueError("Verbose must be either 0 (quiet), 1 (default), or 2 (verbose).")
    if input_data is not None and input_size is not None:
        raise RuntimeError("Only one of (input_data, input_size) should be specified.")
    if not has_input and _NEED_INPUT & set(columns):
        wanted = _NEED_INPUT & set(columns)
        raise ValueError(f"You must pass input_data or input_size in order to use columns: {wanted}")
    if dtypes is not None and input_size is not None and any(d in (torch.float16, torch.bfloat16) for d in dtypes):
        warnings.warn("half precision: the model itself must be of that dtype, too", stacklevel=2)

    data: Any = None
    sizes: Any = []
    if input_data is not None:
        sizes = _sizes(input_data)
        data = [input_data] if isinstance(input_data, (torch.Tensor, np.ndarray)) else input_data
    elif input_size is not None:
        sizes = _list_of_sizes(input_size)
        kinds = [torch.float32] * len(sizes) if dtypes is None else dtypes
        data = [torch.rand(*size) for size in sizes]
        data = [(t if batch_dim is None else t.unsqueeze(batch_dim)).type(d) for t, d in zip(data, kinds)]
    lines = _run(model, data, batch_dim, bool(cache_forward_pass), device, mode == "train", kwargs)
    table = ModelStatistics(lines, sizes, _bytes(data), depth, verbose, columns, col_width, settings)
    if verbose:
        print(table)
    return table


__all__ = ["Layer", "ModelStatistics", "summary"]
