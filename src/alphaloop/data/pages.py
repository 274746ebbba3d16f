"""All candles of a window, page by page, with patience for an exchange that does not answer."""

from __future__ import annotations

from collections.abc import Callable

from alphaloop.core.clock import iso
from alphaloop.core.errors import DataError
from alphaloop.data.exchange import Candle, Candles, TemporaryError, timeframe_ns

TRIES = 7
LONGEST_PAUSE_S = 60.0

_NS_PER_MS = 1_000_000


class Pages:
    """Pages of one symbol and time frame.

    Parameters
    ----------
    candles : the exchange
    symbol, timeframe : as the exchange names them
    wait : called with the seconds to wait before another try: 1, 2, 4, ... up to a minute
    """

    def __init__(self, candles: Candles, symbol: str, timeframe: str, wait: Callable[[float], None]) -> None:
        self._candles, self._symbol, self._timeframe, self._wait = candles, symbol, timeframe, wait
        self._step_ms = timeframe_ns(timeframe) // _NS_PER_MS

    def window(self, first_ns: int, end_ns: int) -> list[Candle]:
        """Candles that open in ``[first_ns, end_ns)``, increasing and on the grid; absent ones are simply not there.

        An exchange may return fewer than asked for, repeat candles, skip to the next one that exists, or return nothing
        where it has none. A page without anything new ends only its own slots.

        Raises
        ------
        DataError
            If the exchange does not answer after seven tries.
        """
        cursor, end = first_ns // _NS_PER_MS, end_ns // _NS_PER_MS
        found: dict[int, Candle] = {}
        while cursor < end:
            limit = min(self._candles.page, (end - cursor) // self._step_ms)
            page = {int(row[0]): row for row in self._page(cursor, limit) if len(row) >= 6 and row[0] is not None}
            last = max((opened for opened in page if opened >= cursor), default=None)
            if last is None:
                cursor += limit * self._step_ms
                continue
            slots = range(cursor, end, self._step_ms)
            found |= {opened: row for opened, row in page.items() if opened in slots}
            cursor += ((last - cursor) // self._step_ms + 1) * self._step_ms
        return [found[opened] for opened in sorted(found)]

    def _page(self, since_ms: int, limit: int) -> list[Candle]:
        for attempt in range(TRIES):
            try:
                return self._candles.fetch_ohlcv(self._symbol, self._timeframe, since_ms, limit)
            except TemporaryError as error:
                reason = error
                if attempt < TRIES - 1:
                    self._wait(min(2.0**attempt, LONGEST_PAUSE_S))
        raise DataError(
            f"{self._candles.name} did not answer {TRIES} times for {self._symbol} from {iso(since_ms * _NS_PER_MS)} "
            f"on ({reason}); what came is kept, run the same command again to go on"
        )
