"""What people are told: by level, through a real webhook, and never at the trader's expense."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import structlog

from alphaloop.core.errors import InputError
from alphaloop.markets.pumpfun.live.notices import Messenger, NotifySettings, Target, messenger, spoken
from alphaloop.trading.portfolio.records import Notice

# Apprise loads all its channels at once, and one of them what Python will drop.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

OPENED = Notice("trade_opened", "info", {"trade_id": "t1", "spent": 5, "multiple": None})
TRIPPED = Notice("breaker_tripped", "error", {"breaker": "daily_drawdown", "equity": 0.25})
SECRET = "a-secret-path"


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook on loopback: its Apprise URL, and what it was sent."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"json://127.0.0.1:{server.server_port}/{SECRET}", got
    server.shutdown()
    server.server_close()
    thread.join()


async def told(who: Messenger, *notices: Notice) -> None:
    running = asyncio.create_task(who.run())
    for notice in notices:
        who(notice)
    for _ in range(200):
        await asyncio.sleep(0.01)
        if who.sent + who.failed >= 1 and not who._waiting:
            break
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_a_webhook_gets_what_it_wants(hook: tuple[str, list[dict[str, Any]]]) -> None:
    url, got = hook
    settings = NotifySettings(targets={"me": Target(url_env="HOOK", level="error")})
    who = messenger(settings, {"HOOK": url})
    asyncio.run(told(who, OPENED, TRIPPED))
    assert [each["message"] for each in got] == ["breaker tripped: breaker daily_drawdown, equity 0.25"]
    assert got[0]["title"] == "alphaloop"
    assert (who.sent, who.failed) == (1, 0)


def test_levels_and_exceptions_to_them() -> None:
    target = Target(url_env="X", level="warning", events=("trade_opened",), never=("breaker_tripped",))
    assert target.wants(OPENED)
    assert not target.wants(TRIPPED)
    assert not Target(url_env="X").wants(OPENED)
    assert Target(url_env="X").wants(TRIPPED)


def test_a_channel_that_breaks_is_counted_and_its_secrets_stay(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(title: str, body: str, level: str) -> bool:
        raise RuntimeError(f"https://somewhere/{SECRET}")

    who = Messenger("t", [("me", Target(url_env="X"), broken)])
    asyncio.run(told(who, TRIPPED))
    assert (who.sent, who.failed) == (0, 1)
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err


def test_a_message_that_a_channel_did_not_take_is_logged_with_whom_it_was_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    who = Messenger("t", [("phone", Target(url_env="X"), lambda title, body, level: False)])
    with structlog.testing.capture_logs() as logs:
        asyncio.run(told(who, TRIPPED))
    assert (who.sent, who.failed) == (0, 1)
    (line,) = [line for line in logs if line["event"] == "notification_failed"]
    assert (line["target"], line["event_name"]) == ("phone", "breaker_tripped")


def test_a_channel_that_hangs_holds_nothing_up() -> None:
    release = threading.Event()

    def slow(title: str, body: str, level: str) -> bool:
        return release.wait(5)

    who = Messenger("t", [("me", Target(url_env="X"), slow)])

    async def main() -> None:
        running = asyncio.create_task(who.run())
        for _ in range(5_000):
            who(TRIPPED)
        await asyncio.sleep(0)
        assert len(who._waiting) <= 1_000
        release.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


@pytest.mark.parametrize(("environ", "says"), [({}, "is not set"), ({"HOOK": "nonsense"}, "no URL that Apprise knows")])
def test_a_target_that_cannot_be_told(environ: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        messenger(NotifySettings(targets={"me": Target(url_env="HOOK")}), environ)


def test_a_notice_is_one_line() -> None:
    assert spoken(OPENED) == "trade opened: trade_id t1, spent 5"
    assert spoken(Notice("halt_lifted", "info", {})) == "halt lifted"
