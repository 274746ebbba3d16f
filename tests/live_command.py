"""``alphaloop live`` as its users have it: a process with its files, over real sockets, on a bus that a test fills.

`Market` is the world around it: the stand-in chain behind its servers, and the collector's messages on a real bus.
`Folder` holds what a user has: models, key, settings, endpoints. `Traders` starts processes and leaves none behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from solders.keypair import Keypair
from typer.testing import CliRunner

import collect_command
import pump_models
from alphaloop.artifact.scorer import Scorer
from alphaloop.bus.address import open_bus
from alphaloop.cli.app import app
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, UNITS_PER_TOKEN
from alphaloop.markets.pumpfun.signals.catalogue import SIGNAL
from alphaloop.markets.pumpfun.signals.coin import CoinState
from alphaloop.markets.pumpfun.signals.messages import (
    AntiSignalMessage,
    Heartbeat,
    SignalMessage,
    TokenState,
    encode,
    numbers,
)
from live_chain import Chain, Faults
from live_servers import LiveServers, Storm
from live_state import name_key

SOL = LAMPORTS_PER_SOL
STRANGER = name_key("stranger")
MODEL = "reach_2x_1h"
THRESHOLD = 0.6
OURS = ("DATABASE_URL", "REDIS_URL", "LIVE_DRY_RUN", "ALPHALOOP_LIVE_TOKEN")
CALM = 2.0
"""Code of a market regime that changes no threshold."""


ALPHALOOP: Path = collect_command.ALPHALOOP


@dataclass
class Folder:
    """What a user has on disk: a model, a key file of mode 600, settings, endpoints."""

    path: Path
    wallet: Keypair = field(default_factory=lambda: Keypair.from_seed(b"u" * 32))

    def __post_init__(self) -> None:
        self.models, self.key, self.data = self.path / "models", self.path / "key.json", self.path / "live"
        self.settings, self.endpoints = self.path / "live.toml", self.path / "endpoints.toml"
        handle = os.open(self.key, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(list(bytes(self.wallet)), file)

    @cached_property
    def rows(self) -> NDArray[np.float32]:
        """Rows of features (300, F), all of one regime of the market."""
        chance = np.random.default_rng(3)
        X = chance.lognormal(0, 2, (300, len(SIGNAL))).astype(np.float32)
        X[:, SIGNAL.names.index("market_regime")] = CALM
        return X

    def train(self, created_ns: int = 1, name: str = "first", model: str = MODEL) -> str:
        """Put a model into the folder; gives its id."""
        return str(
            pump_models.make_artifact(
                self.models / name, model, SIGNAL.name, self.rows, created_ns=created_ns, seed=created_ns
            )
        )

    def scores(self, name: str = "first") -> NDArray[np.float32]:
        """Probability of each row by the model in a folder."""
        found: NDArray[np.float32] = Scorer.load(self.models / name).score(self.rows)[:, 1]
        return found

    def write(self, servers: LiveServers, settings: Mapping[str, Any]) -> None:
        """Write settings and endpoints."""
        self.settings.write_text(collect_command.toml(settings))
        url = servers.rpc_url.removesuffix(f"/{servers.key}")
        endpoint = {
            "name": "stand-in",
            "ws_url": servers.ws_url.removesuffix(f"/{servers.key}"),
            "http_url": url,
            "key": servers.key,
            "requests_per_s": 2_000,
            "budget_units": 10**9,
        }
        collect_command.endpoint_file(self.endpoints, endpoint)


def settings_of(servers: LiveServers, **changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for a chain whose blocks come every `block_s`: one strategy, and everything fast."""
    strategy = {"score_threshold": THRESHOLD, "max_hold_s": 600.0}
    given: dict[str, Any] = {
        "portfolio": {
            "strategies": {MODEL: strategy},
            "sizing": {"liquidity_fraction": 0.5},
            "breakers": {"cool_down_s": 1.0, "max_unproved": 8},
        },
        "execution": {
            "engine": {
                "regions": ["frankfurt.mainnet", "ny.mainnet"],
                "url": servers.engine_url,
                "tip_floor_url": servers.tip_floor_url,
                "requests_per_s": 500,
                "timeout_s": 0.5,
                "patience_s": 1.0,
                "rest_s": 0.1,
            },
            "facts": {"blockhash": {"every_s": 0.2, "most_s": 5.0}, "retry_s": 0.1, "longest_retry_s": 0.5},
            "resend": {"every_s": 0.5},
            "rpc_timeout_s": 2.0,
        },
        "pace": {"prove_s": 0.1, "exit_poll_s": 0.5, "flush_s": 0.1, "balance_s": 5.0, "claim_s": 1.0},
    }
    for table, values in changes.items():
        merged = given.setdefault(table, {})
        for name, value in values.items():
            nested = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
            merged[name] = {**merged[name], **value} if nested else value
    return given


@dataclass
class Market:
    """Chain, servers and bus of one test.

    Attributes
    ----------
    servers : LiveServers
    published : dict of str to str
        Mint of each signal that was published, by its id.
    """

    folder: Folder
    bus_url: str
    seed: int = 1
    block_s: float = 0.05
    funds: int = 12 * SOL
    faults: Faults = field(default_factory=Faults)
    storm: Storm | None = None

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.chain = Chain(self.chance, faults=self.faults, start_ns=time.time_ns())
        self.servers = LiveServers(self.chain, block_s=self.block_s, storm=self.storm)
        self.me = str(self.folder.wallet.pubkey())
        self.bus = open_bus(self.bus_url)
        self.published: dict[str, str] = {}
        self.mints: list[str] = []
        self._numbers = 0

    async def __aenter__(self) -> Self:
        self.chain.fund(self.me, self.funds)
        self.chain.advance(3)
        await self.servers.start()
        await self.bus.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.bus.__aexit__(None, None, None)
        await self.servers.stop()

    # -- what the collector would say ---------------------------------------------------------------------------------

    def launch(self, label: str, money: int = 8 * SOL) -> str:
        """A new coin, of which somebody has bought for `money`."""
        mint = self.chain.launch(label)
        self.chain.trade(mint, lamports=money)
        self.mints.append(mint)
        return mint

    def price(self, mint: str) -> float:
        """SOL for a token."""
        reserves = self.chain.coin(mint).reserves
        return reserves.virtual_sol / LAMPORTS_PER_SOL / (reserves.virtual_token / UNITS_PER_TOKEN)

    def coin(self, mint: str) -> CoinState:
        """The coin as messages tell of it."""
        context = self.chain.context(mint)
        return CoinState(**{name: context[name] for name in CoinState.__struct_fields__})

    async def signal(self, mint: str, row: NDArray[np.float32], **changes: Any) -> str:
        """Publish a signal with these features; gives its id."""
        self._numbers += 1
        now_ns = time.time_ns()
        given: dict[str, Any] = {
            "signal_id": f"{self.seed:08x}{self._numbers:024x}",
            "token_mint": mint,
            "known_ns": now_ns,
            "event_ns": now_ns,
            "price": self.price(mint),
            "creator": self.chain.coin(mint).creator,
            "symbol": "PEPE",
            "feature_set": SIGNAL.name,
            "feature_set_hash": SIGNAL.hash,
            "features": numbers(row),
            "wallet": "buyer",
            "signature": "signature",
            "log_index": 0,
            "sol_amount": SOL,
            "token_amount": 1,
            "coin": self.coin(mint),
        }
        message = SignalMessage(**(given | changes))
        self.published[message.signal_id] = mint
        await self.bus.publish("trade:signals", encode(message))
        return message.signal_id

    async def warn(self, mint: str) -> str:
        """Publish an exit warning."""
        self._numbers += 1
        identity = f"{self._numbers:032x}"
        message = AntiSignalMessage(
            token_mint=mint, known_ns=time.time_ns(), anti_id=identity, triggers=["dump"], reasons=["dump"], severity=1
        )
        await self.bus.publish("trade:signals", encode(message))
        return identity

    async def tell(self, mint: str) -> None:
        """Publish a coin's state, and keep it for those who ask."""
        coin, now_ns = self.coin(mint), time.time_ns()
        state = TokenState(
            token_mint=mint, known_ns=now_ns, last_trade_ns=now_ns, created_ns=now_ns, creator=coin.creator,
            price=self.price(mint), peak_price=self.price(mint), virtual_sol=coin.virtual_sol,
            virtual_token=coin.virtual_token, real_sol=coin.real_sol, real_token=coin.real_token, progress=None,
            market_cap_sol=None, complete=coin.complete, mayhem=False, trades=1, unique_buyers=1, buys_60s=1,
            sells_60s=0, buys_300s=1, sells_300s=0, sol_net_60s=0.0, coin=coin,
        )  # fmt: skip
        body = encode(state)
        await self.bus.set(f"token:{mint}", body)
        await self.bus.publish(f"token:{mint}", body)

    async def beat(self) -> None:
        """Publish the collector's word of life."""
        await self.bus.publish("trade:heartbeat", encode(Heartbeat(known_ns=time.time_ns(), pending=0, listening=True)))


class Trader(collect_command.Collector):  # type: ignore[misc, name-defined]
    """One life of the process."""

    @classmethod
    async def begin(
        cls,
        folder: Folder,
        db: str | None,
        bus: str,
        *options: str | Path,
        environment: Mapping[str, str] | None = None,
    ) -> Trader:
        """Start it; passwords go by the environment, as the docs say."""
        command = [ALPHALOOP, "live", "--json", "--settings", folder.settings, "--models", folder.models]
        command += ["--data", folder.data, *options]
        if folder.endpoints.is_file():
            command += ["--endpoints", folder.endpoints]
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            env=environment_of(db, bus, environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def is_trading(self) -> None:
        """Wait until it trades."""
        await self.until("trading", timeout_s=60.0)


class Traders(collect_command.Collectors):  # type: ignore[misc, name-defined]
    """Traders of one test; whatever happens, none is left behind."""

    async def begin(self, *arguments: Any, **options: Any) -> Trader:
        """Start one; see `Trader.begin`."""
        self._started.append(await Trader.begin(*arguments, **options))
        found: Trader = self._started[-1]
        return found


def environment_of(db: str | None, bus: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command; nothing of this machine's own settings comes through."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return kept | {"NO_COLOR": "1", "REDIS_URL": bus} | ({"DATABASE_URL": db} if db else {}) | dict(more or {})


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


async def say(
    folder: Folder, db: str | None, bus: str, *words: str, environment: Mapping[str, str] | None = None
) -> Answer:
    """``alphaloop live WORDS`` as a process."""
    place = () if words[0] == "config" else ("--data", str(folder.data))
    process = await asyncio.create_subprocess_exec(
        str(ALPHALOOP), "live", *words, *place,
        env=environment_of(db, bus, environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Answer(process.returncode, out.decode(), err.decode())


async def say_inside(
    folder: Folder, db: str | None, bus: str, *words: str, environment: Mapping[str, str] | None = None
) -> Answer:
    """The same command in this process, which costs no start of an interpreter; never two at once."""
    place = () if words[0] == "config" else ("--data", str(folder.data))
    hidden = dict.fromkeys(OURS)
    given = {**hidden, "REDIS_URL": bus, **({"DATABASE_URL": db} if db else {}), **dict(environment or {})}
    found = await asyncio.to_thread(CliRunner(env=given).invoke, app, ["live", *words, *place])
    return Answer(found.exit_code, found.stdout, found.stderr)


async def until(holds: Any, timeout_s: float = 30.0, what: str = "") -> Any:
    """Wait until ``holds()`` gives something true, and give it."""
    limit = time.monotonic() + timeout_s
    while not (found := holds()):
        assert time.monotonic() < limit, f"not within {timeout_s:g} s: {what or holds}"
        await asyncio.sleep(0.02)
    return found
