"""From a recording to its audit."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from alphaloop.audit.findings import AuditResult
from alphaloop.core.errors import DataError
from alphaloop.core.progress import Progress, silent
from alphaloop.core.random import stream
from alphaloop.markets.pumpfun.events import Input, Trade
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.proofs.audit import audit_events
from alphaloop.markets.pumpfun.proofs.trials import LEAST_EVENTS
from alphaloop.markets.pumpfun.recording.replay import count_sealed, read_events
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.catalogue import SIGNAL, EventFeatureSet

TRACKED: Final = 40
EVENTS_PER_S: Final = 2_000
"""Events that are read for each second of the budget; most of it goes into trials."""


def audit_recording(
    features: EventFeatureSet, data: Path, *, seconds: float = 60.0, seed: int = 0, progress: Progress = silent
) -> AuditResult:
    """Audit a feature set of this market on a recording; see `audit_events`.

    Of one that is longer than the budget of time allows, a stretch is audited that begins at a place drawn by `seed`.

    A recording that is shorter than wallet discovery needs would hold no signal, so for the audit of signals the
    wallets that buy most often in it are tracked by hand from its first event on. Which wallets are tracked is given
    then, like a setting; it is not a feature.

    Raises
    ------
    DataError
        If the recording cannot be read or makes no row of this feature set.
    """
    progress("reading events", 0, 1)
    limit = max(int(seconds * EVENTS_PER_S), LEAST_EVENTS)
    events, total, notes = _stretch(data, limit, seed)
    if not events:
        raise DataError(f"{data.name}: has no event; give a recording with trades")
    tracked: tuple[str, ...] = ()
    if features is SIGNAL:
        tracked = _busiest(events)
        notes.append(f"{len(tracked)} wallets with the most buys were tracked by hand for the audit")
    settings = PumpSettings(tracked_wallets=tracked)
    return audit_events(
        lambda _: PumpMarket(settings),
        features,
        events,
        seconds=seconds,
        seed=seed,
        settings_hash=settings.hash,
        data_hash=_hash(events),
        data_name=data.name,
        total=total,
        notes=notes,
        progress=progress,
    )


def _stretch(data: Path, limit: int, seed: int) -> tuple[list[Input], int, list[str]]:
    """At most `limit` events from a place drawn by `seed`, the number of records there are, and what to say of it."""
    sealed = count_sealed(data)
    total = sum(count for _, count in sealed)
    if total <= limit:
        events = list(islice(read_events(data), limit))
        return events, max(total, len(events)), [f"the first {limit} events were read"] * (len(events) == limit)
    place = int(stream(seed, "stretch").integers(0, total - limit + 1))
    before, start_ns = 0, sealed[0][0]
    for first_ns, count in sealed:
        if place < before + count:
            start_ns = first_ns
            break
        before += count
    events = list(islice(read_events(data, first_ns=start_ns), place - before, place - before + limit))
    return events, total, [f"{limit:,} events from the {place:,}th on were read, a place drawn by the seed"]


def _busiest(events: Sequence[Input]) -> tuple[str, ...]:
    buys = Counter(event.wallet for event in events if isinstance(event, Trade) and event.is_buy)
    return tuple(wallet for wallet, _ in buys.most_common(TRACKED))


def _hash(events: Sequence[Input]) -> str:
    digest, encoder = hashlib.sha256(), msgspec.msgpack.Encoder()
    for event in events:
        digest.update(encoder.encode(event))
    return digest.hexdigest()
