"""Commands from people to the running trader, over the bus: signed with a token that itself is never sent.

A command says when it was given and has an id of its own; the trader carries it out once, and only while it is fresh,
so that one that was overheard is worth nothing. Whoever may write to the bus but has no token is counted, and no more.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
from pydantic import SecretStr

from alphaloop.bus.contract import Bus
from alphaloop.core.clock import NS_PER_S, Clock
from alphaloop.core.errors import AlphaloopError, BusAwayError, InputError
from alphaloop.core.files import sync_folder

log = structlog.get_logger("alphaloop.pumpfun.live")

FRESH_NS: Final = 30 * NS_PER_S
REMEMBERED: Final = 10_000
ANSWER_S: Final = 5.0
LAST_WORD_S: Final = 1.0
TOKEN_ENV: Final = "ALPHALOOP_LIVE_TOKEN"  # noqa: S105 - the name of a variable
LEAST_TOKEN: Final = 16


class Request(msgspec.Struct, frozen=True):
    """A command as it travels; `seal` is the HMAC-SHA-256 of the rest."""

    request_id: str
    account: str
    name: str
    arguments: dict[str, str]
    issued_ns: int
    by: str
    seal: str = ""

    def sealed(self, token: SecretStr) -> Request:
        """The same with its seal."""
        return msgspec.structs.replace(self, seal=self._seal(token))

    def is_from(self, token: SecretStr) -> bool:
        """Whether it was sealed with this token."""
        return hmac.compare_digest(self.seal, self._seal(token))

    def _seal(self, token: SecretStr) -> str:
        said = msgspec.json.encode([self.request_id, self.account, self.name, self.arguments, self.issued_ns, self.by])
        return hmac.new(token.get_secret_value().encode(), said, hashlib.sha256).hexdigest()


class Reply(msgspec.Struct, frozen=True):
    """What came of a command; `error` is one sentence, empty if it was carried out."""

    request_id: str
    result: dict[str, Any] = {}
    error: str = ""
    exit_code: int = 0


def commands_channel(account: str) -> str:
    """Where an account's trader listens."""
    return f"live:commands:{account}"


def replies_channel(account: str) -> str:
    """Where it answers."""
    return f"live:replies:{account}"


class ControlDesk:
    """Hears commands and has them carried out.

    Parameters
    ----------
    carry_out : callable
        Given name, arguments and who asks; returns the result as plain data, or raises an `AlphaloopError`.
    """

    def __init__(
        self,
        bus: Bus,
        account: str,
        token: SecretStr,
        clock: Clock,
        carry_out: Callable[[str, Mapping[str, str], str], Mapping[str, Any]],
    ) -> None:
        self._bus, self._account, self._token, self._clock = bus, account, token, clock
        self._carry_out = carry_out
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.refused = 0

    async def run(self, retry_s: float = 0.5) -> None:
        """Listen until cancelled."""
        while True:
            try:
                async with self._bus.subscribe(commands_channel(self._account)) as subscription:
                    async for delivery in subscription:
                        await self._hear(delivery.body)
            except BusAwayError:
                await asyncio.sleep(retry_s)

    async def _hear(self, body: bytes) -> None:
        reply = self.answer(body)
        if reply is None:
            return
        telling = asyncio.ensure_future(self._bus.publish(replies_channel(self._account), msgspec.json.encode(reply)))
        try:
            await asyncio.shield(telling)
        except asyncio.CancelledError:
            # Whoever asked the trader to stop is to hear that it does.
            await asyncio.wait({telling}, timeout=LAST_WORD_S)
            if telling.done() and not telling.cancelled() and telling.exception() is not None:
                log.warning("command_not_answered", request=reply.request_id)
            raise

    def answer(self, body: bytes) -> Reply | None:
        """Carry a command out; None for what deserves no answer."""
        try:
            request = msgspec.json.decode(body, type=Request)
        except msgspec.MsgspecError:
            self.refused += 1
            return None
        if not request.is_from(self._token) or request.account != self._account:
            self.refused += 1
            log.warning("command_refused", name=request.name[:40], refused=self.refused)
            return None
        stale = abs(self._clock.now_ns() - request.issued_ns) > FRESH_NS
        if stale or request.request_id in self._seen:
            self.refused += 1
            why = "was given too long ago, or the clocks differ" if stale else "was carried out already"
            return Reply(request.request_id, error=f"command {request.name!r} {why}; give it again", exit_code=2)
        self._seen[request.request_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        try:
            return Reply(request.request_id, dict(self._carry_out(request.name, request.arguments, request.by)))
        except AlphaloopError as error:
            return Reply(request.request_id, error=str(error), exit_code=error.exit_code)


async def ask(
    bus: Bus,
    account: str,
    token: SecretStr,
    clock: Clock,
    name: str,
    arguments: Mapping[str, str],
    by: str,
) -> dict[str, Any]:
    """Give a command to the running trader and wait for what came of it.

    Raises
    ------
    InputError
        If nobody answers, or the trader says that it cannot be carried out.
    """
    request = Request(secrets.token_hex(16), account, name, dict(arguments), clock.now_ns(), by).sealed(token)
    async with bus.subscribe(replies_channel(account)) as replies:
        await bus.publish(commands_channel(account), msgspec.json.encode(request))
        try:
            async with asyncio.timeout(ANSWER_S):
                async for delivery in replies:
                    reply = msgspec.json.decode(delivery.body, type=Reply)
                    if reply.request_id == request.request_id:
                        if reply.error:
                            raise InputError(reply.error)
                        return reply.result
        except TimeoutError:
            pass
    raise InputError(
        f"no trader of account {account} answers within {ANSWER_S:g} s; is it running on this bus, with this token? "
        f"If so, it may carry {name!r} out yet: look before you give it again"
    )


def read_token(folder: Path, environ: Mapping[str, str], *, make: bool) -> SecretStr:
    """The token of ``ALPHALOOP_LIVE_TOKEN``, or that of ``FOLDER/live-token``, which only its owner can read.

    Parameters
    ----------
    make : bool
        Write a new one if there is none; the trader does, its commands do not.

    Raises
    ------
    InputError
        If there is none, it is too short, or its place cannot be used.
    """
    given = environ[TOKEN_ENV].strip() if TOKEN_ENV in environ else None
    path = folder / "live-token"
    try:
        if given is None and path.exists():
            given = path.read_text(encoding="ascii").strip()
        if given is None and make:
            given = secrets.token_urlsafe(32)
            _keep(path, given)
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: the token is no plain text; delete the file, and the trader makes a new one"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give --data a folder of your own") from None
    if given is None:
        raise InputError(f"no token: {path} is not there; run on the trader's machine, or set {TOKEN_ENV}")
    if len(given) < LEAST_TOKEN:
        raise InputError(f"the token has {len(given)} characters; give {LEAST_TOKEN} or more")
    return SecretStr(given)


def _keep(path: Path, token: str) -> None:
    """Write the token where nobody but its owner can ever read it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)
