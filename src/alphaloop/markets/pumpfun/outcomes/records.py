"""What became of one signal within one horizon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from alphaloop.core.errors import DataError


class Outcome(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The time from a signal to one horizon, ``(decided_ns, resolved_ns]``.

    What was not observed is None and has a `reason`; it is never 0. `least_raw` and `least_tradable` are what was seen
    of the two multiples before the token graduated out of sight: true lower bounds, which may prove that a target was
    reached, never that it was not. They too are None where a gap or the end of the recording cuts the interval: to
    count what was reached before such a cut, and nothing else, would make signals near it look like hits.

    Attributes
    ----------
    signal_id, kind : str
        The signal; "signal" or "genesis".
    horizon_s : int
        Length of the interval in seconds.
    price : float
        SOL per token at the signal; `raw_multiple` counts from here.
    entry_price : float or None
        SOL per token that the entry cost, all fees and network costs of the round trip included; None if no entry was
        possible.
    entry_known_ns : int or None
        When the entry was on the curve: the signal's time plus latency.
    raw_multiple : float or None
        Highest price over the price at the signal; at least 1, the price of the signal itself.
    tradable_multiple : float or None
        Best net proceeds of selling the whole entry at the reserves after any one event, over the cost of the entry.
        It says that a price was touched and what a sale there would have paid. It does not say that a trader would have
        sold exactly there: that takes a standing order or luck.
    final_price, final_multiple : float or None
        Price at the horizon, and net proceeds of selling there over the cost of the entry; the latter also None if
        nothing could be sold, because the curve was complete and its pool not open.
    peak_ns : int or None
        When the highest price was reached; the signal's own time if it never rose.
    died_ns : int or None
        First moment after the signal at which the token had gone without a trade for the time that counts as death.
    graduated : bool
        Whether the curve was completed by the horizon.
    resolved_ns : int
        End of the interval.
    observed : bool
        Whether the whole interval was seen.
    reason : str
        Why something is missing; empty if nothing is.
    """

    signal_id: str
    kind: str
    horizon_s: int
    price: float
    entry_price: float | None
    entry_known_ns: int | None
    raw_multiple: float | None
    tradable_multiple: float | None
    least_raw: float | None
    least_tradable: float | None
    final_price: float | None
    final_multiple: float | None
    peak_ns: int | None
    died_ns: int | None
    graduated: bool
    resolved_ns: int
    observed: bool
    reason: str

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Outcome:
        """Read the columns of ``signal_outcomes``; others are left aside.

        Raises
        ------
        DataError
            If a column is missing or of another type.
        """
        try:
            return msgspec.convert({name: row[name] for name in cls.__struct_fields__}, cls)
        except (KeyError, msgspec.ValidationError) as error:
            raise DataError(
                f"outcome of signal {row.get('signal_id')!r} cannot be read ({error}); "
                "collect it again with this version"
            ) from None

    def to_row(self) -> dict[str, Any]:
        """Give the columns of ``signal_outcomes``."""
        return msgspec.structs.asdict(self)
