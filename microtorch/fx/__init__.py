"""`torch.fx`: programs as graphs of steps, which can be looked at, changed, and run again as Python code.

>>> import microtorch as torch
>>> from microtorch import fx
>>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
>>> traced = fx.symbolic_trace(model)
>>> print(traced.graph)
graph():
    %input_1 : [num_users=1] = placeholder[target=input]
    %_0 : [num_users=1] = call_module[target=0](args = (%input_1,), kwargs = {})
    %_1 : [num_users=1] = call_module[target=1](args = (%_0,), kwargs = {})
    return _1
>>> x = torch.randn(4, 2)
>>> torch.equal(traced(x), model(x))
True

Tracing sees one way through a program: where it depends on a tensor's numbers, TraceError is raised. Of the passes
there is ShapeProp; others, and tracing by operations (make_fx), raise NotImplementedError.
"""

from microtorch._missing import missing_names as _missing_names
from microtorch.fx import passes as passes
from microtorch.fx._symbolic_trace import PH as PH, Tracer as Tracer, symbolic_trace as symbolic_trace, wrap as wrap
from microtorch.fx.graph import CodeGen as CodeGen, Graph as Graph
from microtorch.fx.graph_module import GraphModule as GraphModule
from microtorch.fx.interpreter import Interpreter as Interpreter, Transformer as Transformer
from microtorch.fx.node import Node as Node, has_side_effect as has_side_effect, map_arg as map_arg
from microtorch.fx.proxy import Proxy as Proxy
from microtorch.fx.subgraph_rewriter import replace_pattern as replace_pattern
from microtorch.unsupported import AbsentModule as _AbsentModule, absent as _absent

_WHY = "of the passes over graphs there is ShapeProp"
ProxyableClassMeta = _absent(__name__, "ProxyableClassMeta", "objects of own classes are not traced")
_AbsentModule(f"{__name__}.passes.graph_drawer", ("FxGraphDrawer",), _WHY)
_AbsentModule(f"{__name__}.passes.split_module", ("split_module",), _WHY)
_AbsentModule(f"{__name__}.experimental", (), _WHY)
_AbsentModule(f"{__name__}.experimental.proxy_tensor", ("make_fx",), "functions are traced by torch.fx.symbolic_trace")
_AbsentModule(f"{__name__}.experimental.optimization", ("fuse",), _WHY)

__getattr__ = _missing_names(__name__)
