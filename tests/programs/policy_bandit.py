"""Learning by reward: a three-armed bandit and a corridor, both by REINFORCE (policy gradients)."""

import torch
from torch import nn, optim

torch.manual_seed(0)
print("the bandit: arms pay 0.2, 0.5 and 0.8 on average")
pay = torch.tensor([0.2, 0.5, 0.8])
preference = torch.zeros(3, requires_grad=True)
optimizer = optim.SGD([preference], lr=0.3)
baseline = 0.0
for step in range(301):
    p = torch.softmax(preference, dim=0)
    arm = torch.multinomial(p.detach(), 1).item()
    reward = float(torch.rand(1).item() < pay[arm].item())
    loss = -torch.log(p[arm]) * (reward - baseline)
    baseline += 0.05 * (reward - baseline)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print(f"step {step:3d}  probabilities {[round(v, 3) for v in p.tolist()]}  average reward {baseline:.3f}")

print("\nthe corridor: six cells, start in the second, the goal is the last, the first is a pit")
CELLS, GOAL = 6, 5


def one_hot(cell):
    return torch.eye(CELLS)[cell]


policy = nn.Sequential(nn.Linear(CELLS, 8), nn.Tanh(), nn.Linear(8, 2))
optimizer = optim.Adam(policy.parameters(), lr=0.02)


def episode():
    """Walk until the goal, the pit or 20 steps; the log-probabilities of the moves and the reward of each."""
    cell, log_p, rewards = 1, [], []
    for _ in range(20):
        log_probability = torch.log_softmax(policy(one_hot(cell)), dim=0)
        move = torch.bernoulli(log_probability[1].detach().exp()).int().item()  # 1 is right, 0 is left
        log_p.append(log_probability[move])
        cell += 1 if move == 1 else -1
        rewards.append(1.0 if cell == GOAL else -1.0 if cell == 0 else -0.05)
        if cell in (0, GOAL):
            break
    return log_p, rewards


def discounted(rewards, gamma=0.9):
    returns, total = [], 0.0
    for reward in reversed(rewards):
        total = reward + gamma * total
        returns.append(total)
    return torch.tensor(returns[::-1])


for update in range(31):
    losses, totals, reached = [], [], 0
    for _ in range(8):
        log_p, rewards = episode()
        losses.append(-(torch.stack(log_p) * discounted(rewards)).sum())
        totals.append(sum(rewards))
        reached += rewards[-1] == 1.0
    loss = torch.stack(losses).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 6 == 0:
        mean = sum(totals) / 8
        print(f"update {update:2d}  at the goal {reached} of 8  mean reward {mean:6.3f}  loss {loss.item():7.3f}")
with torch.no_grad():
    right = torch.softmax(policy(torch.eye(CELLS)), dim=1)[:, 1]
print("probability of going right in each cell:", [round(v, 2) for v in right.tolist()])
