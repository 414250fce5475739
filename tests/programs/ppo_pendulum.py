"""PPO with a Gaussian policy on a point that is pushed to the origin: GAE, clipping, minibatches, running statistics."""

import numpy as np
import torch
import torch.nn as nn
from torch.distributions.normal import Normal

torch.manual_seed(0)


def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Envs:
    """Eight points on a line with a speed; the action is a force; the reward is minus the distance."""

    def __init__(self, n):
        self.n = n

    def reset(self):
        self.state, self.t = torch.rand(self.n, 2) * 2 - 1, 0
        return self.state.clone()

    def step(self, action):
        x, v = self.state.unbind(1)
        v = (v + 0.2 * action.clamp(-1, 1).squeeze(1)) * 0.9
        self.state, self.t = torch.stack((x + 0.2 * v, v), 1), self.t + 1
        done = self.t % 16 == 0
        reward = -self.state[:, 0].abs() - 0.1 * action.pow(2).squeeze(1)
        return (self.reset() if done else self.state.clone()), reward, torch.full((self.n,), float(done))


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(layer_init(nn.Linear(2, 32)), nn.Tanh(), layer_init(nn.Linear(32, 1), std=1.0))
        self.actor_mean = nn.Sequential(layer_init(nn.Linear(2, 32)), nn.Tanh(), layer_init(nn.Linear(32, 1), std=0.01))
        self.actor_logstd = nn.Parameter(torch.zeros(1, 1))

    def get_value(self, x):
        return self.critic(x)

    def get_action_and_value(self, x, action=None):
        action_mean = self.actor_mean(x)
        action_std = torch.exp(self.actor_logstd.expand_as(action_mean))
        probs = Normal(action_mean, action_std)
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action).sum(1), probs.entropy().sum(1), self.critic(x)


num_envs, num_steps, gamma, gae_lambda, clip_coef = 8, 16, 0.95, 0.9, 0.2
envs, agent = Envs(num_envs), Agent()
optimizer = torch.optim.Adam(agent.parameters(), lr=3e-3, eps=1e-5)
obs = torch.zeros((num_steps, num_envs, 2))
actions = torch.zeros((num_steps, num_envs, 1))
logprobs, rewards, dones, values = (torch.zeros((num_steps, num_envs)) for _ in range(4))
next_obs, next_done = envs.reset(), torch.zeros(num_envs)
for update in range(1, 7):
    optimizer.param_groups[0]["lr"] = (1.0 - (update - 1.0) / 6) * 3e-3
    for step in range(num_steps):
        obs[step], dones[step] = next_obs, next_done
        with torch.no_grad():
            action, logprob, _, value = agent.get_action_and_value(next_obs)
            values[step] = value.flatten()
        actions[step], logprobs[step] = action, logprob
        next_obs, reward, next_done = envs.step(action)
        rewards[step] = reward.view(-1)
    with torch.no_grad():
        next_value = agent.get_value(next_obs).reshape(1, -1)
        advantages, lastgaelam = torch.zeros_like(rewards), 0
        for t in reversed(range(num_steps)):
            nextnonterminal = 1.0 - (next_done if t == num_steps - 1 else dones[t + 1])
            nextvalues = next_value if t == num_steps - 1 else values[t + 1]
            delta = rewards[t] + gamma * nextvalues * nextnonterminal - values[t]
            advantages[t] = lastgaelam = delta + gamma * gae_lambda * nextnonterminal * lastgaelam
        returns = advantages + values
    b_obs, b_logprobs, b_actions = obs.reshape((-1, 2)), logprobs.reshape(-1), actions.reshape((-1, 1))
    b_advantages, b_returns, b_values = advantages.reshape(-1), returns.reshape(-1), values.reshape(-1)
    clipfracs = []
    for epoch in range(3):
        for mb_inds in torch.randperm(128).split(32):
            _, newlogprob, entropy, newvalue = agent.get_action_and_value(b_obs[mb_inds], b_actions[mb_inds])
            logratio = newlogprob - b_logprobs[mb_inds]
            ratio = logratio.exp()
            with torch.no_grad():
                approx_kl = ((ratio - 1) - logratio).mean()
                clipfracs += [((ratio - 1.0).abs() > clip_coef).float().mean().item()]
            mb_advantages = b_advantages[mb_inds]
            mb_advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + 1e-8)
            pg_loss = torch.max(
                -mb_advantages * ratio, -mb_advantages * torch.clamp(ratio, 1 - clip_coef, 1 + clip_coef)
            ).mean()
            newvalue = newvalue.view(-1)
            v_clipped = b_values[mb_inds] + torch.clamp(newvalue - b_values[mb_inds], -clip_coef, clip_coef)
            v_loss = 0.5 * torch.max((newvalue - b_returns[mb_inds]) ** 2, (v_clipped - b_returns[mb_inds]) ** 2).mean()
            loss = pg_loss - 0.01 * entropy.mean() + v_loss * 0.5
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
    y_pred, y_true = b_values.numpy(), b_returns.numpy()
    explained = 1 - np.var(y_true - y_pred) / np.var(y_true)
    print(
        f"update {update} reward {rewards.mean():.3f} value loss {v_loss.item():.3f} entropy {entropy.mean().item():.4f} "
        f"kl {approx_kl.item():.4f} clipped {np.mean(clipfracs):.3f} explained {explained:.3f}"
    )
