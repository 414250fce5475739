"""Policy gradients: a network learns to balance a pole on a cart, by trial and error.

REINFORCE (R. Williams, 1992) with a learned baseline: actions that led to more reward than was expected become more
likely. The cart and its pole are simulated in a few lines, after A. Barto, R. Sutton and C. Anderson, 1983.

Plain PyTorch: `python policy_gradient.py`, or `python -m microtorch run policy_gradient.py`; both print the same.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical


class CartPole:
    """A pole on a cart: action 0 pushes left, 1 pushes right. It ends when the pole falls or after 100 steps."""

    def reset(self):
        self.state = (torch.rand(4, dtype=torch.float64) * 0.1 - 0.05).tolist()
        self.steps = 0
        return torch.tensor(self.state)

    def step(self, action):
        """The new state, the reward and whether it has ended; 0.02 s by Euler's method."""
        x, v, angle, omega = self.state
        force = 10.0 if action == 1 else -10.0
        push = (force + 0.05 * omega**2 * math.sin(angle)) / 1.1
        spin = (9.8 * math.sin(angle) - math.cos(angle) * push) / (0.5 * (4 / 3 - 0.1 * math.cos(angle) ** 2 / 1.1))
        acceleration = push - 0.05 * spin * math.cos(angle) / 1.1
        self.state = [x + 0.02 * v, v + 0.02 * acceleration, angle + 0.02 * omega, omega + 0.02 * spin]
        self.steps += 1
        ended = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.21 or self.steps == 100
        return torch.tensor(self.state), 1.0, ended


class ActorCritic(nn.Module):
    """4 numbers of the state -> scores of the 2 actions, and the expected return."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 32)
        self.actor, self.critic = nn.Linear(32, 2), nn.Linear(32, 1)

    def forward(self, state):
        h = torch.tanh(self.body(state))
        return self.actor(h), self.critic(h).squeeze(-1)


def play(model, env):
    """One episode: the log-probabilities of the actions taken, the values expected, the rewards, the entropies."""
    state, ended, log_probs, values, rewards, entropies = env.reset(), False, [], [], [], []
    while not ended:
        logits, value = model(state)
        policy = Categorical(logits=logits)
        action = policy.sample()
        state, reward, ended = env.step(action.item())
        log_probs.append(policy.log_prob(action))
        entropies.append(policy.entropy())
        values.append(value)
        rewards.append(reward)
    return torch.stack(log_probs), torch.stack(values), rewards, torch.stack(entropies)


def discounted(rewards, gamma=0.98):
    """The return from each step on: its reward, and the later ones, each worth a little less."""
    returns, total = [], 0.0
    for reward in reversed(rewards):
        total = reward + gamma * total
        returns.append(total)
    return torch.tensor(returns[::-1])


torch.manual_seed(4)
env, model = CartPole(), ActorCritic()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
lengths = []
for episode in range(1, 101):
    log_probs, values, rewards, entropies = play(model, env)
    returns = discounted(rewards)
    advantage = returns - values.detach()
    loss = -(log_probs * advantage).mean() + 0.05 * F.mse_loss(values, returns) - 0.01 * entropies.mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    lengths.append(len(rewards))
    if episode % 20 == 0:
        print(f"episodes {episode - 19:3d} to {episode:3d}: the pole stands {sum(lengths[-20:]) / 20:5.1f} steps")
