"""Adversarial training's variants: WGAN with gradient penalty, LSGAN with a PatchGAN and residual generator, ACGAN."""

import itertools

import torch
import torch.autograd as autograd
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
angles = torch.arange(8) * torch.pi / 4
modes = torch.stack((angles.cos(), angles.sin()), 1) * 2


def real(n):
    return modes[torch.randint(8, (n,))] + 0.05 * torch.randn(n, 2)


G = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
opt_G, opt_D = (torch.optim.Adam(m.parameters(), lr=1e-3, betas=(0.5, 0.9)) for m in (G, D))


def compute_gradient_penalty(D, real_samples, fake_samples):
    alpha = torch.rand(real_samples.size(0), 1)
    interpolates = (alpha * real_samples + ((1 - alpha) * fake_samples)).requires_grad_(True)
    d_interpolates = D(interpolates)
    fake = torch.ones(real_samples.shape[0], 1, requires_grad=False)
    gradients = autograd.grad(
        outputs=d_interpolates,
        inputs=interpolates,
        grad_outputs=fake,
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


for step in range(61):
    for p in D.parameters():
        p.requires_grad_(True)
    x, z = real(64), torch.randn(64, 4)
    fake = G(z).detach()
    gp = compute_gradient_penalty(D, x, fake)
    d_loss = -torch.mean(D(x)) + torch.mean(D(fake)) + 10 * gp
    opt_D.zero_grad()
    d_loss.backward()
    opt_D.step()
    if step % 5 == 0:
        for p in D.parameters():
            p.requires_grad_(False)
        g_loss = -torch.mean(D(G(torch.randn(64, 4))))
        opt_G.zero_grad()
        g_loss.backward()
        opt_G.step()
    if step % 20 == 0:
        print(f"WGAN-GP step {step} D {d_loss.item():.3f} penalty {gp.item():.3f} G {g_loss.item():.3f}")


class ResidualBlock(nn.Module):
    def __init__(self, in_features):
        super(ResidualBlock, self).__init__()
        self.block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(in_features, in_features, 3), nn.InstanceNorm2d(in_features), nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1), nn.Conv2d(in_features, in_features, 3), nn.InstanceNorm2d(in_features),
        )  # fmt: skip

    def forward(self, x):
        return x + self.block(x)


class GeneratorResNet(nn.Module):
    def __init__(self, channels=3, width=6):
        super().__init__()
        self.model = nn.Sequential(
            nn.ReflectionPad2d(2), nn.Conv2d(channels, width, 5), nn.InstanceNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, width * 2, 3, stride=2, padding=1), nn.InstanceNorm2d(width * 2, affine=True), nn.ReLU(inplace=True),
            ResidualBlock(width * 2),
            nn.Upsample(scale_factor=2), nn.Conv2d(width * 2, width, 3, stride=1, padding=1), nn.ReLU(inplace=True),
            nn.ZeroPad2d(1), nn.Conv2d(width, channels, 3), nn.Tanh(),
        )  # fmt: skip

    def forward(self, x):
        return self.model(x)


def discriminator():
    return nn.Sequential(
        nn.Conv2d(3, 6, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(6, 12, 4, stride=2, padding=1), nn.InstanceNorm2d(12), nn.LeakyReLU(0.2, inplace=True),
        nn.ZeroPad2d((1, 0, 1, 0)), nn.Conv2d(12, 1, 4, padding=1),
    )  # fmt: skip


class ReplayBuffer:
    def __init__(self, max_size=6):
        self.max_size, self.data = max_size, []

    def push_and_pop(self, data):
        to_return = []
        for element in data.data:
            element = torch.unsqueeze(element, 0)
            if len(self.data) < self.max_size:
                self.data.append(element)
                to_return.append(element)
            elif torch.rand(()) > 0.5:
                i = int(torch.randint(0, self.max_size, ()))
                to_return.append(self.data[i].clone())
                self.data[i] = element
            else:
                to_return.append(element)
        return torch.cat(to_return)


G_AB, G_BA, D_A, D_B = GeneratorResNet(), GeneratorResNet(), discriminator(), discriminator()
mse, l1 = nn.MSELoss(), nn.L1Loss()
optimizer_G = torch.optim.Adam(itertools.chain(G_AB.parameters(), G_BA.parameters()), lr=1e-3, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(itertools.chain(D_A.parameters(), D_B.parameters()), lr=1e-3, betas=(0.5, 0.999))
buffer_A, buffer_B = ReplayBuffer(), ReplayBuffer()
for step in range(4):
    real_A = torch.rand(2, 3, 16, 16) * 2 - 1
    real_B = torch.rand(2, 3, 16, 16).round() * 2 - 1
    valid = torch.ones(2, *D_A(real_A).shape[1:])
    fake_B, fake_A = G_AB(real_A), G_BA(real_B)
    gan = mse(D_B(fake_B), valid) + mse(D_A(fake_A), valid)
    cycle = l1(G_BA(fake_B), real_A) + l1(G_AB(fake_A), real_B)
    identity = l1(G_BA(real_A), real_A) + l1(G_AB(real_B), real_B)
    optimizer_G.zero_grad()
    (gan + 10 * cycle + 5 * identity).backward()
    optimizer_G.step()
    optimizer_D.zero_grad()
    d_loss = 0
    for D_x, real_x, fake_x, buffer in ((D_A, real_A, fake_A, buffer_A), (D_B, real_B, fake_B, buffer_B)):
        d_loss = (
            d_loss + mse(D_x(real_x), valid) + mse(D_x(buffer.push_and_pop(fake_x).detach()), torch.zeros_like(valid))
        )
    d_loss.backward()
    optimizer_D.step()
    print(
        f"CycleGAN step {step} gan {gan.item():.3f} cycle {cycle.item():.3f} identity {identity.item():.3f} D {d_loss.item():.3f}"
    )


class CondG(nn.Module):
    def __init__(self):
        super().__init__()
        self.label_emb = nn.Embedding(8, 4)
        self.model = nn.Sequential(
            nn.Linear(8, 24), nn.BatchNorm1d(24, 0.8), nn.LeakyReLU(0.2, inplace=True), nn.Linear(24, 2)
        )

    def forward(self, noise, labels):
        return self.model(torch.mul(torch.cat((self.label_emb(labels), noise), -1), 1.0))


cond, critic = CondG(), nn.Sequential(nn.Linear(10, 24), nn.Dropout(0.2), nn.LeakyReLU(0.2), nn.Linear(24, 1))
og, od = torch.optim.RMSprop(cond.parameters(), lr=2e-3), torch.optim.RMSprop(critic.parameters(), lr=2e-3)
for step in range(31):
    labels = torch.randint(0, 8, (32,))
    x, fake, hot = (
        modes[labels] + 0.05 * torch.randn(32, 2),
        cond(torch.randn(32, 4), labels),
        F.one_hot(labels, 8).float(),
    )
    d = -critic(torch.cat((x, hot), 1)).mean() + critic(torch.cat((fake.detach(), hot), 1)).mean()
    od.zero_grad()
    d.backward()
    od.step()
    for p in critic.parameters():
        p.data.clamp_(-0.1, 0.1)
    g = -critic(torch.cat((fake, hot), 1)).mean()
    og.zero_grad()
    g.backward()
    og.step()
    if step % 10 == 0:
        print(f"conditional WGAN step {step} D {d.item():.4f} G {g.item():.4f}")
