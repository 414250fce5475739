"""The loss functions: their values, reductions, weights, gradients, and how they hang together."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
prediction, target = torch.randn(4, 3), torch.randn(4, 3)
for loss in (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss):
    values = [loss(reduction=r)(prediction, target) for r in ("mean", "sum")]
    shape = tuple(loss(reduction="none")(prediction, target).shape)
    print(f"{loss.__name__:13s} mean {values[0].item():.4f}  sum {values[1].item():.4f}  none {shape}")
print("SmoothL1, beta 0.5:", f"{nn.SmoothL1Loss(beta=0.5)(prediction, target).item():.4f}")

print("\ngradients at differences -2, -0.3, 0, 0.3, 2")
for loss in (F.mse_loss, F.l1_loss, F.smooth_l1_loss):
    x = torch.tensor([-2.0, -0.3, 0.0, 0.3, 2.0], requires_grad=True)
    loss(x, torch.zeros(5), reduction="sum").backward()
    print(f"{loss.__name__:15s}", x.grad)

print("\ncross-entropy")
scores, labels = torch.randn(5, 3, requires_grad=True), torch.tensor([0, 2, 1, 1, 0])
loss = F.cross_entropy(scores, labels)
loss.backward()
print("value:", loss)
print("gradient:", scores.grad)
print("rows of the gradient sum to zero:", torch.allclose(scores.grad.sum(1), torch.zeros(5), atol=1e-6))
s = scores.detach()
print("log_softmax + nll_loss:", F.nll_loss(F.log_softmax(s, dim=1), labels))
print("none:", F.cross_entropy(s, labels, reduction="none"))
print("class weights:", nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5]))(s, labels))
print("ignore_index:", F.cross_entropy(s, torch.tensor([0, -100, 1, -100, 0])))
print("label smoothing:", nn.CrossEntropyLoss(label_smoothing=0.1)(s, labels))
print("probabilities as targets:", F.cross_entropy(s, F.softmax(torch.ones(5, 3), dim=1)))
print("one-hot targets equal labels:", torch.allclose(F.cross_entropy(s, F.one_hot(labels, 3).float()), loss.detach()))
print("more dimensions:", F.cross_entropy(torch.zeros(2, 4, 3, 3), torch.zeros(2, 3, 3, dtype=torch.long)))
print("huge scores:", F.cross_entropy(torch.tensor([[1000.0, 0.0], [0.0, 1000.0]]), torch.tensor([0, 0])))
print("NLLLoss, weighted sum:", nn.NLLLoss(torch.tensor([1.0, 2.0, 3.0]), reduction="sum")(F.log_softmax(s, 1), labels))

print("\nbinary")
logits, truth = torch.tensor([-2.0, 0.0, 0.5, 3.0], requires_grad=True), torch.tensor([0.0, 1.0, 1.0, 0.0])
loss = nn.BCEWithLogitsLoss()(logits, truth)
loss.backward()
print(loss, logits.grad)
print("(sigmoid - truth) / n:", (torch.sigmoid(logits) - truth).detach() / 4)
print("BCELoss after sigmoid:", nn.BCELoss()(torch.sigmoid(logits), truth))
print(
    "weights:",
    F.binary_cross_entropy(torch.tensor([0.2, 0.9]), torch.tensor([0.0, 1.0]), weight=torch.tensor([1.0, 3.0])),
)
print(
    "pos_weight:",
    F.binary_cross_entropy_with_logits(logits, truth, pos_weight=torch.tensor(2.0), reduction="none").detach(),
)
print(
    "certain and wrong:", F.binary_cross_entropy(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0]), reduction="none")
)


def attempt(what, f):
    try:
        f()
        print(f"{what}: no error")
    except (RuntimeError, ValueError, IndexError) as error:
        print(f"{what}: {type(error).__name__}")


print("\nmistakes")
attempt("label out of range", lambda: F.cross_entropy(s, torch.tensor([0, 1, 2, 3, 0])))
attempt("numbers of rows differ", lambda: F.cross_entropy(s, labels[:3]))
attempt("float labels of the wrong shape", lambda: F.cross_entropy(s, labels.float()))
attempt("BCELoss outside 0..1", lambda: F.binary_cross_entropy(torch.tensor([1.5]), torch.tensor([1.0])))
attempt("BCELoss, shapes differ", lambda: F.binary_cross_entropy(torch.ones(2), torch.ones(2, 1)))
attempt("a reduction of no name", lambda: F.mse_loss(prediction, target, reduction="average"))
