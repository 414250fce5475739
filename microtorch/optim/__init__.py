"""Optimizers and learning-rate schedules, as in `torch.optim`."""

from microtorch._missing import missing_names as _missing_names
from microtorch.optim import (
    _functional as _functional,
    lr_scheduler as lr_scheduler,
    optimizer as optimizer,
    swa_utils as swa_utils,
)
from microtorch.optim.adadelta import Adadelta as Adadelta
from microtorch.optim.adafactor import Adafactor as Adafactor
from microtorch.optim.adagrad import Adagrad as Adagrad
from microtorch.optim.adam import Adam as Adam
from microtorch.optim.adamax import Adamax as Adamax
from microtorch.optim.adamw import AdamW as AdamW
from microtorch.optim.asgd import ASGD as ASGD
from microtorch.optim.lbfgs import LBFGS as LBFGS
from microtorch.optim.muon import Muon as Muon
from microtorch.optim.nadam import NAdam as NAdam
from microtorch.optim.optimizer import Optimizer as Optimizer
from microtorch.optim.radam import RAdam as RAdam
from microtorch.optim.rmsprop import RMSprop as RMSprop
from microtorch.optim.rprop import Rprop as Rprop
from microtorch.optim.sgd import SGD as SGD
from microtorch.optim.sparse_adam import SparseAdam as SparseAdam

__getattr__ = _missing_names(__name__)
