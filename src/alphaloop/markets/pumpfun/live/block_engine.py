"""The block engine's client: bundles to whichever region takes them.

An accepted bundle is not a landed one: an engine answers success for bundles that fail, are outbid or come too late,
and its statuses may say `Invalid` of a bundle that lands. What it says is for the log; the chain proves.

A bundle's id follows from its signatures, so that submitting one again, to the same region or another, is the same
submission. Regions are asked in their order of preference, leaving out those that rest or were asked too lately.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgspec
import structlog

from alphaloop.core.addresses import HIDDEN
from alphaloop.core.clock import stopwatch
from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.ingest.http import Http, HttpError
from alphaloop.markets.pumpfun.ingest.limits import RateLimit
from alphaloop.markets.pumpfun.live.execution import PLACE, EngineSettings
from alphaloop.markets.pumpfun.live.refusals import OURS, Meaning, Refusal, read_refusal
from alphaloop.markets.pumpfun.transactions import bundle as requests
from alphaloop.markets.pumpfun.transactions.bundle import Bundle, EngineRequest
from alphaloop.markets.pumpfun.transactions.tips import TipFloor, read_tip_floor

log = structlog.get_logger("alphaloop.pumpfun.live")

AUTH_HEADER = "x-jito-auth"
KEPT_S = 120.0


class EngineAwayError(AwayError):
    """No region answered, or all rest; the same submission may be taken later."""


class EngineRefusedError(AwayError):
    """The engine answered and did not take it.

    Attributes
    ----------
    refusal : Refusal
    """

    def __init__(self, region: str, refusal: Refusal) -> None:
        super().__init__(f"block engine {region} refused ({refusal.meaning}): {refusal.text}")
        self.refusal = refusal


class Receipt(msgspec.Struct, frozen=True):
    """A submission that a region took: nothing but that."""

    bundle_id: str
    region: str
    already_known: bool = False


@dataclass(eq=False)
class Region:
    """One server; times are seconds of a monotonic clock."""

    name: str
    url: str
    rate: RateLimit
    rests_until: float = 0.0
    taken: int = 0
    refused: int = 0
    failed: int = 0
    last_error: str = ""


@dataclass
class BlockEngine:
    """A client of all regions.

    Parameters
    ----------
    settings : EngineSettings
    monotonic, sleep : callable
        Time, for rests and limits.
    stale_tips : callable
        Called when an engine says that a tip account is none: the list is to be read again.
    """

    settings: EngineSettings
    monotonic: Callable[[], float] = stopwatch
    sleep: Callable[[float], Any] = asyncio.sleep
    stale_tips: Callable[[], None] = lambda: None
    regions: list[Region] = field(init=False)

    def __post_init__(self) -> None:
        self._http = Http(self.settings.timeout_s, kept_s=KEPT_S)
        self._auth = self.settings.secret
        per_s = self.settings.requests_per_s
        self.regions = [
            Region(name, self.settings.url.replace(PLACE, name), RateLimit(per_s)) for name in self.settings.regions
        ]

    async def submit(self, bundle: Bundle) -> Receipt:
        """Hand a bundle to the first region that takes it.

        Raises
        ------
        EngineRefusedError
            If a region refused what every other would refuse too, or all that were asked refused.
        EngineAwayError
            If none answered in time.
        """
        result, region = await self._anywhere(requests.send_bundle(bundle))
        if isinstance(result, Refusal):
            return Receipt(bundle.id, region.name, already_known=True)
        if result != bundle.id:
            log.warning("bundle_id_differs", expected=bundle.id, got=str(result)[:80], region=region.name)
        return Receipt(bundle.id, region.name)

    async def tip_accounts(self) -> tuple[str, ...]:
        """The accounts that may be tipped."""
        result, region = await self._anywhere(requests.tip_accounts())
        if isinstance(result, list) and result and all(isinstance(one, str) for one in result):
            return tuple(result)
        raise EngineAwayError(f"block engine {region.name} told no tip accounts; try again")

    async def tip_floor(self) -> TipFloor:
        """The tips that landed lately.

        Raises
        ------
        EngineAwayError
            If the statistics do not answer.
        DataError
            If they answer something else.
        """
        try:
            answer = await self._http.request("GET", self.settings.tip_floor_url)
            if not answer.is_success:
                raise EngineAwayError(f"tip floor: HTTP status {answer.status}; try again")
            return read_tip_floor(msgspec.json.decode(answer.content))
        except HttpError as away:
            raise EngineAwayError(f"tip floor: {away.kind}; try again") from None
        except msgspec.DecodeError as error:
            raise EngineAwayError(f"tip floor: {type(error).__name__}; try again") from None

    async def bundle_statuses(self, ids: Sequence[str]) -> list[Any]:
        """Which bundles landed, as the engine has it: for the log, never a proof."""
        return await self._values(requests.bundle_statuses(ids))

    async def inflight_statuses(self, ids: Sequence[str]) -> list[Any]:
        """What became of bundles of the last five minutes, as the engine has it: for the log, never a proof."""
        return await self._values(requests.inflight_statuses(ids))

    def report(self) -> list[dict[str, Any]]:
        """How each region does."""
        now = self.monotonic()
        return [
            {
                "region": region.name,
                "rests_s": round(max(0.0, region.rests_until - now), 1),
                "taken": region.taken,
                "refused": region.refused,
                "failed": region.failed,
                "last_error": region.last_error,
            }
            for region in self.regions
        ]

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- regions -----------------------------------------------------------------------------------------------------

    async def _values(self, request: EngineRequest) -> list[Any]:
        result, _ = await self._anywhere(request)
        value = result.get("value") if isinstance(result, dict) else None
        return value if isinstance(value, list) else []

    async def _anywhere(self, request: EngineRequest) -> tuple[Any, Region]:
        """Ask one region after the other; gives the result, or the refusal of what is processed already."""
        until = self.monotonic() + self.settings.patience_s
        asked: set[str] = set()
        last: AwayError | None = None
        while True:
            region = await self._next(asked, until)
            if region is None:
                raise last or EngineAwayError("every region of the block engine rests; try again later")
            try:
                result = await self._ask(region, request)
            except HttpError as away:
                region.failed += 1
                self._rest(region, self.settings.rest_s, away.kind)
                last = EngineAwayError(f"block engine {region.name} did not answer ({away.kind}); try again")
                asked.add(region.name)
                continue
            if not isinstance(result, Refusal) or result.meaning is Meaning.ALREADY_PROCESSED:
                region.taken += 1
                return result, region
            last = self._refused(region, result)
            asked.add(region.name)

    async def _next(self, asked: set[str], until: float) -> Region | None:
        """The region to ask now, waiting for its turn if that is soon enough; each is asked once."""
        now = self.monotonic()
        left = [region for region in self.regions if region.name not in asked]
        waits = [(max(region.rests_until - now, region.rate.wait_s(now)), region) for region in left]
        if not waits:
            return None
        wait, region = min(waits, key=lambda each: each[0])
        if now + wait > until:
            return None
        region.rate.reserve(now + wait)
        if wait > 0:
            await self.sleep(wait)
        return region

    async def _ask(self, region: Region, request: EngineRequest) -> Any:
        headers = {"content-type": "application/json"} | ({AUTH_HEADER: self._auth} if self._auth else {})
        answer = await self._http.request("POST", region.url + request.path, request.body, headers)
        try:
            told = msgspec.json.decode(answer.content)
        except msgspec.DecodeError:
            told = answer.content[:200].decode(errors="replace")
        if answer.is_success and isinstance(told, dict) and told.get("result") is not None:
            return told["result"]
        refusal = read_refusal(answer.status, told, answer.headers.get("retry-after"))
        if self._auth:
            refusal = msgspec.structs.replace(refusal, text=refusal.text.replace(self._auth, HIDDEN))
        return refusal

    def _refused(self, region: Region, refusal: Refusal) -> EngineRefusedError:
        region.refused += 1
        error = EngineRefusedError(region.name, refusal)
        if refusal.meaning is Meaning.STALE_TIP:
            self.stale_tips()
        if refusal.meaning in OURS:
            raise error
        self._rest(region, self.settings.rest_s if refusal.wait_s is None else refusal.wait_s, refusal.text)
        return error

    def _rest(self, region: Region, seconds: float, reason: str) -> None:
        region.last_error = reason
        region.rests_until = max(region.rests_until, self.monotonic() + seconds)
        log.warning("region_rests", region=region.name, reason=reason, rest_s=round(seconds, 3))
