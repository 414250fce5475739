"""Distributed training with one process: groups, calls among processes, DistributedDataParallel, samplers."""

import copy
import os
import tempfile

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler


def told(call):
    try:
        print(call())
    except Exception as error:
        print(type(error).__name__, error)


print(dist.is_available(), dist.is_initialized(), dist.is_nccl_available(), dist.is_gloo_available())
for call in (dist.get_rank, dist.barrier, dist.destroy_process_group, lambda: dist.all_reduce(torch.ones(2)), lambda: DDP(nn.Linear(1, 1)),
             lambda: dist.init_process_group("gloo"), lambda: dist.init_process_group("gloo", init_method="x://a", rank=0, world_size=1),
             lambda: dist.init_process_group("gloo", init_method="tcp://127.0.0.1:29871"), lambda: DistributedSampler(range(3))):  # fmt: skip
    told(call)
os.environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", MASTER_ADDR="127.0.0.1", MASTER_PORT="29871")
told(lambda: dist.init_process_group("nccl"))
dist.init_process_group("gloo")
told(lambda: dist.init_process_group("gloo"))
print(dist.is_initialized(), dist.get_rank(), dist.get_world_size(), dist.get_backend(), dist.get_node_local_rank())

x = torch.arange(3.0)
for name in ("SUM", "AVG", "PRODUCT", "MIN", "MAX", "BAND", "BOR", "BXOR"):
    for dtype in (torch.float32, torch.int64, torch.bool, torch.complex64):
        y = torch.ones(2, dtype=dtype)
        try:
            dist.all_reduce(y, op=getattr(dist.ReduceOp, name))
            print(name, dtype, y.tolist())
        except (RuntimeError, ValueError) as error:
            print(name, dtype, type(error).__name__, error)
out, others = torch.zeros(3), [torch.zeros(3)]
work = dist.all_reduce(x, async_op=True)
print(work.wait(), work.is_completed())
for call in (lambda: dist.broadcast(x, 0), lambda: dist.broadcast(x, src=1), lambda: dist.broadcast(x), lambda: dist.all_gather(others, x),
             lambda: dist.all_gather(others * 2, x), lambda: dist.all_gather([torch.zeros(2)], x), lambda: dist.all_gather([x.int()], x),
             lambda: dist.all_gather(x, x), lambda: dist.reduce(x, 0), lambda: dist.reduce(x, 1), lambda: dist.gather(x, [out]),
             lambda: dist.gather(x), lambda: dist.scatter(out, [x * 2]), lambda: dist.scatter(out), lambda: dist.reduce_scatter(out, [x * 3]),
             lambda: dist.all_gather_into_tensor(out, x), lambda: dist.reduce_scatter_tensor(out, x), lambda: dist.all_to_all([out], [x]),
             lambda: dist.all_to_all_single(out, x * 5), lambda: dist.send(x, 0), lambda: dist.all_reduce([1]), dist.barrier):  # fmt: skip
    told(call)
    print(out.tolist(), others)
told_objects = [None]
dist.all_gather_object(told_objects, {"a": 1})
print(told_objects)
dist.gather_object((1, 2), told_objects)
print(told_objects)
dist.broadcast_object_list(told_objects, src=0)
dist.scatter_object_list(told_objects, [["x"]], src=0)
print(told_objects)

group = dist.new_group([0])
print(
    dist.get_rank(group),
    dist.get_world_size(group),
    dist.get_process_group_ranks(group),
    dist.get_global_rank(group, 0),
    group.size(),
)
for call in (lambda: dist.new_group([1]), lambda: dist.new_group([0, 1]), lambda: dist.destroy_process_group(group)):
    told(call)

# training -------------------------------------------------------------------------------------------------------------
torch.manual_seed(0)
data = TensorDataset(torch.randn(10, 3), torch.randn(10, 1))
sampler = DistributedSampler(data, shuffle=True, seed=3)
loader = DataLoader(data, batch_size=4, sampler=sampler)
model = DDP(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1)))
print(model, list(model.state_dict()), model.device_ids, model.device)
told(lambda: model.weight)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    sampler.set_epoch(epoch)
    total = torch.zeros(())
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total += loss.detach()
    dist.all_reduce(total, op=dist.ReduceOp.SUM)
    print(epoch, list(sampler), f"{total.item():.4f}")
with model.no_sync():
    model(inputs).sum().backward()
    print(model.require_backward_grad_sync)
with tempfile.TemporaryDirectory() as folder:
    torch.save(model.module.state_dict(), folder + "/model.pt")
    model.module.load_state_dict(torch.load(folder + "/model.pt"))
again = copy.deepcopy(model)
print(again.eval()(inputs).shape, again.module.training, model.training)


class Half(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(2, 2), nn.Linear(2, 2)

    def forward(self, x):
        return self.used(x)


for options in ({}, {"find_unused_parameters": True}):
    half = DDP(Half(), **options)
    for _ in range(2):
        told(lambda: half(torch.ones(1, 2)).sum().backward())
for call in (
    lambda: DDP(nn.ReLU()),
    lambda: DDP(nn.Linear(1, 1), device_ids=[0]),
    lambda: DDP(nn.Linear(1, 1), device_ids=[0, 1]),
):
    told(call)


def hook(state, bucket):
    print(state, bucket.buffer().tolist(), [g.shape for g in bucket.gradients()], bucket.is_last())
    future = torch.futures.Future()
    future.set_result(bucket.buffer() * 2)
    return future


doubled = DDP(nn.Linear(2, 2))
doubled.register_comm_hook("state", hook)
doubled(torch.ones(3, 2)).sum().backward()
print(doubled.module.weight.grad, doubled.module.bias.grad)
dist.destroy_process_group()
print(dist.is_initialized(), dist.group.WORLD)
dist.init_process_group(store=dist.HashStore(), rank=0, world_size=1, backend="gloo")
print(dist.get_world_size(), nn.DataParallel(nn.Linear(2, 2))(torch.ones(1, 2)).shape)
dist.destroy_process_group()
