"""From one dtype to another: what constructors choose, what in-place ops refuse, what conversions round to."""

import torch

print("constructors")
for value in (True, 1, 1.0, [1, 2.0], [True, 2], [[1], [2]], []):
    print(f"{str(value):12s} {torch.tensor(value).dtype}")
print("arange", torch.arange(3).dtype, torch.arange(3.0).dtype, torch.arange(0, 1, 0.5).dtype)
print("full  ", torch.full((1,), 2).dtype, torch.full((1,), 2.0).dtype, torch.full((1,), True).dtype)

print("\nin place the tensor keeps its dtype, or refuses")
x = torch.ones(2, dtype=torch.float32)
x += torch.ones(2, dtype=torch.float64)
print(x.dtype, x)
for what, f in {
    "int += float": lambda: torch.ones(2, dtype=torch.int64).add_(0.5),
    "bool += int": lambda: torch.ones(2, dtype=torch.bool).add_(1),
    "int /= int": lambda: torch.ones(2, dtype=torch.int64).div_(2),
}.items():
    try:
        f()
    except RuntimeError as error:
        print(f"{what}: {error}")

print("\nconversions")
f = torch.tensor([-1.9, -0.5, 0.0, 0.5, 1.9])
print(f.int().tolist(), f.long().dtype, f.bool().tolist())
print(f.to(torch.float64).dtype, f.double().to(f).dtype, f.type(torch.int64).dtype, f.double().float().equal(f))
print("24 bits of a float32:", (2**24 + torch.tensor([1, 2, 3])).float().tolist())
print("8 bits:", torch.tensor(300).to(torch.uint8).item(), torch.tensor([250], dtype=torch.uint8) + 10)
print("0.1 in 32 bits:", torch.tensor(0.1).double().item(), torch.tensor(0.1) == 0.1)
print("to the same dtype copies nothing:", f.to(torch.float32) is f, f.to(torch.float32, copy=True) is f)
print("numbers:", torch.tensor(2.7).item(), int(torch.tensor(2.7)), float(torch.tensor(3)), bool(torch.tensor(0)))

w = torch.ones(2, requires_grad=True)
(w.double() * torch.tensor([1.0, 2.0], dtype=torch.float64)).sum().backward()
print("\na gradient has its leaf's dtype:", w.grad.dtype, w.grad)
print("result_type:", torch.result_type(torch.ones(1, dtype=torch.int32), 1.5))
print("promote_types:", torch.promote_types(torch.int32, torch.float32))
print("can_cast:", torch.can_cast(torch.float32, torch.int64), torch.can_cast(torch.int64, torch.float32))
torch.set_default_dtype(torch.float64)
print("another default:", torch.tensor(1.0).dtype, torch.zeros(1).dtype, torch.nn.Linear(1, 1).weight.dtype)
