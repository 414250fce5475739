"""Datasets, samplers and the DataLoader, as in `torch.utils.data`."""

from microtorch._missing import missing_name as _missing_name
from microtorch.utils.data import (
    dataloader as dataloader,
)
from microtorch.utils.data import (
    dataset as dataset,
)
from microtorch.utils.data import (
    distributed as distributed,
)
from microtorch.utils.data import (
    sampler as sampler,
)
from microtorch.utils.data.dataloader import (
    DataLoader as DataLoader,
)
from microtorch.utils.data.dataloader import (
    default_collate as default_collate,
)
from microtorch.utils.data.dataloader import (
    default_convert as default_convert,
)
from microtorch.utils.data.dataloader import (
    get_worker_info as get_worker_info,
)
from microtorch.utils.data.dataset import (
    ChainDataset as ChainDataset,
)
from microtorch.utils.data.dataset import (
    ConcatDataset as ConcatDataset,
)
from microtorch.utils.data.dataset import (
    Dataset as Dataset,
)
from microtorch.utils.data.dataset import (
    IterableDataset as IterableDataset,
)
from microtorch.utils.data.dataset import (
    StackDataset as StackDataset,
)
from microtorch.utils.data.dataset import (
    Subset as Subset,
)
from microtorch.utils.data.dataset import (
    TensorDataset as TensorDataset,
)
from microtorch.utils.data.dataset import (
    random_split as random_split,
)
from microtorch.utils.data.distributed import DistributedSampler as DistributedSampler
from microtorch.utils.data.sampler import (
    BatchSampler as BatchSampler,
)
from microtorch.utils.data.sampler import (
    RandomSampler as RandomSampler,
)
from microtorch.utils.data.sampler import (
    Sampler as Sampler,
)
from microtorch.utils.data.sampler import (
    SequentialSampler as SequentialSampler,
)
from microtorch.utils.data.sampler import (
    SubsetRandomSampler as SubsetRandomSampler,
)
from microtorch.utils.data.sampler import (
    WeightedRandomSampler as WeightedRandomSampler,
)


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
