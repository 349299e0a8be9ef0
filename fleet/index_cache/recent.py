"""What was used last, as much of it as memory is set aside for."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Values by key; what was not used for longest goes where they weigh more than `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._weight = 0
        self._held: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """Return a value; None where it is not held."""
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return self._held[key][0]

    def has_room(self, weight: int) -> bool:
        """Return whether a value of this weight can be held beside all others."""
        return self._weight + weight <= self._most

    def put(self, key: Key, value: Value, weight: int = 1) -> Value:
        """Hold a value, the last one whatever it weighs, and return it."""
        _, before = self._held.pop(key, (None, 0))
        self._held[key] = value, weight
        self._weight += weight - before
        while self._weight > self._most and len(self._held) > 1:
            _, (_, gone) = self._held.popitem(last=False)
            self._weight -= gone
        return value

    def clear(self) -> None:
        """Hold nothing."""
        self._held.clear()
        self._weight = 0
