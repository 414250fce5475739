"""Which dtype comes out: the promotion of dtypes, numbers and 0-d tensors, and what each kind of op makes of them."""

import torch

DTYPES = [torch.bool, torch.uint8, torch.int32, torch.int64, torch.float32, torch.float64]


def name(dtype):
    return str(dtype).replace("torch.", "")


print("a + b of two tensors with dimensions")
print(" " * 9 + "".join(f"{name(d):>9s}" for d in DTYPES))
for a in DTYPES:
    print(
        f"{name(a):9s}"
        + "".join(f"{name((torch.ones(1, dtype=a) + torch.ones(1, dtype=b)).dtype):>9s}" for b in DTYPES)
    )

print("\na tensor with dimensions + one without: the kind decides, not the size")
for a in DTYPES:
    print(
        f"{name(a):9s}"
        + "".join(f"{name((torch.ones(1, dtype=a) + torch.ones((), dtype=b)).dtype):>9s}" for b in DTYPES)
    )

print("\na tensor and a number")
for label, f in {
    "x + True": lambda x: x + True,
    "x + 1": lambda x: x + 1,
    "x + 1.0": lambda x: x + 1.0,
    "x * 2": lambda x: x * 2,
    "x / 2": lambda x: x / 2,
    "x ** 2": lambda x: x**2,
    "x > 0.5": lambda x: x > 0.5,
}.items():
    print(f"{label:9s}" + "".join(f"{name(f(torch.ones(2, dtype=d)).dtype):>9s}" for d in DTYPES))

print("\nreductions and functions")
for label, f in {
    "sum": torch.sum,
    "prod": torch.prod,
    "cumsum": lambda x: x.cumsum(0),
    "max": torch.max,
    "argmax": torch.argmax,
    "any": torch.any,
    "exp": torch.exp,
    "sqrt": torch.sqrt,
    "sigmoid": torch.sigmoid,
    "mean": torch.mean,
    "abs": torch.abs,
    "neg": torch.neg,
    "where": lambda x: torch.where(torch.tensor([True, False]), x, 0),
    "cat": lambda x: torch.cat([x, torch.ones(1, dtype=torch.int32)]),
    "matmul": lambda x: x @ x,
}.items():
    row = f"{label:9s}"
    for dtype in DTYPES:
        try:
            row += f"{name(f(torch.ones(2, dtype=dtype)).dtype):>9s}"
        except (RuntimeError, TypeError, NotImplementedError) as error:
            row += f"{type(error).__name__.replace('Error', ''):>9s}"
    print(row)
