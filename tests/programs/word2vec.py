"""Word vectors: skip-gram with negative sampling, sparse gradients, nearest neighbours by cosine."""

from collections import Counter

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
corpus = (
    "the king rules the land and the queen rules the land the man works the field and the woman works the field "
    "the king is a man and the queen is a woman the dog eats meat and the cat eats fish a dog and a cat are animals"
).split()
counts = Counter(corpus)
vocab = [w for w, _ in counts.most_common()]
word_to_ix = {w: i for i, w in enumerate(vocab)}
ids = torch.tensor([word_to_ix[w] for w in corpus])
freq = torch.tensor([counts[w] for w in vocab], dtype=torch.float)
noise = freq.pow(0.75)
noise /= noise.sum()
print(len(vocab), "words;", [(w, counts[w]) for w in vocab[:4]], f"noise of 'the' {noise[0]:.4f}")


def skipgrams(window=2):
    pairs = []
    for i in range(len(ids)):
        for j in range(max(0, i - window), min(len(ids), i + window + 1)):
            if i != j:
                pairs.append((ids[i].item(), ids[j].item()))
    return torch.tensor(pairs)


class SkipGramNeg(nn.Module):
    def __init__(self, n_vocab, n_embed):
        super().__init__()
        self.in_embed = nn.Embedding(n_vocab, n_embed)
        self.out_embed = nn.Embedding(n_vocab, n_embed)
        self.in_embed.weight.data.uniform_(-1, 1)
        self.out_embed.weight.data.uniform_(-1, 1)

    def forward(self, center, context, negatives):
        v = self.in_embed(center)
        positive = F.logsigmoid((v * self.out_embed(context)).sum(1))
        negative = F.logsigmoid(torch.bmm(self.out_embed(negatives).neg(), v.unsqueeze(2)).squeeze(2)).sum(1)
        return -(positive + negative).mean()


pairs = skipgrams()
print(pairs.shape, pairs[:3].tolist())
model = SkipGramNeg(len(vocab), 10)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(1, 21):
    total = 0.0
    for batch in pairs[torch.randperm(len(pairs))].split(32):
        negatives = torch.multinomial(noise, batch.size(0) * 4, replacement=True).view(-1, 4)
        loss = model(batch[:, 0], batch[:, 1], negatives)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    if epoch % 5 == 0:
        print(f"epoch {epoch}: {total / len(pairs):.4f}")
with torch.no_grad():
    vectors = F.normalize(model.in_embed.weight, dim=1)
    similarity = vectors @ vectors.T
    similarity.fill_diagonal_(-1)
    for word in ("king", "dog", "works"):
        value, index = similarity[word_to_ix[word]].topk(2)
        print(word, "->", [vocab[i] for i in index.tolist()], [f"{v:.2f}" for v in value.tolist()])

print("CBOW with EmbeddingBag")
bag = nn.EmbeddingBag(len(vocab), 8, mode="mean")
head = nn.Linear(8, len(vocab))
optimizer = torch.optim.SGD([*bag.parameters(), *head.parameters()], lr=0.5)
windows = torch.stack([torch.cat((ids[i - 2 : i], ids[i + 1 : i + 3])) for i in range(2, len(ids) - 2)])
targets = ids[2:-2]
for step in range(31):
    loss = F.cross_entropy(head(bag(windows)), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"{step}: {loss.item():.4f}")
print(bag(torch.tensor([1, 2, 4, 5, 4]), torch.tensor([0, 3])).shape, bag)
