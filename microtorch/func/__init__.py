"""torch.func: transforms of functions (derivatives, vmap), and modules as functions of their parameters."""

from microtorch.func.batching import vmap as vmap
from microtorch.func.modules import (
    functional_call as functional_call,
    replace_all_batch_norm_modules_ as replace_all_batch_norm_modules_,
    stack_module_state as stack_module_state,
)
from microtorch.func.transforms import (
    debug_unwrap as debug_unwrap,
    functionalize as functionalize,
    grad as grad,
    grad_and_value as grad_and_value,
    hessian as hessian,
    jacfwd as jacfwd,
    jacrev as jacrev,
    jvp as jvp,
    linearize as linearize,
    vjp as vjp,
)
