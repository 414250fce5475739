"""A generative adversarial network in the plane: noise learns to look like points around (2, -1)."""

import torch
from torch import nn, optim

torch.manual_seed(0)
centre = torch.tensor([2.0, -1.0])
spread = torch.tensor([0.5, 0.2])


def real_points(n):
    return centre + spread * torch.randn(n, 2)


generator = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
critic = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer_g = optim.Adam(generator.parameters(), lr=0.01, betas=(0.5, 0.999))
optimizer_d = optim.Adam(critic.parameters(), lr=0.01, betas=(0.5, 0.999))
ones, zeros = torch.ones(64, 1), torch.zeros(64, 1)

print("step   critic  generator   mean of the generated points")
for step in range(201):
    # The critic learns to tell real points from generated ones; detach() keeps the generator out of it.
    fake = generator(torch.randn(64, 2))
    loss_d = criterion(critic(real_points(64)), ones) + criterion(critic(fake.detach()), zeros)
    optimizer_d.zero_grad()
    loss_d.backward()
    optimizer_d.step()

    # The generator learns to be taken for real.
    loss_g = criterion(critic(fake), ones)
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_g.step()
    if step % 40 == 0:
        x, y = fake.detach().mean(dim=0).tolist()
        print(f"{step:4d}   {loss_d.item():.3f}   {loss_g.item():.3f}       ({x:6.3f}, {y:6.3f})")

with torch.no_grad():
    points = generator(torch.randn(500, 2))
print(
    "generated: mean",
    [round(v, 2) for v in points.mean(0).tolist()],
    "deviation",
    [round(v, 2) for v in points.std(0).tolist()],
)
print("real:      mean", [round(v, 2) for v in centre.tolist()], "deviation", [round(v, 2) for v in spread.tolist()])
