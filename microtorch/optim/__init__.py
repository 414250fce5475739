"""Optimizers and learning-rate schedules, as in `torch.optim`."""

from microtorch._missing import missing_name as _missing_name
from microtorch.optim import lr_scheduler as lr_scheduler, optimizer as optimizer
from microtorch.optim.adagrad import Adagrad as Adagrad
from microtorch.optim.adam import Adam as Adam
from microtorch.optim.adamw import AdamW as AdamW
from microtorch.optim.optimizer import Optimizer as Optimizer
from microtorch.optim.rmsprop import RMSprop as RMSprop
from microtorch.optim.sgd import SGD as SGD


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
