"""ShapeProp: the shape and dtype of each step's result."""

from __future__ import annotations

from typing import Any, NamedTuple

from microtorch._missing import missing_names as _missing_names
from microtorch._tensor import Tensor
from microtorch.fx.interpreter import Interpreter
from microtorch.fx.node import Node, map_aggregate
from microtorch.size import contiguous_format


class TensorMetadata(NamedTuple):
    """What a tensor is, but for its numbers."""

    shape: Any
    dtype: Any
    requires_grad: bool
    stride: tuple[int, ...]
    memory_format: Any
    is_quantized: bool
    qparams: dict[str, Any]


class ShapeProp(Interpreter):
    """Runs a graph, and notes the result of each step in `node.meta`: "tensor_meta" (a TensorMetadata) and "type".

    >>> import microtorch as torch
    >>> traced = torch.fx.symbolic_trace(lambda x: x.sum(0))
    >>> _ = ShapeProp(traced).propagate(torch.ones(2, 3))
    >>> [(node.name, node.meta["tensor_meta"].shape) for node in traced.graph.nodes][1]
    ('sum_1', torch.Size([3]))
    """

    def run_node(self, n: Node) -> Any:
        """The result of a step, noted."""
        result = super().run_node(n)
        seen = []

        def note(value: Any) -> Any:
            if not isinstance(value, Tensor):
                return value
            seen.append(value)
            layout = contiguous_format if value.is_contiguous() else None
            return TensorMetadata(value.shape, value.dtype, value.requires_grad, value.stride(), layout, False, {})

        meta = map_aggregate(result, note)
        if seen:
            n.meta["tensor_meta"] = meta
        n.meta["type"] = type(result)
        return result

    def propagate(self, *args: Any) -> Any:
        """Run the graph on these inputs."""
        return super().run(*args)


__getattr__ = _missing_names(__name__)
