"""Time series: two LSTMCells learn sine waves with LBFGS in double precision, then go on by themselves."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim


class Sequence(nn.Module):
    def __init__(self):
        super(Sequence, self).__init__()
        self.lstm1 = nn.LSTMCell(1, 16)
        self.lstm2 = nn.LSTMCell(16, 16)
        self.linear = nn.Linear(16, 1)

    def forward(self, input, future=0):
        outputs = []
        h_t = torch.zeros(input.size(0), 16, dtype=torch.double)
        c_t = torch.zeros(input.size(0), 16, dtype=torch.double)
        h_t2 = torch.zeros(input.size(0), 16, dtype=torch.double)
        c_t2 = torch.zeros(input.size(0), 16, dtype=torch.double)
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        for i in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return torch.cat(outputs, dim=1)


np.random.seed(0)
torch.manual_seed(0)
x = np.empty((10, 60), "int64")
x[:] = np.array(range(60)) + np.random.randint(-4 * 10, 4 * 10, 10).reshape(10, 1)
data = np.sin(x / 1.0 / 6).astype("float64")
input, target = torch.from_numpy(data[3:, :-1]), torch.from_numpy(data[3:, 1:])
test_input, test_target = torch.from_numpy(data[:3, :-1]), torch.from_numpy(data[:3, 1:])
seq = Sequence()
seq.double()
criterion = nn.MSELoss()
optimizer = optim.LBFGS(seq.parameters(), lr=0.3, max_iter=6)
for i in range(2):
    print("STEP:", i)

    def closure():
        optimizer.zero_grad()
        out = seq(input)
        loss = criterion(out, target)
        print("loss:", round(loss.item(), 8))
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        future = 10
        pred = seq(test_input, future=future)
        loss = criterion(pred[:, :-future], test_target)
        print("test loss:", round(loss.item(), 8))
        y = pred.detach().numpy()
        print(y.shape, y.dtype, np.round(y[0, -3:], 4))
state = optimizer.state_dict()["state"][0]
print(
    {k: (tuple(v.shape) if torch.is_tensor(v) else v) for k, v in state.items() if k in ("func_evals", "n_iter", "d")}
)
print("strong Wolfe")
w = torch.tensor([-1.5, 2.0], dtype=torch.double, requires_grad=True)
opt = optim.LBFGS([w], line_search_fn="strong_wolfe", max_iter=20)


def rosenbrock():
    opt.zero_grad()
    f = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
    f.backward()
    return f


for _ in range(3):
    print(f"{opt.step(rosenbrock).item():.4f}", [f"{v:.3f}" for v in w.tolist()])
