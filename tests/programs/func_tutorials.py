"""Per-sample gradients, ensembles, Jacobians and tangent kernels, as PyTorch's torch.func tutorials do them."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call, vmap, grad, stack_module_state, vjp, jvp, jacrev, jacfwd, hessian
from functools import partial
import copy

torch.manual_seed(0)


class SimpleCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, 1)
        self.conv2 = nn.Conv2d(8, 8, 3, 1)
        self.fc1 = nn.Linear(8 * 4 * 4, 16)
        self.fc2 = nn.Linear(16, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        return F.log_softmax(x, dim=1)


def loss_fn(predictions, targets):
    return F.nll_loss(predictions, targets)


data = torch.randn(8, 1, 12, 12)
targets = torch.randint(10, (8,))
model = SimpleCNN()
loss_fn(model(data), targets).backward()


def compute_grad(sample, target):
    sample = sample.unsqueeze(0)
    target = target.unsqueeze(0)
    return torch.autograd.grad(loss_fn(model(sample), target), list(model.parameters()))


per = [torch.stack(s) for s in zip(*[compute_grad(data[i], targets[i]) for i in range(8)])]
print(per[0].shape, len(per))
params = {k: v.detach() for k, v in model.named_parameters()}
buffers = {k: v.detach() for k, v in model.named_buffers()}


def compute_loss(params, buffers, sample, target):
    batch = sample.unsqueeze(0)
    targets = target.unsqueeze(0)
    return loss_fn(functional_call(model, (params, buffers), (batch,)), targets)


ft = vmap(grad(compute_loss), in_dims=(None, None, 0, 0))
g = ft(params, buffers, data, targets)
print([(k, v.shape) for k, v in g.items()])
for a, b in zip(per, g.values()):
    print(torch.allclose(a, b, atol=3e-3, rtol=1e-5))
print(g["fc2.bias"])
gl = vmap(torch.func.grad_and_value(compute_loss), in_dims=(None, None, 0, 0), chunk_size=3)(
    params, buffers, data, targets
)
print(gl[1])


# ensembling
class SimpleMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(12 * 12, 16)
        self.fc2 = nn.Linear(16, 10)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


models = [SimpleMLP() for _ in range(3)]
params, buffers = stack_module_state(models)
print({k: v.shape for k, v in params.items()}, params["fc1.weight"].requires_grad, params["fc1.weight"].is_leaf)

base_model = copy.deepcopy(models[0])
if hasattr(base_model, "to"):
    base_model = base_model.to("cpu")


def fmodel(params, buffers, x):
    return functional_call(base_model, (params, buffers), (x,))


mb = torch.randn(3, 4, 1, 12, 12)
p1 = vmap(fmodel)(params, buffers, mb)
print(p1.shape, p1[0, 0, :3])
p2 = vmap(fmodel, in_dims=(0, 0, None))(params, buffers, mb[0])
print(p2.shape, p2.requires_grad)
print(torch.allclose(p1, torch.stack([m(x) for m, x in zip(models, mb)]), atol=1e-3, rtol=1e-5))
p2.sum().backward()
print(params["fc2.bias"].grad.shape, params["fc1.weight"].grad.sum())
# jacobians
D = 4


def predict(weight, bias, x):
    return F.linear(x, weight, bias).tanh()


weight = torch.randn(D, D)
bias = torch.randn(D)
x = torch.randn(D)
J = jacrev(predict, argnums=2)(weight, bias, x)
print(J)
print(torch.allclose(J, jacfwd(predict, argnums=2)(weight, bias, x), atol=1e-6))
print([j.shape for j in jacrev(predict, argnums=(0, 1, 2))(weight, bias, x)])
unit = torch.eye(D)
_, vjp_fn = vjp(partial(predict, weight, bias), x)
(ft_jac,) = vmap(vjp_fn)(unit)
print(torch.allclose(ft_jac, J))
hess = hessian(predict, argnums=2)(weight, bias, x)
print(hess.shape, hess[0])
print(torch.allclose(jacrev(jacfwd(predict, 2), 2)(weight, bias, x), hess, atol=1e-5))
cj = vmap(jacrev(predict, argnums=2), in_dims=(None, None, 0))
xb = torch.randn(3, D)
print(cj(weight, bias, xb).shape)
print(vmap(hessian(predict, argnums=2), in_dims=(None, None, 0))(weight, bias, xb).shape)


def hvp(f, primals, tangents):
    return jvp(grad(f), primals, tangents)[1]


print(hvp(lambda x: x.sin().sum(), (x,), (torch.ones(D),)))


def hvp_revrev(f, primals, tangents):
    _, vf = vjp(grad(f), *primals)
    return vf(*tangents)


print(hvp_revrev(lambda x: x.sin().sum(), (x,), (torch.ones(D),)))


def predict2(weight, bias, x):
    return predict(weight, bias, x), {"a": x}


J2, aux = jacrev(predict2, argnums=2, has_aux=True)(weight, bias, x)
print(torch.allclose(J2, J), aux)
# NTK
net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
params = {k: v.detach() for k, v in net.named_parameters()}


def fnet_single(params, x):
    return functional_call(net, params, (x.unsqueeze(0),)).squeeze(0)


x1 = torch.randn(4, 5)
x2 = torch.randn(3, 5)


def empirical_ntk(fnet_single, params, x1, x2, compute="full"):
    jac1 = vmap(jacrev(fnet_single), (None, 0))(params, x1)
    jac1 = [j.flatten(2) for j in jac1.values()]
    jac2 = vmap(jacrev(fnet_single), (None, 0))(params, x2)
    jac2 = [j.flatten(2) for j in jac2.values()]
    expr = {"full": "Naf,Mbf->NMab", "trace": "Naf,Maf->NM", "diagonal": "Naf,Maf->NMa"}[compute]
    return torch.stack([torch.einsum(expr, j1, j2) for j1, j2 in zip(jac1, jac2)]).sum(0)


n1 = empirical_ntk(fnet_single, params, x1, x2)
print(n1.shape, n1[0, 0])


def ntk_vps(func, params, x1, x2):
    def get_ntk(x1, x2):
        def func_x1(params):
            return func(params, x1)

        def func_x2(params):
            return func(params, x2)

        output, vjp_fn = vjp(func_x1, params)

        def get_ntk_slice(vec):
            vjps = vjp_fn(vec)
            _, jvps = jvp(func_x2, (params,), vjps)
            return jvps

        return vmap(get_ntk_slice)(torch.eye(output.numel()))

    return vmap(vmap(get_ntk, (None, 0)), (0, None))(x1, x2)


n2 = ntk_vps(fnet_single, params, x1, x2)
print(n2.shape, torch.allclose(n1, n2, atol=1e-5))
