"""What the Redis bus adds to the contract: it survives its server, says so, and keeps the password to itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from alphaloop.bus.redis import RedisBus
from alphaloop.core.errors import AlphaloopError, BusAwayError, InputError, StateError

SECRET = "not-to-be-seen"


@pytest.fixture
def server(redis_server):
    yield redis_server
    if redis_server.process is None:
        redis_server.start()


def play(story) -> list[dict[str, Any]]:
    with capture_logs() as told:
        asyncio.run(asyncio.wait_for(story(), 30))
    assert SECRET not in repr(told)
    return told


async def until(holds: Callable[[], Any]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to hold")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_subscription_joins_again_after_a_restart(server, how) -> None:
    async def story() -> None:
        async with RedisBus(server.url, check_s=0.05) as bus, bus.subscribe("a", "b") as listening:
            await bus.publish("a", b"before")
            assert (await anext(listening)).body == b"before"
            server.stop(how)
            with pytest.raises(BusAwayError, match="does not answer"):
                await bus.publish("a", b"lost")
            await until(lambda: listening.interruptions == 1)
            server.start()
            reader = asyncio.create_task(anext(listening))
            while not reader.done():
                await bus.publish("b", b"after")
                await asyncio.sleep(0.02)
            assert (await reader).body == b"after"

    events = [entry["event"] for entry in play(story)]
    assert events.count("redis_away") == 1
    assert events.count("redis_back") == 1
    assert events.count("listening_again") == 1
    assert events.index("redis_away") < events.index("redis_back")


def test_what_lasts_is_written_again_to_a_server_started_anew(server) -> None:
    async def story() -> None:
        async with RedisBus(server.url, check_s=0.02) as writer, RedisBus(server.url) as reader:
            await writer.set("lasting", b"1")
            await writer.set("cache", b"1", ttl_s=600)
            await writer.set("was lasting", b"1")
            await writer.set("was lasting", b"1", ttl_s=600)
            await writer.set_add("set", "a", "b", "c")
            await writer.set_remove("set", "b")
            await writer.set("gone", b"1")
            await writer.delete("gone")
            server.restart()
            # Nobody asks the writer for anything: its watch finds out.
            while await reader.get("lasting") is None:
                await asyncio.sleep(0.02)
            assert await reader.set_members("set") == {"a", "c"}
            for key in ("cache", "was lasting", "gone"):
                assert await reader.get(key) is None

    (told,) = [entry for entry in play(story) if entry["event"] == "redis_started_anew" and entry["keys_written_again"]]
    assert told["keys_written_again"] == 2
    assert told["bus"] == f"redis://:***@127.0.0.1:{server.port}/0"


def test_the_first_word_to_a_new_server_restores_it(server) -> None:
    async def story() -> None:
        async with RedisBus(server.url, check_s=600) as bus:
            await bus.set_add("set", "a")
            server.restart()
            members = await asyncio.gather(*(bus.set_members("set") for _ in range(8)))
            assert members == [{"a"}] * 8

    play(story)


def test_many_calls_at_once(server) -> None:
    async def story() -> None:
        async with RedisBus(server.url) as bus, bus.subscribe("a") as listening:
            await asyncio.gather(*(bus.publish("a", str(n).encode()) for n in range(200)))
            bodies = {(await anext(listening)).body for _ in range(200)}
            assert len(bodies) == 200

    play(story)


def test_whoever_is_cancelled_while_the_client_loses_that_ends(server, monkeypatch) -> None:
    """As it does where the answer comes at the same moment."""
    answers = []

    async def lose(_key: str) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(5)
        answers.append(b"")

    async def story() -> None:
        async with RedisBus(server.url) as bus:
            monkeypatch.setattr(bus._client, "get", lose)

            async def ask_on() -> None:
                while len(answers) < 3:
                    await bus.get("a")

            asking = asyncio.create_task(ask_on())
            await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.wait({asking})
            assert asking.cancelled()
            assert len(answers) == 1

    play(story)


def caught(url: str, call) -> str:
    async def story() -> None:
        async with RedisBus(url) as bus:
            with pytest.raises(AlphaloopError) as info:
                await call(bus)
            errors.append(info.value)

    errors: list[AlphaloopError] = []
    play(story)
    text = f"{type(errors[0]).__name__}: {errors[0]}"
    assert SECRET not in text
    assert errors[0].__suppress_context__
    return text


def test_nobody_there(server) -> None:
    server.stop()

    async def listen(bus: RedisBus) -> None:
        async with bus.subscribe("a"):
            pass

    for call in (lambda bus: bus.check(), listen):
        assert caught(server.url, call).startswith(f"BusAwayError: redis://:***@127.0.0.1:{server.port}/0: Redis does")


def test_a_wrong_password(server) -> None:
    wrong = server.url.replace(SECRET, f"{SECRET}%21")
    assert caught(wrong, lambda bus: bus.check()).startswith("InputError: redis://:***@127.0.0.1")
    bare = f"redis://127.0.0.1:{server.port}/0"
    assert "give the right user and password" in caught(bare, lambda bus: bus.check())


def test_another_kind_of_key(server) -> None:
    async def confuse(bus: RedisBus) -> None:
        await bus.set_add("kind", "a")
        await bus.get("kind")

    assert caught(server.url, confuse).startswith("StateError")
    assert issubclass(StateError, AlphaloopError)


@pytest.mark.parametrize("url", [f"redis://:{SECRET}@host:port/0", f"redis://:{SECRET}@[half"])
def test_impossible_urls(url) -> None:
    async def story() -> None:
        with pytest.raises(InputError, match="not a URL of Redis") as info:
            RedisBus(url)
        assert SECRET not in str(info.value)

    play(story)
