"""A vision transformer: patches by unfold and by strided convolution, class token, nn.TransformerEncoder, warm-up."""

import math

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class PatchEmbedding(nn.Module):
    def __init__(self, img_size=16, patch_size=4, in_chans=3, embed_dim=32):
        super().__init__()
        self.num_patches = (img_size // patch_size) ** 2
        self.proj = nn.Conv2d(in_chans, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class MultiHeadSelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.to_qkv, self.to_out = nn.Linear(dim, dim * 3, bias=False), nn.Linear(dim, dim)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.to_qkv(x).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        dots = torch.einsum("bhid,bhjd->bhij", q, k) * self.scale
        attn = dots.softmax(dim=-1)
        out = torch.einsum("bhij,bhjd->bhid", attn, v)
        return self.to_out(out.transpose(1, 2).reshape(b, n, d)), attn


class ViT(nn.Module):
    def __init__(self, dim=32, depth=2, classes=4):
        super().__init__()
        self.patch_embed = PatchEmbedding(embed_dim=dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.patch_embed.num_patches + 1, dim))
        layer = nn.TransformerEncoderLayer(
            dim, 4, dim * 2, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, num_layers=depth, norm=nn.LayerNorm(dim), enable_nested_tensor=False
        )
        self.attn = MultiHeadSelfAttention(dim, 4)
        self.head = nn.Linear(dim, classes)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.trunc_normal_(self.cls_token, std=0.02)

    def forward(self, x):
        x = self.patch_embed(x)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + self.pos_embed
        x = self.encoder(x)
        out, attn = self.attn(x)
        return self.head((x + out)[:, 0]), attn


def batch(n):
    """Gratings of four directions."""
    y = torch.randint(0, 4, (n,))
    grid = torch.arange(16.0)
    angle = y.float() * math.pi / 4
    wave = torch.sin(0.8 * (grid[:, None] * angle.cos()[:, None, None] + grid[None, :] * angle.sin()[:, None, None]))
    return wave.unsqueeze(1).repeat(1, 3, 1, 1) + 0.3 * torch.randn(n, 3, 16, 16), y


def get_cosine_schedule_with_warmup(optimizer, num_warmup_steps, num_training_steps):
    def lr_lambda(current_step):
        if current_step < num_warmup_steps:
            return float(current_step) / float(max(1, num_warmup_steps))
        progress = float(current_step - num_warmup_steps) / float(max(1, num_training_steps - num_warmup_steps))
        return max(0.0, 0.5 * (1.0 + math.cos(math.pi * progress)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda)


model = ViT()
print(model.encoder.layers[0])
no_decay = ["bias", "norm"]
grouped = [
    {"params": [p for n, p in model.named_parameters() if not any(nd in n for nd in no_decay)], "weight_decay": 0.05},
    {"params": [p for n, p in model.named_parameters() if any(nd in n for nd in no_decay)], "weight_decay": 0.0},
]
print([len(g["params"]) for g in grouped])
optimizer = torch.optim.AdamW(grouped, lr=2e-3, eps=1e-6)
scheduler = get_cosine_schedule_with_warmup(optimizer, 5, 31)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)


def mixup(x, y, alpha_share=0.8):
    index = torch.randperm(x.size(0))
    return alpha_share * x + (1 - alpha_share) * x[index], y, y[index]


for step in range(31):
    x, y = batch(32)
    mixed, y_a, y_b = mixup(x, y)
    logits, attn = model(mixed)
    loss = 0.8 * criterion(logits, y_a) + 0.2 * criterion(logits, y_b)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.3f} lr {scheduler.get_last_lr()[0]:.6f}")
model.eval()
with torch.no_grad():
    x, y = batch(64)
    logits, attn = model(x)
    print(
        f"accuracy {(logits.argmax(-1) == y).float().mean():.2f}",
        attn.shape,
        attn[0].sum(-1).mean().item().__round__(4),
    )
patches = x.unfold(2, 4, 4).unfold(3, 4, 4)
print(patches.shape, F.unfold(x, kernel_size=4, stride=4).shape)
by_unfold = (
    F.unfold(x, 4, stride=4).transpose(1, 2) @ model.patch_embed.proj.weight.flatten(1).T + model.patch_embed.proj.bias
)
print("convolution is a product with patches:", torch.allclose(by_unfold, model.patch_embed(x), atol=1e-5))
print(torch.equal(F.fold(F.unfold(x, 4, stride=4), (16, 16), 4, stride=4), x))
