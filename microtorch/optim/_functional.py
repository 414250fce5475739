"""The optimizers' steps as functions of lists, as `torch.optim._functional` has them."""

from __future__ import annotations

from microtorch._missing import missing_names as _missing_names
from microtorch.optim.adadelta import adadelta as adadelta
from microtorch.optim.adagrad import adagrad as adagrad
from microtorch.optim.adam import adam as adam
from microtorch.optim.adamax import adamax as adamax
from microtorch.optim.adamw import adamw as adamw
from microtorch.optim.asgd import asgd as asgd
from microtorch.optim.nadam import nadam as nadam
from microtorch.optim.radam import radam as radam
from microtorch.optim.rmsprop import rmsprop as rmsprop
from microtorch.optim.rprop import rprop as rprop
from microtorch.optim.sgd import sgd as sgd
from microtorch.optim.sparse_adam import sparse_adam as sparse_adam

__getattr__ = _missing_names(__name__)
