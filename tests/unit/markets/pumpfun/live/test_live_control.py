"""Commands: carried out once, while fresh, for those who have the token; the token itself is never sent."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from alphaloop.bus.contract import Delivery
from alphaloop.bus.memory import MemoryBus
from alphaloop.core.clock import NS_PER_S, SteppedClock
from alphaloop.core.errors import InputError
from alphaloop.markets.pumpfun.live.control import (
    ControlDesk,
    Request,
    ask,
    commands_channel,
    read_token,
)

TOKEN = SecretStr("a token that nobody knows")
OTHER = SecretStr("another token of somebody")


class Acts:
    def __init__(self) -> None:
        self.done: list[tuple[str, dict[str, str], str]] = []

    def __call__(self, name: str, arguments: Mapping[str, str], by: str) -> Mapping[str, Any]:
        if name == "impossible":
            raise InputError("there is no such position; look again")
        self.done.append((name, dict(arguments), by))
        return {"done": name}


def request(name: str = "stop", *, issued_ns: int = 0, account: str = "me", identity: str = "r1") -> Request:
    return Request(identity, account, name, {"asset": "mint"}, issued_ns, "anna")


def desk(clock: SteppedClock | None = None) -> tuple[ControlDesk, Acts]:
    acts = Acts()
    return ControlDesk(MemoryBus(), "me", TOKEN, clock or SteppedClock(), acts), acts


@pytest.mark.parametrize("place", ["file", "folder", "bytes"])
def test_a_place_of_the_token_that_cannot_be_used_is_said_in_a_sentence(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "data"
    if place == "file":
        folder.write_text("a wallet, perhaps")
    else:
        folder.mkdir()
    if place == "folder":
        (folder / "live-token").mkdir()
    elif place == "bytes":
        (folder / "live-token").write_bytes(b"\xff" * 32)
    with pytest.raises(InputError, match="live-token"):
        read_token(folder, {}, make=True)


def test_a_sealed_command_is_carried_out_once() -> None:
    control, acts = desk()
    body = msgspec.json.encode(request().sealed(TOKEN))
    first, second = control.answer(body), control.answer(body)
    assert first is not None
    assert first.result == {"done": "stop"}
    assert second is not None
    assert "carried out already" in second.error
    assert acts.done == [("stop", {"asset": "mint"}, "anna")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        msgspec.json.encode(request()),
        msgspec.json.encode(request().sealed(OTHER)),
        msgspec.json.encode(msgspec.structs.replace(request().sealed(TOKEN), name="force_exit")),
        msgspec.json.encode(msgspec.structs.replace(request().sealed(TOKEN), issued_ns=5)),
        msgspec.json.encode(request(account="somebody").sealed(TOKEN)),
    ],
)
def test_what_is_not_sealed_with_the_token_is_counted_and_not_answered(body: bytes) -> None:
    control, acts = desk()
    assert control.answer(body) is None
    assert acts.done == []
    assert control.refused == 1


def test_what_was_overheard_is_worth_nothing_later() -> None:
    clock = SteppedClock(100 * NS_PER_S)
    control, acts = desk(clock)
    reply = control.answer(msgspec.json.encode(request(issued_ns=10 * NS_PER_S).sealed(TOKEN)))
    assert reply is not None
    assert "too long ago" in reply.error
    assert acts.done == []


def test_a_refusal_comes_back_as_its_sentence() -> None:
    async def main() -> None:
        async with MemoryBus() as bus:
            control = ControlDesk(bus, "me", TOKEN, SteppedClock(), Acts())
            running = asyncio.create_task(control.run())
            await asyncio.sleep(0)
            assert await ask(bus, "me", TOKEN, SteppedClock(), "status", {}, "anna") == {"done": "status"}
            with pytest.raises(InputError, match="no such position"):
                await ask(bus, "me", TOKEN, SteppedClock(), "impossible", {}, "anna")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


def test_who_ends_the_trader_is_answered_before_the_desk_is_gone() -> None:
    class Slow(MemoryBus):
        async def publish(self, channel: str, body: bytes) -> None:
            if channel.startswith("live:replies"):
                await asyncio.sleep(0.05)
            await super().publish(channel, body)

    async def main() -> None:
        async with Slow() as bus:
            running: list[asyncio.Task[None]] = []

            def end(name: str, arguments: Mapping[str, str], by: str) -> Mapping[str, Any]:
                asyncio.get_running_loop().call_soon(running[0].cancel)
                return {"stopping": True}

            running.append(asyncio.create_task(ControlDesk(bus, "me", TOKEN, SteppedClock(), end).run()))
            await asyncio.sleep(0)
            assert await ask(bus, "me", TOKEN, SteppedClock(), "stop", {}, "anna") == {"stopping": True}
            await asyncio.wait(running, timeout=1.0)
            assert running[0].cancelled()

    asyncio.run(main())


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphaloop.markets.pumpfun.live.control.ANSWER_S", 0.05)

    async def main() -> None:
        async with MemoryBus() as bus:
            with pytest.raises(InputError, match="is it running on this bus, with this token"):
                await ask(bus, "me", TOKEN, SteppedClock(), "status", {}, "anna")

    asyncio.run(main())


def test_the_token_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphaloop.markets.pumpfun.live.control.ANSWER_S", 0.05)
    heard: list[Delivery] = []

    async def main() -> None:
        async with MemoryBus() as bus, bus.subscribe(commands_channel("me")) as subscription:
            with pytest.raises(InputError):
                await ask(bus, "me", TOKEN, SteppedClock(), "status", {}, "anna")
            heard.append(await anext(aiter(subscription)))

    asyncio.run(main())
    assert TOKEN.get_secret_value().encode() not in heard[0].body
    assert TOKEN.get_secret_value() not in repr(request().sealed(TOKEN))


def test_a_token_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    made = read_token(tmp_path / "data", {}, make=True)
    path = tmp_path / "data" / "live-token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["live-token"]
    assert read_token(tmp_path / "data", {}, make=False) == made
    assert read_token(tmp_path / "data", {"ALPHALOOP_LIVE_TOKEN": "x" * 16}, make=False) == SecretStr("x" * 16)
    with pytest.raises(InputError, match="give 16 or more"):
        read_token(tmp_path / "data", {"ALPHALOOP_LIVE_TOKEN": "short"}, make=False)
    with pytest.raises(InputError, match="is not there"):
        read_token(tmp_path / "nowhere", {}, make=False)
