"""A stand-in for a Solana node: real WebSocket and JSON-RPC servers on loopback, over a chain that the test writes.

It knows ``logsSubscribe``, ``getSignaturesForAddress`` and ``getTransaction`` as nodes answer them, and misbehaves when
told to: drops connections, says nothing, repeats, reorders, cuts logs, answers 429, lags behind with its history.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import time
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from alphaloop.markets.pumpfun.wire.keys import encode_base58
from alphaloop.markets.pumpfun.wire.layouts import AMM_PROGRAM, PUMP_PROGRAM, SELF_CALL
from local_server import LocalServer, Reader, Writer

LOG_BYTES = 10_000


@dataclass(frozen=True)
class Tx:
    """A transaction; `data` are the bytes of its events, logged by `program`, `pool` those that PumpSwap logs then."""

    signature: str
    slot: int
    data: tuple[bytes, ...] = ()
    program: str = PUMP_PROGRAM
    pool: tuple[bytes, ...] = ()
    err: Any = None
    padding: int = 0
    lines: tuple[str, ...] | None = None

    @property
    def logs(self) -> list[str]:
        if self.lines is not None:
            return list(self.lines)
        calls = [(self.program, self.data)] if self.data or not self.pool else []
        calls += [(AMM_PROGRAM, self.pool)] if self.pool else []
        return [line for program, data in calls for line in self._lines(program, data)]

    def _lines(self, program: str, logged: tuple[bytes, ...]) -> Iterable[str]:
        yield f"Program {program} invoke [1]"
        yield "Program log: Instruction: Buy"
        for data in logged:
            yield f"Program log: {'x' * self.padding}"
            yield "Program data: " + base64.b64encode(data).decode()
        yield f"Program {program} consumed 40000 of 200000 compute units"
        yield f"Program {program} success"

    def mentions(self, program: str) -> bool:
        """Whether the program is among its accounts: whoever subscribes to that program is told."""
        return (program == self.program and not self.pool) or any(program in line for line in self.logs)

    @property
    def cut_logs(self) -> list[str]:
        """As nodes keep them: 10,000 bytes, and a last line that says so."""
        kept, size = [], 0
        for line in self.logs:
            size += len(line)
            if size > LOG_BYTES:
                return [*kept, "Log truncated"]
            kept.append(line)
        return kept

    @property
    def answer(self) -> dict[str, Any]:
        calls = [
            {"programIdIndex": place, "accounts": [], "data": encode_base58(SELF_CALL + data), "stackHeight": 2}
            for place, logged in ((1, self.data), (2, self.pool))
            for data in logged
        ]
        return {
            "slot": self.slot,
            "blockTime": 1_700_000_000 + self.slot // 2,
            "meta": {
                "err": self.err,
                "logMessages": self.cut_logs,
                "innerInstructions": [{"index": 0, "instructions": calls}] if calls else [],
                "loadedAddresses": {"writable": [], "readonly": []},
            },
            "transaction": {
                "signatures": [self.signature],
                "message": {"accountKeys": ["2vr538qDgHCPYmr2mjt5LSjQ3kBYjtw3SDSveUKBVkef", self.program, AMM_PROGRAM]},
            },
            "version": "legacy",
        }


@dataclass
class ChainNode:
    """One node; several may share one `chain`, a list of transactions in the chain's order.

    Attributes
    ----------
    silent : bool
        Connections stay open and nothing is sent over them.
    duplicates : float
        Chance that a notification comes twice.
    shuffled : int
        Notifications are held back and sent in another order, so many at a time.
    too_many : int
        So many of the next requests are answered 429.
    refuse : int or None
        Answer every request with this HTTP status.
    history_lag : int
        The newest transactions that history does not know yet.
    hidden : set of str
        Signatures that history does not know yet.
    absent : Counter of signature to int
        So often ``getTransaction`` says null.
    subscribe_s : float
        Each subscription of a connection but the first is granted after so long.
    page : int
        Signatures of one answer at most.
    requests : list of (time, method)
        All that was asked, whatever the answer.
    arrivals : list of (kind, path, port)
        Connections (``ws``) and requests (``http``), and the port that they came from.
    """

    chain: list[Tx] = field(default_factory=list)
    silent: bool = False
    duplicates: float = 0.0
    shuffled: int = 1
    too_many: int = 0
    refuse: int | None = None
    history_lag: int = 0
    page: int = 1000
    delay_s: float = 0.0
    subscribe_s: float = 0.0
    hidden: set[str] = field(default_factory=set)
    absent: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[float, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    arrivals: list[tuple[str, str, int]] = field(default_factory=list)
    connections: int = 0
    ws_port: int = 0
    http_port: int = 0

    def __post_init__(self) -> None:
        self._subscribers: dict[ServerConnection, dict[int, str]] = {}
        self._held: list[Tx] = []
        self._random = random.Random(7)
        self._ws: Server | None = None
        self._http = LocalServer(self._answer_http)
        self._sending: asyncio.Queue[Tx] = asyncio.Queue()

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.ws_port}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    async def __aenter__(self) -> ChainNode:
        self._ws = await serve(self._serve, "127.0.0.1", self.ws_port, max_size=None)
        self.ws_port = next(iter(self._ws.sockets)).getsockname()[1]
        self.http_port = await self._http.start(self.http_port)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.drop()
        assert self._ws is not None
        self._ws.close()
        await self._http.stop()
        await self._ws.wait_closed()

    async def add(self, *transactions: Tx, announce: bool = True) -> None:
        """Put transactions on the chain, and tell subscribers."""
        for tx in transactions:
            self.chain.append(tx)
            if announce:
                await self.announce(tx)

    async def announce(self, *transactions: Tx) -> None:
        """Tell subscribers of transactions, whether or not they are on the chain."""
        for tx in transactions:
            self._held.append(tx)
            if len(self._held) < self.shuffled:
                continue
            held, self._held = self._held, []
            self._random.shuffle(held)
            for one in held:
                await self._tell(one)
                if self._random.random() < self.duplicates:
                    await self._tell(one)

    def drop(self) -> None:
        """Cut every connection without a word."""
        for connection in list(self._subscribers):
            connection.transport.abort()
        self._subscribers.clear()

    async def subscribed(self, count: int = 1, timeout_s: float = 10.0) -> None:
        """Wait until so many connections are subscribed."""
        limit = time.monotonic() + timeout_s
        while sum(bool(programs) for programs in self._subscribers.values()) < count:
            assert time.monotonic() < limit, "nobody subscribed"
            await asyncio.sleep(0.005)

    async def granted(self, count: int, timeout_s: float = 10.0) -> None:
        """Wait until some connection has so many subscriptions."""
        limit = time.monotonic() + timeout_s
        while max(map(len, self._subscribers.values()), default=0) < count:
            assert time.monotonic() < limit, f"nobody has {count} subscriptions"
            await asyncio.sleep(0.005)

    def asked(self, method: str) -> int:
        return sum(one == method for _, one in self.requests)

    async def _tell(self, tx: Tx) -> None:
        if self.silent:
            return
        for connection, programs in list(self._subscribers.items()):
            for number, program in programs.items():
                if not tx.mentions(program):
                    continue
                value = {"signature": tx.signature, "err": tx.err, "logs": tx.cut_logs}
                result = {"context": {"slot": tx.slot}, "value": value}
                params = {"result": result, "subscription": number}
                with suppress(ConnectionClosed):
                    await connection.send(
                        json.dumps({"jsonrpc": "2.0", "method": "logsNotification", "params": params})
                    )

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections += 1
        self.paths.append(connection.request.path if connection.request else "")
        self.arrivals.append(("ws", self.paths[-1], connection.remote_address[1]))
        self._subscribers[connection] = {}
        try:
            async for message in connection:
                request = json.loads(message)
                if request["method"] == "logsSubscribe":
                    if self._subscribers[connection] and self.subscribe_s:
                        await asyncio.sleep(self.subscribe_s)
                    number = 100 * self.connections + request["id"]
                    answer = {"jsonrpc": "2.0", "id": request["id"], "result": number}
                    await connection.send(json.dumps(answer))
                    self._subscribers[connection][number] = request["params"][0]["mentions"][0]
        except ConnectionClosed:
            pass
        finally:
            self._subscribers.pop(connection, None)

    async def _answer_http(self, reader: Reader, writer: Writer) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if ": " in line)
            body = json.loads(await reader.readexactly(int(fields["content-length"])))
            self.paths.append(head.decode().split(" ")[1])
            self.arrivals.append(("http", self.paths[-1], writer.get_extra_info("peername")[1]))
            status, extra, answer = await self._status(body)
            content = json.dumps(answer).encode()
            writer.write(
                f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{extra}"
                f"content-length: {len(content)}\r\n\r\n".encode()
                + content
            )
            await writer.drain()

    async def _status(self, body: dict[str, Any]) -> tuple[int, str, dict[str, Any]]:
        self.requests.append((time.monotonic(), body["method"]))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.refuse is not None:
            return self.refuse, "", {}
        if self.too_many:
            self.too_many -= 1
            return 429, "retry-after: 0.1\r\n", {}
        try:
            result = getattr(self, f"_{body['method']}")(*body["params"])
        except AttributeError:
            return 200, "", {"jsonrpc": "2.0", "id": body["id"], "error": {"code": -32601, "message": "unknown"}}
        return 200, "", {"jsonrpc": "2.0", "id": body["id"], "result": result}

    def _known(self) -> list[Tx]:
        known = self.chain[: len(self.chain) - self.history_lag]
        return [tx for tx in known if tx.signature not in self.hidden] if self.hidden else known

    def _getSignaturesForAddress(self, program: str, config: dict[str, Any]) -> list[dict[str, Any]]:
        found: deque[Tx] = deque()
        started = "before" not in config
        for tx in reversed(self._known()):
            if tx.signature == config.get("until"):
                break
            if started and tx.mentions(program):
                found.append(tx)
                if len(found) >= min(self.page, config["limit"]):
                    break
            started = started or tx.signature == config.get("before")
        return [{"signature": tx.signature, "slot": tx.slot, "err": tx.err, "blockTime": None} for tx in found]

    def _getTransaction(self, signature: str, _config: dict[str, Any]) -> dict[str, Any] | None:
        if self.absent[signature] > 0:
            self.absent[signature] -= 1
            return None
        return next((tx.answer for tx in self._known() if tx.signature == signature), None)


def signature(number: int) -> str:
    """A signature as the chain spells them: 64 bytes in base58."""
    return encode_base58(bytes([1 + number % 255]) + number.to_bytes(63, "big"))


def keys(count: int, first: int = 1) -> Iterable[str]:
    """Addresses that nobody has."""
    return (encode_base58(bytes([200]) + number.to_bytes(31, "big")) for number in range(first, first + count))
