"""REINFORCE and actor-critic with torch.distributions on a balancing pole simulated in a few lines."""

import math
from collections import deque, namedtuple

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical

SavedAction = namedtuple("SavedAction", ["log_prob", "value"])


class CartPole:
    """The cart and pole of Barto, Sutton and Anderson, by Euler's method."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def reset(self):
        self.state = self.rng.uniform(-0.05, 0.05, 4)
        self.steps = 0
        return self.state.astype(np.float32)

    def step(self, action):
        x, v, theta, omega = self.state
        force = 10.0 if action == 1 else -10.0
        temp = (force + 0.05 * omega**2 * math.sin(theta)) / 1.1
        alpha = (9.8 * math.sin(theta) - math.cos(theta) * temp) / (0.5 * (4 / 3 - 0.1 * math.cos(theta) ** 2 / 1.1))
        acc = temp - 0.05 * alpha * math.cos(theta) / 1.1
        self.state = self.state + 0.02 * np.array([v, acc, omega, alpha])
        self.steps += 1
        done = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.21 or self.steps >= 100
        return self.state.astype(np.float32), 1.0, done


class Policy(nn.Module):
    def __init__(self):
        super(Policy, self).__init__()
        self.affine1 = nn.Linear(4, 32)
        self.dropout = nn.Dropout(p=0.1)
        self.affine2 = nn.Linear(32, 2)
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.dropout(self.affine1(x)))
        return F.softmax(self.affine2(x), dim=1)


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.action_head, self.value_head = nn.Linear(4, 32), nn.Linear(32, 2), nn.Linear(32, 1)

    def forward(self, x):
        x = F.relu(self.body(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


gamma, eps = 0.99, np.finfo(np.float32).eps.item()
torch.manual_seed(543)
policy = Policy()
optimizer = optim.Adam(policy.parameters(), lr=1e-2)
env = CartPole(0)
running = 10
print("REINFORCE")
for i_episode in range(1, 31):
    state, ep_reward = env.reset(), 0
    for t in range(1, 1000):
        probs = policy(torch.from_numpy(state).float().unsqueeze(0))
        m = Categorical(probs)
        action = m.sample()
        policy.saved_log_probs.append(m.log_prob(action))
        state, reward, done = env.step(action.item())
        policy.rewards.append(reward)
        ep_reward += reward
        if done:
            break
    running = 0.05 * ep_reward + 0.95 * running
    R, policy_loss, returns = 0, [], deque()
    for r in policy.rewards[::-1]:
        R = r + gamma * R
        returns.appendleft(R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    for log_prob, R in zip(policy.saved_log_probs, returns):
        policy_loss.append(-log_prob * R)
    optimizer.zero_grad()
    policy_loss = torch.cat(policy_loss).sum()
    policy_loss.backward()
    optimizer.step()
    del policy.rewards[:]
    del policy.saved_log_probs[:]
    if i_episode % 10 == 0:
        print("Episode {}\tLast reward: {:.2f}\tAverage reward: {:.2f}".format(i_episode, ep_reward, running))

print("actor-critic with an entropy bonus")
model = ActorCritic()
optimizer = optim.Adam(model.parameters(), lr=3e-2)
for i_episode in range(1, 21):
    state, saved, rewards, entropies = torch.from_numpy(env.reset()), [], [], []
    for t in range(200):
        probs, state_value = model(state)
        m = Categorical(probs)
        action = m.sample()
        saved.append(SavedAction(m.log_prob(action), state_value))
        entropies.append(m.entropy())
        state, reward, done = env.step(action.item())
        state = torch.from_numpy(state)
        rewards.append(reward)
        if done:
            break
    R, returns = 0, []
    for r in rewards[::-1]:
        R = r + gamma * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    policy_losses, value_losses = [], []
    for (log_prob, value), R in zip(saved, returns):
        advantage = R - value.item()
        policy_losses.append(-log_prob * advantage)
        value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
    optimizer.zero_grad()
    loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum() - 0.01 * torch.stack(entropies).sum()
    loss.backward()
    optimizer.step()
    if i_episode % 5 == 0:
        print(f"episode {i_episode} length {len(rewards)} loss {loss.item():.2f} entropy {entropies[-1].item():.3f}")
print(Categorical(torch.tensor([0.25, 0.75])))
