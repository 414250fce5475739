"""The base of all distributions: shapes, validation, and what follows from the rest."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from microtorch._missing import torch_name
from microtorch.autograd.modes import no_grad
from microtorch.autograd.state import TensorBase
from microtorch.distributions import constraints
from microtorch.distributions.utils import lazy_property
from microtorch.functions.pointwise import exp
from microtorch.size import Size


class Distribution:
    """A family of distributions, one for each place of `batch_shape`, of events of shape `event_shape`.

    Raises ValueError for parameters outside of `arg_constraints`, unless `validate_args` is False.
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = True
    arg_constraints: ClassVar[Any]
    support: Any
    # what `expand` takes over beside the parameters: attributes that have the batch's shape in front, and that have not
    _batched: ClassVar[tuple[str, ...]] = ()
    _kept: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether parameters and values are checked where `validate_args` is not given."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None
    ) -> None:  # fmt: skip
        self._batch_shape = batch_shape if isinstance(batch_shape, Size) else Size(batch_shape)
        self._event_shape = event_shape if isinstance(event_shape, Size) else Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if not self._validate_args:
            return
        wanted = getattr(self, "arg_constraints", None)
        if wanted is None:
            warnings.warn(
                f"{self.__class__} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or "
                "initialize the distribution with `validate_args=False` to turn off validation.",
                stacklevel=2,
            )
            return
        for param, constraint in wanted.items():
            if constraints.is_dependent(constraint):
                continue
            if param not in self.__dict__ and isinstance(getattr(type(self), param), lazy_property):
                continue  # it was not given: it will be computed from one that was
            value = getattr(self, param)
            if not constraint.holds(value):
                raise ValueError(
                    f"Expected parameter {param} ({type(value).__name__} of shape {tuple(value.shape)}) of "
                    f"distribution {self!r} to satisfy the constraint {constraint!r}, "
                    f"but found invalid values:\n{value}"
                )

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distributions for a larger batch shape, without copies.

        Raises NotImplementedError for a class of yours that has an `__init__`, and no `expand`, of its own.
        """
        if not hasattr(self._library_class(), "arg_constraints"):
            raise NotImplementedError
        shape = Size(batch_shape)
        values = {n: self.__dict__[n] for n in (*self.arg_constraints, *self._batched) if n in self.__dict__}
        return self._expanded(shape, _instance, **{n: self._expanded_value(v, shape) for n, v in values.items()})

    @property
    def batch_shape(self) -> Any:
        """For how many distributions there are parameters."""
        return self._batch_shape

    @property
    def event_shape(self) -> Any:
        """The shape of one event."""
        return self._event_shape

    @property
    def mean(self) -> Any:
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self) -> Any:
        """The most likely value."""
        kind = self.__class__
        raise NotImplementedError(
            f"<class '{torch_name(kind.__module__)}.{kind.__qualname__}'> does not implement mode"
        )

    @property
    def variance(self) -> Any:
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self) -> Any:
        """The standard deviation."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Any:
        """Random values, of shape sample_shape + batch_shape + event_shape, outside of the graph."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Random values as functions of the parameters, in the graph."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Any:
        """`sample((n,))` (deprecated by PyTorch)."""
        warnings.warn("`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", FutureWarning, stacklevel=2)
        return self.sample(Size((n,)))

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density, or of the probability.

        Raises ValueError for values outside of the support, unless `validate_args` is False; so does `cdf`.
        """
        raise NotImplementedError

    def cdf(self, value: Any) -> Any:
        """The probability of values up to this one."""
        raise NotImplementedError

    def icdf(self, value: Any) -> Any:
        """The value up to which there is this probability."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values of a discrete distribution, along the first dimension."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """The entropy, in nats."""
        raise NotImplementedError

    def perplexity(self) -> Any:
        """exp of the entropy."""
        return exp(self.entropy())

    def _extended_shape(self, sample_shape: Any = ()) -> Any:
        if not isinstance(sample_shape, Size):
            sample_shape = Size(sample_shape)
        return Size(sample_shape + self._batch_shape + self._event_shape)

    def _check(self, value: Any) -> None:
        """`_validate_sample`, if asked for."""
        if self._validate_args:
            self._validate_sample(value)

    def _validate_sample(self, value: Any) -> None:
        """Raise ValueError for values of a wrong shape or outside of the support, TypeError for no tensor."""
        if not isinstance(value, TensorBase):
            raise ValueError("The value argument to log_prob must be a Tensor")
        shape = value.shape  # type: ignore[attr-defined]
        start = len(shape) - len(self._event_shape)
        if shape[start:] != self._event_shape:
            raise ValueError(f"The right-most size of value must match event_shape: {shape} vs {self._event_shape}.")
        expected = self._batch_shape + self._event_shape
        for i, j in zip(reversed(shape), reversed(expected)):
            if i != 1 and j != 1 and i != j:
                raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {shape} vs {expected}.")
        support = getattr(self, "support", None)
        if support is None:
            warnings.warn(
                f"{self.__class__} does not define `support` to enable sample validation. "
                "Please initialize the distribution with `validate_args=False` to turn off validation.",
                stacklevel=2,
            )
            return
        if not support.holds(value):
            raise ValueError(
                "Expected value argument "
                f"({type(value).__name__} of shape {tuple(shape)}) "
                f"to be within the support ({support!r}) "
                f"of the distribution {self!r}, "
                f"but found invalid values:\n{value}"
            )

    def _get_checked_instance(self, cls: type[Any], _instance: Any = None) -> Any:
        if _instance is None and type(self).__init__ is not cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {self.__class__.__name__} of {cls.__name__} that defines a custom __init__ method must also "
                "define a custom .expand() method."
            )
        return self.__new__(type(self)) if _instance is None else _instance

    @classmethod
    def _library_class(cls) -> type[Any]:
        """The class itself, or the class of this package that it is derived from."""
        return next(c for c in cls.__mro__ if torch_name(c.__module__).startswith("torch.distributions."))

    def _expanded_value(self, value: Any, shape: Size) -> Any:
        """A tensor or a distribution that has the batch's shape in front, for a larger batch shape."""
        whole = value.shape if isinstance(value, TensorBase) else value.batch_shape  # type: ignore[attr-defined]
        return value.expand(shape + whole[len(self._batch_shape) :])

    def _expanded(self, batch_shape: Any, _instance: Any, **attributes: Any) -> Any:
        """The instance that `expand` gives, with these attributes and `_kept`; it is not validated again."""
        new = self._get_checked_instance(self._library_class(), _instance)
        for name in self._kept:
            attributes[name] = self.__dict__[name]
        new.__dict__.update(attributes)
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def __repr__(self) -> str:
        names = [k for k in getattr(self, "arg_constraints", {}) if k in self.__dict__]
        shown = [
            f"{n}: {self.__dict__[n] if self.__dict__[n].numel() == 1 else self.__dict__[n].size()}" for n in names
        ]
        return f"{self.__class__.__name__}({', '.join(shown)})"
