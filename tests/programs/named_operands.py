"""Arguments given by the names that methods and functions have in PyTorch's signatures."""

import torch

x = torch.arange(12.0).reshape(3, 4)
print([tuple(p.shape) for p in x.split(split_size=2)], [tuple(p.shape) for p in x.split(split_size=[1, 3], dim=1)])
print(x.swapaxes(axis0=0, axis1=1).shape, torch.swapaxes(x, axis0=0, axis1=1).shape)
print(torch.swapdims(x, dim0=0, dim1=1).shape, x.sum_to_size(size=(1, 4)))
print(x.clone().mul_(other=2.0)[1], x.clone().eq_(other=3.0)[0], x.clone().floor_divide_(other=3)[2])
print(x.clone().atan2_(other=torch.ones(4))[0], torch.ones(3, dtype=torch.bool).logical_and_(other=torch.zeros(3)))
print(torch.empty(0).resize_(size=(2, 3)).shape, torch.result_type(tensor=torch.tensor([1]), other=1.5))
counts, edges = torch.histogram(x)
print(counts.shape, edges.shape, counts.sum(), edges[:3])
for call in (lambda: x.clone().exp_(other=1), lambda: x.clone().mul_(2.0, other=2.0), lambda: x.split(size=2)):
    try:
        call()
    except TypeError:
        print("refused")
print(torch.nn.functional.grad.conv1d_input((1, 1, 5), torch.ones(1, 1, 2), torch.ones(1, 1, 4)))
generator = torch.Generator()
print(
    generator.set_state(torch.Generator().manual_seed(3).get_state()) is generator, torch.rand(2, generator=generator)
)
