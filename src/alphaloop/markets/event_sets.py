"""Sets of features of events, rather than of rows of a table, that the installed markets offer by name.

A market declares them as ``EVENT_SETS``, a tuple of `NamedEventSet`, in its module ``catalog``, and audits them with
``audit_recording`` of its module ``proofs.desk``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from alphaloop import markets
from alphaloop.core.progress import Progress
from alphaloop.markets.catalog import market_names

if TYPE_CHECKING:
    from alphaloop.audit.findings import AuditResult


class EventFeature(Protocol):
    """A feature that a market reads from its books at an event."""

    @property
    def name(self) -> str:
        """Unique within its set."""
        ...

    @property
    def family(self) -> str:
        """The group it belongs to."""
        ...

    @property
    def unit(self) -> str:
        """What its numbers count."""
        ...

    @property
    def source(self) -> str:
        """Where it comes from."""
        ...

    @property
    def missing(self) -> str:
        """What NaN means."""
        ...


class EventSet(Protocol):
    """An ordered set of such features."""

    @property
    def name(self) -> str:
        """Name of the set."""
        ...

    @property
    def features(self) -> Sequence[EventFeature]:
        """The features, in order."""
        ...

    @property
    def hash(self) -> str:
        """SHA-256 of everything that is said about them."""
        ...


class EventAuditor(Protocol):
    """``audit_recording`` of a market: tries to prove on a recording that features of events read later events."""

    def __call__(self, features: Any, data: Path, *, seconds: float, seed: int, progress: Progress) -> AuditResult:
        """Audit one of the market's sets on the recording `data` within a budget of seconds."""
        ...


@dataclass(frozen=True)
class NamedEventSet:
    """A set that a market offers under a name.

    Attributes
    ----------
    name
        What users type; unique over all markets and over sets of both kinds.
    description
        One line for listings.
    load
        Imports the set; called only when the set is asked for.
    """

    name: str
    description: str
    load: Callable[[], EventSet]


def named_event_sets() -> dict[str, tuple[str, NamedEventSet]]:
    """Every declared set: name to (market, declaration), in order of market and declaration."""
    found: dict[str, tuple[str, NamedEventSet]] = {}
    for market in market_names():
        module = f"{markets.__name__}.{market}.catalog"
        if find_spec(module) is not None:
            for declared in getattr(import_module(module), "EVENT_SETS", ()):
                found[declared.name] = (market, declared)
    return found


def audit_event_set(name: str, data: Path, *, seconds: float, seed: int, progress: Progress) -> AuditResult:
    """Audit the set of that name, one of `named_event_sets`, on a recording."""
    market, declared = named_event_sets()[name]
    audit: EventAuditor = import_module(f"{markets.__name__}.{market}.proofs.desk").audit_recording
    return audit(declared.load(), data, seconds=seconds, seed=seed, progress=progress)
