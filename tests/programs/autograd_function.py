"""autograd.Function: contexts, errors, transforms."""

import torch
import warnings
from torch.autograd import Function
from torch.autograd.function import once_differentiable

warnings.simplefilter("ignore")


def t(name, f):
    try:
        print(name, "->", f())
    except Exception as e:
        print(name, "ERR", type(e).__name__, str(e).split("\n")[0][:400])


x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


class Sq(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 * x


y = Sq.apply(x)
print(y, y.grad_fn.name(), type(y.grad_fn).__name__)
t("twice", lambda: (y.sum().backward(), y.sum().backward()))
t("saved outside", lambda: y.grad_fn.saved_tensors)


class TwoOut(Function):
    @staticmethod
    def forward(ctx, a, b, k):
        ctx.k = k
        ctx.mark_non_differentiable(r := (a > b))
        print("needs", ctx.needs_input_grad)
        return a * k, b * k, r

    @staticmethod
    def backward(ctx, ga, gb, gr):
        print("back", ga, gb, gr, ctx.needs_input_grad)
        return ga * ctx.k, gb * ctx.k, None


a, b, r = TwoOut.apply(x, torch.ones(3), 2.0)
print(a, b, r, r.requires_grad, b.requires_grad)
t("one", lambda: (a.sum().backward(), x.grad))
x.grad = None


class NoMat(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.set_materialize_grads(False)
        return a * 1, a * 2

    @staticmethod
    def backward(ctx, g1, g2):
        print(g1, g2)
        return g2 * 2 if g1 is None else g1


o = NoMat.apply(x)
t("nomat", lambda: (o[1].sum().backward(), x.grad))


class Wrong(Function):
    @staticmethod
    def forward(ctx, a, b):
        return a * b

    @staticmethod
    def backward(ctx, g):
        return g


t("wrong n", lambda: Wrong.apply(x, x).sum().backward())


class WrongShape(Function):
    @staticmethod
    def forward(ctx, a):
        return a * 2

    @staticmethod
    def backward(ctx, g):
        return g[:2]


t("wrong s", lambda: WrongShape.apply(x).sum().backward())


class WrongType(Function):
    @staticmethod
    def forward(ctx, a):
        return a * 2

    @staticmethod
    def backward(ctx, g):
        return 3.0


t("wrong t", lambda: WrongType.apply(x).sum().backward())


class TooMany(Function):
    @staticmethod
    def forward(ctx, a):
        return a * 2

    @staticmethod
    def backward(ctx, g):
        return g, g


t("too many", lambda: TooMany.apply(x).sum().backward())


class NoBack(Function):
    @staticmethod
    def forward(ctx, a):
        return a * 2


t("noback", lambda: NoBack.apply(x).sum().backward())


class NoFwd(Function):
    pass


t("nofwd", lambda: NoFwd.apply(x))
t("call", lambda: Sq()(x))


class NonT(Function):
    @staticmethod
    def forward(ctx, a):
        return "str", a * 2

    @staticmethod
    def backward(ctx, n, g):
        return g


t("nonT", lambda: NonT.apply(x))


class SaveBad(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(3)
        return a * 2

    @staticmethod
    def backward(ctx, g):
        return g


t("savebad", lambda: SaveBad.apply(x))


class InPl(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.mark_dirty(a)
        a.mul_(2)
        return a

    @staticmethod
    def backward(ctx, g):
        return g * 2


t("inpl leaf", lambda: InPl.apply(x))
z = x * 1
w = InPl.apply(z)
t("inpl", lambda: (w is z, w, (w.sum().backward(), x.grad)[1]))


class DirtyBad(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.mark_dirty(a)
        return a * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


t("dirty bad", lambda: DirtyBad.apply(x * 1))


class SC(Function):
    @staticmethod
    def forward(x, n):
        return x**n

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, n = inputs
        ctx.save_for_backward(x)
        ctx.n = n

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * ctx.n * x ** (ctx.n - 1), None


t("sc", lambda: SC.apply(x, 3))
t("sc2", lambda: torch.autograd.gradcheck(SC.apply, (x.detach().double().requires_grad_(), 3)))
t("scgg", lambda: torch.autograd.gradgradcheck(SC.apply, (x.detach().double().requires_grad_(), 3)))


class Once(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a**2

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (a,) = ctx.saved_tensors
        return 2 * a * g


def dd():
    (g,) = torch.autograd.grad(Once.apply(x).sum(), x, create_graph=True)
    print(g)
    return torch.autograd.grad(g.sum(), x)


t("once", dd)


class View(Function):
    @staticmethod
    def forward(ctx, a):
        return a.view(-1)

    @staticmethod
    def backward(ctx, g):
        return g


t("view", lambda: View.apply(x * 1).add_(1))


class Ident(Function):
    @staticmethod
    def forward(ctx, a):
        return a

    @staticmethod
    def backward(ctx, g):
        return g * 5


i = Ident.apply(x)
print(i is x, i.grad_fn.name())
t("kw", lambda: Sq.apply(x=x))


class NoGradInside(Function):
    @staticmethod
    def forward(ctx, a):
        print(torch.is_grad_enabled(), (a * 2).requires_grad, a.requires_grad)
        return a * 2

    @staticmethod
    def backward(ctx, g):
        print(torch.is_grad_enabled(), g.requires_grad)
        return g * 2


NoGradInside.apply(x).sum().backward()
torch.autograd.grad(NoGradInside.apply(x).sum(), x, create_graph=True)
with torch.no_grad():
    print(Sq.apply(x))
c = Sq.apply(x)
x.data.add_(1)
t("datamod", lambda: c.sum().backward())
xx = x.detach().clone().requires_grad_()
v = xx * 1
c = Sq.apply(v)
v.add_(1)
t("mod", lambda: c.sum().backward())


class Ctx(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.foo = 1
        ctx.save_for_backward(a, None)
        return a.clone()

    @staticmethod
    def backward(ctx, g):
        print(ctx.foo, ctx.saved_tensors[1])
        return g


Ctx.apply(x).sum().backward()
print(Ctx.apply(x).grad_fn.foo)


class J(Function):
    @staticmethod
    def forward(x):
        return x**2

    @staticmethod
    def setup_context(ctx, i, o):
        ctx.save_for_backward(*i)
        ctx.save_for_forward(*i)

    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.saved_tensors[0]

    @staticmethod
    def jvp(ctx, t):
        return 2 * t * ctx.saved_tensors[0]


t("jvp", lambda: torch.func.jvp(J.apply, (torch.tensor([1.0, 2.0]),), (torch.tensor([1.0, 1.0]),)))
t("fgrad", lambda: torch.func.grad(lambda z: J.apply(z).sum())(torch.tensor([1.0, 2.0])))
t("fgrad2", lambda: torch.func.grad(lambda z: Sq.apply(z).sum())(torch.tensor([1.0, 2.0])))
t("vmap", lambda: torch.vmap(J.apply)(torch.ones(2, 3)))


class V(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**2

    @staticmethod
    def setup_context(ctx, i, o):
        ctx.save_for_backward(*i)

    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.saved_tensors[0]


t("vmap2", lambda: torch.vmap(V.apply)(torch.ones(2, 3)))
t("vmapgrad", lambda: torch.vmap(torch.func.grad(lambda z: V.apply(z).sum()))(torch.ones(2, 3) * 3))
