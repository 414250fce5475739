"""microtorch: PyTorch's API on NumPy.

>>> import microtorch as torch
>>> x = torch.tensor([1.0, 2.0], requires_grad=True)
>>> (x ** 2).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

import warnings as _warnings

# NumPy warns of infinities and NaN (log of 0, overflow), PyTorch does not: say nothing where the warning comes from here.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"microtorch\.")

from microtorch import autograd as autograd
from microtorch._missing import missing_name as _missing_name
from microtorch.autograd.modes import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from microtorch.dtypes import (
    bool_ as bool,
    cdouble as cdouble,
    cfloat as cfloat,
    complex64 as complex64,
    complex128 as complex128,
    double as double,
    dtype as dtype,
    finfo as finfo,
    float16 as float16,
    float32 as float32,
    float32 as float,
    float64 as float64,
    get_default_dtype as get_default_dtype,
    half as half,
    iinfo as iinfo,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int32 as int,
    int64 as int64,
    long as long,
    promote_types as promote_types,
    set_default_dtype as set_default_dtype,
    short as short,
    uint8 as uint8,
    uint16 as uint16,
    uint32 as uint32,
    uint64 as uint64,
)
from microtorch.functions.creation import (
    BoolTensor as BoolTensor,
    ByteTensor as ByteTensor,
    CharTensor as CharTensor,
    DoubleTensor as DoubleTensor,
    FloatTensor as FloatTensor,
    HalfTensor as HalfTensor,
    IntTensor as IntTensor,
    LongTensor as LongTensor,
    ShortTensor as ShortTensor,
    as_tensor as as_tensor,
    asarray as asarray,
    empty as empty,
    empty_like as empty_like,
    empty_permuted as empty_permuted,
    empty_strided as empty_strided,
    eye as eye,
    from_dlpack as from_dlpack,
    from_numpy as from_numpy,
    frombuffer as frombuffer,
    full as full,
    full_like as full_like,
    get_default_device as get_default_device,
    ones as ones,
    ones_like as ones_like,
    scalar_tensor as scalar_tensor,
    set_default_device as set_default_device,
    set_default_tensor_type as set_default_tensor_type,
    tensor as tensor,
    zeros as zeros,
    zeros_like as zeros_like,
)
from microtorch.functions.linalg import (
    addmm as addmm,
    bmm as bmm,
    dot as dot,
    ger as ger,
    matmul as matmul,
    mm as mm,
    mv as mv,
    outer as outer,
)
from microtorch.functions.pointwise import (
    add as add,
    addcdiv as addcdiv,
    addcmul as addcmul,
    allclose as allclose,
    clamp as clamp,
    clamp_max as clamp_max,
    clamp_min as clamp_min,
    clip as clip,
    div as div,
    divide as divide,
    equal as equal,
    isclose as isclose,
    lerp as lerp,
    mul as mul,
    multiply as multiply,
    pow as pow,
    round as round,
    rsub as rsub,
    sub as sub,
    subtract as subtract,
    true_divide as true_divide,
    where as where,
)
from microtorch.functions.random import (
    _sample_dirichlet as _sample_dirichlet,
    _standard_gamma as _standard_gamma,
    bernoulli as bernoulli,
    binomial as binomial,
    multinomial as multinomial,
    normal as normal,
    poisson as poisson,
    rand as rand,
    rand_like as rand_like,
    randint as randint,
    randint_like as randint_like,
    randn as randn,
    randn_like as randn_like,
    randperm as randperm,
)
from microtorch.functions.ranges import (
    arange as arange,
    cartesian_prod as cartesian_prod,
    combinations as combinations,
    linspace as linspace,
    logspace as logspace,
    meshgrid as meshgrid,
    range as range,
    tril_indices as tril_indices,
    triu_indices as triu_indices,
)
from microtorch.functions.reduce import (
    all as all,
    amax as amax,
    amin as amin,
    any as any,
    argmax as argmax,
    argmin as argmin,
    logsumexp as logsumexp,
    max as max,
    mean as mean,
    min as min,
    std as std,
    std_mean as std_mean,
    sum as sum,
    var as var,
    var_mean as var_mean,
)
from microtorch.functions.shape import (
    broadcast_to as broadcast_to,
    cat as cat,
    chunk as chunk,
    concat as concat,
    concatenate as concatenate,
    flatten as flatten,
    flip as flip,
    gather as gather,
    index_select as index_select,
    is_tensor as is_tensor,
    masked_fill as masked_fill,
    masked_select as masked_select,
    movedim as movedim,
    narrow as narrow,
    numel as numel,
    permute as permute,
    reshape as reshape,
    roll as roll,
    select as select,
    split as split,
    squeeze as squeeze,
    stack as stack,
    t as t,
    transpose as transpose,
    tril as tril,
    triu as triu,
    unbind as unbind,
    unsqueeze as unsqueeze,
)
from microtorch.ops.pointwise import (
    abs as abs,
    cos as cos,
    exp as exp,
    log as log,
    relu as relu,
    sigmoid as sigmoid,
    sin as sin,
    sqrt as sqrt,
    tanh as tanh,
)
from microtorch.printing import set_printoptions as set_printoptions
from microtorch import random as random
from microtorch.random import (
    Generator as Generator,
    default_generator as default_generator,
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    seed as seed,
    set_rng_state as set_rng_state,
)
from microtorch.size import (
    Size as Size,
    channels_last as channels_last,
    channels_last_3d as channels_last_3d,
    contiguous_format as contiguous_format,
    device as device,
    layout as layout,
    memory_format as memory_format,
    preserve_format as preserve_format,
    sparse_coo as sparse_coo,
    strided as strided,
)
from microtorch._tensor import Tensor as Tensor

from microtorch.version import __version__ as __version__


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
