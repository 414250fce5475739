"""The device "meta" against PyTorch: shapes, dtypes, strides, what is printed, and what is refused."""

import pytest

from tests.differential import difference

HEAD = """
import copy
F, nn = torch.nn.functional, torch.nn
m = torch.empty(2, 3, device="meta")
i = torch.zeros(4, dtype=torch.int64, device="meta")
x4 = torch.empty(1, 3, 8, 8, device="meta")
def facts(t): return [facts(u) for u in t] if isinstance(t, (tuple, list)) else (repr(t), t.shape, t.stride(), str(t.dtype), t.is_meta, t.device.type)
"""

RESULTS = """
m + 1; m + m; m * torch.tensor(2.0); 1 / m; m @ m.T; m.sum(0); m.sum(); m.exp(); m > 0; m.double() + m; m.half(); m.to(torch.bfloat16)
m.to(torch.bfloat16) @ m.to(torch.bfloat16).T; m.view(3, 2); m.t(); m[0]; m[:, None]; m[..., 1:]; m.reshape(-1); m.expand(4, 2, 3)
m.permute(1, 0); m.contiguous(); m.t().contiguous(); m.clone(); m.detach(); torch.cat([m, m]); torch.stack([m, m], 1); m.split(1)
m.chunk(3, 1); m.max(1); m.topk(2); m.sort(1); m.argmax(1); m.var(0); m.mean(1, keepdim=True); torch.where(m > 0, m, m); m.unbind(1)
torch.einsum("ij,kj->ik", m, m); m[torch.zeros(2, dtype=torch.int64, device="meta")]; m.gather(1, torch.zeros(2, 1, dtype=torch.int64, device="meta"))
F.relu(m); F.gelu(m); F.softmax(m, 1); F.log_softmax(m, 0); F.layer_norm(m, (3,)); F.dropout(m); F.linear(m, torch.empty(5, 3, device="meta"))
F.conv2d(x4, torch.empty(4, 3, 3, 3, device="meta"), padding=1); F.max_pool2d(x4, 2); F.avg_pool2d(x4, 2); F.adaptive_avg_pool2d(x4, 1)
F.batch_norm(x4, None, None, training=True); F.interpolate(x4, scale_factor=2); F.embedding(i, m); F.one_hot(i, 5); F.pad(m, (1, 1))
F.cross_entropy(m, torch.zeros(2, dtype=torch.int64, device="meta")); F.mse_loss(m, m); F.scaled_dot_product_attention(x4, x4, x4)
m.add_(1); m.mul_(m); m.fill_(2); m.zero_(); m.copy_(torch.ones(2, 3)); m.uniform_(); m.normal_(); torch.nn.init.xavier_uniform_(m)
torch.zeros(2, device="meta"); torch.ones(2, 3, dtype=torch.int64, device="meta"); torch.full((2,), 3, device="meta"); torch.eye(3, device="meta")
torch.rand(2, device="meta"); torch.randn(2, 3, device="meta"); torch.randint(5, (2,), device="meta"); torch.arange(5, device="meta")
torch.linspace(0, 1, 5, device="meta"); torch.tensor([1, 2], device="meta"); torch.tensor(1.5, device="meta"); torch.as_tensor([1.0], device="meta")
torch.empty_like(m); torch.zeros_like(m); torch.ones_like(m, dtype=torch.int64); torch.randn_like(m); torch.zeros_like(torch.ones(2), device="meta")
torch.zeros_like(m, device="cpu"); m.new_zeros(4); m.to("meta"); torch.ones(2, 3).to("meta"); torch.ones(2).to(device="meta", dtype=torch.float64)
torch.empty((), device="meta"); torch.empty(0, 3, device="meta"); torch.empty(2, 3, 4, device="meta", dtype=torch.complex64)
m.requires_grad_(); m.requires_grad_() * 2; torch.nn.Linear(2, 3, device="meta").weight; nn.Linear(3, 2, device="meta")(m); copy.deepcopy(m)
list(nn.LSTM(3, 4, device="meta").parameters()); nn.MultiheadAttention(4, 2, device="meta").in_proj_weight; nn.Embedding(5, 3, device="meta")(i)
nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)).to("meta")(x4)
nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, device="meta")(torch.empty(2, 5, 4, device="meta"))
"""

OTHERS = """
m.device; m.type(); m.is_meta; torch.ones(1).is_meta; m.numel(); m.element_size(); m.storage_offset(); m.dim(); len(m); m.get_device()
m.item(); m[0, 0].item(); float(m[0, 0]); bool(m[0, 0]); m.numpy(); m.tolist(); m.cpu(); m.to("cpu"); torch.ones(2, 3).copy_(m); torch.device("meta")
m + torch.ones(2, 3); torch.cat([m, torch.ones(2, 3)]); if_(m); m.view(4); m.reshape(5)
nn.Linear(2, 2, device="meta").to("cpu"); f"{m[0, 0]}"; [str(t) for t in m]; sum(p.numel() for p in nn.Linear(3, 4, device="meta").parameters())
torch.zeros_like(m, device="cpu").tolist(); [type(p).__name__ for p in nn.Linear(2, 2, device="meta").to_empty(device="cpu").parameters()]
torch.nn.utils.skip_init(nn.Linear, 2, 3).weight.shape; repr(torch.nn.utils.skip_init(nn.Linear, 2, 3, device="meta").weight)
torch.tensor(2.0, device="meta").item(); m.untyped_storage().nbytes() if False else 0; hash(m) == hash(m)
"""


def parts(text):
    return [c.strip() for c in text.replace("\n", ";").split(";") if c.strip()]


@pytest.mark.parametrize("code", parts(RESULTS))
def test_results(code):
    assert difference(HEAD + f"facts({code})") is None


@pytest.mark.parametrize("code", parts(OTHERS))
def test_others(code):
    assert difference(HEAD + "def if_(t): return 1 if t[0, 0] else 0\n" + code) is None


PROGRAMS = [
    "with torch.device('meta'): model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)); t = torch.rand(2), "
    "torch.tensor([1.0]), torch.arange(3), torch.ones(2, device='cpu')\n"
    "repr(model), [repr(p) for p in model.parameters()], [u.device.type for u in t], torch.zeros(1).device.type",
    "with torch.device('meta'): model = nn.Linear(3, 2)\n"
    "given = nn.Linear(3, 2); result = model.load_state_dict(given.state_dict(), assign=True)\n"
    "repr(result), model(torch.ones(1, 3)), model.weight.requires_grad, type(model.weight).__name__",
    "model = nn.Linear(3, 2, device='meta'); before = model.weight; same = model.to_empty(device='cpu') is model\n"
    "same, model.weight is before, model.weight.is_meta, model.weight.shape, model.weight.requires_grad",
    "torch.manual_seed(1); nn.Linear(300, 200, device='meta'); torch.randn(5, device='meta'); "
    "torch.nn.utils.skip_init(nn.Linear, 2, 2)\ntorch.rand(3)",
    "model = nn.Linear(3, 2, device='meta'); out = model(torch.empty(4, 3, device='meta')).relu().sum(); out.backward()\n"
    "repr(out), repr(model.weight.grad), repr(model.bias.grad)",
    "model = nn.Linear(3, 2, device='meta'); model.load_state_dict(nn.Linear(3, 2).state_dict())\nrepr(model.weight)",
    "model = nn.Linear(3, 2).to('meta')\nrepr(model.weight), repr(list(model.state_dict().values()))",
    "with torch.device('meta'):\n with torch.device('cpu'): a = torch.ones(2)\n b = torch.ones(2)\na, repr(b)",
    "torch.set_default_device('meta'); a = torch.ones(2), torch.get_default_device(); torch.set_default_device(None)\n"
    "repr(a), torch.ones(1), torch.get_default_device()",
]  # fmt: skip


@pytest.mark.parametrize("code", PROGRAMS)
def test_program(code):
    assert difference(HEAD + code, exact=False) is None


@pytest.mark.parametrize(
    "code", ["m.nonzero()", "m[m > 0]", "m.unique()", "torch.equal(m, m)", "m.masked_select(m > 0)"]
)
def test_what_depends_on_numbers_is_refused(code):
    assert difference(HEAD + code, message=False) is None


@pytest.mark.parametrize(
    "code", ["m @ m", "m + m[:, :2]", "torch.cat([m, m[0]])", "F.linear(m, m.T)", "m.add_(m[:, :2])"]
)
def test_shapes_that_do_not_fit(code):
    assert difference(HEAD + code, message=False) is None


def test_no_memory():
    """A model far greater than memory has a shape, and its results have."""
    code = "with torch.device('meta'): model = nn.Sequential(*[nn.Linear(2**14, 2**14) for _ in range(64)])\n"
    assert difference(HEAD + code + "sum(p.numel() for p in model.parameters())") is None
