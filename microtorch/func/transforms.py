"""Derivatives of functions as functions: grad, vjp, jvp, jacobians. They nest, with each other and with vmap."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microtorch.autograd.modes import mode
from microtorch.autograd.source import Linearized, Transform, gradients, starts
from microtorch.autograd.state import TensorBase, wrap
from microtorch.func.batching import vmap
from microtorch.func.trees import treespec_pprint
from microtorch.kernels.batched import Batched
from microtorch.kernels.bfloat16 import zeros
from microtorch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

Argnums = int | tuple[int, ...]


# which arguments are differentiated -----------------------------------------------------------------------------------


def _argnum(n: Any, count: int) -> int:
    if not isinstance(n, int):
        raise RuntimeError(f"argnum must be int, got: {type(n)}")
    if not -count <= n < count:
        raise RuntimeError(f"Got argnum={n}, but only {count} positional inputs")
    return n % count


def _numbers(argnums: Any, count: int) -> int | tuple[int, ...]:
    """`argnums` counted from the front.

    Raises RuntimeError if there are no such arguments.
    """
    if isinstance(argnums, int):
        return _argnum(argnums, count)
    if not isinstance(argnums, tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    numbers = tuple(_argnum(n, count) for n in argnums)
    if not numbers:
        raise RuntimeError("argnums must be non-empty")
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(f"argnums elements must be unique, got {numbers}")
    return numbers


def _picked(args: Sequence[Any], numbers: int | tuple[int, ...]) -> Any:
    return args[numbers] if isinstance(numbers, int) else tuple(args[i] for i in numbers)


def _replaced(args: Sequence[Any], numbers: int | tuple[int, ...], values: Any) -> list[Any]:
    result = list(args)
    for i, value in zip(
        (numbers,) if isinstance(numbers, int) else numbers, (values,) if isinstance(numbers, int) else values
    ):
        result[i] = value
    return result


def _split_aux(output: Any, has_aux: bool, what: str) -> tuple[Any, Any]:
    if not has_aux:
        return output, None
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(f"{what}: output of function f should be a tuple: (output, aux) if has_aux is True")
    for leaf in tree_leaves(output[1]):
        if not isinstance(leaf, TensorBase):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(leaf)}")
    return output


def _refuse_complex(name: str, values: Any, which: str) -> None:
    for i, x in enumerate(tree_leaves(values)):
        if isinstance(x, TensorBase) and x._data.dtype.kind == "c":
            raise RuntimeError(
                f"{name}: Expected all {which} to be real but received complex tensor at flattened input idx: {i}"
            )


# reverse mode ---------------------------------------------------------------------------------------------------------


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that computes the gradient of `func` (whose result is a number) and its value.

    argnums: which positional arguments to differentiate: a number, or a tuple of them. has_aux: `func` returns
    (value, aux), and aux comes back beside the value. Arguments may be pytrees of tensors.

    >>> import microtorch as torch
    >>> torch.func.grad_and_value(lambda x: x**3)(torch.tensor(2.0))
    (tensor(12.), tensor(8.))
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        numbers = _numbers(argnums, len(args))
        flat, spec = tree_flatten(_picked(args, numbers))
        with Transform() as own:
            inputs = [own.track(x) for x in flat]
            begin = starts(inputs)
            output = func(*_replaced(args, numbers, tree_unflatten(inputs, spec)), **kwargs)
            output, aux = _split_aux(output, has_aux, "grad_and_value(f)(*args)")
            if not isinstance(output, TensorBase):
                raise RuntimeError(
                    f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(output)}"
                )
            if output._data.ndim:
                raise RuntimeError(
                    "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                    f"{output._data.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            found = gradients([output], begin, [None], own.outside([output]))
        grads = tree_unflatten([own.leave(g) for g in found], spec)
        value = own.leave(output)
        return (grads, (value, tree_map(own.leave, aux))) if has_aux else (grads, value)

    return wrapper


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that computes the gradient of `func`, whose result is a number; see `grad_and_value`.

    >>> import microtorch as torch
    >>> torch.func.grad(torch.func.grad(torch.sin))(torch.tensor(1.0))
    tensor(-0.8415)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        grads, value = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return wrapper


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), vjp_fn) with `vjp_fn(cotangents)`: the gradients of the primals, given those of the result.

    With has_aux: (result, vjp_fn, aux).

    >>> import microtorch as torch
    >>> y, vjp_fn = torch.func.vjp(torch.sin, torch.tensor([0.0, 1.0]))
    >>> vjp_fn(torch.ones(2))
    (tensor([1.0000, 0.5403]),)
    """
    flat, spec = tree_flatten(primals)
    with Transform() as own:
        inputs = [own.track(x) for x in flat]
        begin = starts(inputs)
        output = func(*tree_unflatten(inputs, spec))
        output, aux = _split_aux(output, has_aux, "vjp(f, *primals)")
        outputs, out_spec = tree_flatten(output)
        _check_outputs(outputs, "vjp(f, *primals)")
        for o in outputs:
            if o._data.dtype.kind not in "fc":
                raise RuntimeError(
                    "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype "
                    f"{o.dtype}"
                )
        joined = own.outside(outputs)
    ends = starts(outputs)  # (the results may be written in place)
    results = tree_unflatten([own.leave(o) for o in outputs], out_spec)

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        seeds, seed_spec = tree_flatten(cotangents)
        if seed_spec != out_spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {treespec_pprint(seed_spec)}, primal output: {treespec_pprint(out_spec)}"
            )
        for s in seeds:
            if not isinstance(s, TensorBase):
                raise TypeError(f"gradients can be either Tensors or None, but got {type(s).__name__}")
        if create_graph is None:
            create_graph = mode.enabled and (joined or any(s._node is not None for s in seeds))
        found = gradients(ends, begin, seeds, create_graph)
        whole: Any = tree_unflatten([own.leave(g) if create_graph else g for g in found], spec)
        return whole

    return (results, vjp_fn, tree_map(own.leave, aux)) if has_aux else (results, vjp_fn)


def _check_outputs(outputs: Sequence[Any], api: str) -> None:
    if not outputs or (len(outputs) == 1 and outputs[0] is None):
        raise RuntimeError(
            f"{api}: Expected f to be a function that has non-empty output (got output = {list(outputs)})"
        )
    for o in outputs:
        if not isinstance(o, TensorBase):
            raise RuntimeError(f"{api}: expected f(*primals) to return only tensors, got unsupported type {type(o)}")


def _units(likes: Sequence[Any]) -> list[Any]:
    """For tensors with n elements altogether: (n, *shape) each, the k-th example 1 at the k-th element."""
    total = sum(t._data.size for t in likes)
    units, start = [], 0
    for t in likes:
        n = t._data.size
        unit = zeros((total, n), t._data.dtype)
        unit[start : start + n] = np.eye(n, dtype=np.float32)
        units.append(wrap(unit.reshape(total, *t._data.shape)))
        start += n
    return units


def jacrev(
    func: Callable[..., Any],
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """A function that computes the Jacobian of `func` by reverse mode: one row for each element of the result.

    Shapes: (*result shape, *argument shape), for each result and each argument. chunk_size: so many rows at a time.

    >>> import microtorch as torch
    >>> torch.func.jacrev(torch.sin)(torch.tensor([0.0, 1.0]))
    tensor([[1.0000, 0.0000],
            [0.0000, 0.5403]])
    """
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def wrapper(*args: Any) -> Any:
        _refuse_complex("jacrev", args, "inputs")
        numbers = _numbers(argnums, len(args))
        flat, spec = tree_flatten(_picked(args, numbers))
        answer = vjp(lambda *xs: func(*_replaced(args, numbers, tree_unflatten(xs, spec))), *flat, has_aux=has_aux)
        output, pull = answer[:2]
        outputs, out_spec = tree_flatten(output)
        _refuse_complex("jacrev", outputs, "outputs")
        rows = vmap(lambda units: pull(tree_unflatten(units, out_spec)), chunk_size=chunk_size)(_units(outputs))
        jacobians, start = [], 0
        for o in outputs:
            n = o._data.size
            parts = [r.narrow(0, start, n).reshape(*o._data.shape, *r._data.shape[1:]) for r in rows]
            jacobians.append(tree_unflatten(parts, spec))
            start += n
        result = tree_unflatten(jacobians, out_spec)
        return (result, answer[2]) if has_aux else result

    return wrapper


# forward mode ---------------------------------------------------------------------------------------------------------

_JVP = "jvp(f, primals, tangents)"


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """(func(*primals), the derivative of the result in the direction of the tangents); with has_aux also aux.

    strict: an output that depends on no input is an error (its tangent is otherwise zero).

    >>> import microtorch as torch
    >>> torch.func.jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
    (tensor(0.), tensor(2.))
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{_JVP}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    flat, spec = tree_flatten(primals)
    directions, tangent_spec = tree_flatten(tangents)
    if spec != tangent_spec:
        raise RuntimeError(
            f"{_JVP}: Expected primals and tangents to have the same python structure. For example, if primals is a "
            f"tuple of 3 tensors, tangents also must be. Got primals with structure {spec} and tangents with structure "
            f"{tangent_spec}"
        )
    for values, name in ((flat, "primals"), (directions, "tangents")):
        if not values:
            raise RuntimeError(f"{_JVP}: Expected {name} to contain at least one Tensor.")
        for x in values:
            if not isinstance(x, TensorBase):
                raise RuntimeError(f"{_JVP}: Expected {name} to only contain Tensors, got {type(x)}")
    for x, t in zip(flat, directions):
        for what, v in (("primal", x), ("tangent", t)):
            if v._data.dtype.kind not in "fc":
                raise ValueError(f"Expected {what} to be floating point or complex, but got: {v.dtype}")
        if x._data.shape != t._data.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
                f"not supported. Tensor is of size {list(x._data.shape)} while the given forward gradient is of size "
                f"{list(t._data.shape)}."
            )
    output, push, aux, depends = _linear(func, flat, spec, has_aux, _JVP)
    if strict and not all(depends()):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed "
            "with strict=True."
        )
    return (output, push(directions), aux) if has_aux else (output, push(directions))


def _linear(func: Callable[..., Any], flat: Sequence[Any], spec: Any, has_aux: bool, api: str) -> Any:
    """(the result, the function of the inputs' tangents that gives those of the result, aux, which outputs depend)."""
    with Transform() as own:
        inputs = [own.track(x) for x in flat]
        begin = starts(inputs)
        output, aux = _split_aux(func(*tree_unflatten(inputs, spec)), has_aux, api)
        outputs, out_spec = tree_flatten(output)
        _check_outputs(outputs, api)
        linear = Linearized(own, starts(outputs), begin)
        joined = own.outside([*outputs, *linear.pulled])

    def push(tangents: Sequence[Any]) -> Any:
        again = mode.enabled and (joined or any(t._node is not None for t in tangents))
        return tree_unflatten([own.leave(t) if again else t for t in linear.push(tangents, again)], out_spec)

    return tree_unflatten([own.leave(o) for o in outputs], out_spec), push, tree_map(own.leave, aux), linear.depends


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(func(*primals), jvp_fn): the derivative there, as a function of the tangents that can be called many times.

    >>> import microtorch as torch
    >>> y, jvp_fn = torch.func.linearize(torch.sin, torch.tensor(0.0))
    >>> jvp_fn(torch.tensor(3.0))
    tensor(3.)
    """
    flat, spec = tree_flatten(primals)
    output, push, _, _ = _linear(func, flat, spec, False, "linearize(f, *primals)")

    def jvp_fn(*tangents: Any) -> Any:
        directions, tangent_spec = tree_flatten(tangents)
        if tangent_spec != spec:
            raise RuntimeError(f"Expected the tangents {tangent_spec} to have the same argspec as the primals {spec}")
        for i, (t, x) in enumerate(zip(directions, flat)):
            for what, have, want in (("shape", t.shape, x.shape), ("dtype", t.dtype, x.dtype)):
                if have != want:
                    raise RuntimeError(
                        f"tangent:{i} with {what} {have} in flattened pytree doesn't match the {what} {want} of the "
                        "corresponding primal."
                    )
        return push(directions)

    return output, jvp_fn


def jacfwd(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """A function that computes the Jacobian of `func` by forward mode: one column for each element of the argument.

    Shapes: (*result shape, *argument shape), for each result and each argument.

    >>> import microtorch as torch
    >>> torch.func.jacfwd(torch.func.jacrev(lambda x: (x**3).sum()))(torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    @functools.wraps(func)
    def wrapper(*args: Any) -> Any:
        _refuse_complex("jacfwd", args, "inputs")
        numbers = _numbers(argnums, len(args))
        flat, spec = tree_flatten(_picked(args, numbers))
        _, inner = tree_flatten(tuple(flat))

        def of_picked(*xs: Any) -> Any:
            return func(*_replaced(args, numbers, tree_unflatten(xs, spec)))

        output, push, aux, _ = _linear(of_picked, flat, inner, has_aux, _JVP)
        outputs, out_spec = tree_flatten(output)
        _refuse_complex("jacfwd", outputs, "outputs")
        columns = vmap(lambda units: tuple(tree_leaves(push(units))), out_dims=-1, randomness=randomness)(_units(flat))
        jacobians = []
        for o, c in zip(outputs, columns):
            parts, start = [], 0
            for x in flat:
                n = x._data.size
                parts.append(c.narrow(-1, start, n).reshape(*o._data.shape, *x._data.shape))
                start += n
            jacobians.append(tree_unflatten(parts, spec))
        result = tree_unflatten(jacobians, out_spec)
        return (result, aux) if has_aux else result

    return wrapper


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that computes the Hessian of `func`: jacfwd of jacrev.

    >>> import microtorch as torch
    >>> torch.func.hessian(lambda x: x[0] * x[1] ** 2)(torch.tensor([1.0, 2.0]))
    tensor([[0., 4.],
            [4., 2.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """The function itself: writes in place are part of the graph here, and transforms take them as they are."""
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}.")
    return func


def debug_unwrap(tensor: Any, *, recurse: bool = True) -> Any:
    """A tensor inside of transforms as what it holds: all examples of a vmap, along the first dimension; to look at.

    recurse: through all levels, not the innermost alone. Raises TypeError for anything that is no tensor.
    """
    if not isinstance(tensor, TensorBase):
        raise TypeError(f"Expected a tensor, got {type(tensor)}")
    data: Any = tensor._data
    while type(data) is Batched:
        data = data.full
        if not recurse:
            break
    return wrap(data)
