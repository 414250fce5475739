"""Draws the pictures of docs/viz.md into docs/pictures: python docs/generate_pictures.py [--page]

They are drawn by microtorch's own layout, so that they are the same wherever they are drawn. `--page` also writes
docs/pictures/gpt.html, the interactive page of the GPT, to look at (it is not kept in the repository).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import microtorch as torch
from microtorch import nn, viz
from microtorch.nn import functional as F

PICTURES = Path(__file__).parent / "pictures"


def expression() -> viz.Graph:
    """micrograd's neuron: numbers, with their values and gradients."""
    x1, x2 = torch.tensor(2.0, requires_grad=True), torch.tensor(0.0, requires_grad=True)
    w1, w2 = torch.tensor(-3.0, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    b = torch.tensor(6.8814, requires_grad=True)
    with viz.recording():
        n = x1 * w1 + x2 * w2 + b
        o = n.tanh()
        o.backward()
    return viz.graph({"o": o}, params={"x1": x1, "x2": x2, "w1": w1, "w2": w2, "b": b, "n": n})


class MLP(nn.Module):
    """Two layers and a loss."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(64, 32)
        self.output = nn.Linear(32, 10)

    def forward(self, images: Any, digits: Any) -> Any:
        return F.cross_entropy(self.output(F.relu(self.hidden(images))), digits)


def mlp() -> viz.Graph:
    """A classifier of 8 x 8 digits."""
    return viz.graph(MLP(), torch.randn(16, 64), torch.zeros(16, dtype=torch.long))


class CNN(nn.Module):
    """Convolutions in a Sequential, then one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Linear(16 * 7 * 7, 10)

    def forward(self, images: Any) -> Any:
        return self.classifier(self.features(images).flatten(1))


def cnn() -> viz.Graph:
    """A convolutional network for 28 x 28 images."""
    return viz.graph(CNN(), torch.randn(4, 1, 28, 28))


class LSTMStep(nn.Module):
    """One step of an LSTM, from its equations."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.from_x = nn.Linear(inputs, 4 * hidden)
        self.from_h = nn.Linear(hidden, 4 * hidden, bias=False)

    def forward(self, x: Any, h: Any, c: Any) -> dict[str, Any]:
        i, f, g, o = (self.from_x(x) + self.from_h(h)).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return {"h'": torch.sigmoid(o) * torch.tanh(c), "c'": c}


def lstm() -> viz.Graph:
    """One step of an LSTM."""
    return viz.graph(LSTMStep(8, 16), torch.randn(2, 8), torch.zeros(2, 16), torch.zeros(2, 16))


class Attention(nn.Module):
    """Causal self-attention with several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Any) -> Any:
        batch, length, width = x.shape
        parts = self.qkv(x).split(width, dim=2)
        q, k, v = (part.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for part in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """A block of a transformer, with the norms before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Any) -> Any:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Embeddings, blocks, and a head that shares the embedding's weight."""

    def __init__(self, blocks: int = 12, width: int = 32, words: int = 65, length: int = 16) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList([Block(width, 4) for _ in range(blocks)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens: Any, targets: Any) -> Any:
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return F.cross_entropy(self.head(self.norm(x)).flatten(0, 1), targets.flatten())


def gpt(backward: bool = False) -> viz.Graph:
    """A GPT of 12 blocks."""
    return viz.graph(GPT(), torch.randint(0, 65, (2, 16)), torch.randint(0, 65, (2, 16)), backward=backward)


def gan() -> tuple[viz.Graph, viz.Graph]:
    """The two graphs of a step of a GAN: of the discriminator's loss, and of the generator's."""
    generator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    judge = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    real, noise = torch.randn(8, 2), torch.randn(8, 2)
    ones, zeros = torch.ones(8, 1), torch.zeros(8, 1)
    with viz.recording(G=generator, D=judge):
        fake = generator(noise)
        detached = fake.detach()
        d_loss = F.binary_cross_entropy_with_logits(judge(real), ones)
        d_loss = d_loss + F.binary_cross_entropy_with_logits(judge(detached), zeros)
        g_loss = F.binary_cross_entropy_with_logits(judge(fake), ones)
    names = {f"G.{name}": p for name, p in generator.named_parameters()}
    names |= {f"D.{name}": p for name, p in judge.named_parameters()}
    names |= {"real": real, "noise": noise, "fake": fake, "fake.detach()": detached}
    return viz.graph({"D's loss": d_loss}, params=names), viz.graph({"G's loss": g_loss}, params=names)


def main(folder: Path = PICTURES, page: bool = False) -> None:
    """Draw all pictures into a folder."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)

    def draw(name: str, graph: viz.Graph, **options: Any) -> None:
        viz.render(graph, folder / f"{name}.svg", engine="builtin", **options)

    draw("expression", expression())
    draw("mlp", mlp())
    draw("cnn", cnn())
    draw("lstm", lstm())
    draw("gpt", gpt())
    draw("gpt_modules", gpt(), depth=1)
    d_graph, g_graph = gan()
    draw("gan_discriminator", d_graph)
    draw("gan_generator", g_graph)
    draw(
        "gradients",
        viz.graph(MLP(), torch.randn(16, 64), torch.zeros(16, dtype=torch.long), backward=True),
        gradients=True,
    )
    if page:
        viz.render(gpt(backward=True), folder / "gpt.html")


if __name__ == "__main__":
    main(page="--page" in sys.argv)
