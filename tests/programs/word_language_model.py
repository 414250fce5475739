"""A word language model: batchify, truncated backpropagation, tied weights, plain SGD by hand, perplexity, annealing."""

import argparse
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--model", type=str, default="LSTM", choices=["RNN_TANH", "LSTM", "GRU", "Transformer"])
parser.add_argument("--bptt", type=int, default=8)
parser.add_argument("--clip", type=float, default=0.25)
parser.add_argument("--tied", action="store_true")
args = parser.parse_args(["--tied"])
torch.manual_seed(1111)


class Dictionary:
    def __init__(self):
        self.word2idx, self.idx2word = {}, []

    def add_word(self, word):
        if word not in self.word2idx:
            self.idx2word.append(word)
            self.word2idx[word] = len(self.idx2word) - 1
        return self.word2idx[word]


text = (
    "one fish two fish red fish blue fish black fish blue fish old fish new fish this one has a little star <eos> " * 12
)
dictionary = Dictionary()
corpus = torch.tensor([dictionary.add_word(w) for w in text.split()]).type(torch.int64)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    data = data.narrow(0, 0, nbatch * bsz)
    return data.view(bsz, -1).t().contiguous()


def get_batch(source, i):
    seq_len = min(args.bptt, len(source) - 1 - i)
    return source[i : i + seq_len], source[i + 1 : i + 1 + seq_len].view(-1)


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


class RNNModel(nn.Module):
    def __init__(self, rnn_type, ntoken, ninp, nhid, nlayers, dropout=0.2, tie_weights=False):
        super().__init__()
        self.ntoken, self.rnn_type, self.nhid, self.nlayers = ntoken, rnn_type, nhid, nlayers
        self.drop, self.encoder, self.decoder = nn.Dropout(dropout), nn.Embedding(ntoken, ninp), nn.Linear(nhid, ntoken)
        if rnn_type in ["LSTM", "GRU"]:
            self.rnn = getattr(nn, rnn_type)(ninp, nhid, nlayers, dropout=dropout)
        else:
            self.rnn = nn.RNN(
                ninp, nhid, nlayers, nonlinearity={"RNN_TANH": "tanh", "RNN_RELU": "relu"}[rnn_type], dropout=dropout
            )
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        decoded = self.decoder(self.drop(output)).view(-1, self.ntoken)
        return F.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        if self.rnn_type == "LSTM":
            return (weight.new_zeros(self.nlayers, bsz, self.nhid), weight.new_zeros(self.nlayers, bsz, self.nhid))
        return weight.new_zeros(self.nlayers, bsz, self.nhid)


class TransformerModel(nn.Transformer):
    def __init__(self, ntoken, ninp, nhead, nhid, nlayers, dropout=0.1):
        super().__init__(d_model=ninp, nhead=nhead, dim_feedforward=nhid, num_encoder_layers=nlayers)
        self.src_mask, self.ninp = None, ninp
        self.input_emb, self.decoder = nn.Embedding(ntoken, ninp), nn.Linear(ninp, ntoken)
        nn.init.uniform_(self.input_emb.weight, -0.1, 0.1)

    def forward(self, src, has_mask=True):
        if self.src_mask is None or self.src_mask.size(0) != len(src):
            self.src_mask = torch.log(torch.tril(torch.ones(len(src), len(src))))
        output = self.encoder(self.input_emb(src) * math.sqrt(self.ninp), mask=self.src_mask)
        return F.log_softmax(self.decoder(output), dim=-1)


train_data, val_data = batchify(corpus[:220], 6), batchify(corpus[220:], 4)
criterion = nn.NLLLoss()


def evaluate(model, data_source):
    model.eval()
    total_loss = 0.0
    hidden = model.init_hidden(4) if hasattr(model, "rnn") else None
    with torch.no_grad():
        for i in range(0, data_source.size(0) - 1, args.bptt):
            data, targets = get_batch(data_source, i)
            if hidden is None:
                output = model(data).view(-1, ntokens)
            else:
                output, hidden = model(data, hidden)
                hidden = repackage_hidden(hidden)
            total_loss += len(data) * criterion(output, targets).item()
    return total_loss / (len(data_source) - 1)


ntokens = len(dictionary.idx2word)
print(ntokens, "words", train_data.shape)
for kind in ("RNN_TANH", "GRU", "LSTM", "Transformer"):
    model = (
        TransformerModel(ntokens, 16, 2, 24, 1)
        if kind == "Transformer"
        else RNNModel(kind, ntokens, 16, 16, 2, 0.2, args.tied)
    )
    lr, best_val_loss = 5.0 if kind != "Transformer" else 0.5, None
    for epoch in range(1, 4):
        model.train()
        total_loss = 0.0
        hidden = model.init_hidden(6) if hasattr(model, "rnn") else None
        for i in range(0, train_data.size(0) - 1, args.bptt):
            data, targets = get_batch(train_data, i)
            model.zero_grad()
            if hidden is None:
                output = model(data).view(-1, ntokens)
            else:
                hidden = repackage_hidden(hidden)
                output, hidden = model(data, hidden)
            loss = criterion(output, targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
            for p in model.parameters():
                if p.grad is not None:
                    p.data.add_(p.grad, alpha=-lr)
            total_loss += loss.item()
        val_loss = evaluate(model, val_data)
        print(f"| {kind} epoch {epoch} | lr {lr:.2f} | loss {total_loss / 5:.3f} | valid ppl {math.exp(val_loss):.2f}")
        if not best_val_loss or val_loss < best_val_loss:
            best_val_loss = val_loss
        else:
            lr /= 4.0
