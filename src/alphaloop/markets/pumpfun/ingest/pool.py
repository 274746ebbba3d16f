"""The pool of endpoints: which one is asked next, and which one rests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import Field

from alphaloop.core.clock import stopwatch
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.ingest.endpoints import EndpointSettings
from alphaloop.markets.pumpfun.ingest.limits import Budgets, RateLimit

log = structlog.get_logger("alphaloop.pumpfun.pool")

LOOK_AGAIN_S = 1.0
REMIND_S = 60.0


class PoolSettings(Settings):
    """How failures are answered."""

    rest_s: float = Field(default=0.5, gt=0, description="rest after a first failure; doubled by each further one")
    longest_rest_s: float = Field(default=60.0, gt=0, description="rest at most")
    refused_rest_s: float = Field(default=600.0, gt=0, description="rest of a key that the provider turned away")


@dataclass(eq=False)
class Endpoint:
    """An endpoint as the pool knows it; times are seconds of a monotonic clock."""

    settings: EndpointSettings
    rate: RateLimit
    failures: int = 0
    rests_until: float = 0.0
    last_used: float = 0.0
    streams: int = 0
    requests: int = 0
    errors: int = 0
    reason: str = ""

    @property
    def name(self) -> str:
        """What logs call it."""
        return self.settings.name


@dataclass
class EndpointPool:
    """Endpoints with budgets, rate limits and health.

    An endpoint is *usable* when it does not rest and its key has units left. Among the usable ones the one with the
    fewest streams goes first (for streams), the shortest wait for its rate limit, and then the one used longest ago:
    so load rotates. A failure makes an endpoint rest, twice as long for each failure in a row, with up to half of that
    cut off by chance so that many collectors do not come back together.

    Parameters
    ----------
    monotonic : callable
        Seconds of a monotonic clock.
    """

    known: list[EndpointSettings]
    budgets: Budgets
    settings: PoolSettings = field(default_factory=PoolSettings)
    monotonic: Callable[[], float] = stopwatch
    chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.endpoints = [Endpoint(settings, RateLimit(settings.requests_per_s)) for settings in self.known]

    def usable(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint may be asked now."""
        return endpoint.rests_until <= self.monotonic() and self.units_left(endpoint) > 0

    def units_left(self, endpoint: Endpoint) -> int:
        """Request units that the key has left this month."""
        return endpoint.settings.budget_units - self.budgets.used(endpoint.settings.account)

    async def request(self, units: int = 1, avoid: Collection[Endpoint] = ()) -> Endpoint:
        """Give an endpoint that may be sent a request right now; waits for rate limits and rests.

        Parameters
        ----------
        units : int
            What the request costs.
        avoid : collection of Endpoint
            Taken only if there is no other: those that just failed at the same request.
        """
        while True:
            endpoint = await self._best(avoid, lambda found: found.rate.wait_s(self.monotonic()))
            start = endpoint.rate.reserve(self.monotonic())
            endpoint.last_used = start
            delay = start - self.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            if self.usable(endpoint):
                self.charge(endpoint, units)
                endpoint.requests += 1
                return endpoint

    async def stream(self, avoid: Collection[Endpoint] = ()) -> Endpoint:
        """Give an endpoint for a lasting connection; it counts as one until `released`."""
        endpoint = await self._best(avoid, lambda found: float(found.streams))
        endpoint.streams += 1
        endpoint.last_used = self.monotonic()
        return endpoint

    def released(self, endpoint: Endpoint) -> None:
        """Note the end of a lasting connection."""
        endpoint.streams -= 1

    def charge(self, endpoint: Endpoint, units: int) -> None:
        """Count request units against the endpoint's key."""
        self.budgets.spend(endpoint.settings.account, units)

    def succeeded(self, endpoint: Endpoint) -> None:
        """Note an answer: the endpoint is healthy."""
        if endpoint.failures:
            log.info("endpoint_recovered", endpoint=endpoint.name, after_failures=endpoint.failures)
        endpoint.failures, endpoint.reason = 0, ""

    def failed(self, endpoint: Endpoint, reason: str, rest_s: float | None = None) -> None:
        """Note a failure; the endpoint rests `rest_s` seconds, or as long as its failures in a row deserve."""
        endpoint.failures += 1
        endpoint.errors += 1
        endpoint.reason = endpoint.settings.redact(reason)[:200]
        if rest_s is None:
            doubled = self.settings.rest_s * 2.0 ** min(endpoint.failures - 1, 30)
            rest_s = min(doubled, self.settings.longest_rest_s) * self.chance.uniform(0.5, 1.0)
        endpoint.rests_until = max(endpoint.rests_until, self.monotonic() + rest_s)
        log.warning(
            "endpoint_failed",
            endpoint=endpoint.name,
            reason=endpoint.reason,
            failures=endpoint.failures,
            rest_s=round(rest_s, 3),
        )

    def refused(self, endpoint: Endpoint, reason: str) -> None:
        """Note that the provider turned the key away."""
        self.failed(endpoint, reason, self.settings.refused_rest_s)

    def report(self) -> list[dict[str, Any]]:
        """Say how each endpoint does, without secrets."""
        now = self.monotonic()
        return [
            {
                "endpoint": endpoint.name,
                "healthy": endpoint.rests_until <= now and endpoint.failures == 0,
                "rests_s": round(max(0.0, endpoint.rests_until - now), 1),
                "units_left": self.units_left(endpoint),
                "streams": endpoint.streams,
                "requests": endpoint.requests,
                "errors": endpoint.errors,
                "last_error": endpoint.reason,
            }
            for endpoint in self.endpoints
        ]

    async def _best(self, avoid: Collection[Endpoint], load: Callable[[Endpoint], float]) -> Endpoint:
        began = self.monotonic()
        remind_at = began + REMIND_S if any(map(self._has_units, self.endpoints)) else began
        while True:
            usable = [endpoint for endpoint in self.endpoints if self.usable(endpoint)]
            preferred = [endpoint for endpoint in usable if endpoint not in avoid] or usable
            if preferred:
                return min(preferred, key=lambda endpoint: (load(endpoint), endpoint.last_used))
            now = self.monotonic()
            if now >= remind_at:
                log.error("no_endpoint_usable", waited_s=round(now - began, 1), endpoints=self.report())
                remind_at = now + REMIND_S
            await asyncio.sleep(self._until_one_is_back(now))

    def _has_units(self, endpoint: Endpoint) -> bool:
        return self.units_left(endpoint) > 0

    def _until_one_is_back(self, now: float) -> float:
        rests = [found.rests_until - now for found in self.endpoints if self._has_units(found)]
        return min(LOOK_AGAIN_S, max(0.001, min(rests, default=LOOK_AGAIN_S)))
