"""Sequence to sequence with attention and teacher forcing: a GRU encoder and decoder learn to turn sequences round."""

import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim

SOS_token, EOS_token, MAX_LENGTH = 0, 1, 7
random.seed(0)
torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.1):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True, bidirectional=False)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, input):
        return self.gru(self.dropout(self.embedding(input)))


class BahdanauAttention(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.Ua = nn.Linear(hidden_size, hidden_size)
        self.Va = nn.Linear(hidden_size, 1)

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys))).squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        return torch.bmm(weights, keys), weights


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, dropout_p=0.1):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, encoder_outputs, encoder_hidden, target_tensor=None):
        batch_size = encoder_outputs.size(0)
        decoder_input = torch.empty(batch_size, 1, dtype=torch.long, device=device).fill_(SOS_token)
        decoder_hidden, decoder_outputs, attentions = encoder_hidden, [], []
        for i in range(MAX_LENGTH):
            decoder_output, decoder_hidden, attn_weights = self.forward_step(
                decoder_input, decoder_hidden, encoder_outputs
            )
            decoder_outputs.append(decoder_output)
            attentions.append(attn_weights)
            if target_tensor is not None:
                decoder_input = target_tensor[:, i].unsqueeze(1)
            else:
                _, topi = decoder_output.topk(1)
                decoder_input = topi.squeeze(-1).detach()
        decoder_outputs = F.log_softmax(torch.cat(decoder_outputs, dim=1), dim=-1)
        return decoder_outputs, decoder_hidden, torch.cat(attentions, dim=1)

    def forward_step(self, input, hidden, encoder_outputs):
        embedded = self.dropout(self.embedding(input))
        context, attn_weights = self.attention(hidden.permute(1, 0, 2), encoder_outputs)
        output, hidden = self.gru(torch.cat((embedded, context), dim=2), hidden)
        return self.out(output), hidden, attn_weights


def make_batch(n):
    src = torch.zeros(n, MAX_LENGTH, dtype=torch.long)
    dst = torch.zeros(n, MAX_LENGTH, dtype=torch.long)
    for i in range(n):
        seq = [random.randint(2, 11) for _ in range(random.randint(3, 6))]
        src[i, : len(seq) + 1] = torch.tensor(seq + [EOS_token])
        dst[i, : len(seq) + 1] = torch.tensor(seq[::-1] + [EOS_token])
    return src.to(device), dst.to(device)


hidden_size = 32
encoder = EncoderRNN(12, hidden_size).to(device)
decoder = AttnDecoderRNN(hidden_size, 12).to(device)
encoder_optimizer = optim.Adam(encoder.parameters(), lr=0.01)
decoder_optimizer = optim.Adam(decoder.parameters(), lr=0.01)
criterion = nn.NLLLoss()
plot_losses, print_loss_total = [], 0
for step in range(1, 81):
    input_tensor, target_tensor = make_batch(32)
    encoder_optimizer.zero_grad()
    decoder_optimizer.zero_grad()
    encoder_outputs, encoder_hidden = encoder(input_tensor)
    teacher = target_tensor if random.random() < 0.8 else None
    decoder_outputs, _, _ = decoder(encoder_outputs, encoder_hidden, teacher)
    loss = criterion(decoder_outputs.view(-1, decoder_outputs.size(-1)), target_tensor.view(-1))
    loss.backward()
    encoder_optimizer.step()
    decoder_optimizer.step()
    print_loss_total += loss.item()
    if step % 20 == 0:
        print("(%d %d%%) %.3f" % (step, step / 80 * 100, print_loss_total / 20))
        print_loss_total = 0

encoder.eval()
decoder.eval()
with torch.no_grad():
    src, dst = make_batch(3)
    outputs, _, attention = decoder(*encoder(src))
    _, topi = outputs.topk(1)
    decoded = topi.squeeze(-1)
for s, d in zip(src.tolist(), decoded.tolist()):
    cut = d.index(EOS_token) if EOS_token in d else len(d)
    print(">", s[: s.index(EOS_token)], "<", d[:cut])
print(attention.shape, attention.sum(-1).allclose(torch.ones(3, MAX_LENGTH)))
