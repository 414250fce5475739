"""A mixture of experts with top-2 routing and a balancing loss; a multi-task network with learned uncertainties."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(3)


class Expert(nn.Module):
    def __init__(self, d, hidden):
        super().__init__()
        self.w1, self.w2, self.w3 = nn.Linear(d, hidden), nn.Linear(hidden, d), nn.Linear(d, hidden)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class MoE(nn.Module):
    def __init__(self, d=8, hidden=16, experts=4, k=2):
        super().__init__()
        self.gate = nn.Linear(d, experts, bias=False)
        self.experts = nn.ModuleList([Expert(d, hidden) for _ in range(experts)])
        self.k = k

    def forward(self, x):
        shape = x.shape
        x = x.view(-1, shape[-1])
        logits = self.gate(x)
        probs = logits.softmax(-1)
        weights, chosen = torch.topk(logits, self.k, dim=-1)
        weights = F.softmax(weights, dim=-1, dtype=torch.float).to(x.dtype)
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            batch_idx, nth_expert = torch.where(chosen == i)
            out[batch_idx] += weights[batch_idx, nth_expert, None] * expert(x[batch_idx])
        load = F.one_hot(chosen, len(self.experts)).float().sum(1).mean(0)
        balance = len(self.experts) * (load * probs.mean(0)).sum() / self.k
        return out.view(*shape), balance, load


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.moe, self.norm, self.head = nn.Linear(5, 8), MoE(), nn.RMSNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.embed(x)
        mixed, balance, load = self.moe(self.norm(h))
        return self.head((h + mixed).mean(1)), balance, load


x = torch.randn(48, 6, 5)
y = (x.sum((1, 2)) > 0).long() + (x[:, 0, 0] > 0).long()
model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
for step in range(41):
    logits, balance, load = model(x)
    loss = F.cross_entropy(logits, y) + 0.01 * balance
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss:.4f} balance {balance.item():.4f} load {[f'{v:.2f}' for v in load.tolist()]}")

print("multi-task, with a learned variance for each loss")


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(5, 16), nn.Mish(), nn.LayerNorm(16))
        self.heads = nn.ModuleDict({"value": nn.Linear(16, 1), "class": nn.Linear(16, 3), "flags": nn.Linear(16, 2)})
        self.log_vars = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in self.heads})

    def forward(self, x):
        h = self.trunk(x)
        return {name: head(h) for name, head in self.heads.items()}

    def loss(self, out, target):
        losses = {
            "value": F.huber_loss(out["value"].squeeze(-1), target["value"], delta=0.5),
            "class": F.cross_entropy(out["class"], target["class"], weight=torch.tensor([1.0, 0.5, 2.0])),
            "flags": F.binary_cross_entropy_with_logits(
                out["flags"], target["flags"], pos_weight=torch.tensor([2.0, 1.0])
            ),
        }
        total = sum(torch.exp(-self.log_vars[k]) * v + self.log_vars[k] for k, v in losses.items())
        return total, losses


x = torch.randn(64, 5)
target = {
    "value": x[:, 0] * x[:, 1],
    "class": torch.bucketize(x[:, 2], torch.tensor([-0.5, 0.5])),
    "flags": (x[:, 3:] > 0).float(),
}
net = MultiTask()
print(net)
optimizer = torch.optim.NAdam(net.parameters(), lr=0.02)
for step in range(41):
    total, losses = net.loss(net(x), target)
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step} total {total.item():.4f}", {k: f"{v.item():.4f}" for k, v in losses.items()})
print({k: round(v.item(), 3) for k, v in net.log_vars.items()})
