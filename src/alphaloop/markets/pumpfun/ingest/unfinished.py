"""What may still have to be fetched from history, written down so that a crash does not forget it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alphaloop.core.errors import StateError
from alphaloop.core.files import write_text
from alphaloop.markets.pumpfun.ingest.gaps import Anchor


class Unfinished:
    """Gaps that are being filled behind live events, and transactions that no node has had so far.

    Almost always empty: as long as events come in the order of the chain, the end of the recording says all there is to
    know. Only when live events had to go first does this file know better, and before the first of all events is
    recorded: what was announced meanwhile would otherwise be nobody's.

    Parameters
    ----------
    path : Path
        A JSON file, written whole at each change.

    Raises
    ------
    StateError
        If the file cannot be understood.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._gap: Anchor | None = None
        self._beginning: Anchor | None = None
        self._transactions: dict[str, int] = {}
        if path.is_file():
            try:
                content = json.loads(path.read_text())
                self._gap = _anchor(content["gap"])
                self._beginning = _anchor(content.get("beginning"))
                self._transactions = {str(name): int(since) for name, since in content["transactions"].items()}
            except (ValueError, KeyError, TypeError, IndexError, AttributeError):
                raise StateError(
                    f"{path}: what is still to be fetched cannot be read; remove the file to go on without it"
                ) from None

    @property
    def gap(self) -> Anchor | None:
        """Where the oldest gap begins that is not filled yet, or the recording as long as it has hardly begun."""
        known = [anchor for anchor in (self._gap, self._beginning) if anchor is not None]
        return min(known, key=lambda anchor: anchor.slot, default=None)

    @property
    def transactions(self) -> dict[str, int]:
        """Transactions that could not be fetched, and since when (UTC nanoseconds), oldest first."""
        return dict(self._transactions)

    def open_gap(self, anchor: Anchor) -> None:
        """Note a gap; an older one counts for both."""
        if self._gap is None or anchor.slot < self._gap.slot:
            self._gap = anchor
            self._write()

    def close_gap(self) -> None:
        """Note that no gap is left."""
        if self.gap is not None:
            self._gap = self._beginning = None
            self._write()

    def begin(self, anchor: Anchor) -> None:
        """Note that everything after a transaction is to be recorded, and nothing is so far."""
        self._beginning = anchor
        self._write()

    def reached(self, slot: int) -> None:
        """Note that everything announced up to `slot` is recorded: beyond the beginning the recording says the rest."""
        if self._beginning is not None and slot > self._beginning.slot:
            self._beginning = None
            self._write()

    def add(self, signature: str, now_ns: int) -> None:
        """Note a transaction that could not be fetched."""
        if signature not in self._transactions:
            self._transactions[signature] = now_ns
            self._write()

    def done(self, signature: str) -> None:
        """Forget a transaction: it was recorded, or given up."""
        if self._transactions.pop(signature, None) is not None:
            self._write()

    def _write(self) -> None:
        content = {"gap": self._gap, "beginning": self._beginning, "transactions": self._transactions}
        write_text(self._path, json.dumps(content))


def _anchor(noted: Any) -> Anchor | None:
    return None if noted is None else Anchor(str(noted[0]), int(noted[1]))
