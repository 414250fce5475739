"""Sequences by convolution: a causal TCN with weight norm, dilated WaveNet gates, features by FFT, CTC on a toy."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import weight_norm

torch.manual_seed(1111)


class Chomp1d(nn.Module):
    def __init__(self, chomp_size):
        super(Chomp1d, self).__init__()
        self.chomp_size = chomp_size

    def forward(self, x):
        return x[:, :, : -self.chomp_size].contiguous()


class TemporalBlock(nn.Module):
    def __init__(self, n_inputs, n_outputs, kernel_size, stride, dilation, padding, dropout=0.1):
        super(TemporalBlock, self).__init__()
        self.conv1 = weight_norm(
            nn.Conv1d(n_inputs, n_outputs, kernel_size, stride=stride, padding=padding, dilation=dilation)
        )
        self.conv2 = weight_norm(
            nn.Conv1d(n_outputs, n_outputs, kernel_size, stride=stride, padding=padding, dilation=dilation)
        )
        self.net = nn.Sequential(
            self.conv1,
            Chomp1d(padding),
            nn.ReLU(),
            nn.Dropout(dropout),
            self.conv2,
            Chomp1d(padding),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.downsample = nn.Conv1d(n_inputs, n_outputs, 1) if n_inputs != n_outputs else None
        self.relu = nn.ReLU()
        self.init_weights()

    def init_weights(self):
        self.conv1.weight.data.normal_(0, 0.01)
        self.conv2.weight.data.normal_(0, 0.01)
        if self.downsample is not None:
            self.downsample.weight.data.normal_(0, 0.01)

    def forward(self, x):
        out = self.net(x)
        res = x if self.downsample is None else self.downsample(x)
        return self.relu(out + res)


class TCN(nn.Module):
    def __init__(self, channels):
        super().__init__()
        layers = []
        for i, n_out in enumerate(channels):
            n_in = 2 if i == 0 else channels[i - 1]
            layers += [TemporalBlock(n_in, n_out, 3, stride=1, dilation=2**i, padding=2 * 2**i)]
        self.network, self.linear = nn.Sequential(*layers), nn.Linear(channels[-1], 1)

    def forward(self, x):
        return self.linear(self.network(x)[:, :, -1])


def adding_problem(n, t):
    mask = torch.zeros(n, t)
    for row in mask:
        row[torch.randperm(t)[:2]] = 1
    values = torch.rand(n, t)
    return torch.stack((values, mask), 1), (values * mask).sum(1, keepdim=True)


model = TCN([12, 12, 12])
print(
    "receptive field", 1 + 2 * sum(2 * 2**i for i in range(3)), "parameters", sum(p.numel() for p in model.parameters())
)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(61):
    x, y = adding_problem(32, 20)
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    if step % 20 == 0:
        print(f"TCN step {step} loss {loss.item():.3f}")


class WaveNet(nn.Module):
    def __init__(self, classes=16, channels=12, dilations=(1, 2, 4)):
        super().__init__()
        self.embed = nn.Conv1d(classes, channels, 1)
        self.filters = nn.ModuleList(nn.Conv1d(channels, channels, 2, dilation=d) for d in dilations)
        self.gates = nn.ModuleList(nn.Conv1d(channels, channels, 2, dilation=d) for d in dilations)
        self.skips = nn.ModuleList(nn.Conv1d(channels, classes, 1) for _ in dilations)

    def forward(self, x):
        x, skip = self.embed(x), 0
        for f, g, s in zip(self.filters, self.gates, self.skips):
            padded = F.pad(x, (f.dilation[0], 0))
            h = torch.tanh(f(padded)) * torch.sigmoid(g(padded))
            skip = skip + s(h)
            x = x + h
        return F.relu(skip)


t = torch.arange(400) / 50
wave = 0.6 * torch.sin(2 * torch.pi * t) + 0.3 * torch.sin(2 * torch.pi * 3 * t)
mu = torch.tensor(15.0)
encoded = ((torch.sign(wave) * torch.log1p(mu * wave.abs()) / torch.log1p(mu) + 1) / 2 * mu + 0.5).long()
print("mu-law", encoded[:10].tolist(), encoded.min().item(), encoded.max().item())
chunks = encoded.unfold(0, 65, 32)
net = WaveNet()
optimizer = torch.optim.Adamax(net.parameters(), lr=0.02)
for step in range(31):
    one_hot = F.one_hot(chunks[:, :-1], 16).float().permute(0, 2, 1)
    loss = F.cross_entropy(net(one_hot), chunks[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"WaveNet step {step} loss {loss.item():.4f}")

spectrum = torch.fft.rfft(wave[:400])
top = spectrum.abs().topk(2).indices
print("frequencies", torch.fft.rfftfreq(400, d=1 / 50)[top].tolist())
window = torch.hann_window(40)
frames = wave.unfold(0, 40, 20) * window
power = torch.fft.rfft(frames).abs().square()
print(
    power.shape,
    f"energy {power.mean().item():.3f}",
    torch.allclose(torch.fft.irfft(torch.fft.rfft(wave)), wave, atol=1e-6),
)

print("CTC")
rnn, head = nn.GRU(5, 12, batch_first=True, bidirectional=True), nn.Linear(24, 4)
signal = torch.randn(3, 12, 5)
targets, target_lengths = torch.tensor([1, 2, 3, 3, 1, 2, 2]), torch.tensor([3, 2, 2])
input_lengths = torch.tensor([12, 10, 8])
ctc = nn.CTCLoss(blank=0, zero_infinity=True)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.02)
for step in range(41):
    log_probs = head(rnn(signal)[0]).log_softmax(2)
    loss = ctc(log_probs.transpose(0, 1), targets, input_lengths, target_lengths)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"CTC step {step} loss {loss.item():.4f}")
for best, n in zip(log_probs.argmax(2), input_lengths):
    print([int(c) for c in torch.unique_consecutive(best[:n]) if c != 0])
