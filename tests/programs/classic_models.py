"""Classic models by bare tensors: softmax regression, a linear SVM, naive Bayes, matrix factorisation, a Hopfield net."""

import csv
import gzip
from pathlib import Path

import torch

DATA = Path(__file__).resolve().parents[2] / "docs" / "examples" / "data" / "digits.csv.gz"

torch.manual_seed(0)
with gzip.open(DATA, "rt") as f:
    rows = torch.tensor([[int(v) for v in row] for row in csv.reader(f)])
X, Y = rows[:, :64].float() / 16, rows[:, 64]
train_x, train_y, test_x, test_y = X[:1000], Y[:1000], X[1000:1400], Y[1000:1400]
print(train_x.shape, train_y.dtype, torch.bincount(train_y))


def softmax(o):
    o_exp = torch.exp(o - o.max(1, keepdim=True).values)
    return o_exp / o_exp.sum(1, keepdim=True)


print("softmax regression, gradients by hand")
W, b = torch.zeros(64, 10), torch.zeros(10)
for epoch in range(20):
    for i in torch.arange(0, 1000, 100):
        xb, yb = train_x[i : i + 100], train_y[i : i + 100]
        p = softmax(xb @ W + b)
        p[range(len(yb)), yb] -= 1
        W -= 0.5 * xb.T @ p / len(yb)
        b -= 0.5 * p.mean(0)
    if epoch % 5 == 4:
        loss = -torch.log(softmax(train_x @ W + b)[torch.arange(1000), train_y]).mean()
        print(
            f"epoch {epoch + 1} loss {loss:.4f} test {(((test_x @ W + b).argmax(1) == test_y).float().mean() * 100):.1f}%"
        )

print("a linear SVM with the hinge loss")
w, c = torch.zeros(64, requires_grad=True), torch.zeros(1, requires_grad=True)
sign = (train_y == 3).float() * 2 - 1
for step in range(101):
    hinge = torch.clamp(1 - sign * (train_x @ w + c), min=0).mean() + 1e-3 * w.dot(w)
    hinge.backward()
    with torch.no_grad():
        for parameter in (w, c):
            parameter -= 0.3 * parameter.grad
            parameter.grad.zero_()
    if step % 50 == 0:
        print(f"step {step} hinge {hinge.item():.4f}")
predicted = torch.sign(test_x @ w + c)
truth = (test_y == 3).float() * 2 - 1
tp, fp, fn = (
    ((predicted > 0) & (truth > 0)).sum(),
    ((predicted > 0) & (truth < 0)).sum(),
    ((predicted < 0) & (truth > 0)).sum(),
)
print(
    f"precision {tp / (tp + fp):.3f} recall {tp / (tp + fn):.3f} support vectors {(sign * (train_x @ w + c) < 1).sum().item()}"
)

print("naive Bayes")
on = (train_x > 0.3).float()
p_on = torch.stack([(on[train_y == c].sum(0) + 1) / ((train_y == c).sum() + 2) for c in range(10)])
log_like = (test_x > 0.3).float() @ p_on.log().T + (test_x <= 0.3).float() @ (1 - p_on).log().T
pred = (log_like + torch.bincount(train_y).div(1000).log()).argmax(1)
print("accuracy", (pred == test_y).double().mean().item())
confusion = torch.zeros(10, 10, dtype=torch.long)
confusion.index_put_((test_y, pred), torch.tensor(1), accumulate=True)
print(confusion)

print("matrix factorisation")
R = (torch.rand(20, 4) @ torch.rand(4, 15)) * 2
mask = torch.rand_like(R) < 0.5
P, Q = torch.nn.Parameter(torch.rand(20, 4) * 0.5), torch.nn.Parameter(torch.rand(15, 4) * 0.5)
bu, bi = torch.nn.Parameter(torch.zeros(20, 1)), torch.nn.Parameter(torch.zeros(15))
opt = torch.optim.Adagrad([P, Q, bu, bi], lr=0.2)
for step in range(61):
    pred = P @ Q.T + bu + bi
    loss = ((pred - R)[mask] ** 2).mean() + 1e-3 * (P.norm() ** 2 + Q.norm() ** 2) / 20
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 20 == 0:
        print(f"step {step} loss {loss.item():.4f} held out {(pred - R)[~mask].pow(2).mean().sqrt().item():.4f}")

print("a Hopfield network")
patterns = torch.where(torch.stack([train_x[train_y == c][0] for c in (0, 1, 7)]) > 0.5, 1.0, -1.0)
weights = patterns.T @ patterns / 64
weights.fill_diagonal_(0)
for i, pattern in enumerate(patterns):
    state = pattern * torch.where(torch.rand(64) < 0.15, -1, 1)
    start = int((state != pattern).sum())
    for sweep in range(5):
        new = torch.where(weights @ state >= 0, 1.0, -1.0)
        if new.equal(state):
            break
        state = new
    energy = -0.5 * state @ weights @ state
    print(
        f"pattern {i}: {start} wrong, after {sweep} sweeps {int((state != pattern).sum())}; energy {energy.item():.3f}"
    )

print("k-means++")
centres = train_x[torch.randint(1000, (1,))]
for _ in range(4):
    d2 = torch.cdist(train_x, centres).min(1).values ** 2
    centres = torch.cat((centres, train_x[torch.multinomial(d2, 1)]))
for it in range(6):
    assignment = torch.cdist(train_x, centres).argmin(1)
    sums = torch.zeros_like(centres).index_add_(0, assignment, train_x)
    centres = sums / torch.bincount(assignment, minlength=5).clamp(min=1)[:, None]
print("sizes", torch.bincount(assignment, minlength=5).tolist())
