"""Text classification: a vocabulary, a bidirectional LSTM with packing, TextCNN, EmbeddingBag with offsets, F1."""

import re
from collections import Counter, OrderedDict

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_sequence, pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(0)
good = "good great lovely wonderful fine fun happy bright".split()
bad = "bad awful boring sad dull poor dreadful slow".split()
fill = "the film was a very and its story acting plot quite with".split()


def sentence():
    label = int(torch.randint(2, ()))
    words = [fill[i] for i in torch.randint(len(fill), (int(torch.randint(3, 9, ())),)).tolist()]
    chosen = good if label else bad
    for _ in range(2):
        words.insert(int(torch.randint(len(words) + 1, ())), chosen[int(torch.randint(len(chosen), ()))])
    return " ".join(words) + ".", label


def tokenize(text):
    return re.findall(r"\w+", text.lower())


train, test = [sentence() for _ in range(160)], [sentence() for _ in range(60)]
counter = Counter(w for text, _ in train for w in tokenize(text))
vocab = OrderedDict((w, i + 2) for i, (w, _) in enumerate(sorted(counter.items(), key=lambda p: (-p[1], p[0]))))
print(train[0], len(vocab), list(vocab)[:5])


def encode(text):
    return torch.tensor([vocab.get(w, 1) for w in tokenize(text)])


def collate(batch):
    batch = sorted(batch, key=lambda pair: -len(tokenize(pair[0])))  # the order of equals is Python's, not a sort's
    ids = [encode(text) for text, _ in batch]
    return (
        pad_sequence(ids, batch_first=True),
        torch.tensor([len(i) for i in ids]),
        torch.tensor([float(y) for _, y in batch]),
    )


def collate_bag(batch):
    ids = [encode(text) for text, _ in batch]
    offsets = torch.tensor([0] + [len(i) for i in ids[:-1]]).cumsum(dim=0)
    return torch.cat(ids), offsets, torch.tensor([float(y) for _, y in batch])


class LSTMClassifier(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 12, num_layers=2, bidirectional=True, batch_first=True, dropout=0.2)
        self.fc, self.dropout = nn.Linear(24, 1), nn.Dropout(0.3)

    def forward(self, text, lengths):
        embedded = self.dropout(self.embedding(text))
        packed = pack_padded_sequence(embedded, lengths.cpu(), batch_first=True)
        packed_output, (hidden, cell) = self.lstm(packed)
        output, _ = pad_packed_sequence(packed_output, batch_first=True)
        return self.fc(self.dropout(torch.cat((hidden[-2, :, :], hidden[-1, :, :]), dim=1))).squeeze(1)


class TextCNN(nn.Module):
    def __init__(self, vocab_size, sizes=(2, 3)):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, 16, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv2d(1, 8, (k, 16)) for k in sizes])
        self.fc = nn.Linear(8 * len(sizes), 1)

    def forward(self, text, lengths):
        x = self.embedding(text).unsqueeze(1)
        x = [F.relu(conv(x)).squeeze(3) for conv in self.convs]
        x = [F.max_pool1d(c, c.shape[2]).squeeze(2) for c in x]
        return self.fc(torch.cat(x, 1)).squeeze(1)


class Bag(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.embedding, self.fc = nn.EmbeddingBag(vocab_size, 16, sparse=False), nn.Linear(16, 1)
        self.embedding.weight.data.uniform_(-0.5, 0.5)

    def forward(self, text, offsets):
        return self.fc(self.embedding(text, offsets)).squeeze(1)


def binary_accuracy(preds, y):
    rounded_preds = torch.round(torch.sigmoid(preds))
    return ((rounded_preds == y).float()).sum() / len(y)


for build, fn in ((LSTMClassifier, collate), (TextCNN, collate), (Bag, collate_bag)):
    model = build(len(vocab) + 2)
    if hasattr(model.embedding, "padding_idx") and model.embedding.padding_idx is not None:
        print("padding row", model.embedding.weight[0].abs().sum().item())
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=0.01), nn.BCEWithLogitsLoss()
    for epoch in range(3):
        model.train()
        epoch_loss = 0
        for text, extra, labels in DataLoader(train, batch_size=20, shuffle=True, collate_fn=fn):
            optimizer.zero_grad()
            loss = criterion(model(text, extra), labels)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        model.eval()
        with torch.no_grad():
            text, extra, labels = fn(test)
            logits = model(text, extra)
        tp = ((logits > 0) & (labels == 1)).sum().item()
        f1 = 2 * tp / ((logits > 0).sum().item() + (labels == 1).sum().item())
        print(
            f"{build.__name__} epoch {epoch} loss {epoch_loss / 8:.3f} accuracy {binary_accuracy(logits, labels):.3f} f1 {f1:.3f}"
        )
packed = pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5])], enforce_sorted=True)
print(packed.data, packed.batch_sizes, nn.GRU(1, 2)(pack_sequence([torch.ones(2, 1), torch.ones(1, 1)]))[0].batch_sizes)
