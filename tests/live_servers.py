"""Real sockets over the chain of `live_chain`: a node's JSON-RPC and WebSocket, and the block engine's regions.

    async with LiveServers(chain, block_s=0.05) as servers: ...      # in the loop of the test
    with threaded(chain, block_s=0.05) as servers: ...                # in a thread, for other processes

The engine's regions are paths: ``servers.engine_url``, with ``{region}`` in it, is what `EngineSettings.url` takes.
Faults are scripted by place (`"rpc"`, or a region) or drawn from `storm`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from alphaloop.markets.pumpfun.transactions.tips import TIP_ACCOUNTS
from live_chain import CONFIRMED, AnswerLost, Block, Chain, Refusal
from live_execution import parse
from live_http import Fault, HttpServer, Request, Response
from live_node import Node, RpcFault

__all__ = ["Fault", "LiveServers", "Storm", "threaded"]

T = TypeVar("T")
SOL_TIPS = {"25": 1.2e-06, "50": 1.0e-05, "75": 5.0e-05, "95": 1.5e-03, "99": 1.0e-02}


@dataclass
class Storm:
    """Chances of what goes wrong with a request, for soaks; drawn from `chance`."""

    chance: random.Random
    error_500: float = 0.0
    too_many: float = 0.0
    hang: float = 0.0
    hang_s: float = 5.0
    cut: float = 0.0
    lost: float = 0.0

    def judge(self) -> Fault | None:
        drawn = self.chance.random()
        for share, fault in (
            (self.error_500, Fault(500, {"error": "internal"})),
            (self.too_many, TOO_MANY),
            (self.hang, Fault(hang_s=self.hang_s, cut=True)),
            (self.cut, Fault(cut=True)),
            (self.lost, Fault(cut=True, carried_out=True)),
        ):
            if drawn < share:
                return fault
            drawn -= share
        return None


TOO_MANY = Fault(
    429, {"jsonrpc": "2.0", "error": {"code": -32602, "message": "Rate limit exceeded. Retry after 200ms"}, "id": None}
)
CONGESTED = Fault(
    429,
    {
        "jsonrpc": "2.0",
        "error": {"code": -32097, "message": "Network congested. Endpoint is globally rate limited."},
        "id": 1,
    },
)


@dataclass
class LiveServers:
    """All servers, over one chain.

    Attributes
    ----------
    block_s : float
        Seconds of real time between blocks; 0: the test makes them.
    faults : dict of str to deque of Fault
        For the next requests of a place: ``rpc``, a region, or ``tip_floor``.
    down : set of str
        Places that close every connection.
    auth : str
        What the header x-jito-auth must be, if anything.
    key : str
        What the path of the node must end with, as a provider's secret.
    tip_accounts : tuple of str
        What the engine takes for tip accounts.
    """

    chain: Chain
    block_s: float = 0.0
    storm: Storm | None = None
    auth: str = ""
    key: str = "secret-key"
    tip_accounts: tuple[str, ...] = TIP_ACCOUNTS
    node: Node = field(init=False)
    faults: dict[str, deque[Fault]] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    bundles: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self.node = Node(self.chain)
        self._http = HttpServer(self._answer, self._judge)
        self._ws: Server | None = None
        self._blocks: asyncio.Task[None] | None = None
        self._subscribers: dict[ServerConnection, dict[int, tuple[str, str, int]]] = {}
        self._waiting: deque[Block] = deque()
        self._accounts: dict[str, Any] = {}
        self.loop: asyncio.AbstractEventLoop | None = None

    @property
    def rpc_url(self) -> str:
        return f"http://127.0.0.1:{self._http.port}/rpc/{self.key}"

    @property
    def ws_url(self) -> str:
        assert self._ws is not None
        return f"ws://127.0.0.1:{next(iter(self._ws.sockets)).getsockname()[1]}/{self.key}"

    @property
    def engine_url(self) -> str:
        return f"http://127.0.0.1:{self._http.port}/{{region}}"

    @property
    def tip_floor_url(self) -> str:
        return f"http://127.0.0.1:{self._http.port}/api/v1/bundles/tip_floor"

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        await self._http.start()
        self._ws = await serve(self._subscribe, "127.0.0.1", 0, compression=None)
        self.chain.on_block.append(self._waiting.append)
        if self.block_s:
            self._blocks = asyncio.create_task(self._make_blocks())

    async def stop(self) -> None:
        if self._blocks is not None:
            self._blocks.cancel()
            with suppress(asyncio.CancelledError):
                await self._blocks
        await self._http.stop()
        if self._ws is not None:
            self._ws.close()
            await self._ws.wait_closed()
        self.chain.on_block.remove(self._waiting.append)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def advance(self, blocks: int = 1) -> None:
        """Make blocks, and tell the subscribers."""
        self.chain.advance(blocks)
        await self.tell()

    def script(self, place: str, *faults: Fault) -> None:
        """Say what goes wrong with the next requests to a place."""
        self.faults.setdefault(place, deque()).extend(faults)

    def call(self, do: Callable[[], T]) -> T:
        """Do something with the chain from another thread."""
        assert self.loop is not None

        async def run() -> T:
            return do()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    async def _make_blocks(self) -> None:
        while True:
            await asyncio.sleep(self.block_s)
            await self.advance()

    # -- HTTP --------------------------------------------------------------------------------------------------------

    def _place(self, request: Request) -> str:
        first = request.path.split("/")[1]
        return "tip_floor" if first == "api" else first

    def _judge(self, request: Request) -> Fault | None:
        place = self._place(request)
        if place in self.down:
            return Fault(cut=True)
        scripted = self.faults.get(place)
        if scripted:
            return scripted.popleft()
        return self.storm.judge() if self.storm is not None else None

    async def _answer(self, request: Request) -> Response:
        place = self._place(request)
        if place == "tip_floor":
            return Response([self._tip_floor()])
        body = request.body or {}
        self.asked.append((place, body.get("method", "")))
        if place == "rpc":
            if not request.path.endswith(f"/{self.key}"):
                return Response({"error": "unauthorized"}, 401)
            return self._rpc(body)
        return self._engine(request, body)

    def _rpc(self, body: dict[str, Any]) -> Response:
        try:
            result = self.node.answer(body["method"], body.get("params", []))
        except RpcFault as fault:
            error = {"code": fault.code, "message": fault.message}
            return Response({"jsonrpc": "2.0", "id": body["id"], "error": error})
        except AnswerLost:
            return Response({"error": "gateway timeout"}, 504)
        return Response({"jsonrpc": "2.0", "id": body["id"], "result": result})

    def _engine(self, request: Request, body: dict[str, Any]) -> Response:
        if self.auth and request.headers.get("x-jito-auth") != self.auth:
            return Response({"error": {"code": -32000, "message": "Unauthorized: invalid auth"}}, 401)
        path, _, query = request.path.partition("?")
        answers: dict[str, Callable[[list[Any]], Any]] = {
            "sendBundle": self._send_bundle,
            "sendTransaction": self._send_transaction,
            "getTipAccounts": lambda _params: list(self.tip_accounts),
            "getBundleStatuses": self._bundle_statuses,
            "getInflightBundleStatuses": self._inflight_statuses,
        }
        if not path.endswith(PATHS.get(body.get("method", ""), ("?",))):
            return Response({"error": {"code": -32601, "message": "Method not found"}}, 404)
        try:
            result = answers[body["method"]](body["params"])
        except Refusal as refused:
            status = 429 if refused.kind == "congested" else 400
            code = -32097 if refused.kind == "congested" else -32602
            return Response(
                {"jsonrpc": "2.0", "id": body["id"], "error": {"code": code, "message": str(refused)}}, status
            )
        except AnswerLost:
            return Response({"error": "gateway timeout"}, 504)
        headers = {"x-bundle-id": bundle_id([result])} if body["method"] == "sendTransaction" else {}
        assert not query or query == "bundleOnly=true"
        return Response({"jsonrpc": "2.0", "id": body["id"], "result": result}, 200, headers)

    def _send_bundle(self, params: list[Any]) -> str:
        encoded, options = (*params, {})[:2]
        if options.get("encoding") != "base64":
            raise Refusal("undecodable", "transaction #0 could not be decoded")
        if not 1 <= len(encoded) <= 5:
            raise Refusal("malformed", f"bundle has too many transactions: {len(encoded)}")
        wires = [base64.b64decode(one) for one in encoded]
        signatures = [self._checked(wire) for wire in wires]
        name = bundle_id(signatures)
        self.bundles[name] = signatures
        for wire in wires:
            self.chain.submit(wire, "engine")
        return name

    def _send_transaction(self, params: list[Any]) -> str:
        if (*params, {})[1].get("encoding") != "base64":
            raise Refusal("undecodable", "transaction #0 could not be decoded")
        wire = base64.b64decode(params[0])
        self.bundles[bundle_id([self._checked(wire)])] = [parse(wire).signature]
        return self.chain.submit(wire, "engine")

    def _checked(self, wire: bytes) -> str:
        try:
            parsed = parse(wire)
        except ValueError as wrong:
            raise Refusal("undecodable", "transaction #0 could not be decoded") from wrong
        if not any(map(parsed.writes, self.tip_accounts)):
            raise Refusal("no_tip", "Bundles must write lock at least one tip account to be eligible for the auction.")
        return parsed.signature

    def _bundle_statuses(self, params: list[Any]) -> dict[str, Any]:
        return {"context": {"slot": self.chain.head.slot}, "value": [self._bundle_status(name) for name in params[0]]}

    def _bundle_status(self, name: str) -> dict[str, Any] | None:
        entries = [self.chain.landed(signature) for signature in self.bundles.get(name, [])]
        if not entries or entries[0] is None:
            return None
        entry = entries[0]
        return {
            "bundle_id": name,
            "transactions": self.bundles[name],
            "slot": entry.slot,
            "confirmation_status": self.chain.commitment_of(entry),
            "err": {"Ok": None},
        }

    def _inflight_statuses(self, params: list[Any]) -> dict[str, Any]:
        value = []
        for name in params[0]:
            landed = self._bundle_status(name)
            known = "Pending" if name in self.bundles else "Invalid"
            status = "Landed" if landed else known
            value.append({"bundle_id": name, "status": status, "landed_slot": landed and landed["slot"]})
        return {"context": {"slot": self.chain.head.slot}, "value": value}

    def _tip_floor(self) -> dict[str, Any]:
        told = {f"landed_tips_{name}th_percentile": tip for name, tip in SOL_TIPS.items()}
        return {"time": "2026-10-10T12:00:00Z", **told, "ema_landed_tips_50th_percentile": 1.1e-05}

    # -- WebSocket ---------------------------------------------------------------------------------------------------

    async def _subscribe(self, connection: ServerConnection) -> None:
        if "ws" in self.down:
            connection.transport.abort()
            return
        self.connections += 1
        self._subscribers[connection] = {}
        with suppress(ConnectionClosed):
            async for message in connection:
                request = json.loads(message)
                await connection.send(json.dumps(self._subscribed(connection, request)))
        self._subscribers.pop(connection, None)

    def _subscribed(self, connection: ServerConnection, request: dict[str, Any]) -> dict[str, Any]:
        method, params = request["method"], request["params"]
        result: Any
        if method in ("logsSubscribe", "accountSubscribe"):
            options = (*params, {})[1] or {}
            subject = params[0]["mentions"][0] if method == "logsSubscribe" else params[0]
            behind = {"processed": 0, "confirmed": CONFIRMED}.get(options.get("commitment", "finalized"), 32)
            result = 1000 * self.connections + request["id"]
            self._subscribers[connection][result] = (method, subject, behind)
        elif method in ("logsUnsubscribe", "accountUnsubscribe"):
            result = self._subscribers[connection].pop(params[0], None) is not None
        else:
            error = {"code": -32601, "message": "Method not found"}
            return {"jsonrpc": "2.0", "id": request["id"], "error": error}
        return {"jsonrpc": "2.0", "id": request["id"], "result": result}

    def drop(self) -> None:
        """Cut every WebSocket without a word."""
        for connection in list(self._subscribers):
            connection.transport.abort()
        self._subscribers.clear()

    async def tell(self) -> None:
        """Tell subscribers what each new block, and each newly confirmed one, brought."""
        while self._waiting:
            self._waiting.popleft()
            for connection, wanted in list(self._subscribers.items()):
                for number, (method, subject, behind) in list(wanted.items()):
                    place = len(self.chain.blocks) - 1 - behind - len(self._waiting)
                    if place >= 0:
                        with suppress(ConnectionClosed):
                            await self._tell(connection, number, method, subject, self.chain.blocks[place], behind)

    async def _tell(
        self, connection: ServerConnection, number: int, method: str, subject: str, block: Block, behind: int
    ) -> None:
        values: list[Any]
        if method == "logsSubscribe":
            values = [
                {"signature": entry.signature, "err": entry.err, "logs": entry.logs}
                for entry in block.entries
                if subject in entry.keys
            ]
        else:
            changed = any(entry.parsed.writes(subject) for entry in block.entries)
            values = [self.chain.account(subject, behind)] if changed else []
        for value in values:
            result = {"context": {"slot": block.slot}, "value": value}
            told = {"jsonrpc": "2.0", "method": method.replace("Subscribe", "Notification")}
            await connection.send(json.dumps({**told, "params": {"result": result, "subscription": number}}))


PATHS: dict[str, tuple[str, ...]] = {
    "sendBundle": ("/api/v1/bundles",),
    "sendTransaction": ("/api/v1/transactions",),
    "getTipAccounts": ("/api/v1/getTipAccounts", "/api/v1/bundles"),
    "getBundleStatuses": ("/api/v1/getBundleStatuses", "/api/v1/bundles"),
    "getInflightBundleStatuses": ("/api/v1/getInflightBundleStatuses",),
}


def bundle_id(signatures: list[str]) -> str:
    return hashlib.sha256(",".join(signatures).encode()).hexdigest()


@contextmanager
def threaded(chain: Chain, **chosen: Any) -> Iterator[LiveServers]:
    """The servers in a thread of their own; use `LiveServers.call` to touch the chain meanwhile."""
    servers, started, ended = LiveServers(chain, **chosen), threading.Event(), threading.Event()

    async def run() -> None:
        async with servers:
            started.set()
            while not ended.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="live-servers")
    thread.start()
    try:
        assert started.wait(10), "the servers did not start"
        yield servers
    finally:
        ended.set()
        thread.join(10)
