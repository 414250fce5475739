"""Stores: where the processes of a group leave each other short messages. Here one process keeps them, in a dict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from microtorch.unsupported import not_supported


class Store:
    """Keys with values: what is set as text is got as bytes.

    >>> store = HashStore()
    >>> store.set("key", "value")
    >>> store.get("key"), store.add("count", 2)
    (b'value', 2)
    """

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self.timeout = timedelta(seconds=300)

    def _name(self, key: str) -> str:
        """The key among all of `_values`."""
        return key

    def set(self, key: str, value: str | bytes) -> None:
        """Keep a value under a key."""
        self._values[self._name(key)] = value.encode() if isinstance(value, str) else bytes(value)

    def get(self, key: str) -> bytes:
        """The value of a key. Raises RuntimeError if there is none: no other process will set it."""
        self.wait([key])
        return self._values[self._name(key)]

    def add(self, key: str, amount: int) -> int:
        """Count up the number under a key, which begins at 0."""
        total = int(self._values.get(self._name(key), b"0")) + amount
        self.set(key, str(total))
        return total

    def append(self, key: str, value: str | bytes) -> None:
        """Put more text behind that under a key."""
        self._values[self._name(key)] = self._values.get(self._name(key), b"") + (
            value.encode() if isinstance(value, str) else value
        )

    def compare_set(self, key: str, expected: str, desired: str) -> bytes:
        """Set the key if its value is the one expected; its value now."""
        now = self._values.get(self._name(key))
        if now == expected.encode() or (now is None and not expected):
            self.set(key, desired)
        return self._values.get(self._name(key), expected.encode())

    def check(self, keys: Sequence[str]) -> bool:
        """True if all keys are set."""
        return all(self._name(key) in self._values for key in keys)

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Return at once if all keys are set. Raises RuntimeError if not: no other process will set them."""
        for key in keys:
            if self._name(key) not in self._values:
                raise DistStoreError(f"wait timeout: no process sets the key {key!r}")

    def delete_key(self, key: str) -> bool:
        """Forget a key; True if it was set."""
        return self._values.pop(self._name(key), None) is not None

    def num_keys(self) -> int:
        """How many keys are set."""
        return len(self._values)

    def set_timeout(self, timeout: timedelta) -> None:
        """How long `get` and `wait` would wait for other processes."""
        self.timeout = timeout

    def multi_get(self, keys: Sequence[str]) -> list[bytes]:
        """The values of some keys."""
        return [self.get(key) for key in keys]

    def multi_set(self, keys: Sequence[str], values: Sequence[str]) -> None:
        """Keep values under keys."""
        for key, value in zip(keys, values):
            self.set(key, value)


class HashStore(Store):
    """A store for the threads of one process."""


class FileStore(Store):
    """A store in a file; of one process, so that nothing is written to it."""

    def __init__(self, file_name: str, world_size: int = -1) -> None:
        if world_size > 1:
            raise several("microtorch.distributed.FileStore")
        super().__init__()
        self.path = file_name


class TCPStore(Store):
    """A store that a server keeps; of one process, so that no port is opened."""

    def __init__(
        self, host_name: str, port: int, world_size: int | None = None, is_master: bool = False,
        timeout: timedelta = timedelta(seconds=300), wait_for_workers: bool = True, multi_tenant: bool = False,
        master_listen_fd: int | None = None, use_libuv: bool = True,
    ) -> None:  # fmt: skip
        if not is_master or (world_size or 1) > 1:
            raise several("microtorch.distributed.TCPStore")
        super().__init__()
        self.host, self.port, self.timeout = host_name, port, timeout


class PrefixStore(Store):
    """Another store's keys that begin with a prefix, without it."""

    def __init__(self, prefix: str, store: Store) -> None:
        super().__init__()
        self.underlying_store, self.prefix = store, prefix
        self._values = store._values

    def _name(self, key: str) -> str:
        return self.underlying_store._name(f"{self.prefix}/{key}")


class DistError(RuntimeError):
    """What a failed call among processes raises."""


class DistBackendError(DistError):
    """What a failed library for such calls raises; there is none here."""


class DistNetworkError(DistError):
    """What a failed network raises; none is used here."""


class DistStoreError(DistError):
    """What a store raises for a key that does not come."""


def several(name: str) -> NotImplementedError:
    """The error for more processes than one."""
    return not_supported(name, "one process computes: only world_size=1")
