"""ccxt's own requests and parsing, against an exchange on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import DataError, InputError
from alphaloop.data.bars import read_bars
from alphaloop.data.download import download
from alphaloop.data.exchange import CcxtCandles, TemporaryError, open_exchange

ccxt = pytest.importorskip("ccxt")

START_MS = 1_704_067_200_000
START_NS = START_MS * 10**6
MINUTE_MS = 60_000
BARS = 2_500

SYMBOL_INFO = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "isSpotTradingAllowed": True,
    "permissions": ["SPOT"],
    "filters": [],
}


class LoopbackExchange(ThreadingHTTPServer):
    """Answers the two public calls that ccxt makes for spot candles, after a list of planned failures."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.planned: list[tuple[int, str]] = []
        self.since: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/api/v3"


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackExchange

    def do_GET(self) -> None:
        address = urlparse(self.path)
        if address.path.endswith("/exchangeInfo"):
            return self._answer(200, {"symbols": [SYMBOL_INFO], "rateLimits": []})
        if self.server.planned:
            status, body = self.server.planned.pop(0)
            return self._answer(status, body)
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        self.server.since.append(int(query["startTime"]))
        return self._answer(200, _klines(int(query["startTime"]), int(query["limit"])))

    def _answer(self, status: int, body: Any) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def _klines(since: int, limit: int) -> list[list[Any]]:
    first = max(-(-(since - START_MS) // MINUTE_MS), 0)
    rows = []
    for i in range(first, min(first + limit, BARS)):
        opened, price = START_MS + i * MINUTE_MS, 100 + (i % 50) / 10
        prices = [f"{price + move:.2f}" for move in (0.0, 0.3, -0.3, 0.1)]
        rows.append([opened, *prices, "12.5", opened + MINUTE_MS - 1, "1250", 10, "6", "600", "0"])
    return rows


@pytest.fixture
def loopback() -> Iterator[LoopbackExchange]:
    server = LoopbackExchange()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def candles(loopback: LoopbackExchange) -> Iterator[CcxtCandles]:
    exchange = ccxt.binance({"enableRateLimit": False, "timeout": 5_000})
    exchange.options["fetchMarkets"] = {"types": ["spot"]}
    exchange.urls["api"]["public"] = loopback.url
    yield CcxtCandles(exchange)
    exchange.session.close()


def fetch(candles: CcxtCandles, out: Path, symbol: str = "BTC/USDT", timeframe: str = "1m") -> int:
    end_ns = START_NS + BARS * 60 * NS_PER_S
    return download(candles, symbol, timeframe, START_NS, end_ns, out, wait=lambda _: None).rows


def test_candles_come_through_ccxt(candles: CcxtCandles, loopback: LoopbackExchange, tmp_path: Path) -> None:
    assert (candles.name, candles.page) == ("binance", 1_000)
    assert fetch(candles, tmp_path / "x.parquet") == BARS
    bars = read_bars(tmp_path / "x.parquet")
    assert bars.frame.row(1)[3:] == (100.1, 100.4, 99.8, 100.2, 12.5)
    assert loopback.since == [START_MS + k * 1_000 * MINUTE_MS for k in range(3)]


@pytest.mark.parametrize(
    "planned",
    [(500, "oops"), (503, "{}"), (429, '{"code": -1003, "msg": "Too many requests"}'), (200, "<html>not JSON</html>")],
)
def test_temporary_errors_are_tried_again(
    candles: CcxtCandles, loopback: LoopbackExchange, tmp_path: Path, planned: tuple[int, str]
) -> None:
    loopback.planned = [planned, planned]
    assert fetch(candles, tmp_path / "x.parquet") == BARS


def test_a_lasting_failure_is_one_sentence(candles: CcxtCandles, loopback: LoopbackExchange, tmp_path: Path) -> None:
    loopback.planned = [(503, "{}")] * 100
    with pytest.raises(DataError, match=r"binance did not answer 7 times .* run the same command again") as caught:
        fetch(candles, tmp_path / "x.parquet")
    assert "\n" not in str(caught.value)


def test_an_unreachable_exchange_is_temporary(candles: CcxtCandles) -> None:
    candles.fetch_ohlcv("BTC/USDT", "1m", START_MS, 1)
    candles._exchange.urls["api"]["public"] = "http://127.0.0.1:9/api/v3"
    with pytest.raises(TemporaryError):
        candles.fetch_ohlcv("BTC/USDT", "1m", START_MS, 1)


def test_what_the_exchange_does_not_have_is_named(
    candles: CcxtCandles, loopback: LoopbackExchange, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"binance has no symbol 'BTC/USD'; did you mean 'BTC/USDT'\?"):
        fetch(candles, tmp_path / "x.parquet", symbol="BTC/USD")
    with pytest.raises(InputError, match="binance has no time frame '7m'; choose one of: 1s, 1m"):
        fetch(candles, tmp_path / "y.parquet", timeframe="7m")
    loopback.planned = [(400, '{"code": -1100, "msg": "Illegal characters"}')]
    with pytest.raises(InputError, match="binance refuses BTC/USDT 1m"):
        fetch(candles, tmp_path / "z.parquet")


def test_exchanges_by_name() -> None:
    assert open_exchange("kraken").page == 720
    with pytest.raises(InputError, match=r"exchange 'binanc' is not known to ccxt; did you mean 'binance'\?"):
        open_exchange("binanc")


def test_without_ccxt_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphaloop.core.extras.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"ccxt, which is not installed; run: pip install 'alphaloop\[exchange\]'"):
        open_exchange("binance")
