"""The example of nn.Linear's documentation: 128 rows of 20 numbers become 128 rows of 30."""

import torch
from torch import nn

m = nn.Linear(20, 30)
input = torch.randn(128, 20)
output = m(input)
print(output.size())
