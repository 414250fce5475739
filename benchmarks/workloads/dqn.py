"""DQN: 16 actions chosen one by one by an MLP 4-128-128-2, then a step on a batch of 64, Huber loss, AdamW."""

from __future__ import annotations

import copy
from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One round of reinforcement learning on random states: acting, learning, a soft update of the target network."""
    nn = torch.nn
    torch.manual_seed(0)
    policy = nn.Sequential(nn.Linear(4, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
    target = copy.deepcopy(policy)
    states, following = torch.randn(64, 4), torch.randn(64, 4)
    rewards, going_on = torch.rand(64), torch.arange(64) % 8 != 0
    optimizer, loss_fn = torch.optim.AdamW(policy.parameters(), lr=1e-4, amsgrad=True), nn.SmoothL1Loss()

    def step() -> Any:
        chosen = []
        for i in range(16):
            with torch.no_grad():
                chosen.append(policy(states[i : i + 1]).max(1).indices.view(1, 1))
        actions = torch.cat(chosen * 4)
        values = policy(states).gather(1, actions)
        best = torch.zeros(64)
        with torch.no_grad():
            best[going_on] = target(following[going_on]).max(1).values
        loss = loss_fn(values, (best * 0.99 + rewards).unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(policy.parameters(), 100)
        optimizer.step()
        slow, new = target.state_dict(), policy.state_dict()
        for key in new:
            slow[key] = new[key] * 0.005 + slow[key] * 0.995
        target.load_state_dict(slow)
        return loss

    return step
