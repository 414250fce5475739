"""Continuous control: DDPG with target networks and Ornstein-Uhlenbeck noise, soft actor-critic with a learned temperature."""

import copy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal

torch.manual_seed(0)
np.random.seed(0)


class ReplayBuffer:
    def __init__(self, state_dim, action_dim, max_size=2000):
        self.max_size, self.ptr, self.size = max_size, 0, 0
        self.data = [np.zeros((max_size, d)) for d in (state_dim, action_dim, state_dim, 1, 1)]

    def add(self, *items):
        for array, item in zip(self.data, items):
            array[self.ptr] = item
        self.ptr, self.size = (self.ptr + 1) % self.max_size, min(self.size + 1, self.max_size)

    def sample(self, n):
        ind = np.random.randint(0, self.size, size=n)
        return [torch.FloatTensor(array[ind]) for array in self.data]


def step(state, action):
    x, v = state
    v = 0.9 * v + 0.3 * float(np.clip(action, -1, 1))
    x = x + 0.2 * v
    return np.array([x, v]), -abs(x) - 0.05 * float(action) ** 2, abs(x) > 3


def mlp(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, n_out))


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.q1, self.q2 = mlp(3, 1), mlp(3, 1)

    def forward(self, s, a):
        sa = torch.cat([s, a], 1)
        return self.q1(sa), self.q2(sa)


def soft_update(source, target, tau):
    for param, target_param in zip(source.parameters(), target.parameters()):
        target_param.data.copy_(tau * param.data + (1 - tau) * target_param.data)


class OUNoise:
    def __init__(self, theta=0.15, sigma=0.3):
        self.theta, self.sigma, self.x = theta, sigma, 0.0

    def __call__(self):
        self.x += -self.theta * self.x + self.sigma * np.random.randn()
        return self.x


print("DDPG")
actor, critic, buffer, noise = nn.Sequential(mlp(2, 1), nn.Tanh()), Critic(), ReplayBuffer(2, 1), OUNoise()
actor_target, critic_target = copy.deepcopy(actor), copy.deepcopy(critic)
actor_optimizer, critic_optimizer = (
    torch.optim.Adam(actor.parameters(), 1e-3),
    torch.optim.Adam(critic.parameters(), 2e-3),
)
for episode in range(1, 9):
    state, total = np.random.uniform(-1, 1, 2), 0.0
    for t in range(25):
        with torch.no_grad():
            action = actor(torch.FloatTensor(state).unsqueeze(0)).numpy().flatten() + noise()
        next_state, reward, done = step(state, action.item())
        buffer.add(state, action, next_state, reward, float(done))
        state, total = next_state, total + reward
        if buffer.size < 32:
            continue
        s, a, s2, r, d = buffer.sample(32)
        with torch.no_grad():
            target = r + (1 - d) * 0.95 * torch.min(*critic_target(s2, actor_target(s2)))
        q1, q2 = critic(s, a)
        critic_loss = F.mse_loss(q1, target) + F.mse_loss(q2, target)
        critic_optimizer.zero_grad()
        critic_loss.backward()
        critic_optimizer.step()
        actor_loss = -critic(s, actor(s))[0].mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()
        soft_update(critic, critic_target, 0.02)
        soft_update(actor, actor_target, 0.02)
        if done:
            break
    if episode % 2 == 0:
        print(f"episode {episode} return {total:.2f} critic {critic_loss.item():.3f} actor {actor_loss.item():.3f}")

print("soft actor-critic")


class GaussianPolicy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp(2, 2)

    def forward(self, s):
        mean, log_std = self.net(s).chunk(2, dim=-1)
        normal = Normal(mean, log_std.clamp(-5, 2).exp())
        x = normal.rsample()
        y = torch.tanh(x)
        log_prob = (normal.log_prob(x) - torch.log(1 - y.pow(2) + 1e-6)).sum(1, keepdim=True)
        return y, log_prob


policy, critic = GaussianPolicy(), Critic()
critic_target = copy.deepcopy(critic).requires_grad_(False)
log_alpha = torch.zeros(1, requires_grad=True)
optimizers = [torch.optim.Adam(p, lr=3e-3) for p in (policy.parameters(), critic.parameters(), [log_alpha])]
for update in range(41):
    s, a, s2, r, d = buffer.sample(32)
    with torch.no_grad():
        a2, logp2 = policy(s2)
        target = r + (1 - d) * 0.95 * (torch.min(*critic_target(s2, a2)) - log_alpha.exp() * logp2)
    critic_loss = sum(F.mse_loss(q, target) for q in critic(s, a))
    new_a, logp = policy(s)
    policy_loss = (log_alpha.exp().detach() * logp - torch.min(*critic(s, new_a))).mean()
    alpha_loss = -(log_alpha * (logp - 1.0).detach()).mean()
    for optimizer, loss in zip(optimizers, (policy_loss, critic_loss, alpha_loss)):
        optimizer.zero_grad()
        loss.backward(retain_graph=False) if loss is not policy_loss else loss.backward(
            inputs=list(policy.parameters())
        )
    for optimizer in optimizers:
        optimizer.step()
    soft_update(critic, critic_target, 0.05)
    if update % 10 == 0:
        print(
            f"update {update} critic {critic_loss.item():.3f} policy {policy_loss.item():.3f} alpha {log_alpha.exp().item():.4f} entropy {-logp.mean().item():.3f}"
        )
