"""An LSTM learns to spell names, letter by letter, and invents some.

Names have different lengths: they are padded into batches and packed, so that no step is spent on padding. The loss
leaves the padding out; sampling carries the hidden state from letter to letter.

Plain PyTorch: `python lstm_names.py`, or `python -m microtorch run lstm_names.py`; both print the same.
"""

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

NAMES = "emma olivia ava isabella sophia charlotte mia amelia harper evelyn abigail emily ella elizabeth luna".split()


class Names(Dataset):
    def __init__(self, names):
        self.names = names
        self.chars = ["<pad>", "."] + sorted(set("".join(names)))
        self.index = {c: i for i, c in enumerate(self.chars)}

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        ids = [1] + [self.index[c] for c in self.names[i]] + [1]
        return torch.tensor(ids[:-1]), torch.tensor(ids[1:])


def collate(batch):
    batch.sort(key=lambda pair: len(pair[0]), reverse=True)
    inputs, targets = zip(*batch)
    lengths = torch.tensor([len(x) for x in inputs])
    return pad_sequence(inputs, batch_first=True), pad_sequence(targets, batch_first=True), lengths


class CharRNN(nn.Module):
    def __init__(self, vocab, hidden=32, layers=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, 16, padding_idx=0)
        self.rnn = nn.LSTM(16, hidden, num_layers=layers, batch_first=True, dropout=0.1)
        self.head = nn.Linear(hidden, vocab)

    def forward(self, x, lengths=None, state=None):
        x = self.embed(x)
        if lengths is not None:
            packed, state = self.rnn(pack_padded_sequence(x, lengths, batch_first=True), state)
            x, _ = pad_packed_sequence(packed, batch_first=True)
        else:
            x, state = self.rnn(x, state)
        return self.head(x), state


torch.manual_seed(42)
data = Names(NAMES)
loader = DataLoader(data, batch_size=4, shuffle=True, collate_fn=collate)
model = CharRNN(len(data.chars))
print(model)
criterion = nn.CrossEntropyLoss(ignore_index=0)
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.005)
for epoch in range(1, 31):
    total, count = 0.0, 0
    for x, y, lengths in loader:
        optimizer.zero_grad()
        logits, (h, c) = model(x, lengths)
        loss = criterion(logits.transpose(1, 2), y)
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item() * lengths.sum().item()
        count += lengths.sum().item()
    if epoch % 6 == 0:
        print(f"epoch {epoch:2d} | loss {total / count:.3f} | ppl {torch.exp(torch.tensor(total / count)):.2f}")
print(h.shape, c.shape, model.embed.weight[0].abs().sum().item())


@torch.no_grad()
def sample(temperature=0.8, limit=12):
    model.eval()
    token, state, name = torch.tensor([[1]]), None, ""
    while len(name) < limit:
        logits, state = model(token, state=state)
        token = torch.multinomial(torch.softmax(logits[0, -1] / temperature, dim=0), 1).view(1, 1)
        if token.item() <= 1:
            break
        name += data.chars[token.item()]
    return name


print([sample() for _ in range(5)])
packed = pack_padded_sequence(torch.arange(12).view(3, 4), [2, 4, 1], batch_first=True, enforce_sorted=False)
print(packed)
print(pad_packed_sequence(packed, batch_first=True, padding_value=-1))
