"""A character model of names: counted bigrams, the same learned by gradient descent, then an MLP over two letters."""

import torch
import torch.nn.functional as F

names = """ada alan alice amelia anna arthur barbara benjamin carl charles clara daniel dorothy edith edsger edward
elena emma emmy ernest eva florence frances george grace hedy helen henry hilda ida irene isaac james jane john karen
katherine lise louise margaret maria marie mary max michael nora oliver paul peter ralph rosa rosalind ruth samuel sarah
sofia stephen thomas vera william""".split()
letters = sorted(set("".join(names)))
stoi = {c: i + 1 for i, c in enumerate(letters)}
stoi["."] = 0
itos = {i: c for c, i in stoi.items()}
V = len(stoi)
print(len(names), "names,", V, "characters, the first:", names[:4])

# Counting: how often does each letter follow each other one?
counts = torch.zeros((V, V), dtype=torch.int32)
for name in names:
    for a, b in zip("." + name, name + "."):
        counts[stoi[a], stoi[b]] += 1
P = (counts + 1).float()
P /= P.sum(1, keepdim=True)
print("after 'a':", {itos[i]: n for i, n in enumerate(counts[stoi["a"]].tolist()) if n > 3})

xs = torch.tensor([stoi[c] for name in names for c in "." + name])
ys = torch.tensor([stoi[c] for name in names for c in name + "."])
print(f"{len(xs)} pairs, counted: mean negative log-likelihood {-P[xs, ys].log().mean().item():.4f}")

g = torch.Generator().manual_seed(2147483647)
for _ in range(4):
    out, ix = [], 0
    while True:
        ix = torch.multinomial(P[ix], num_samples=1, replacement=True, generator=g).item()
        if ix == 0:
            break
        out.append(itos[ix])
    print("  sampled:", "".join(out))

# The same by a single layer: one-hot letters times a matrix of logits.
g = torch.Generator().manual_seed(2147483647)
W = torch.randn((V, V), generator=g, requires_grad=True)
x_one_hot = F.one_hot(xs, num_classes=V).float()
for k in range(101):
    logits = x_one_hot @ W
    exponentials = logits.exp()
    probabilities = exponentials / exponentials.sum(1, keepdim=True)
    loss = -probabilities[torch.arange(len(xs)), ys].log().mean() + 0.01 * (W**2).mean()
    W.grad = None
    loss.backward()
    W.data += -20 * W.grad
    if k % 25 == 0:
        print(f"layer, step {k:3d}: loss {loss.item():.4f}")

# An MLP that sees the two letters before.
contexts, targets = [], []
for name in names:
    context = [0, 0]
    for c in name + ".":
        contexts.append(context)
        targets.append(stoi[c])
        context = [context[1], stoi[c]]
X, Y = torch.tensor(contexts), torch.tensor(targets)
C = torch.randn((V, 4), generator=g)
W1, b1 = torch.randn((8, 40), generator=g) * 0.3, torch.zeros(40)
W2, b2 = torch.randn((40, V), generator=g) * 0.1, torch.zeros(V)
parameters = [C, W1, b1, W2, b2]
for p in parameters:
    p.requires_grad = True
print(
    "MLP with",
    sum(p.nelement() for p in parameters),
    "parameters; first contexts",
    X[:3].tolist(),
    "->",
    Y[:3].tolist(),
)
for step in range(151):
    ix = torch.randint(0, X.shape[0], (64,), generator=g)
    h = torch.tanh(C[X[ix]].view(-1, 8) @ W1 + b1)
    loss = F.cross_entropy(h @ W2 + b2, Y[ix])
    for p in parameters:
        p.grad = None
    loss.backward()
    for p in parameters:
        p.data += -0.3 * p.grad
    if step % 50 == 0:
        with torch.no_grad():
            h = torch.tanh(F.embedding(X, C).flatten(1) @ W1 + b1)
            print(f"MLP, step {step:3d}: loss on all {F.cross_entropy(h @ W2 + b2, Y).item():.4f}")
