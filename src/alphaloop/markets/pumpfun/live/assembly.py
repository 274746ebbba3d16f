"""The trader's process with everything around it: database, bus, endpoints, block engine, wallet, models."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import SecretStr
from solders.keypair import Keypair

from alphaloop.bus.address import open_bus
from alphaloop.core.clock import Clock, SystemClock
from alphaloop.core.errors import InputError, StoreAwayError
from alphaloop.live.shutdown import Stop
from alphaloop.markets.pumpfun.ingest.endpoints import EndpointSettings, endpoints_of_environment, read_endpoints
from alphaloop.markets.pumpfun.ingest.limits import Budgets
from alphaloop.markets.pumpfun.ingest.pool import EndpointPool
from alphaloop.markets.pumpfun.ingest.rpc import Rpc, RpcSettings
from alphaloop.markets.pumpfun.live.block_engine import BlockEngine
from alphaloop.markets.pumpfun.live.chain_venue import ChainVenue
from alphaloop.markets.pumpfun.live.control import ControlDesk, read_token
from alphaloop.markets.pumpfun.live.fact_keeper import FactKeeper
from alphaloop.markets.pumpfun.live.facts import ChainFacts
from alphaloop.markets.pumpfun.live.models import InlineModels
from alphaloop.markets.pumpfun.live.modes import Mode, account_name, summary_lines
from alphaloop.markets.pumpfun.live.notices import Messenger, messenger
from alphaloop.markets.pumpfun.live.paper_venue import PaperVenue
from alphaloop.markets.pumpfun.live.presence import Presence
from alphaloop.markets.pumpfun.live.process import Background, LiveProcess
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.live.schema import SCHEMA
from alphaloop.markets.pumpfun.live.settings import LiveSettings
from alphaloop.markets.pumpfun.live.store import RecordsLiveStore
from alphaloop.markets.pumpfun.live.turns import short_turns
from alphaloop.markets.pumpfun.schema import SCHEMA as COLLECTED
from alphaloop.markets.pumpfun.transactions.signer import Signer, read_signer
from alphaloop.stores.place import parse_place
from alphaloop.stores.records import Records, open_records
from alphaloop.stores.records.claim import Claim
from alphaloop.trading.portfolio.records import Notice

GARBAGE_S = 0.25
MIDDLE_TURNS, OLD_TURNS = 20, 1_200
PAPER: str = "paper"
"""What a paper account without a wallet is called; its transactions are signed by a key that nobody keeps."""

ENDPOINT_VARIABLES = ("RPC_WS_URLS", "RPC_HTTP_URLS", "RPC_KEYS")

Beside: TypeAlias = Callable[[LiveProcess, SecretStr, asyncio.Event], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class LivePlaces:
    """Where the trader's things are.

    Attributes
    ----------
    data : Path
        Token, request budgets.
    database, collected, bus : str
        URLs; `collected` is the collector's database, which may be the same.
    models : Path
        Registry or folder of artifacts.
    endpoints : Path or None
        TOML file; without it the environment says them.
    key : Path or None
        The wallet's key file.
    """

    data: Path
    database: str
    collected: str
    bus: str
    models: Path
    endpoints: Path | None = None
    key: Path | None = None

    def known_endpoints(self) -> list[EndpointSettings]:
        """Read the endpoints from the file or the environment; none if neither names any, which will do for paper."""
        if self.endpoints is not None:
            return read_endpoints(self.endpoints)
        return endpoints_of_environment(os.environ) if any(map(os.environ.get, ENDPOINT_VARIABLES)) else []


@dataclass
class _Road:
    """A venue, what runs beside it, and what is closed after it."""

    venue: ChainVenue | PaperVenue
    warm_up: Callable[[], Coroutine[Any, Any, None]]
    background: list[Background]


def trade(
    places: LivePlaces,
    settings: LiveSettings,
    mode: Mode,
    stop: Stop,
    *,
    clear_halt: bool = False,
    beside: Beside | None = None,
    tell: Callable[[str], None] = lambda line: None,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Trade until somebody asks to stop, and say what came of it.

    Parameters
    ----------
    beside : callable, optional
        What else runs in the process, such as a health server: given the process, the token, and an event that is set
        at the end.
    tell : callable
        Told the lines of the summary.

    Raises
    ------
    InputError
        If a place cannot be used, or another process trades the account.
    """
    clock = clock or SystemClock()
    signer = Signer(Keypair()) if places.key is None else read_signer(places.key)
    account = account_name(mode, PAPER if places.key is None else str(signer.public))
    token = read_token(places.data, os.environ, make=True)
    words = messenger(settings.notify, os.environ)
    if mode == "live" and parse_place(places.database).kind == "memory":
        raise InputError("--db memory:// forgets what money bought; give sqlite:///FILE or postgresql://...")
    if not places.models.is_dir():
        raise InputError(f"--models {places.models}: no such folder; give a registry or a folder of artifacts")
    with ExitStack() as stack:
        claim = stack.enter_context(Claim(places.database, f"live {account}"))
        records, collected = stack.enter_context(_databases(places))
        store = RecordsLiveStore(records, account, mode, collected)
        stack.callback(store.close)
        stack.enter_context(short_turns())
        stack.enter_context(_garbage_apart())
        start = _Start(places, settings, mode, stop, signer, account, token, words, store, claim, clock, tell)
        return asyncio.run(start.run(clear_halt, beside))


@contextmanager
def _garbage_apart() -> Iterator[None]:
    """Let no decision wait for the garbage collector, which begins where most is made: in decisions.

    What is there when trading begins will stay, and is left out: going through all that a start made takes 0.2 s.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if before:
            gc.enable()


def _leave_out() -> None:
    gc.collect(1)  # what is frozen with the rest is never taken away
    gc.freeze()


async def _collect() -> None:
    """Collect garbage between decisions: what is young often, what is old now and then."""
    for turn in itertools.count(1):
        await asyncio.sleep(GARBAGE_S)
        gc.collect(2 if turn % OLD_TURNS == 0 else 1 if turn % MIDDLE_TURNS == 0 else 0)


@dataclass
class _Start:
    """Everything that a start has at hand once the account is claimed."""

    places: LivePlaces
    settings: LiveSettings
    mode: Mode
    stop: Stop
    signer: Signer
    account: str
    token: SecretStr
    words: Messenger
    store: RecordsLiveStore
    claim: Claim
    clock: Clock
    tell: Callable[[str], None]

    async def run(self, clear_halt: bool, beside: Beside | None) -> dict[str, Any]:
        async with AsyncExitStack() as stack:
            bus = await stack.enter_async_context(open_bus(self.places.bus))
            road = await self._road(stack)
            end = asyncio.Event()
            process = LiveProcess(
                self.settings,
                self.mode,
                self.account,
                self.store,
                bus,
                road.venue,
                InlineModels(self.places.models, self.settings.portfolio),
                self.words,
                lambda: self._warm_up(road),
                [*road.background, self._keep_claim, _collect],
                clear_halt,
                self.clock,
                _leave_out,
            )
            if self.mode == "live":
                presence = Presence(bus, self.account, self.clock, lambda: process.is_ready)
                process.ask_first = presence.ask
                process.background = [*process.background, presence.run]
            if beside is not None:
                process.background = [*process.background, lambda: beside(process, self.token, end)]

            def desk(running: LiveProcess, asked: Stop) -> ControlDesk:
                def carry_out(name: str, arguments: Mapping[str, str], by: str) -> Mapping[str, Any]:
                    return running.carry_out(name, arguments, by, asked)

                return ControlDesk(bus, self.account, self.token, self.clock, carry_out)

            try:
                return await process.run(self.stop, desk)
            finally:
                end.set()

    async def _warm_up(self, road: _Road) -> None:
        await road.warm_up()
        for line in summary_lines(self.mode, self.account, await road.venue.balance(), self.settings):
            self.tell(line)

    async def _road(self, stack: AsyncExitStack) -> _Road:
        """The venue of the mode, with the chain's facts where there are endpoints."""
        execution, clock = self.settings.execution, self.clock
        known = self.places.known_endpoints()
        if self.mode == "live" and not known:
            raise InputError("money needs an RPC endpoint; give --endpoints, or set RPC_WS_URLS and RPC_KEYS")
        facts = ChainFacts(execution.facts, execution.priority)
        paper = self.places.data / f"{self.account.replace(':', '-')}.json"
        if not known:
            return _Road(PaperVenue(self.signer, facts, None, clock, execution, paper), _nothing, [])
        # An endpoint that hangs must leave time for the next one within the time of the whole question.
        patience = RpcSettings(timeout_s=execution.rpc_timeout_s / 2.5, attempts=3)
        caller = Rpc(EndpointPool(known, Budgets(clock, self.places.data / "budgets.json")), patience)
        stack.push_async_callback(caller.close)
        rpc = ChainRpc(caller, execution.rpc_timeout_s)
        engine = None
        if execution.use_engine:
            engine = await stack.enter_async_context(BlockEngine(execution.engine))
        keeper = FactKeeper(facts, rpc, engine, clock)
        if engine is not None:
            engine.stale_tips = lambda: keeper.poke("tip_accounts")
        if self.mode == "dry":
            return _Road(PaperVenue(self.signer, facts, rpc, clock, execution, paper), keeper.warm_up, [keeper.run])
        venue = ChainVenue(self.signer, facts, rpc, engine, clock, execution, self._rolled_back)
        return _Road(venue, keeper.warm_up, [keeper.run, venue.keep])

    def _rolled_back(self, signature: str) -> None:
        self.words(Notice("landing_rolled_back", "error", {"signature": signature}))

    async def _keep_claim(self) -> None:
        """Take the account's claim again from a server that was started anew; stop if somebody else has it."""
        while True:
            await asyncio.sleep(self.settings.pace.claim_s)
            # While the database is away, it is the store that says so.
            with suppress(StoreAwayError):
                await asyncio.to_thread(self.claim.renew)


@contextmanager
def _databases(places: LivePlaces) -> Iterator[tuple[Records, Records]]:
    """The trader's and the collector's tables, which may lie in one database."""
    with ExitStack() as stack:
        records = stack.enter_context(open_records(places.database))
        records.migrate(SCHEMA)
        same = places.collected == places.database
        collected = records if same else stack.enter_context(open_records(places.collected))
        collected.migrate(COLLECTED)
        yield records, collected


async def _nothing() -> None:
    """Wait for nothing."""
