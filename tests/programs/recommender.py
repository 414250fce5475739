"""A recommender by matrix factorisation: embeddings of users and films, their product is the rating."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
USERS, FILMS, TASTES = 30, 20, 3

# Ratings made from hidden tastes; 70 % of them are known.
users_taste, films_taste = torch.randn(USERS, TASTES), torch.randn(FILMS, TASTES)
ratings = 3 + users_taste @ films_taste.t() / TASTES**0.5
known = torch.rand(USERS, FILMS) < 0.7
pairs = known.nonzero()
print("known ratings:", len(pairs), "of", ratings.numel(), "first:", pairs[:3].tolist())
print("a user's row:", [round(v, 2) for v in ratings[0, :6].tolist()])


class Factorisation(nn.Module):
    def __init__(self, factors):
        super().__init__()
        self.user, self.film = nn.Embedding(USERS, factors), nn.Embedding(FILMS, factors)
        self.user_bias, self.film_bias = nn.Embedding(USERS, 1), nn.Embedding(FILMS, 1)
        self.mean = nn.Parameter(torch.tensor(3.0))
        for embedding in (self.user, self.film):
            nn.init.normal_(embedding.weight, std=0.3)
        for bias in (self.user_bias, self.film_bias):
            nn.init.zeros_(bias.weight)

    def forward(self, users, films):
        score = (self.user(users) * self.film(films)).sum(dim=1)
        return self.mean + score + self.user_bias(users).squeeze(1) + self.film_bias(films).squeeze(1)


def error(model, mask):
    """Root mean squared error over the ratings in the mask."""
    with torch.no_grad():
        rows, columns = mask.nonzero(as_tuple=True)
        return (model(rows, columns) - ratings[mask]).pow(2).mean().sqrt().item()


loader = DataLoader(TensorDataset(pairs[:, 0], pairs[:, 1], ratings[known]), batch_size=64, shuffle=True)
for factors in (1, 3, 8):
    torch.manual_seed(1)
    model = Factorisation(factors)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.2)
    for epoch in range(15):
        for users, films, rating in loader:
            loss = nn.functional.mse_loss(model(users, films), rating)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    print(f"{factors} factors: error on known ratings {error(model, known):.3f}, on unknown {error(model, ~known):.3f}")

# Which film is most like film 0, by the angle of their embeddings?
vectors = model.film.weight.detach()
unit = vectors / vectors.norm(dim=1, keepdim=True)
likeness = unit @ unit[0]
values, indices = torch.sort(likeness, descending=True)
print("most like film 0:", indices[:4].tolist(), [round(v, 3) for v in values[:4].tolist()])

# An embedding's gradient has rows only for what was looked up; a row looked up twice gets both gradients.
table = nn.Embedding(4, 2)
table(torch.tensor([1, 3, 1])).sum().backward()
print("gradient of a lookup of 1, 3, 1:", table.weight.grad.tolist())
padded = nn.Embedding(4, 2, padding_idx=0)
padded(torch.tensor([[0, 2], [0, 3]])).sum().backward()
print("with padding_idx=0:", padded.weight.grad.tolist(), padded.weight[0].tolist())
