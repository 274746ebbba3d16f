"""What a bus has written to last, so that it can be written again to a server that was started anew."""

from __future__ import annotations

from collections.abc import Iterable


class Keepsakes:
    """Lasting values and set members of one writer, in the order in which they came."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._sets: dict[str, dict[str, None]] = {}

    def set(self, key: str, value: bytes | None) -> None:
        """Keep a value; None if it does not last."""
        self.delete(key)
        if value is not None:
            self._values[key] = bytes(value)

    def delete(self, key: str) -> None:
        """Forget a value or a whole set."""
        self._values.pop(key, None)
        self._sets.pop(key, None)

    def add(self, key: str, members: Iterable[str]) -> None:
        """Keep members of a set."""
        self._sets.setdefault(key, {}).update(dict.fromkeys(members))

    def remove(self, key: str, members: Iterable[str]) -> None:
        """Forget members of a set."""
        kept = self._sets.get(key, {})
        for member in members:
            kept.pop(member, None)
        if not kept:
            self._sets.pop(key, None)

    def commands(self) -> list[tuple[str | bytes, ...]]:
        """Give the Redis commands that write everything again."""
        values: list[tuple[str | bytes, ...]] = [("SET", key, value) for key, value in self._values.items()]
        return values + [("SADD", key, *members) for key, members in self._sets.items()]
