"""The states of a registry as its ledger tells them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from alphaloop.core.errors import StateError

State = Literal["candidate", "champion", "retired"]
EVENTS = ("added", "promoted", "rolled_back")


@dataclass(frozen=True)
class Entry:
    """One artifact in the registry.

    Attributes
    ----------
    id, name, market : str
        The artifact, its model name and its market.
    state : {"candidate", "champion", "retired"}
        A candidate was never promoted, the champion is live, a retired one was.
    added_ns, since_ns : int
        When it came, and since when it has its state.
    forced : bool
        Whether its last promotion went against objections.
    """

    id: str
    name: str
    market: str
    state: State
    added_ns: int
    since_ns: int
    forced: bool = False


@dataclass
class Standing:
    """Entries by id, and for each model name its line of champions, the present one last."""

    entries: dict[str, Entry] = field(default_factory=dict)
    champions: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def champion(self, name: str) -> str | None:
        """Id of the champion of a model name, or None."""
        history = self.champions.get(name)
        return history[-1] if history else None

    def apply(self, line: Mapping[str, Any]) -> None:
        """Take in one line of the ledger."""
        event, identity, name, at_ns = line["event"], line["id"], line["name"], line["at_ns"]
        if event not in EVENTS:
            raise StateError(
                f"the ledger holds the event {event!r}, expected one of {', '.join(EVENTS)}; "
                "a newer release wrote it: upgrade alphaloop"
            )
        if event == "added":
            self.entries[identity] = Entry(identity, name, line["market"], "candidate", at_ns, at_ns)
            return
        history = self.champions.get(name, ())
        if history:
            self._move(history[-1], "retired", at_ns)
        if event == "promoted":
            self.champions[name] = (*history, identity)
            self._move(identity, "champion", at_ns, forced=line["forced"])
        else:
            self.champions[name] = history[:-1]
            self._move(identity, "champion", at_ns)

    def _move(self, identity: str, state: State, at_ns: int, forced: bool | None = None) -> None:
        entry = self.entries[identity]
        forced = entry.forced if forced is None else forced
        self.entries[identity] = replace(entry, state=state, since_ns=at_ns, forced=forced)


def replay(lines: Iterable[Mapping[str, Any]]) -> Standing:
    """Read a ledger from its first line."""
    standing = Standing()
    for line in lines:
        standing.apply(line)
    return standing
