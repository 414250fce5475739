"""Where does a training step spend its time and memory? `torch.profiler` on a small convolutional network.

A schedule skips the first steps (caches are cold), records two, and hands them to `on_trace_ready`, which writes a
trace: open it at https://ui.perfetto.dev. What is printed here is what does not depend on the machine: which
operations the program calls, how often, the memory of their results. `--times` prints the table with the times.

Plain PyTorch: `python profile_step.py`, or `python -m microtorch run profile_step.py`.
"""

import argparse
import json
import os
import tempfile
from collections import Counter

import torch
import torch.nn.functional as F
from torch import nn
from torch.profiler import ProfilerActivity, profile, record_function, schedule


def make_net():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 8 * 8, 10)
    )


def train_step(net, optimizer, images, labels):
    with record_function("forward"):
        loss = F.cross_entropy(net(images), labels)
    optimizer.zero_grad()
    with record_function("backward"):
        loss.backward()
    optimizer.step()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", action="store_true", help="print the table of times, too")
    times = parser.parse_args().times

    torch.manual_seed(0)
    net = make_net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    images, labels = torch.randn(32, 1, 16, 16), torch.randint(0, 10, (32,))
    trace = os.path.join(tempfile.mkdtemp(), "trace.json")

    with profile(
        activities=[ProfilerActivity.CPU],
        schedule=schedule(wait=1, warmup=1, active=2, repeat=1),
        on_trace_ready=lambda p: p.export_chrome_trace(trace),
        profile_memory=True,
    ) as prof:
        for _ in range(4):
            train_step(net, optimizer, images, labels)
            prof.step()

    events = prof.events()
    forward = [e for e in events if e.cpu_parent is not None and e.cpu_parent.name == "forward"]
    print("operations of the forward pass, in two steps:")
    for name, count in Counter(e.name for e in forward).items():
        memory = sum(e.cpu_memory_usage for e in forward if e.name == name) // count
        kept = f"{memory:>8,} bytes each" if name in ("aten::relu", "aten::conv2d", "aten::linear") else ""
        print(f"  {name:<26}{count:>3} {kept}".rstrip())

    print("blocks:")
    for row in prof.key_averages():
        if row.key in ("forward", "backward", "ProfilerStep*") or row.key.startswith("Optimizer"):
            print(f"  {row.key:<40}{row.count:>3}")

    steps = [e for e in events if e.name.endswith("Backward0") and "evaluate_function" not in e.name]
    names = sorted({e.name for e in steps if e.name.startswith(("Convolution", "Relu", "MaxPool", "Addmm"))})
    print("steps backwards, among others:", ", ".join(names))

    with open(trace) as file:
        written = [e for e in json.load(file)["traceEvents"] if e.get("ph") == "X"]
    print("in the trace:", sum(e["name"] == "aten::conv2d" for e in written), "convolutions")
    if times:
        print(prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=12))


if __name__ == "__main__":
    main()
