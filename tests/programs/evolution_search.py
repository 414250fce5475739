"""Without and beyond plain gradients: evolution strategies, beam search, top-p sampling, Metropolis, SGLD, Gumbel, NAS."""

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

torch.manual_seed(0)

print("evolution strategies")
net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).requires_grad_(False)
x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
theta = parameters_to_vector(net.parameters())


def fitness(vector):
    vector_to_parameters(vector, net.parameters())
    return -F.mse_loss(net(x), y).item()


for generation in range(31):
    noise = torch.randn(20, theta.numel())
    noise = torch.cat((noise, -noise))
    scores = torch.tensor([fitness(theta + 0.1 * n) for n in noise])
    ranks = scores.argsort().argsort().float() / (len(scores) - 1) - 0.5
    theta = theta + 0.3 / (40 * 0.1) * (noise.T @ ranks)
    if generation % 10 == 0:
        print(f"generation {generation} best {scores.max():.4f} mean {scores.mean():.4f}")

print("beam search")
table = torch.randn(6, 6).log_softmax(-1)


def beam_search(start, steps, width):
    beams = torch.tensor([[start]])
    scores = torch.zeros(1)
    for _ in range(steps):
        candidates = scores[:, None] + table[beams[:, -1]]
        scores, flat = candidates.flatten().topk(min(width, candidates.numel()))
        beams = torch.cat((beams[torch.div(flat, 6, rounding_mode="floor")], (flat % 6)[:, None]), dim=1)
    return beams, scores


for width in (1, 3):
    beams, scores = beam_search(0, 4, width)
    print(width, beams[0].tolist(), f"{scores[0]:.4f}")


def top_k_top_p_filtering(logits, top_k=0, top_p=1.0, filter_value=-float("Inf")):
    logits = logits.clone()
    if top_k > 0:
        logits[logits < torch.topk(logits, top_k)[0][..., -1, None]] = filter_value
    if top_p < 1.0:
        sorted_logits, sorted_indices = torch.sort(logits, descending=True)
        cumulative_probs = torch.cumsum(F.softmax(sorted_logits, dim=-1), dim=-1)
        remove = cumulative_probs > top_p
        remove[..., 1:] = remove[..., :-1].clone()
        remove[..., 0] = 0
        logits[sorted_indices[remove]] = filter_value
    return logits


for arguments in ({"top_k": 2}, {"top_p": 0.7}, {"top_k": 4, "top_p": 0.9}):
    probs = F.softmax(top_k_top_p_filtering(torch.tensor([2.0, 1.0, 0.5, 0.1, -1.0]), **arguments), -1)
    print(arguments, [f"{p:.3f}" for p in probs.tolist()], torch.multinomial(probs, 8, replacement=True).tolist())

print("Metropolis and Langevin")


def log_density(x):
    return torch.logsumexp(torch.stack((-0.5 * (x - 2) ** 2, -0.5 * (x + 2) ** 2)), 0)


state, chain, accepted = torch.zeros(()), [], 0
for _ in range(300):
    proposal = state + 1.5 * torch.randn(())
    if torch.rand(()) < torch.exp(log_density(proposal) - log_density(state)):
        state, accepted = proposal, accepted + 1
    chain.append(state)
chain = torch.stack(chain)
print(f"accepted {accepted}, mean {chain.mean():.3f}, std {chain.std():.3f}")
particles = torch.randn(100)
for _ in range(50):
    p = particles.clone().requires_grad_()
    (score,) = torch.autograd.grad(log_density(p).sum(), p)
    particles = particles + 0.1 * score + math.sqrt(0.2) * torch.randn_like(particles)
print(f"Langevin mean |x| {particles.abs().mean():.3f}", torch.histc(particles, 5, -5, 5).sum().item())

print("estimate of pi and an integral")
points = torch.rand(2, 20000)
print(
    ((points**2).sum(0) < 1).double().mean().item() * 4,
    torch.trapezoid(torch.linspace(0, 1, 11) ** 2, dx=0.1).item().__round__(4),
)

print("random walks, a Markov chain, a queue")
walk = torch.cumsum(torch.randint(0, 2, (5, 50)) * 2 - 1, dim=1)
print(walk[:, -1].tolist(), walk.max(dim=1).values.tolist(), walk.abs().float().mean().item())
P = torch.tensor([[0.9, 0.1], [0.5, 0.5]])
print(torch.matrix_power(P, 50)[0], torch.linalg.matrix_power(P, 3))
arrivals = torch.empty(6).exponential_(2.0)
service = torch.empty(6).log_normal_(-1.0, 0.3)
print([f"{v:.3f}" for v in (arrivals.cumsum(0) + service).tolist()], torch.poisson(torch.full((5,), 3.0)).tolist())
print(
    torch.empty(4).geometric_(0.3).tolist(),
    torch.empty(3).cauchy_().shape,
    torch.bernoulli(torch.full((6,), 0.4)).tolist(),
)

print("architecture search by soft choice")
ops = nn.ModuleList([nn.Identity(), nn.Tanh(), nn.ReLU(), nn.Softplus(), nn.Sigmoid()])
alpha, w = nn.Parameter(1e-3 * torch.randn(5)), nn.Parameter(torch.randn(()))
u = torch.linspace(-2, 2, 41)
target = F.relu(1.5 * u)
optimizer = torch.optim.Adam([{"params": [alpha], "lr": 0.1}, {"params": [w], "lr": 0.05}])
for step in range(81):
    mixed = sum(a * op(w * u) for a, op in zip(alpha.softmax(0), ops))
    loss = F.mse_loss(mixed, target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step} loss {loss.item():.4f} choice {ops[alpha.argmax()]} w {w.item():.3f}")
