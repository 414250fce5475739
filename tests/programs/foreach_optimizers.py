"""Optimizers written with torch._foreach_*, and the small private names that libraries written for PyTorch use."""

from collections import OrderedDict

import torch
from torch import nn
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors
from torch.nn.init import _no_grad_trunc_normal_, _no_grad_zero_
from torch.utils._foreach_utils import _group_tensors_by_device_and_dtype
from torch.utils.checkpoint import get_device_states, set_device_states


class Lion(torch.optim.Optimizer):
    """Sign of an interpolated momentum, all parameters by a few calls."""

    def __init__(self, params, lr=1e-2, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            grads = [p.grad for p in params]
            moments = [self.state[p].setdefault("moment", torch.zeros_like(p)) for p in params]
            b1, b2 = group["betas"]
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
            updates = torch._foreach_mul(moments, b1)
            torch._foreach_add_(updates, grads, alpha=1 - b1)
            torch._foreach_add_(params, [u.sign() for u in updates], alpha=-group["lr"])
            torch._foreach_lerp_(moments, grads, 1 - b2)


class AMSGrad(torch.optim.Optimizer):
    """Adam with the largest second moment so far."""

    def __init__(self, params, lr=1e-2):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            params = group["params"]
            grads = [p.grad for p in params]
            state = [self.state[p] for p in params]
            for s, p in zip(state, params):
                if not s:
                    s.update(m=torch.zeros_like(p), v=torch.zeros_like(p), top=torch.zeros_like(p), n=0)
                s["n"] += 1
            m, v, top = ([s[k] for s in state] for k in ("m", "v", "top"))
            torch._foreach_lerp_(m, grads, 0.1)
            torch._foreach_mul_(v, 0.99)
            torch._foreach_addcmul_(v, grads, grads, 0.01)
            torch._foreach_maximum_(top, v)
            roots = torch._foreach_sqrt(torch._foreach_div(top, [1 - 0.99 ** s["n"] for s in state]))
            torch._foreach_add_(roots, 1e-8)
            torch._foreach_addcdiv_(params, m, roots, [-group["lr"] / (1 - 0.9 ** s["n"]) for s in state])


for kind in (Lion, AMSGrad):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
    average = [p.detach().clone() for p in model.parameters()]
    optimizer = kind(model.parameters())
    x = torch.randn(64, 4)
    y = (x[:, :1] * x[:, 1:2]).sin()
    for step in range(30):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        norms = torch._foreach_norm([p.grad for p in model.parameters()])
        optimizer.step()
        torch._foreach_lerp_(average, [p.detach() for p in model.parameters()], 0.1)
        if step % 10 == 9:
            print(kind.__name__, step, f"{loss.item():.4f} {torch.stack(norms).norm().item():.3f}")
    print([f"{a.sum().item():.3f}" for a in average])


class Lookahead(torch.optim.Optimizer):
    """An optimizer around another one, which has no groups of its own."""

    def __init__(self, optimizer, k=2, alpha=0.5):
        self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks = OrderedDict(), OrderedDict()
        self._patch_step_function()
        self.optimizer, self.k, self.alpha, self.count = optimizer, k, alpha, 0
        self.slow = [[p.detach().clone() for p in g["params"]] for g in self.param_groups]

    @property
    def param_groups(self):
        return self.optimizer.param_groups

    @torch.no_grad()
    def step(self, closure=None):
        self.optimizer.step(closure)
        self.count += 1
        if self.count % self.k == 0:
            for slow, group in zip(self.slow, self.param_groups):
                torch._foreach_lerp_(slow, group["params"], weight=self.alpha)
                torch._foreach_copy_(group["params"], slow)


optimizer = Lookahead(torch.optim.SGD(model.parameters(), lr=0.1))
optimizer.register_step_post_hook(lambda o, args, kwargs: print("stepped", o.count))
for _ in range(3):
    model.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.4f}")

a = [torch.tensor([1.0, -2.0]), torch.tensor([[0.25], [4.0]])]
for name in ("abs", "exp", "neg", "sign", "reciprocal", "sigmoid", "round", "trunc", "sqrt", "max", "clone"):
    print(name, getattr(torch, "_foreach_" + name)(a))
for name in ("add", "sub", "mul", "div", "maximum", "minimum", "clamp_min", "clamp_max", "pow"):
    function = getattr(torch, "_foreach_" + name)
    print(name, function(a, 2.0), function(a, [1.0, 3.0]), function(a, a))
print(torch._foreach_pow(2.0, a), torch._foreach_norm(a, 1), torch._foreach_norm(a, float("inf"), dtype=torch.float64))
print(torch._foreach_mul(a, torch.tensor(3.0)), torch._foreach_addcmul(a, a, a, torch.tensor([1.0, 2.0])))
print(torch._foreach_lerp(a, [torch.zeros(2), torch.zeros(2, 1)], [torch.full((2,), 0.5), torch.ones(2, 1)]))
print(torch._foreach_copy_(a, [torch.ones(2), torch.zeros(2, 1)]), torch._foreach_zero_(a) is a, a)
print(torch._foreach_powsum([torch.tensor([3.0, -4.0])], 2), torch._foreach_mm([torch.eye(2)], [torch.ones(2, 2)]))


def attempt(function, *args, **named):
    try:
        print(function(*args, **named))
    except Exception as error:
        print(type(error).__name__, str(error).splitlines()[0])


attempt(torch._foreach_add, a, [1])
attempt(torch._foreach_add, a, a[:1])
attempt(torch._foreach_add, [], 1)
attempt(torch._foreach_sqrt, torch.ones(2))
attempt(torch._foreach_mul, a, torch.ones(2))
attempt(torch._foreach_add_, [torch.ones(2, requires_grad=True)], 1)
attempt(torch._assert, False, "said")
attempt(torch._assert_async, torch.tensor(False))
attempt(torch._assert_async, torch.tensor(0.0), "said")
for check in (torch._check, torch._check_value, torch._check_index, torch._check_type, torch._check_not_implemented):
    attempt(check, True)
    attempt(check, False)
    attempt(check, False, lambda: "said")
    attempt(check, 1)
    attempt(check, torch.tensor(True))
    attempt(check, False, "said")
attempt(torch._check_is_size, -1)
attempt(torch._check_is_size, 3, max=2)
attempt(torch._check_with, KeyError, False, lambda: "said")
attempt(torch._check_tensor_all, torch.tensor([True, False]), lambda: "said")
attempt(torch._check_tensor_all, True)
attempt(torch.autograd.Function.jvp, None)

states = get_device_states(torch.ones(2))
print(states, set_device_states(*states), torch.cuda._initialized)
print(torch._shape_as_tensor(torch.ones(2, 3)), torch._cast_Long(torch.tensor([2.7])), isinstance(3, torch.SymInt))
print(torch._C._get_tracing_state(), torch._C._log_api_usage_once("name"), torch._C._are_functorch_transforms_active())
print(torch.vmap(lambda x: x * torch._C._are_functorch_transforms_active())(torch.ones(2)))
print(torch.distributed.ReduceOp.SUM, torch.distributed.group.WORLD, torch.torch is torch)
print(torch.distributions.constraints.__all__, torch.distributions.transforms.__all__)
flat = _flatten_dense_tensors([torch.ones(2), torch.zeros(2, 2)])
print(flat, _unflatten_dense_tensors(flat, [torch.ones(2), torch.zeros(2, 2)]))
mixed = [torch.ones(1), torch.ones(2, dtype=torch.float64), torch.ones(3)]
groups = _group_tensors_by_device_and_dtype([mixed, mixed], with_indices=True)
print(sorted((str(k), v) for k, v in groups.items()))
print(_no_grad_trunc_normal_(torch.empty(3), 0.0, 1.0, -0.5, 0.5), _no_grad_zero_(torch.empty(2)))
for a, b in ((torch.float64, torch.float32), (torch.int64, torch.float32)):
    attempt(nn.functional.conv2d, torch.ones(1, 2, 4, 4, dtype=a), torch.ones(3, 2, 3, 3, dtype=b))
    attempt(nn.Conv2d(2, 3, 3), torch.ones(1, 2, 4, 4, dtype=a))
