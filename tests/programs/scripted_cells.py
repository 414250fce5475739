"""Recurrent cells written as ScriptModules, in the manner of PyTorch's custom RNNs."""

from typing import Dict, List, Tuple  # noqa: UP035

import torch
from torch import Tensor, jit, nn

torch.manual_seed(0)


class Cell(jit.ScriptModule):
    __constants__ = ["hidden"]

    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden = hidden
        self.names = torch.jit.Attribute({"a": 2}, Dict[str, int])  # noqa: UP006
        self.from_input = nn.Parameter(torch.randn(4 * hidden, inputs) * 0.3)
        self.from_state = nn.Parameter(torch.randn(4 * hidden, hidden) * 0.3)

    @jit.script_method
    def forward(self, x: Tensor, state: Tuple[Tensor, Tensor]) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:  # noqa: UP006
        h, c = state
        gates = torch.mm(x, self.from_input.t()) + torch.mm(h, self.from_state.t())
        i, f, g, o = gates.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)


class Layer(jit.ScriptModule):
    def __init__(self, cell, *args):
        super().__init__()
        self.cell = cell(*args)

    @jit.script_method
    def forward(self, x: Tensor, state: Tuple[Tensor, Tensor]) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:  # noqa: UP006
        outputs = torch.jit.annotate(List[Tensor], [])  # noqa: UP006
        for part in x.unbind(0):
            out, state = self.cell(part, state)
            outputs += [out]
        return torch.stack(outputs), state


layer = Layer(Cell, 3, 5)
print(isinstance(layer, torch.jit.ScriptModule), isinstance(layer, nn.Module), layer.cell.names, layer.cell.hidden)
print([(name, tuple(p.shape)) for name, p in layer.named_parameters()])
optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
x, state = torch.randn(7, 2, 3), (torch.zeros(2, 5), torch.zeros(2, 5))
for _ in range(5):
    out, _ = layer(x, state)
    loss = (out - 0.5).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.5f}")


@torch.jit.script_if_tracing
def doubled(x: Tensor) -> Tensor:
    return x * 2


print(doubled(torch.ones(2)))
