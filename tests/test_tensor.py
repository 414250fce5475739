"""How a Tensor behaves: numbers, NumPy, operators with other types, dtypes, memory, copies, text."""

from __future__ import annotations

import pytest

from tests.differential import difference

# one program a line (`;` and \\n inside it); torch and microtorch must give the same value, dtype, strides and grad_fn, or the same error
PROGRAMS = r"""
torch.ones(2,3).to(torch.float64).dtype
torch.ones(2,3).to(dtype=torch.int)
torch.ones(2,3).to('cpu')
torch.ones(2,3).to('cpu',torch.float64)
torch.ones(2,3).to(torch.zeros(1,dtype=torch.int8))
torch.ones(2,3).to(torch.float64,True)
torch.ones(2,3).to(torch.float64,non_blocking=True,copy=True)
torch.ones(2,3).to('cuda')
torch.ones(2,3).to('foo')
torch.ones(2,3).to(float)
torch.ones(2,3).to()
torch.ones(2,3).t().to(torch.float64)
torch.ones(2,3).t().to(torch.float64,memory_format=torch.contiguous_format)
torch.ones(2,3,4,5).to(memory_format=torch.channels_last)
torch.ones(2,3,4,5).contiguous(memory_format=torch.channels_last)
torch.ones(2,3,4,5).contiguous(memory_format=torch.channels_last).is_contiguous()
torch.ones(2,3,4,5).contiguous(memory_format=torch.channels_last).is_contiguous(memory_format=torch.channels_last)
torch.ones(2,3).contiguous(memory_format=torch.channels_last)
torch.ones(2,3,4,5).clone(memory_format=torch.channels_last)
torch.ones(2,3).t().clone()
torch.ones(2,3).t().clone(memory_format=torch.contiguous_format)
torch.ones(2,1,4).expand(2,3,4).clone()
torch.ones(2,3)[:, ::2].clone()
torch.ones(2,3,4)[:, ::2].permute(2,0,1).clone()
torch.ones(2,1,4).expand(2,3,4)+1
torch.ones(2,1,4).expand(2,3,4).double()
torch.ones(2,1,4).expand(2,3,4).contiguous()
torch.ones(2,3).t().contiguous()
torch.ones(2,3).t().is_contiguous()
torch.ones(2,3).stride(0)
torch.ones(2,3).stride(-1)
torch.ones(2,3).stride(2)
torch.ones(2,3).stride(dim=1)
torch.ones(2,3).size()
torch.ones(2,3).size(1)
torch.ones(2,3).size(-3)
torch.ones(2,3).size(dim=0)
torch.ones(()).size(0)
torch.ones(2,3)[1:].storage_offset()
torch.ones(2,3)[1:].detach().storage_offset()
torch.ones(2,3)[1:].data.storage_offset()
torch.ones(2,3).element_size()
torch.ones(2,3).nbytes
torch.ones(2,3).itemsize
torch.ones(2,3).layout
torch.ones(2,3).is_cuda
torch.ones(2,3).is_sparse
torch.ones(2,3).is_quantized
torch.ones(2,3).is_meta
torch.ones(2,3).is_mps
torch.ones(2,3).get_device()
torch.ones(2,3).is_pinned()
torch.ones(2,3).is_shared()
torch.ones(2,3).is_conj()
torch.ones(2,3).is_neg()
torch.ones(2,3).names
torch.ones(2,3).dim_order()
torch.ones(2,3).t().dim_order()
torch.ones(2,3).storage().size()
torch.ones(2,3).untyped_storage().nbytes()
len(torch.ones(2,3).storage())
torch.ones(2,3).storage().tolist()
torch.ones(2,3)[1].storage_offset()
torch.ones(2,3)[1].storage().size()
torch.ones(2,3)._version
torch.ones(2,3)._base
torch.ones(2,3).has_names()
torch.ones(2,3).is_same_size(torch.ones(2,3))
torch.ones(2,3).is_set_to(torch.ones(2,3))
torch.ones(2,3).ndim
torch.ones(2,3).dim()
torch.ones(2,3).nelement()
torch.ones(2,3).tolist()
torch.ones(2,3).item()
torch.ones(1,1).item()
torch.ones(0).item()
torch.ones(2,dtype=torch.complex64).tolist()
torch.tensor(3).item()
torch.tensor(True).item()
torch.tensor(1.5,dtype=torch.float16).item()
float(torch.tensor([2.5]))
float(torch.tensor([2.5,1]))
int(torch.tensor(2.9))
int(torch.tensor(float('inf')))
bool(torch.tensor([0]))
bool(torch.tensor([]))
bool(torch.tensor([1,2]))
complex(torch.tensor(2.))
float(torch.tensor(1j))
int(torch.tensor(1+1j))
[1,2,3][torch.tensor(1)]
[1,2,3][torch.tensor([1])]
[1,2,3][torch.tensor(1.)]
[1,2,3][torch.tensor(True)]
range(torch.tensor(3))
hex(torch.tensor(10))
len(torch.ones(2,3))
len(torch.ones(()))
list(torch.ones(()))
[t.shape for t in torch.ones(2,3)]
1. in torch.ones(2,3)
5 in torch.ones(2,3)
torch.tensor(1.) in torch.ones(2,3)
'a' in torch.ones(2)
None in torch.ones(2)
torch.ones(2)==None
torch.ones(2)!=None
torch.ones(2)=='a'
torch.ones(2)==[1,1]
torch.ones(2)==(1,1)
torch.ones(2)<None
torch.ones(2)<'a'
torch.ones(2)+None
torch.ones(2)+'a'
torch.ones(2)+[1,2]
'a'+torch.ones(2)
[1,2]+torch.ones(2)
torch.ones(2)*None
None*torch.ones(2)
torch.ones(2)@3
torch.ones(2)@None
torch.ones(2)&1.5
torch.ones(2)|torch.ones(2)
torch.ones(2,dtype=torch.int)+np.float32(2)
torch.ones(2,dtype=torch.int)+np.float64(2)
torch.ones(2)+np.float64(2)
torch.ones(2)*np.int64(2)
np.float32(2)*torch.ones(2)
np.float64(2)*torch.ones(2)
np.int64(2)*torch.ones(2)
np.int64(2)*torch.ones(2,dtype=torch.int)
np.float64(2)*torch.ones(2,dtype=torch.int)
np.float32(2)+torch.ones(2,requires_grad=True)
torch.ones(2)+np.ones(2)
torch.ones(2)+np.ones(2,dtype=np.float32)
np.ones(2)+torch.ones(2)
np.ones(2,dtype=np.float32)+torch.ones(2)
np.ones(2)*torch.ones(2,requires_grad=True)
torch.ones(2)*np.ones(2)
torch.ones(2)-np.array(3.)
np.array(3.)-torch.ones(2)
torch.ones(2)==np.ones(2)
np.ones(2)==torch.ones(2)
torch.ones(2)>np.zeros(2)
torch.ones(2)**np.array([2.,3])
torch.ones(2)/np.float32(2)
np.float32(1)/torch.full((2,),2.)
np.ones(2)@torch.ones(2)
torch.ones(2)@np.ones(2)
np.sin(torch.ones(2))
np.exp(torch.zeros(2))
np.add(torch.ones(2),torch.ones(2))
np.array(torch.ones(2))
np.array(torch.ones(2),dtype=int)
np.asarray(torch.ones(2))
np.array(torch.ones(2,requires_grad=True))
np.array([torch.ones(2),torch.ones(2)])
np.array([torch.tensor(1.),torch.tensor(2.)])
np.stack([torch.ones(2),torch.ones(2)])
np.concatenate([torch.ones(2),np.ones(2)])
np.maximum(torch.ones(2),2)
np.isnan(torch.ones(2))
np.dot(torch.ones(2),torch.ones(2))
np.linalg.norm(torch.ones(2))
np.allclose(torch.ones(2),np.ones(2))
np.testing.assert_allclose(torch.ones(2),np.ones(2))
np.float64(torch.tensor(2.))
np.zeros(3)[torch.tensor(1)]
np.zeros(3)[torch.tensor([1,2])]
np.zeros(3)[torch.tensor([True,False,True])]
torch.ones(2).numpy()
torch.ones(2,requires_grad=True).numpy()
torch.ones(2,requires_grad=True).numpy(force=True)
torch.ones(2,requires_grad=True).detach().numpy()
torch.ones(2,3).t().numpy().strides
torch.ones(2).__array__(dtype=np.float64)
max(torch.tensor([1,3,2]))
sum(torch.tensor([1,3,2]))
sorted(torch.tensor([3,1,2]))
min([torch.tensor(2.),torch.tensor(1.)])
{torch.tensor(1):2} and 1
hash(torch.tensor(1))==id(3)
f"{torch.tensor(1.5):.3f}"
f"{torch.tensor(3):d}"
f"{torch.tensor([1.5]):.3f}"
f"{torch.tensor([1.5])}"
"%d" % torch.tensor(3)
"%.2f" % torch.tensor(3.)
str(torch.tensor(3.))
round(torch.tensor(2.567),2)
round(torch.tensor(2.567))
abs(torch.tensor(-2.))
divmod(torch.tensor(7.),torch.tensor(2.))
pow(torch.tensor(2.),3)
-torch.ones(2)
+torch.ones(2)
~torch.tensor([True])
-torch.tensor([True])
torch.tensor([5])//2
5//torch.tensor([2])
5%torch.tensor([3])
2**torch.tensor([3])
2.5**torch.tensor([3])
torch.tensor([7])>>1
1<<torch.tensor([3])
torch.tensor([1])/0
torch.tensor([1])//0
torch.tensor([1])%0
torch.tensor([1.])//0
1 if torch.tensor(1) else 0
torch.tensor([1,2]) and 1
not torch.tensor(0)
torch.tensor(3)==3
torch.tensor(2).__index__()
math.sqrt(torch.tensor(4.)) if 0 else 1
isinstance(torch.ones(1),torch.Tensor)
type(torch.ones(1)).__name__
torch.Tensor
torch.ones(1).__class__
torch.ones(2).new_tensor([1.]).dtype
torch.ones(2).apply_(lambda v: v+1)
torch.ones(2).map_(torch.ones(2),lambda a,b: a+b)
torch.ones(2).sum_to_size(1)
torch.ones(2,3).sum_to_size(1,3)
torch.ones(2,3).sum_to_size(2,2)
torch.ones(2,3).view(torch.int32)
torch.ones(2,3).view(torch.float64)
torch.ones(2,4).view(torch.float64).shape
torch.ones(2,4).view(torch.int16).shape
torch.ones(2,4).t().view(torch.int16).shape
torch.ones(2,4).view(dtype=torch.int32)
torch.ones(()).view(torch.int8)
import copy;a=torch.ones(4);b=copy.copy(a);b[0]=5\n(a,b)
import copy;a=torch.ones(2,requires_grad=True)\ncopy.copy(a)
import copy;a=torch.ones(2,requires_grad=True)\n(copy.deepcopy(a),copy.deepcopy(a).requires_grad)
import copy;a=torch.ones(2,requires_grad=True);(a*2).sum().backward()\ncopy.deepcopy(a).grad
import copy;a=torch.ones(2,requires_grad=True)*2\ncopy.deepcopy(a)
import copy;m=torch.arange(6.);l=copy.deepcopy([m,m[1:3]]);l[1][0]=100\n(l,m)
import copy;m=torch.arange(6.).reshape(2,3).t()\ncopy.deepcopy(m)
import copy;m=torch.arange(6.)[::2]\ncopy.deepcopy(m)
import copy;a=torch.ones(2);a.note='x'\ncopy.deepcopy(a).note
import pickle;a=torch.arange(4.).requires_grad_()\npickle.loads(pickle.dumps(a))
import pickle;a=torch.arange(6).reshape(2,3).t()\npickle.loads(pickle.dumps(a))
import pickle\npickle.loads(pickle.dumps(torch.float32)) is torch.float32
import pickle\npickle.loads(pickle.dumps(torch.Size([2,3])))
import pickle\npickle.loads(pickle.dumps(torch.device('cpu')))
import copy\ncopy.deepcopy(torch.float32) is torch.float32
np.from_dlpack(torch.arange(3.))
a=np.arange(3.);t=torch.from_dlpack(a);t[0]=7\n(a,t)
torch.from_dlpack(torch.arange(3))
torch.ones(2,requires_grad=True).__dlpack__()
np.from_dlpack(torch.ones(2,requires_grad=True))
torch.from_dlpack(3)
torch.from_dlpack(np.arange(6).reshape(2,3).T)
torch.Size([2,3])
torch.Size([2,3]).numel()
torch.Size([2,3])+(4,)
(4,)+torch.Size([2,3])
torch.Size([2,3])[0]
torch.Size([2,3])[:1]
torch.Size([2,3])==(2,3)
torch.Size([2,3])*2
torch.Size((2.,3))
torch.Size(['a'])
tuple(torch.Size([2,3]))
hash(torch.Size([2,3]))==hash((2,3))
torch.Size()
torch.Size([torch.tensor(2),3])
torch.device('cpu')
torch.device('cpu:0')
torch.device('cuda:1')
torch.device('cuda',1)
torch.device(type='cpu')
torch.device('cpu').type
torch.device('cpu').index
torch.device('cpu',0)==torch.device('cpu:0')
torch.device('cpu')==torch.device('cpu:0')
torch.device('foo')
torch.device('cuda:x')
torch.device(3.5)
torch.device('cpu','a')
str(torch.device('cuda:1'))
torch.device(torch.device('cpu'))
torch.ones(1,device=torch.device('cpu')).device
torch.device('cpu')=='cpu'
torch.float32
torch.float
torch.float32.itemsize
torch.float32.is_floating_point
torch.int8.is_signed
torch.float32.is_complex
torch.complex64.to_real()
torch.float64.to_complex()
torch.float16.to_complex() if 0 else 1
str(torch.bfloat16)
torch.bool
torch.float32==torch.float
{torch.float32:1}[torch.float]
torch.preserve_format
torch.channels_last
torch.strided
torch.finfo(torch.float64).eps
torch.finfo(torch.float32).max
torch.iinfo(torch.int64).max
x=torch.ones(2,requires_grad=True)\nx.requires_grad
x=torch.ones(2,dtype=torch.int)\nx.requires_grad_()
x=torch.ones(2,requires_grad=True)*2\nx.requires_grad_(False)
x=torch.ones(2);x.requires_grad=True\nx
x=torch.ones(2);x.grad=torch.ones(3)\nx
x=torch.ones(2);x.grad=torch.ones(2,dtype=torch.float64)\nx
x=torch.ones(2);x.grad=3\nx
x=torch.ones(2);x.grad=torch.ones(2)\nx.grad
x=torch.ones(2);x.grad=None\nx.grad
x=torch.ones(2);del x.grad\nx.grad
x=torch.ones(2,requires_grad=True);x.data=torch.zeros(3)\n(x,x.shape)
x=torch.ones(2);y=torch.zeros(3);x.data=y;x[0]=5\n(x,y)
x=torch.ones(2);x.data=3\nx
x=torch.ones(2)\nx.foo
x=torch.ones(2);x.foo=3\nx.foo
torch.ones(2).grad
torch.ones(2).is_leaf
(torch.ones(2,requires_grad=True)*2).is_leaf
torch.ones(2)._is_view()
torch.ones(2)[0]._is_view()
torch.ones(2)[0]._base
torch.ones(2).retain_grad()
torch.ones(2).register_hook(lambda g: g)
torch.ones(2,requires_grad=True).output_nr
list(torch.ones(2,2).unbind())[0].shape
torch.ones(3).__len__()
torch.ones(2,3).numel()
class T(torch.Tensor):\n    pass\nt=torch.ones(2).as_subclass(T)\n(type(t).__name__,isinstance(t,torch.Tensor))
class T(torch.Tensor):\n    pass\nT([1,2]).shape
torch.ones(2,3).T.is_contiguous()
torch.ones(2,3,4,5).is_contiguous(memory_format=torch.channels_last)
a=torch.ones(2);a+=1;a-=.5;a*=2;a/=3;a**=2\na
a=torch.tensor([7]);a//=2;a%=2;a<<=3;a>>=1;a|=5;a&=6;a^=1\na
a=torch.ones(2,dtype=torch.int);a+=1.5\na
a=torch.ones(2,dtype=torch.int);a/=2\na
a=torch.ones(2);b=a;a+=1\nb
a=torch.ones(2);b=a;a=a+1\nb
a=torch.ones(2);a+=np.ones(2)\na
a=np.ones(2);a+=torch.ones(2)\na
a=torch.ones(2);a@=torch.ones(2,2)\na
"""


@pytest.mark.parametrize("program", [p for p in PROGRAMS.strip().split("\n") if not p.startswith("#")])
def test_program(program: str) -> None:
    assert difference(program.replace("\\n", "\n")) is None
