"""What the books have to tell when their clocks have run: rows for the store, values for the bus."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from alphaloop.core.hashing import hash_json
from alphaloop.markets.pumpfun.books.regime import Regime as RegimeCode
from alphaloop.markets.pumpfun.emissions import REGIME_CHANNEL, Emission, Publish, Row
from alphaloop.markets.pumpfun.shelf import Shelf
from alphaloop.markets.pumpfun.signals.messages import Crowding, Regime, encode, number
from alphaloop.markets.pumpfun.signals.settings import LiveSettings

KEEP_REGIMES: Final = 3


class Notices:
    """Collects from the books after each of their runs."""

    def __init__(self, settings: LiveSettings, shelf: Shelf, out: list[Emission]) -> None:
        self.settings, self.shelf, self.out = settings, shelf, out
        self._crowded: dict[str, None] = {}
        self.after: Final[Mapping[str, Callable[[int], None]]] = {
            shelf.candles.name: self._candles,
            shelf.bundles.name: self._bundles,
            shelf.lifecycle.name: self._lifecycle,
            shelf.crowding.name: self._crowding,
            shelf.regime.name: self._regime,
        }

    def crowded(self, mint: str) -> None:
        """Note a trade of a tracked wallet: its token's crowding is told after the next run."""
        self._crowded[mint] = None

    def _candles(self, now_ns: int) -> None:
        self.out.extend(Row("candles_1m", msgspec.structs.asdict(candle)) for candle in self.shelf.candles.closed())

    def _bundles(self, now_ns: int) -> None:
        for bundle in self.shelf.bundles.found():
            identity = hash_json(["bundle", bundle.mint, bundle.start_ns])[:32]
            self.out.append(Row("bundles", {"bundle_id": identity, **_plain(bundle), "known_ns": now_ns}))

    def _lifecycle(self, now_ns: int) -> None:
        self.out.extend(
            Row("token_lifecycle", msgspec.structs.asdict(change)) for change in self.shelf.lifecycle.changes()
        )

    def _crowding(self, now_ns: int) -> None:
        book = self.shelf.crowding
        for mint in self._crowded:
            told = Crowding(
                token_mint=mint, known_ns=now_ns, ratio=number(book.ratio(mint)), penalty=number(book.penalty(mint))
            )
            self.out.append(Publish(f"crowding:{mint}", encode(told), self.settings.crowding_keep_s))
        self._crowded.clear()

    def _regime(self, now_ns: int) -> None:
        for snapshot in self.shelf.regime.snapshots():
            self.out.append(Row("regime_snapshots", _plain(snapshot)))
            told = Regime(
                token_mint="",
                known_ns=snapshot.known_ns,
                code=snapshot.code,
                name=RegimeCode(snapshot.code).name.lower(),
                confidence=number(snapshot.confidence),
            )
            keep_s = KEEP_REGIMES * self.shelf.regime.settings.every_s
            self.out.append(Publish(REGIME_CHANNEL, encode(told), keep_s))

    def save(self) -> bytes:
        """Give the whole state."""
        return msgspec.msgpack.encode(list(self._crowded))

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave."""
        self._crowded = dict.fromkeys(msgspec.msgpack.decode(state, type=list[str]))


def _plain(record: msgspec.Struct) -> dict[str, object]:
    """Columns of a record, None where a number is missing."""
    values = msgspec.structs.asdict(record)
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}
