"""Adam and AdamW."""

from __future__ import annotations

from typing import Any, ClassVar

from microtorch._tensor import Tensor
from microtorch.kernels import optim as kernels
from microtorch.optim.blocks import Block
from microtorch.optim.lists import Tensors, step_lists
from microtorch.optim.optimizer import ADAM_MODES, KernelOptimizer, ParamsT, check_betas, check_lr, chosen, number


class Adam(KernelOptimizer):
    """Adam (Kingma and Ba 2015): steps of about `lr` in each coordinate, whatever the gradient's scale.

    m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
    p -= lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    weight_decay: added to the gradient as weight_decay p; with `decoupled_weight_decay` taken off p directly (AdamW).
    amsgrad: divide by the largest v so far (Reddi et al. 2018). maximize: ascend instead.
    Raises ValueError for options out of range.

    >>> import microtorch as torch
    >>> x = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.Adam([x], lr=0.1)
    >>> (x ** 2).sum().backward()
    >>> optimizer.step()
    >>> x
    tensor([0.9000], requires_grad=True)
    """

    late_options: ClassVar[dict[str, Any]] = {
        "amsgrad": False,
        **ADAM_MODES,
        "decoupled_weight_decay": False,
        "fused": None,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_lr(lr)
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        are_tensors = [isinstance(b, Tensor) for b in betas]
        if not (all(are_tensors) or all(isinstance(b, float) for b in betas)):
            raise ValueError("betas must be either both floats or both Tensors")
        for i, beta in enumerate(betas):
            if isinstance(beta, Tensor):
                if foreach and not capturable:
                    raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
                if beta.numel() != 1:
                    raise ValueError(f"Tensor betas[{i}] must be 1-element")
        defaults = chosen(
            locals(), "lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "foreach", "capturable",
            "differentiable", "fused", "decoupled_weight_decay",
        )  # fmt: skip
        defaults["betas"] = tuple([b.squeeze() if isinstance(b, Tensor) else b for b in betas])
        super().__init__(params, defaults)

    def update_sparse(self, group: dict[str, Any], p: Tensor) -> None:
        raise RuntimeError("Adam does not support sparse gradients, please consider SparseAdam instead")

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def update(self, group: dict[str, Any], block: Block, p: Any, g: Any) -> None:
        beta1, beta2 = group["betas"]
        m, v, *largest = block.state
        kernels.adam(
            p,
            g,
            m,  # type: ignore[arg-type]
            v,  # type: ignore[arg-type]
            largest[0] if largest else None,
            *block.scratch[:2],
            step=block.count,
            lr=number(group["lr"]),
            beta1=float(beta1),
            beta2=float(beta2),
            **chosen(group, "eps", "weight_decay", "maximize"),
            decoupled=group["decoupled_weight_decay"],
        )


def adam(
    params: Tensors, grads: Tensors, exp_avgs: Tensors, exp_avg_sqs: Tensors, max_exp_avg_sqs: Tensors,
    state_steps: Tensors, foreach: bool | None = None, capturable: bool = False, differentiable: bool = False,
    fused: bool | None = None, grad_scale: Tensor | None = None, found_inf: Tensor | None = None,
    has_complex: bool = False, decoupled_weight_decay: bool = False, *,
    amsgrad: bool, beta1: float | Tensor, beta2: float | Tensor,
    lr: float | Tensor, weight_decay: float, eps: float, maximize: bool,
) -> None:  # fmt: skip
    """One step of Adam on lists of parameters, gradients and state, all of the caller's; see Adam.

    Raises RuntimeError for step counts that are no tensors.

    >>> import microtorch as torch
    >>> p, g, m, v, step = torch.ones(2), torch.full((2,), 0.5), torch.zeros(2), torch.zeros(2), torch.tensor(0.0)
    >>> options = dict(lr=0.1, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False)
    >>> torch.optim._functional.adam([p], [g], [m], [v], [], [step], **options)
    >>> p, step
    (tensor([0.9000, 0.9000]), tensor(1.))
    """
    group = {
        "betas": (beta1, beta2),
        **chosen(locals(), "lr", "eps", "weight_decay", "amsgrad", "maximize", "capturable", "fused"),
        "decoupled_weight_decay": decoupled_weight_decay,
    }
    step_lists(
        Adam,
        group,
        params,
        grads,
        [exp_avgs, exp_avg_sqs, max_exp_avg_sqs] if amsgrad else [exp_avgs, exp_avg_sqs],
        [state_steps],
        scaled=grad_scale if found_inf is None else found_inf,
    )
