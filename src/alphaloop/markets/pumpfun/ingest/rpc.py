"""JSON-RPC over HTTP, asked of the pool: a failed request goes to another endpoint."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

import msgspec
from pydantic import Field

from alphaloop.core.errors import AlphaloopError
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.ingest.http import Http, HttpError
from alphaloop.markets.pumpfun.ingest.pool import Endpoint, EndpointPool

TOO_MANY = 429
TURNED_AWAY = (401, 402, 403)
OUR_FAULT = (-32600, -32601, -32602)
"""JSON-RPC codes that another endpoint would answer alike: bad request, unknown method, bad parameters."""


class ChainError(AlphaloopError):
    """The chain's endpoints gave no usable answer."""


class RpcSettings(Settings):
    """How patient requests are."""

    timeout_s: float = Field(default=15.0, gt=0, description="wait for a whole answer at most")
    attempts: int = Field(default=8, ge=1, description="tries of one request, over all endpoints")
    units: dict[str, int] = Field(
        default_factory=dict, description="request units of a method where it is not one, such as getTransaction"
    )


class Rpc:
    """A JSON-RPC client over the endpoints of a pool."""

    def __init__(self, pool: EndpointPool, settings: RpcSettings | None = None) -> None:
        self._pool = pool
        self._settings = settings or RpcSettings()
        self._clients: dict[Endpoint, Http] = {}
        self._next_id = 0

    async def call(self, method: str, params: list[Any]) -> Any:
        """Ask, and give the ``result`` of the answer.

        Raises
        ------
        ChainError
            If the request itself is wrong, or no endpoint answered in `attempts` tries.
        """
        failed: list[Endpoint] = []
        reason = ""
        for _ in range(self._settings.attempts):
            endpoint = await self._pool.request(self._settings.units.get(method, 1), failed)
            try:
                answer = await self._post(endpoint, method, params)
            except HttpError as error:
                reason = str(error)
                self._pool.failed(endpoint, reason)
            except (msgspec.DecodeError, ValueError) as error:
                reason = f"{type(error).__name__}: {error}"
                self._pool.failed(endpoint, reason)
            else:
                if isinstance(answer, dict) and "result" in answer:
                    self._pool.succeeded(endpoint)
                    return answer["result"]
                reason = self._refusal(endpoint, method, answer)
            reason = endpoint.settings.redact(reason)
            failed.append(endpoint)
        raise ChainError(
            f"{method}: no endpoint answered in {self._settings.attempts} tries (last: {reason}); "
            "look at the endpoints' health in the log"
        )

    async def close(self) -> None:
        """Close every connection."""
        clients, self._clients = list(self._clients.values()), {}
        await asyncio.gather(*(client.close() for client in clients))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _post(self, endpoint: Endpoint, method: str, params: list[Any]) -> Any:
        self._next_id += 1
        request = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        answer = await self._client(endpoint).request(
            "POST", endpoint.settings.http, msgspec.json.encode(request), {"content-type": "application/json"}
        )
        if answer.status == TOO_MANY:
            return {"error": {"code": TOO_MANY, "retry_after": answer.headers.get("retry-after")}}
        if answer.status in TURNED_AWAY:
            return {"error": {"code": answer.status}}
        if answer.is_success:
            return msgspec.json.decode(answer.content)
        raise ValueError(f"HTTP status {answer.status}")

    def _client(self, endpoint: Endpoint) -> Http:
        if endpoint not in self._clients:
            proxy = endpoint.settings.proxy
            self._clients[endpoint] = Http(
                self._settings.timeout_s, None if proxy is None else proxy.get_secret_value()
            )
        return self._clients[endpoint]

    def _refusal(self, endpoint: Endpoint, method: str, answer: Any) -> str:
        error = answer.get("error") if isinstance(answer, dict) else None
        error = error if isinstance(error, dict) else {}
        code, message = error.get("code"), str(error.get("message", ""))[:200]
        if code in OUR_FAULT:
            raise ChainError(f"{method}: the endpoint refused the request itself ({code}: {message}); this is ours")
        reason = f"error {code}" + (f": {message}" if message else "")
        if code in TURNED_AWAY:
            self._pool.refused(endpoint, reason)
        else:
            self._pool.failed(endpoint, reason, _retry_after(error.get("retry_after")))
        return reason


def _retry_after(header: Any) -> float | None:
    # The other form, a date, is rare and gets the usual rest.
    try:
        return min(600.0, max(0.0, float(header)))
    except (TypeError, ValueError):
        return None
