"""`torch.__version__`: text that can be compared with other versions, as text or as tuples of numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_NUMBERS = re.compile(r"v?(\d+(?:\.\d+)*)(?:[._-]?(a|b|rc|dev|post)[a-z]*[._-]?(\d*))?")
_STAGES = {"dev": -4, "a": -3, "b": -2, "rc": -1, "": 0, "post": 1}


def _key(version: Any) -> tuple[Any, ...]:
    """What versions are compared by: the numbers without zeros at the end, then how finished it is.

    Raises ValueError for what is no version.
    """
    text = (
        str(version) if isinstance(version, str) or not isinstance(version, Iterable) else ".".join(map(str, version))
    )
    found = _NUMBERS.match(text.strip().lower())
    if found is None:
        raise ValueError(f"Invalid version: {text!r}")
    numbers = [int(n) for n in found[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers, _STAGES[found[2] or ""], int(found[3] or 0)


class TorchVersion(str):
    """A version as text.

    >>> v = TorchVersion("2.13.0")
    >>> v >= (1, 8), v > "2.9", v.startswith("2.")
    (True, True, True)
    """

    __slots__ = ()

    def _against(self, other: Any) -> tuple[Any, Any]:
        """Both as keys; both as text if the other is no version."""
        try:
            return _key(self), _key(other)
        except ValueError:
            return str(self), str(other)

    def __lt__(self, other: Any) -> bool:
        mine, others = self._against(other)
        return bool(mine < others)

    def __le__(self, other: Any) -> bool:
        mine, others = self._against(other)
        return bool(mine <= others)

    def __gt__(self, other: Any) -> bool:
        mine, others = self._against(other)
        return bool(mine > others)

    def __ge__(self, other: Any) -> bool:
        mine, others = self._against(other)
        return bool(mine >= others)

    def __eq__(self, other: object) -> bool:
        mine, others = self._against(other)
        return bool(mine == others)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__
