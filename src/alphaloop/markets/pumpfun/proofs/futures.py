"""Other futures of a recording: events that may stand after a cut without moving anything before it.

Each takes the recording and the place of the first event that may change, and gives a recording with the same events
before that place. No event of a future is known before the one that stood first in the true one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np

from alphaloop.core.clock import NS_PER_DAY, NS_PER_S
from alphaloop.markets.pumpfun.events import Complete, Create, Input, Tracking, Trade

Change = Callable[[Sequence[Input], int, np.random.Generator], list[Input]]

DELAY_NS: Final = 3 * NS_PER_DAY + 7 * 60 * NS_PER_S
GAIN: Final = 1.5


def truncated(events: Sequence[Input], at: int, rng: np.random.Generator) -> list[Input]:
    """End the recording at the cut."""
    return list(events[:at])


def dropped(events: Sequence[Input], at: int, rng: np.random.Generator) -> list[Input]:
    """Lose the next event and every second one after it, on average."""
    kept = rng.random(len(events) - at) < 0.5
    kept[:1] = False
    return [*events[:at], *(event for event, keep in zip(events[at:], kept, strict=True) if keep)]


def altered(events: Sequence[Input], at: int, rng: np.random.Generator) -> list[Input]:
    """Other amounts and reserves, other wallets, other creators, names and symbols."""
    return [*events[:at], *(_altered(event, rng) for event in events[at:])]


def turned(events: Sequence[Input], at: int, rng: np.random.Generator) -> list[Input]:
    """Make every buy a sell and every sell a buy."""
    return [*events[:at], *(_turned(event) for event in events[at:])]


def reordered(events: Sequence[Input], at: int, rng: np.random.Generator) -> list[Input]:
    """Shuffle what happens under the old stamps."""
    return _moved(events, at, [int(place) for place in rng.permutation(len(events) - at)])


def backwards(events: Sequence[Input], at: int, rng: np.random.Generator) -> list[Input]:
    """Let the last happen first, under the old stamps."""
    return _moved(events, at, list(range(len(events) - at))[::-1])


def inserted(events: Sequence[Input], at: int, rng: np.random.Generator) -> list[Input]:
    """Put a large buy by a wallet of the recording into every second pause, in a token that it trades."""
    trades = [event for event in events if isinstance(event, Trade)]
    out = list(events[:at])
    for event, after in pairwise([*events[at:], None]):
        assert event is not None
        out.append(event)
        room_ns = after.known_ns - event.known_ns if after is not None else NS_PER_S
        if trades and room_ns > 1 and rng.random() < 0.5:
            like, by = (trades[int(rng.integers(len(trades)))] for _ in range(2))
            fresh = {"wallet": by.wallet, "is_buy": True, "sol_amount": 10 * like.sol_amount + 1}
            stamps = {"known_ns": event.known_ns + room_ns // 2, "event_ns": event.event_ns, "slot": event.slot}
            identity = {"signature": f"{event.signature}+", "log_index": event.log_index}
            out.append(_changed(like, **fresh, **stamps, **identity))
    return out


def delayed(events: Sequence[Input], at: int, rng: np.random.Generator) -> list[Input]:
    """Let the same happen days later."""
    later = (
        _changed(event, known_ns=event.known_ns + DELAY_NS, event_ns=event.event_ns + DELAY_NS) for event in events[at:]
    )
    return [*events[:at], *later]


FUTURES: Final[dict[str, Change]] = {
    "altered": altered,
    "truncated": truncated,
    "reordered": reordered,
    "dropped": dropped,
    "inserted": inserted,
    "turned": turned,
    "reversed": backwards,
    "delayed": delayed,
}


def _changed(event: Input, **values: Any) -> Input:
    return msgspec.structs.replace(event, **values)


def _altered(event: Input, rng: np.random.Generator) -> Input:
    factor = float(np.exp(GAIN * rng.standard_normal()))
    if isinstance(event, Trade):
        sol, tokens = (max(int(amount * factor), 1) for amount in (event.virtual_sol, event.virtual_token))
        return _changed(
            event,
            wallet=event.wallet if rng.random() < 0.5 else f"{event.wallet[:-1]}?",
            sol_amount=max(int(event.sol_amount * factor * factor), 1),
            token_amount=max(int(event.token_amount * factor), 1),
            virtual_sol=max(int(sol * factor), 1),
            virtual_token=tokens,
            real_sol=int(event.real_sol * factor),
            real_token=int(event.real_token / (1.0 + factor)),
        )
    if isinstance(event, Create):
        return _changed(event, name=event.name * 2, symbol=f"{event.symbol}X", creator=f"{event.creator[:-1]}?", uri="")
    if isinstance(event, Complete):
        return _changed(event, mint=f"{event.mint[:-1]}?")
    if isinstance(event, Tracking):
        return _changed(event, wallet=f"{event.wallet[:-1]}?", tracked=not event.tracked)
    return event


def _turned(event: Input) -> Input:
    return _changed(event, is_buy=not event.is_buy) if isinstance(event, Trade) else event


def _moved(events: Sequence[Input], at: int, order: list[int]) -> list[Input]:
    """Events after the cut in another order; each keeps its own identity and takes the stamp of its place."""
    future = events[at:]
    return [
        *events[:at],
        *(_changed(future[place], known_ns=stamp.known_ns) for place, stamp in zip(order, future, strict=True)),
    ]
