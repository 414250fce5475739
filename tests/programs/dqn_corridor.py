"""Deep Q-learning with a replay buffer, a target network and soft updates, on a corridor with a trap."""

import math
import random
from collections import deque, namedtuple
from itertools import count

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))
random.seed(1)
torch.manual_seed(1)


class ReplayMemory:
    def __init__(self, capacity):
        self.memory = deque([], maxlen=capacity)

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, batch_size):
        return random.sample(self.memory, batch_size)

    def __len__(self):
        return len(self.memory)


class Corridor:
    """Six cells; action 0 goes left, 1 right. The right end pays 1, the left end costs 1."""

    def reset(self):
        self.at, self.time = 2, 0
        return self.observe()

    def observe(self):
        state = [0.0] * 6
        state[self.at] = 1.0
        return state

    def step(self, action):
        self.at += 1 if action == 1 else -1
        self.time += 1
        done = self.at in (0, 5)
        reward = 1.0 if self.at == 5 else -1.0 if self.at == 0 else -0.05
        return self.observe(), reward, done, self.time > 30


class DQN(nn.Module):
    def __init__(self, n_observations, n_actions):
        super(DQN, self).__init__()
        self.layer1 = nn.Linear(n_observations, 24)
        self.layer2 = nn.Linear(24, 24)
        self.layer3 = nn.Linear(24, n_actions)

    def forward(self, x):
        x = F.relu(self.layer1(x))
        x = F.relu(self.layer2(x))
        return self.layer3(x)


BATCH_SIZE, GAMMA, EPS_START, EPS_END, EPS_DECAY, TAU, LR = 32, 0.95, 0.9, 0.05, 150, 0.01, 1e-3
env = Corridor()
policy_net, target_net = DQN(6, 2), DQN(6, 2)
print(target_net.load_state_dict(policy_net.state_dict()))
optimizer = optim.AdamW(policy_net.parameters(), lr=LR, amsgrad=True)
memory = ReplayMemory(1000)
steps_done = 0


def select_action(state):
    global steps_done
    eps_threshold = EPS_END + (EPS_START - EPS_END) * math.exp(-1.0 * steps_done / EPS_DECAY)
    steps_done += 1
    if random.random() > eps_threshold:
        with torch.no_grad():
            return policy_net(state).max(1).indices.view(1, 1)
    return torch.tensor([[random.randrange(2)]], dtype=torch.long)


def optimize_model():
    if len(memory) < BATCH_SIZE:
        return None
    batch = Transition(*zip(*memory.sample(BATCH_SIZE)))
    non_final_mask = torch.tensor(tuple(map(lambda s: s is not None, batch.next_state)), dtype=torch.bool)
    non_final_next_states = torch.cat([s for s in batch.next_state if s is not None])
    state_batch, action_batch, reward_batch = torch.cat(batch.state), torch.cat(batch.action), torch.cat(batch.reward)
    state_action_values = policy_net(state_batch).gather(1, action_batch)
    next_state_values = torch.zeros(BATCH_SIZE)
    with torch.no_grad():
        next_state_values[non_final_mask] = target_net(non_final_next_states).max(1).values
    expected = (next_state_values * GAMMA) + reward_batch
    loss = nn.SmoothL1Loss()(state_action_values, expected.unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
    optimizer.step()
    return loss.item()


durations, losses = [], []
for i_episode in range(60):
    state = torch.tensor(env.reset(), dtype=torch.float32).unsqueeze(0)
    total = 0.0
    for t in count():
        action = select_action(state)
        observation, reward, terminated, truncated = env.step(action.item())
        total += reward
        next_state = None if terminated else torch.tensor(observation, dtype=torch.float32).unsqueeze(0)
        memory.push(state, action, next_state, torch.tensor([reward]))
        state = next_state
        loss = optimize_model()
        if loss is not None:
            losses.append(loss)
        target_sd, policy_sd = target_net.state_dict(), policy_net.state_dict()
        for key in policy_sd:
            target_sd[key] = policy_sd[key] * TAU + target_sd[key] * (1 - TAU)
        target_net.load_state_dict(target_sd)
        if terminated or truncated:
            durations.append(t + 1)
            break
    if i_episode % 10 == 9:
        d = torch.tensor(durations, dtype=torch.float)
        means = d.unfold(0, 5, 1).mean(1).view(-1)
        print(
            f"episode {i_episode + 1}: return {total:.2f}, mean duration of five {means[-1]:.1f}, updates {len(losses)}"
        )
with torch.no_grad():
    print(torch.round(policy_net(torch.eye(6)[1:5]), decimals=1))
    print("policy:", ["left" if a == 0 else "right" for a in policy_net(torch.eye(6)[1:5]).argmax(1)])
