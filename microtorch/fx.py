"""`torch.fx`: programs are not traced. Its names can be imported, and raise NotImplementedError when used."""

from __future__ import annotations

from typing import Any

from microtorch._missing import missing_names as _missing_names
from microtorch.unsupported import AbsentModule, absent

_WHY = "programs are not traced; the graph of a computation is at tensor.grad_fn, its picture in microtorch.viz"

__path__: list[str] = []  # so that torch.fx.node and its like can be imported

CodeGen, Graph, GraphModule, Interpreter, Node, Proxy, Tracer, Transformer, PH, ProxyableClassMeta = (
    absent(__name__, name, _WHY)
    for name in ("CodeGen", "Graph", "GraphModule", "Interpreter", "Node", "Proxy", "Tracer", "Transformer", "PH",
                 "ProxyableClassMeta")
)  # fmt: skip
symbolic_trace, replace_pattern, subgraph_rewriter, has_side_effect = (
    absent(__name__, name, _WHY) for name in ("symbolic_trace", "replace_pattern", "subgraph_rewriter",
                                              "has_side_effect")
)  # fmt: skip


def wrap(fn_or_name: Any) -> Any:
    """The function itself: nothing will trace it."""
    return fn_or_name


AbsentModule(f"{__name__}.node", ("Argument", "BaseArgumentTypes", "Node", "Target", "map_aggregate", "map_arg"), _WHY)
AbsentModule(f"{__name__}.proxy", ("Attribute", "GraphAppendingTracer", "Proxy", "TracerBase"), _WHY)
AbsentModule(f"{__name__}.graph", ("CodeGen", "Graph", "PythonCode"), _WHY)
AbsentModule(f"{__name__}.graph_module", ("GraphModule",), _WHY)
AbsentModule(f"{__name__}.passes", (), _WHY)
AbsentModule(f"{__name__}.passes.shape_prop", ("ShapeProp", "TensorMetadata"), _WHY)
AbsentModule(f"{__name__}.passes.graph_drawer", ("FxGraphDrawer",), _WHY)
AbsentModule(f"{__name__}.passes.split_module", ("split_module",), _WHY)
AbsentModule(f"{__name__}.experimental", (), _WHY)
AbsentModule(f"{__name__}.experimental.proxy_tensor", ("make_fx",), _WHY)
AbsentModule(f"{__name__}.experimental.optimization", ("fuse",), _WHY)


__getattr__ = _missing_names(__name__)
