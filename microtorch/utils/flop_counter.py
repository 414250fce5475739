"""FlopCounterMode: how many floating point operations products of matrices and convolutions take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from microtorch._missing import missing_names as _missing_names
from microtorch._ops import OpOverloadPacket
from microtorch._tensor import Tensor
from microtorch.utils._python_dispatch import TorchDispatchMode, aten
from microtorch.utils._pytree import tree_map
from microtorch.utils.module_tracker import ModuleTracker

__all__ = ["FlopCounterMode", "register_flop_formula"]

Shape = Sequence[int]

flop_registry: dict[Any, Callable[..., int]] = {}
"""The formula of each operation that is counted: of its arguments' shapes, and out_shape."""


def register_flop_formula(targets: Any, get_raw: bool = False) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Decorate the formula of one or several operations (`torch.ops.aten.mm`).

    It gets the call's arguments, with shapes in the place of tensors, and `out_shape`; with `get_raw` the tensors, and
    `out_val`. Raises ValueError for what is no operation, RuntimeError for one that has a formula.

    >>> import microtorch as torch
    >>> @register_flop_formula(torch.ops.aten.dot)
    ... def dot_flop(x_shape, y_shape, out_shape=None, **kwargs):
    ...     return 2 * x_shape[0]
    >>> with FlopCounterMode(display=False) as counter:
    ...     _ = torch.dot(torch.ones(5), torch.ones(5))
    >>> counter.get_total_flops()
    10
    """

    def register(formula: Callable[..., int]) -> Callable[..., int]:
        of_tensors = formula if get_raw else _of_shapes(formula)
        for target in targets if isinstance(targets, (list, tuple)) else [targets]:
            if not isinstance(target, OpOverloadPacket):
                raise ValueError(
                    "register_flop_formula(targets): expected each target to be OpOverloadPacket (i.e. "
                    f"torch.ops.mylib.foo), JitFunction, or HigherOrderOperator, got {target} which is of type "
                    f"{type(target)}"
                )
            if target in flop_registry:
                raise RuntimeError(f"duplicate registrations for {target}")
            flop_registry[target] = of_tensors
        return of_tensors

    return register


def _of_shapes(formula: Callable[..., int]) -> Callable[..., int]:
    def of_tensors(*args: Any, out_val: Any = None, **kwargs: Any) -> int:
        args, kwargs, out_shape = tree_map(lambda v: v.shape if isinstance(v, Tensor) else v, (args, kwargs, out_val))
        return formula(*args, out_shape=out_shape, **kwargs)

    return of_tensors


@register_flop_formula(aten.mm)
def mm_flop(a_shape: Shape, b_shape: Shape, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    """A multiplication and an addition for each row, column and place between."""
    (m, k), (_, n) = a_shape, b_shape
    return 2 * m * k * n


@register_flop_formula(aten.addmm)
def addmm_flop(self_shape: Shape, a_shape: Shape, b_shape: Shape, out_shape: Any = None, **kwargs: Any) -> int:
    """Those of the product."""
    return 2 * a_shape[0] * a_shape[1] * b_shape[1]


@register_flop_formula(aten.bmm)
def bmm_flop(a_shape: Shape, b_shape: Shape, out_shape: Any = None, **kwargs: Any) -> int:
    """Those of each product."""
    (batch, m, k), n = a_shape, b_shape[2]
    return 2 * batch * m * k * n


@register_flop_formula(aten.baddbmm)
def baddbmm_flop(self_shape: Shape, a_shape: Shape, b_shape: Shape, out_shape: Any = None, **kwargs: Any) -> int:
    """Those of each product."""
    return 2 * prod(a_shape) * b_shape[2]


def conv_flop_count(x_shape: Shape, w_shape: Shape, out_shape: Shape, transposed: bool = False) -> int:
    """A multiplication and an addition for each weight, at each place where the kernel is laid; the bias not counted.

    It is laid at each place of the output, or, transposed, of the input.
    """
    return 2 * x_shape[0] * prod((x_shape if transposed else out_shape)[2:]) * prod(w_shape)


@register_flop_formula(aten.convolution)
def conv_flop(
    x_shape: Shape, w_shape: Shape, _bias: Any, _stride: Any, _padding: Any, _dilation: Any, transposed: bool,
    *args: Any, out_shape: Any = None, **kwargs: Any,
) -> int:  # fmt: skip
    """See `conv_flop_count`."""
    return conv_flop_count(x_shape, w_shape, out_shape, transposed)


@register_flop_formula(aten.convolution_backward)
def conv_backward_flop(
    grad_out_shape: Shape, x_shape: Shape, w_shape: Shape, _bias: Any, _stride: Any, _padding: Any, _dilation: Any,
    transposed: bool, _output_padding: Any, _groups: int, output_mask: Sequence[bool], out_shape: Any,
) -> int:  # fmt: skip
    """The input's gradient is the other kind of convolution of the output's; the weight's is one of input and output,
    whose batch is the input's channels, and whose weights are the gradient's images (so PyTorch counts them)."""

    def swapped(shape: Shape) -> list[int]:
        return [shape[1], shape[0], *shape[2:]]

    count = 0
    if output_mask[0]:
        count += conv_flop_count(grad_out_shape, w_shape, out_shape[0], not transposed)
    if output_mask[1]:
        pair = (grad_out_shape, x_shape) if transposed else (x_shape, grad_out_shape)
        count += conv_flop_count(swapped(pair[0]), swapped(pair[1]), swapped(out_shape[1]), False)
    return count


_SUFFIXES = ["", "K", "M", "B", "T"]


def get_suffix_str(number: int) -> str:
    """The unit in which a number is written with at most four digits before the point."""
    return _SUFFIXES[max(0, min(len(_SUFFIXES) - 1, (len(str(number)) - 2) // 3))]


def convert_num_with_suffix(number: int, suffix: str) -> str:
    """The number in that unit."""
    index = _SUFFIXES.index(suffix)
    return f"{number / 1000**index:.3f}" + suffix


def convert_to_percent_str(num: int, denom: int) -> str:
    """The share as text."""
    return f"{num / denom:.2%}" if denom else "0%"


def _table(rows: list[list[str]], header: list[str]) -> str:
    """A table as the package tabulate prints it, the first column to the left.

    A column of mere numbers is written with as few digits as they need.
    """
    columns = [list(column) for column in zip(*rows)]
    for column in columns[1:]:
        if all(_is_number(cell) for cell in column):
            column[:] = [f"{float(cell):g}" for cell in column]
    widths = [max(map(len, [head, *column])) for head, column in zip(header, columns)]
    widths = [max(w, len(head) + 2) for w, head in zip(widths, header)]  # tabulate's least

    def line(cells: Sequence[str]) -> str:
        left, *right = cells
        return "  ".join([left.ljust(widths[0]), *(c.rjust(w) for c, w in zip(right, widths[1:]))])

    return "\n".join([line(header), "  ".join("-" * w for w in widths), *map(line, zip(*columns))])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class FlopCounterMode:
    """Inside of `with FlopCounterMode():` floating point operations are counted, forwards and backwards.

    Counted are products of matrices (mm, addmm, bmm, baddbmm) and convolutions, of the whole ("Global") and of each
    module by its name. A table is printed at the end unless `display` is False; depth: of the modules that it shows.
    custom_mapping: formulas of more operations, as `register_flop_formula` takes them.

    >>> import microtorch as torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
    >>> with FlopCounterMode() as counter:
    ...     loss = model(torch.ones(5, 8)).sum()
    Module            FLOP    % Total
    --------------  ------  ---------
    Sequential        1920    100.00%
     - aten.addmm     1920    100.00%
     Sequential.0     1280     66.67%
      - aten.addmm    1280     66.67%
     Sequential.2      640     33.33%
      - aten.addmm     640     33.33%
    >>> counter.get_total_flops()
    1920
    """

    def __init__(
        self,
        mods: Any = None,
        depth: int | None = 2,
        display: bool = True,
        custom_mapping: dict[Any, Any] | None = None,
    ) -> None:
        self.flop_counts: dict[str, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
        self.depth, self.display = depth, display
        self.mode: _Counting | None = None
        more = {k: v if getattr(v, "_get_raw", False) else _of_shapes(v) for k, v in (custom_mapping or {}).items()}
        self.flop_registry = {**flop_registry, **more}
        self.mod_tracker = ModuleTracker()

    def get_total_flops(self) -> int:
        """The number of all."""
        return sum(self.flop_counts["Global"].values())

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """The numbers by module and operation."""
        return {k: dict(v) for k, v in self.flop_counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """The table as text."""
        depth = self.depth if depth is None else depth
        limit = 999999 if depth is None else depth
        total = self.get_total_flops()
        suffix = get_suffix_str(total)

        def rows_of(module: str, indent: int) -> list[list[str]]:
            counts = self.flop_counts[module]
            named = [(module, sum(counts.values())), *((f" - {op}", n) for op, n in counts.items())]
            return [
                [" " * indent + name, convert_num_with_suffix(n, suffix), convert_to_percent_str(n, total)]
                for name, n in named
            ]

        rows: list[list[str]] = []
        whole = False  # whether a module has done all
        for module in sorted(self.flop_counts):
            level = module.count(".") + 1
            if module != "Global" and level <= limit:
                whole |= sum(self.flop_counts[module].values()) >= total
                rows += rows_of(module, level - 1)
        if "Global" in self.flop_counts and not whole:
            rows = rows_of("Global", 0) + [[" " + row[0], *row[1:]] for row in rows]
        return _table(rows or [["Global", "0", "0%"]], ["Module", "FLOP", "% Total"])

    def __enter__(self) -> FlopCounterMode:
        self.flop_counts.clear()
        self.mod_tracker.__enter__()
        self.mode = _Counting(self)
        self.mode.__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        assert self.mode is not None
        self.mode.__exit__(*args)
        self.mode = None
        self.mod_tracker.__exit__()
        if self.display:
            print(self.get_table(self.depth))

    def _count(self, packet: Any, out: Any, args: Any, kwargs: Any) -> None:
        formula = self.flop_registry.get(packet)
        if formula is not None:
            count = formula(*args, **kwargs, out_val=out)
            for module in self.mod_tracker.parents:
                self.flop_counts[module][packet] += count


class _Counting(TorchDispatchMode):
    def __init__(self, counter: FlopCounterMode) -> None:
        self.counter = counter

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.counter._count(func.overloadpacket, out, args, kwargs or {})
        return out

    def _after_backward(self) -> None:
        """A backward pass is over."""
        self.counter.mod_tracker._finish_backward()


__getattr__ = _missing_names(__name__)
