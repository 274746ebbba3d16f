"""What people are told of, and how: one line in the log, a number in the metrics, a message where they asked for one.

Sending a message may take seconds or fail; it happens in a thread, behind a queue with a bound, and holds up nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import structlog
from pydantic import Field, SecretStr

from alphaloop.core.errors import InputError
from alphaloop.core.extras import require
from alphaloop.core.settings import Settings
from alphaloop.trading.portfolio.records import Level, Notice

log = structlog.get_logger("alphaloop.pumpfun.live")

RANKS: Final[dict[str, int]] = {"info": 0, "warning": 1, "error": 2}
WAITING: Final = 1_000


class Target(Settings):
    """Somebody who wants to be told."""

    url_env: str = Field(min_length=1, description="environment variable with the Apprise URL; it holds secrets")
    level: Level = Field(default="warning", description="least level of what is sent")
    events: tuple[str, ...] = Field(default=(), description="sent whatever their level")
    never: tuple[str, ...] = Field(default=(), description="never sent")

    def wants(self, notice: Notice) -> bool:
        """Whether this one is told."""
        if notice.event in self.never:
            return False
        return notice.event in self.events or RANKS[notice.level] >= RANKS[self.level]


class NotifySettings(Settings):
    """Who is told of what, through any channel that Apprise knows: Telegram, Discord, e-mail, webhooks and more."""

    targets: dict[str, Target] = Field(default_factory=dict)
    title: str = Field(default="alphaloop", description="title of each message")


Sender: TypeAlias = Callable[[str, str, Level], bool]
"""Sends a title and a body of a level, and says whether that worked; may take its time."""


class Messenger:
    """Sends notices to those who want them.

    Parameters
    ----------
    senders : sequence of (name, target, sender)
    """

    def __init__(self, title: str, senders: Sequence[tuple[str, Target, Sender]]) -> None:
        self._title, self._senders = title, senders
        self._waiting: deque[tuple[str, Sender, Notice]] = deque(maxlen=WAITING)
        self._arrived = asyncio.Event()
        self.sent = 0
        self.failed = 0

    def __call__(self, notice: Notice) -> None:
        """Log it, and queue it for those who want it; the oldest makes room."""
        say = {"info": log.info, "warning": log.warning, "error": log.error}[notice.level]
        say(notice.event, **notice.fields)
        for name, target, sender in self._senders:
            if target.wants(notice):
                self._waiting.append((name, sender, notice))
                self._arrived.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                name, sender, notice = self._waiting.popleft()
                await self._send(name, sender, notice)

    async def _send(self, name: str, sender: Sender, notice: Notice) -> None:
        try:
            done = await asyncio.to_thread(sender, self._title, spoken(notice), notice.level)
        except Exception as error:  # whatever a channel's library does, trading goes on
            # Its text may hold the channel's secrets, so only its kind is told.
            self._failed(name, notice, type(error).__name__)
            return
        if not done:
            self._failed(name, notice, "its channel did not take it")
            return
        self.sent += 1

    def _failed(self, name: str, notice: Notice, reason: str) -> None:
        self.failed += 1
        log.warning("notification_failed", target=name, event_name=notice.event, reason=reason)


def messenger(settings: NotifySettings, environ: Mapping[str, str]) -> Messenger:
    """Make the messenger of the settings.

    Raises
    ------
    InputError
        If a variable is not set or its URL is of no channel that is known.
    """
    senders = [(name, target, _apprise(name, target, environ)) for name, target in settings.targets.items()]
    return Messenger(settings.title, senders)


def spoken(notice: Notice) -> str:
    """A notice as one line."""
    said = ", ".join(f"{name} {_plain(value)}" for name, value in notice.fields.items() if value is not None)
    return f"{notice.event.replace('_', ' ')}: {said}" if said else notice.event.replace("_", " ")


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _apprise(name: str, target: Target, environ: Mapping[str, str]) -> Sender:
    require("live", "apprise")
    import apprise

    url = SecretStr(environ.get(target.url_env, ""))
    channel = apprise.Apprise()
    if not url.get_secret_value() or not channel.add(url.get_secret_value()):
        state = "holds no URL that Apprise knows" if url.get_secret_value() else "is not set"
        raise InputError(f"notify target {name!r}: {target.url_env} {state}; give the URL of a channel, or drop it")
    kinds = {"info": apprise.NotifyType.INFO, "warning": apprise.NotifyType.WARNING}

    def send(title: str, body: str, level: Level) -> bool:
        return bool(channel.notify(body=body, title=title, notify_type=kinds.get(level, apprise.NotifyType.FAILURE)))

    return send
