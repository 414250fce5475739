"""Writes in place and through views inside graphs: values, gradients, names of grad_fn, versions, errors."""

from __future__ import annotations

import pytest

from tests.differential import difference

# one program a line (`;` and \\n inside it); torch and microtorch must give the same value, dtype, strides and grad_fn, or the same error
PROGRAMS = r"""
x=torch.ones(3,requires_grad=True);y=x*2;y[:]=5.\ny
x=torch.ones(3,requires_grad=True);y=x*2;y[...]=5.\ny
x=torch.ones(3,requires_grad=True);y=x*2;y[0]=5.\ny
x=torch.ones(3,requires_grad=True);y=torch.zeros(3);y[0]=x[1]\ny
x=torch.ones(3,requires_grad=True);y=torch.zeros(3);y[:]=x\ny
x=torch.ones(3,requires_grad=True);y=torch.zeros(3);y[...]=x\ny
x=torch.ones(3,requires_grad=True);y=torch.zeros(3);y.copy_(x)\ny
x=torch.ones(3,requires_grad=True);y=torch.zeros(3);y.copy_(x[0])\ny
x=torch.ones(3,requires_grad=True);y=torch.zeros(3,dtype=torch.float64);y.copy_(x)\ny
x=torch.ones(3,requires_grad=True);y=x*2;y.copy_(torch.zeros(3))\ny
x=torch.ones(3,requires_grad=True);y=x*2;y.fill_(3)\ny
x=torch.ones(3,requires_grad=True);y=torch.zeros(3);y.fill_(x[0])\ny
x=torch.ones(3,requires_grad=True);y=x*2;y.zero_()\ny
x=torch.ones(3,requires_grad=True);y=x*2;y.masked_fill_(torch.tensor([True,False,True]),3)\ny
x=torch.ones(3,requires_grad=True);y=x*2;y[torch.tensor([True,False,True])]=3\ny
x=torch.ones(3,requires_grad=True);y=x*2;y[torch.tensor([0,1])]=3\ny
x=torch.ones(3,requires_grad=True);y=x*2;y[[0,1]]=x[:2]\ny
x=torch.ones(3,requires_grad=True);y=x*2;y[None]=3\ny
x=torch.ones(3,requires_grad=True);y=x*2;y[0:2][0]=3\ny
x=torch.ones(3,requires_grad=True);y=x*2;v=y[0:2];v.mul_(3)\n(y,v)
x=torch.ones(3,requires_grad=True);y=x*2;v=y.view(3,1);w=v[0];w.add_(3)\n(y,v,w)
x=torch.ones(3,requires_grad=True);y=x*2;v=y.view(3,1);w=y[0];w.add_(3)\n(y,v,w)
x=torch.ones(3,requires_grad=True);y=x*2;v=y.view(3,1);y.mul_(y)\n(y,v)
x=torch.ones(3,requires_grad=True);y=x*2;v=y.detach();v.zero_()\n(y,v,y._version)
x=torch.ones(3,requires_grad=True);y=x*2;z=y.exp();y.detach().zero_();z.sum().backward()\nx.grad
x=torch.ones(3,requires_grad=True);y=x*2;z=y.exp();z.detach().zero_();z.sum().backward()\nx.grad
x=torch.ones(3,requires_grad=True);y=x*2;z=y.exp();z.data.zero_();z.sum().backward()\nx.grad
x=torch.ones(3,requires_grad=True);y=x*2;z=y*y;y.add_(1);z.sum().backward()\nx.grad
x=torch.ones(3,requires_grad=True);y=x*2;a,b,c=y.unbind();a.add_(1)\ny
x=torch.ones(3,requires_grad=True);y=x*2;a,b,c=y.split(1);a.add_(1)\ny
x=torch.ones(3,requires_grad=True);y=x*2;a,b,c=y.chunk(3);a[0]=1\ny
x=torch.ones(3,requires_grad=True);y=x*2;a,b,c=y.unbind();y.add_(1)\n(y,a)
x=torch.ones(3);a,b,c=x.unbind();a.add_(1)\nx
x=torch.ones(3);a,b,c=x.unbind();a.add_(torch.ones((),requires_grad=True))\nx
w=torch.ones(3,requires_grad=True);x=torch.ones(3);a=x[0];x.mul_(w)\n(x,a)
w=torch.ones(3,requires_grad=True);x=torch.ones(3);a=x[0];a.mul_(w[0])\n(x,a)
x=torch.ones(3,requires_grad=True)\nx[0]=1
x=torch.ones(3,requires_grad=True)\nx[0].add_(1)
x=torch.ones(3,requires_grad=True)\nx.view(3).zero_()
x=torch.ones(3,requires_grad=True)\nx.detach().zero_()
x=torch.ones(3,requires_grad=True)\nx.data.zero_()
x=torch.ones(3,requires_grad=True);torch.set_grad_enabled(False);v=x[0];v.zero_();torch.set_grad_enabled(True)\n(x,v)
x=torch.ones(3,requires_grad=True);y=x*2\nwith torch.no_grad():\n    v=y[0]\nv.add_(1)
x=torch.ones(3)\nwith torch.no_grad():\n    v=x[0]\nv.add_(1)\n(x,v)
x=torch.ones(3)\nwith torch.no_grad():\n    v=x[0]\nv.add_(torch.ones((),requires_grad=True))\n(x,v)
x=torch.ones(3,requires_grad=True);y=x*2\nwith torch.no_grad():\n    y.add_(1)\n(y,y._version)
x=torch.ones(3,requires_grad=True);y=(x*2).expand(2,3)\ny.add_(1)
x=torch.ones(3);y=x.expand(2,3);y[0,0]=7\n(x,y)
x=torch.ones(3);y=x.expand(2,3);y[0]=7\n(x,y)
x=torch.ones(3);y=x.expand(2,3)\ny.zero_()
x=torch.ones(3);y=x.expand(2,3)\ny[:]=1
x=torch.ones(3,requires_grad=True);y=x*2;y.retain_grad();y.mul_(3);y.sum().backward()\n(y.grad,x.grad,y.retains_grad)
x=torch.ones(3,requires_grad=True);y=x*2;l=[];y.register_hook(lambda g:l.append(g.clone()));y.mul_(3);y.sum().backward()\n(l,x.grad)
x=torch.ones(3,requires_grad=True);y=x*2;v=y[0];v.retain_grad();y.mul_(3);y.sum().backward()\n(v.grad,x.grad)
x=torch.ones(3,requires_grad=True);y=x*2;y.retain_grad();v=y[0];v.mul_(3);y.sum().backward()\n(y.grad,x.grad)
x=torch.ones(3,requires_grad=True);y=x*2;v=y[:2];l=[];v.register_hook(lambda g:l.append(g.clone()));y.mul_(3);(y.sum()+v.sum()).backward()\n(l,x.grad)
x=torch.ones(3);x.requires_grad_()\nx+=1
x=torch.ones(3,requires_grad=True);y=x\ny=y+1\ny
x=torch.ones(2,dtype=torch.int)\nx+=1.5
x=torch.ones(2,dtype=torch.int)\nx/=2
x=torch.ones(2)\nx+=torch.ones(3,2)
x=torch.ones(2)\nx.add_(torch.ones(2,dtype=torch.float64))
x=torch.ones(2)\nx.add_(1j)
x=torch.ones(2,requires_grad=True);y=x.clone();y.pow_(2);y.add_(1);y.sum().backward()\nx.grad
x=torch.ones(2,requires_grad=True);y=x.clone();y.exp_();y.add_(1);y.sum().backward()\nx.grad
x=torch.ones(2,requires_grad=True);y=x.clone().detach_()\n(y,y.requires_grad)
x=torch.ones(2,requires_grad=True);y=x.clone()[0]\ny.detach_()
x=torch.ones(2,requires_grad=True);y=x.clone();v=y[0];v.requires_grad_(False)\n1
x=torch.ones(2);v=x[0];v.requires_grad_();v.add_(1)\n1
x=torch.ones(2);v=x[0];v.requires_grad_();x.add_(1)\n(x,v)
x=torch.ones(2);x.resize_(3,2)\nx.shape
x=torch.ones(2,requires_grad=True)\nx.resize_(3)
x=torch.arange(6.);x.t_()\n1
x=torch.ones(2,3);y=x.t_()\n(x,y is x)
x=torch.ones(2,3,requires_grad=True);y=x*1;y.t_()\ny
x=torch.ones(2,3,requires_grad=True)\nx.t_()
x=torch.ones(2,1,3,requires_grad=True);y=x*1;y.squeeze_()\ny
x=torch.ones(2,3,requires_grad=True);y=x*1;y.unsqueeze_(0)\ny
x=torch.ones(2,3,requires_grad=True);y=x*1;y.transpose_(0,1);y.mul_(2);y.sum().backward()\n(y,x.grad)
x=torch.ones(2,3,requires_grad=True);y=x*1;v=y[0];y.unsqueeze_(0);y.mul_(2)\n(y,v)
x=torch.ones(2,3,requires_grad=True);y=x*1;v=y[0];v.unsqueeze_(0);v.mul_(2)\n(y,v)
# real and imaginary parts
c=torch.tensor([1+2j,3-1j],requires_grad=True);z=c*1;z.real.mul_(2);g,=torch.autograd.grad((z*z.conj()).real.sum(),c)\n(z,z.real,g,z.grad_fn.name())
c=torch.tensor([1+2j,3-1j],requires_grad=True);z=c*1;r=z.real;r.add_(z.imag);i=z.imag;i*=3;g,=torch.autograd.grad(((z**2).real+z.imag*r).sum(),c)\n(z,r,i,g)
c=torch.tensor([1+2j,3-1j],requires_grad=True);z=c*1;v=torch.view_as_real(z);v[:,0]=v[:,1]*2;g,=torch.autograd.grad((z.abs()**2).sum(),c)\n(z,v,g)
x=torch.tensor([[1.,2.],[3.,4.]],requires_grad=True);y=x*1;z=torch.view_as_complex(y);z.mul_(1j);g,=torch.autograd.grad((y**2*torch.tensor([1.,2.])).sum(),x)\n(y,z,g)
r=torch.tensor([1.,2.],requires_grad=True);z=torch.zeros(2,dtype=torch.complex64);z.real=r;z.imag=r*2;g,=torch.autograd.grad((z*z).imag.sum(),r)\n(z,g)
c=torch.tensor([1+2j,3-1j],requires_grad=True);z=c*1;v=z.real;z.mul_(2j);g,=torch.autograd.grad((v**2).sum(),c)\n(z,v,g)
c=torch.tensor([1+2j,3-1j],requires_grad=True);z=c*1;z.real.zero_();z.imag.fill_(2.);z.real.copy_(z.imag)\n(z,z.real)
c=torch.tensor([1+2j,3-1j],requires_grad=True);z=c*1;v=torch.view_as_real(z).view(-1);v.mul_(torch.tensor([1.,2.,3.,4.]));w=torch.view_as_complex(v.view(2,2));w.add_(c);g,=torch.autograd.grad((z**2).real.sum(),c)\n(z,v,g)
c=torch.tensor([1+2j,3-1j],requires_grad=True);z=c*1;y=z*z;z.real.mul_(2)\ny.real.sum().backward()
c=torch.tensor([1+2j,3-1j],requires_grad=True)\nc.real.mul_(2)
z=torch.ones(2,dtype=torch.complex64);z.imag=torch.tensor([3.,4.])\n(z,z.real.grad_fn,z._version)
x=torch.ones(2)\nx.imag=torch.ones(2)
# the same bytes as another dtype: never part of the graph
x=torch.ones(4,requires_grad=True);y=(x*1).view(torch.complex64)\n(y,y.requires_grad,y._is_view())
x=torch.ones(4,requires_grad=True);y=(x*1).view(torch.float32)\n(y,y.requires_grad)
x=torch.ones(4,requires_grad=True);y=x*1;i=y.view(torch.int32);i.add_(1)\n(y,i._version,y._version)
# a leaf that gets other memory
w=torch.ones(2,3,requires_grad=True)\nwith torch.no_grad():\n    w.t_()\n(w*torch.arange(6.).view(3,2)).sum().backward()\n(w,w.grad.contiguous(),w.is_leaf)
w=torch.ones(2,3,requires_grad=True)\nwith torch.no_grad():\n    w.set_(torch.ones(2))\n(w*w).sum().backward()\n(w,w.grad,w.is_leaf)
w=torch.ones(2,3,requires_grad=True);w.data=torch.ones(2,2,dtype=torch.float64);(w*w).sum().backward()\n(w,w.grad,w.is_leaf)
w=torch.ones(2,3,requires_grad=True)\nw.data=torch.ones(2,dtype=torch.int64)
w=torch.ones(2,3,requires_grad=True);(w*2).sum().backward();w.data=torch.ones(2,2)\n(w*w).sum().backward()
# parts are the outputs of one node
x=(torch.ones(4,3,requires_grad=True)*1);p=x.split(2)\n[(t.output_nr,t.grad_fn is p[0].grad_fn,t.grad_fn.name()) for t in (*p,*x.unbind(),*x.chunk(2,1),*x.tensor_split(2),*x.sort(0))]
"""


@pytest.mark.parametrize("program", [p for p in PROGRAMS.strip().split("\n") if not p.startswith("#")])
def test_program(program: str) -> None:
    assert difference(program.replace("\\n", "\n"), exact=False) is None


def test_second_derivatives_through_writes() -> None:
    """Entries that only writes in place reach, in a backward that is itself recorded."""
    programs = [
        "y = x * x\ny[1:] *= x[0]\nout = y",
        "y = x * x\nv = y[0]\nv.mul_(x[1] * 2)\nout = y * v",
        "y = x.exp()\ny.view(3, 1)[0] = x[2] ** 2\nout = y",
        "y = x * 1\ny.fill_(x[0] ** 2)\nout = y * x",
        "y = x * 1\ny.zero_()\ny.add_(x ** 3)\nout = y",
        "y = x * 1\ny.copy_(x.flip(0) ** 2)\nout = y * x",
        "y = x * 2\ny[[0, 1]] = x[1:] ** 2\nout = y * x",
        "y = x * 2\ny[torch.tensor([True, False, True])] = x[1] ** 2\nout = y * x",
        "y = torch.zeros(2, 3, dtype=torch.float64)\ny.T[1] = x[:2] ** 2\nout = y.sum(0) * x",
        "y = x * 1\ny.unsqueeze_(0)\ny.transpose_(0, 1)\nout = y ** 2",
        "y = x * 1\ny.as_strided((2,), (2,)).mul_(x[1])\nout = y ** 2",
        "y = x * 1\ny.clamp_(min=0.5).sigmoid_().pow_(3)\nout = y",
        "y = x * 1\ny.index_add_(0, torch.tensor([0, 0]), x[:2] ** 2)\nout = y ** 2",
        "y = x * 1\ny.scatter_(0, torch.tensor([0, 2]), x[1:] ** 2)\nout = y ** 2",
        "y = x * 1\ny.masked_scatter_(x > 1, x ** 2)\nout = y ** 2",
        "y = (x * 1).view(1, 3)\ny.t_()\ny.squeeze_()\nout = y ** 3",
        "y = (x * 1).view(1, 3, 1)\ny.squeeze_(0)\ny.squeeze_((1,))\nout = y ** 3",
        "y = x * 1\ny.as_strided_((2, 2), (1, 1))\nout = y ** 3",
        "out = x[None] ** 3",
        "out = x.roll(1) ** 3",
        "y = x * x\ny.bernoulli_(torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64))\nout = y * x ** 2",
        "y = x * x\ny.random_(5)\ny.random_(2, 7)\ny.random_()\ny.zero_()\nout = y * x ** 2",
        "y = x * x\ny.uniform_().normal_().exponential_().cauchy_().geometric_(0.5).log_normal_()\nout = y * x ** 2",
        "out = (torch.bernoulli(x / 4) + torch.poisson(x)) * x ** 2",
        "out = (torch.normal(x, 1.0) + torch.normal(0.0, x) + torch.normal(x, x)) * x ** 2",
    ]
    start = "x = torch.tensor([0.5, 1.5, 2.0], dtype=torch.float64, requires_grad=True)\n"
    end = (
        "\n(g,) = torch.autograd.grad((out * torch.arange(1., out.numel() + 1, dtype=torch.float64).reshape(out.shape)).sum(), x, create_graph=True)"
        "\nh = torch.autograd.grad((g * g).sum(), x, allow_unused=True)[0]\n(out.detach(), g.detach(), h)"
    )
    found = [difference(start.replace("\n", "\n") + p + end, exact=False) for p in programs]
    assert [f for f in found if f is not None] == []


def test_memory_goes_with_the_graph() -> None:
    """Views and writes make no reference cycles."""
    import gc
    import weakref

    import microtorch as torch

    gc.disable()
    try:
        x = torch.ones(4, requires_grad=True)
        y = x * 2
        v = y[1:]
        v.mul_(3)
        w = y.view(2, 2)
        y[0] = 5.0
        watched = [weakref.ref(t) for t in (y, v, w)]
        del y, v, w
        assert [r() for r in watched] == [None, None, None]
    finally:
        gc.enable()


def test_an_index_written_later() -> None:
    """An index that changes after it was used gives an error or the gradient of what it was, never another one."""
    import microtorch as torch

    x = torch.arange(4.0).requires_grad_()
    i = torch.tensor([1, 2])
    y = x[i]
    i += 1
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 0]
    for use in (
        "x.gather(0, i)",
        "x.index_select(0, i)",
        "x.take(i)",
        "x.scatter(0, i, 5.0)",
        "x.index_fill(0, i, 1.0)",
        "x.index_reduce(0, i, torch.ones(2), 'prod')",
        "torch.nn.functional.embedding(i, x.reshape(4, 1))",
        "torch.nn.functional.nll_loss(x.expand(2, 4), i)",
        "torch.nn.functional.cross_entropy(x.expand(2, 4), i)",
        "torch.nn.functional.cross_entropy(x.expand(2, 4), i, label_smoothing=0.1)",
        "torch.nn.functional.multi_margin_loss(x.expand(2, 4), i)",
        "torch.nn.functional.multilabel_margin_loss(x.reshape(2, 2)[:1], i[None] - 1)",
    ):
        program = f"x = torch.arange(4.0).requires_grad_()\ni = torch.tensor([1, 2])\ny = {use}\ni += 1\ny.sum().backward()\nx.grad"
        assert difference(program) is None, use


# what the fuzzer found, by its cause ---------------------------------------------------------------------------------
FOUND = r"""
e=torch.tensor([2.5],requires_grad=True);w=torch.tensor([0.5],dtype=torch.float64);w.float_power_(e);w.sum().backward()\n(w,e.grad)
v=torch.ones(3,2,requires_grad=True);z=torch.ones(3,2);i=torch.tensor([[0,1]]*3);z.scatter_reduce_(1,i,v,'amax',include_self=False);z.sum().backward()\n(z,v.grad)
x=torch.tensor(1.2,requires_grad=True);y=x.exp2();d=torch.dstack([y,y])\nwith torch.no_grad(): y.scatter_reduce_(0,torch.tensor(0),torch.tensor(.2),'prod')\nd.sum().backward()\nx.grad
x=torch.ones(3,requires_grad=True)\nx.long().requires_grad
x=torch.arange(3.).requires_grad_();x.expand(2,3).as_strided((2,),(1,)).sum().backward()\nx.grad
x=torch.ones(2,2,requires_grad=True)*1;y=x@torch.ones(2,2);x.mul_(2);y.sum().backward()\ny
x=torch.ones(3,requires_grad=True)*1;y=x.sort()[0];y.mul_(2);y.sum().backward()\ny
x=torch.tensor(2.,requires_grad=True)*1;x[x==0]=-2;x.backward()\nx
x=torch.zeros(4)[1:]\n(torch.add(torch.ones(7),1,out=x),x.storage_offset(),x._version)
x=torch.ones(2,dtype=torch.float32)\ntorch.add(x,torch.tensor([3,4],dtype=torch.uint8),alpha=-1)
x=torch.arange(6.).reshape(2,3)\n(x.expand(2,2,3).square().view(-1),x.bool().expand(2,2,3).log1p().view(-1).shape)
x=torch.arange(12.).reshape(3,4).T\n(x.sum(0,keepdim=True),x.cumsum(0),x.roll(1,0),x.scatter(0,torch.zeros(1,3,dtype=torch.int64),1.),x.erf().stride())
x=torch.zeros(7,3)\n(x.fill_diagonal_(1,wrap=True),torch.zeros(2,2,2).fill_diagonal_(2))
x=torch.ones(3,requires_grad=True);y=x*2;x.requires_grad_(False);y.sum().backward()\nx.grad
x = torch.arange(6.).reshape(2, 3).requires_grad_(); v = x * x; l = torch.nn.functional.cross_entropy(v, torch.tensor([0, 1])); v.fill_(2.); l.backward()\nx.grad
x = torch.arange(6.).reshape(2, 3).requires_grad_(); v = x * x; l = torch.nn.functional.cross_entropy(v, torch.tensor([0, 1]), reduction='none'); v[::1] = 2.; l.sum().backward()\nx.grad
x = torch.arange(6.).reshape(1, 2, 3).requires_grad_(); v = x * x; l = torch.nn.functional.cross_entropy(v, torch.tensor([[0, 1, 1]])); v.mul_(2.); l.backward()\nx.grad
x = torch.arange(12.).reshape(1, 4, 3).requires_grad_(); v = x * x / 100; l = torch.nn.functional.scaled_dot_product_attention(v, v, x * 2); v.fill_(2.); l.sum().backward()\nx.grad
b = torch.tensor(False)\nb[None].masked_fill_(b, True)
b = torch.tensor([True, False])\nb.masked_fill_(b[:1], False)
b = torch.tensor([True, False])\nb[None].masked_fill_(b, False)
b = torch.tensor([True, False])\nb.masked_fill_(b, b[1])
x = torch.ones(1, 1, requires_grad=True); y = x.exp(); z = torch.tensordot(y, x, 2); y.zero_(); z.backward()\nx.grad
x = torch.ones(2, 3, requires_grad=True); y = x * 2; y.retain_grad(); z = y.sum(); y.t_(); (z + y.sum()).backward()\n(y.grad, y.retains_grad)
x = torch.ones(2, 1, requires_grad=True); y = x * 2; y.retain_grad(); y.squeeze_(); (3 * y.sum()).backward()\ny.grad
x = torch.ones(2, 3, requires_grad=True); y = x.mean(1, keepdim=True); g, = torch.autograd.grad((y * y).sum(), x, create_graph=True); g.mul_(3); g.sum().backward()\nx.grad, g.stride()
x = torch.tensor(-0.21, dtype=torch.float64, requires_grad=True); y = torch.tensor([-0.21, 1., -1.], dtype=torch.float16, requires_grad=True); torch.maximum(x, y).sum().backward()\nx.grad, y.grad
x = torch.tensor(-0.21, dtype=torch.float64, requires_grad=True); y = torch.tensor([-0.21, 1., -1.], dtype=torch.float16, requires_grad=True); y.clamp(min=x).sum().backward()\nx.grad, y.grad
x = torch.zeros(0, requires_grad=True); y = x.diff(); z = x.diff(n=2)\n(y is x, z is x)
x = torch.ones(3, requires_grad=True)\ntorch.sum(x, 0, out=torch.tensor(1))
o = torch.ones(1)\ntorch.mm(torch.ones(2, 2).long(), torch.ones(2, 2).long(), out=o)
o = torch.ones(1)\ntorch.dot(torch.ones(2).long(), torch.ones(2).long(), out=o)
o = torch.ones(1)\ntorch.matmul(torch.ones(2, 2).long(), torch.ones(2).long(), out=o)
x = torch.zeros(2, dtype=torch.uint8)\nx.fill_(-0.13)
x = torch.zeros(2, dtype=torch.uint8)\nx[torch.tensor([True, False])] = torch.tensor(-0.13)
torch.cat([torch.ones(2), torch.tensor(1.)], 2)
torch.cat([torch.ones(2, 3), torch.ones(2, 4, 1)], 0)
torch.stack([torch.ones(2, 3), torch.ones(2)], 4)
x = torch.arange(12).reshape(2, 3, 2); y = x[::1, 1].unsqueeze(0)\ntorch.diagonal_scatter(y, y.diagonal() * 2)
x = torch.ones(3, requires_grad=True); v = x[..., :]; w = v * 2; torch.set_grad_enabled(False); v.fill_(-1); torch.set_grad_enabled(True); v.retain_grad(); (w.sum() + 3 * v.sum()).backward()\n(v.grad, x.grad)
v = torch.tensor([-2, 3, 1]); x = torch.ones(1, requires_grad=True); torch.set_grad_enabled(False); w = v[1:]; torch.set_grad_enabled(True); w.copy_(x)\n(v, w)
v = torch.tensor([-2, 3, 1]); w = v.unbind()[0]; w.copy_(torch.tensor(2., requires_grad=True))\n(v, w)
v = torch.zeros(2, 3, 3).bool(); v[torch.tensor([1]), 3] = torch.tensor(1.)\nv
v = torch.zeros(3).long(); w = v.chunk(2)[0]; w[torch.tensor([True, False])] = torch.tensor(1., requires_grad=True)\nw
v = torch.zeros(3).long(); w = v.chunk(2)[0]; w[:] = torch.tensor(1., requires_grad=True)\nw
v = torch.zeros(3).long(); w = v.chunk(2)[0]; w[0] = torch.tensor(1., requires_grad=True)\nv
v = torch.zeros(1, 1).half(); v[torch.tensor([0, 0, 0]), torch.tensor([0, 0])] = torch.tensor(1)\nv
v = torch.zeros(1, 1).half(); v[torch.tensor([0, 5]), torch.tensor([0, 0])] = torch.tensor(1)\nv
v = torch.zeros(1, 1).half(); v[torch.tensor([True, False])] = torch.tensor([1, 2])\nv
x = torch.tensor([-0.75, 0.99]); y = torch.tensor(-0.15, dtype=torch.float64, requires_grad=True); (x % y).sum().backward()\ny.grad
x = torch.tensor([-0.75, 0.99]); y = torch.tensor(-0.15, dtype=torch.float64, requires_grad=True); torch.fmod(x, y).sum().backward()\ny.grad
x = torch.ones(2, 3, 2, requires_grad=True); y = torch.nn.functional.adaptive_avg_pool1d(x, 1); g, = torch.autograd.grad((y * y).sum(), x, create_graph=True); g.mul_(3); g.sum().backward()\nx.grad
e = torch.tensor([-1., 0., 1.])\ntorch.searchsorted(e, torch.tensor(0.99999999999999, dtype=torch.float64), right=True)
x = torch.tensor(1., dtype=torch.float64, requires_grad=True); torch.nn.functional.gelu(x).backward()\nx.grad
"""


@pytest.mark.parametrize("program", [line.replace(r"\n", "\n") for line in FOUND.strip().splitlines()])
def test_what_the_fuzzer_found(program: str) -> None:
    statements, _, last = program.rpartition("\n")
    assert difference(f"{statements.replace(';', chr(10))}\n{last}") is None


def test_memory_is_let_go() -> None:
    """A node keeps its output's storage (for its version), but not the memory."""
    import weakref

    import microtorch as torch

    a = torch.ones(1000, requires_grad=True)
    b = a + 1
    memory = weakref.ref(b._data)
    total = b.view(-1).sum()
    del b
    assert memory() is None
    total.backward()
    assert a.grad.sum() == 1000


def test_errors_leave_everything_as_it_was() -> None:
    import microtorch as torch

    a = torch.ones(3, requires_grad=True)
    s = (a * 2).exp()
    s.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        s.sum().backward()
    assert torch.is_grad_enabled() and a.grad is None
    b = torch.zeros(2, 3)
    for wrong in (
        lambda: b.add_(torch.ones(4)),
        lambda: b.copy_(torch.ones(3, 3)),
        lambda: b.clamp_(min=torch.ones(5)),
    ):
        with pytest.raises(RuntimeError):
            wrong()
    with pytest.raises((RuntimeError, IndexError)):
        b[5] = 1
    assert b.tolist() == [[0] * 3] * 2 and b._version == 0 and torch.is_grad_enabled()


# what is written shares memory: with itself, with the index or mask, with what a result is computed from
SHARED = r"""
x=torch.arange(3.).expand(3,3);x.tril_()\nx
x=torch.arange(3.).expand(3,3);x.triu_(1)\nx
x=torch.arange(18.).reshape(2,3,3)[:,:,:1].expand(2,3,3);x.triu_(1)\nx
x=torch.arange(3.).expand(2,2,3,3)\nx.tril_()
x=torch.arange(18.).reshape(2,3,3).expand(2,2,3,3);x.tril_()\nx
w=torch.arange(9.,requires_grad=True).reshape(3,3);x=w*w;x[:2].tril_(1);x.mT.triu_(-1)\nx
x=torch.tensor([[True,False],[True,True]])\nx[x[0]]=False
x=torch.tensor([[True,False],[True,True]])\nx[x[0],:]=False
x=torch.tensor([[True,False],[True,True]])\nx[:,x[0]]=False
x=torch.tensor([[True,False],[True,True]]);x[1:,x[0]]=False\nx
x=torch.tensor([[True,False],[True,True]]);x[0,x[0]]=torch.tensor(False)\nx
x=torch.tensor([[True,False],[True,True]]);x[x.view(2,2)]=False\nx
x=torch.tensor([[True,False],[True,True]])\nx[x.view(2,2)]=torch.tensor([False,False,True])
x=torch.tensor([[True,False],[True,True]])\nx[x]=torch.tensor([False,False,True])
x=torch.tensor([[True,False],[True,True]])\nx[x[0],x[0]]=False
x=torch.tensor([[True,False]])\nx[x[:,0]]=False
x=torch.tensor([[True,True]])\nx[x[:,1]]=torch.tensor([False,True])
x=torch.tensor([True,False]);x[x[0]]=False\nx
w=torch.arange(9.).reshape(3,3);torch.var(w,1,out=w[0])\nw
w=torch.arange(9.).reshape(3,3);torch.inner(w,w[0],out=w[2])\nw
w=torch.arange(9.).reshape(3,3);torch.norm(w[:2],2,0,out=w[0])\nw
w=torch.arange(9.).reshape(3,3)\ntorch.pow(w[:2],2,out=w[1:])
w=torch.arange(9.).reshape(3,3)\ntorch.where(w>0,w,w,out=w.T)
w=torch.arange(9.).reshape(3,3)\ntorch.linalg.cross(w,w,out=w)
w=torch.arange(9.).reshape(3,3)\ntorch.index_add(w,0,torch.tensor([0]),w[1:2],out=w)
w=torch.arange(9.).reshape(3,3)\ntorch.scatter(w,0,torch.tensor([[0]]),w,out=w)
w=torch.arange(9.).reshape(3,3)\ntorch.all(w,1,out=w[0])
w=torch.arange(9.).reshape(3,3)\ntorch.any(w,1,out=torch.zeros(3,dtype=torch.int64))
torch.any(torch.ones(3,dtype=torch.uint8),0,out=torch.zeros((),dtype=torch.bool))
torch.nonzero(torch.ones(3),out=torch.zeros(0))
torch.histc(torch.ones(3),2,out=torch.zeros(2,dtype=torch.float64))
x=torch.arange(4.).reshape(1,2,2);y=torch.nn.functional.pad(x,(0,0),mode='circular');y.zero_()\nx
x=torch.arange(4.).reshape(1,2,2);y=torch.nn.functional.pad(x,(0,0),mode='reflect');y.zero_()\nx
x=torch.arange(4.).reshape(1,2,2);y=torch.nn.functional.pad(x,(0,0),mode='replicate');y.zero_()\nx
x=torch.arange(4.).reshape(1,2,2);y=torch.nn.functional.pad(x,(0,0),mode='constant');y.zero_()\nx
x=torch.arange(8.).reshape(1,2,4);y=torch.nn.functional.adaptive_avg_pool2d(x,(None,None));y.zero_()\nx
x=torch.arange(8.).reshape(1,2,4);y=torch.nn.functional.adaptive_avg_pool1d(x,4);y.zero_()\nx
x=torch.arange(4.,requires_grad=True);y=x*1;a=y.unsafe_chunk(2);a[0].mul_(2);a[1].sum().backward()\n(y,a[0],y._version,a[0]._version,x.grad)
x=torch.arange(8.).reshape(4,2).T\n[t.stride() for t in x.unsafe_split(2,1)]
x=torch.arange(4.);a=x.unsafe_split_with_sizes([1,3]);a[1].mul_(2)\nx
torch.triu(torch.ones(2,2),out=torch.zeros(2,2,dtype=torch.float64))
torch.index_select(torch.ones(2),0,torch.tensor([0]),out=torch.zeros(0,dtype=torch.float64))
torch.cat([torch.ones(2)],out=torch.zeros(0,dtype=torch.bool))
torch.ones(2,dtype=torch.complex64).abs_()
"""


@pytest.mark.parametrize("program", SHARED.strip().split("\n"))
def test_shared_memory(program: str) -> None:
    statements, _, last = program.rpartition("\\n")
    assert difference(f"{statements.replace(';', chr(10))}\n{last}".strip()) is None


@pytest.mark.parametrize(
    "write",
    """x.masked_fill_(x==0,2.) x.index_fill_(0,i,2.) x.index_put_((i,),v) x.index_put_((i,),v,accumulate=True) x[i]=2.
    x[x==0]=2. x[x==0]=v x[:,i]=v x[:1][i[:0]]=2. x[1]=2. x[0][i]=2. x[...,i]=2. x.fill_(2.)""".split(),
)
def test_writes_with_indices_into_expanded_tensors_are_warned_of(write: str) -> None:
    import warnings

    import torch

    import microtorch

    told = []
    for library in (torch, microtorch):
        x = library.zeros(3).expand(2, 3)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exec(write, {"x": x, "i": library.tensor([1]), "v": library.tensor(3.0)})
        told.append([(w.category, str(w.message).split(" (Triggered")[0], w.filename) for w in caught])
        told[-1].append(x.tolist())
    assert told[0] == told[1]
