"""What a bus promises, asked of memory and of a real Redis."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence

import pytest

from alphaloop.bus import Bus, Delivery, MemoryBus, MemoryHub, open_bus
from alphaloop.bus.contract import Subscription
from alphaloop.core.errors import BusAwayError

Story = Callable[[Bus, Bus, str], Awaitable[None]]


@pytest.fixture(params=["memory", "redis"])
def tell(request: pytest.FixtureRequest) -> Callable[[Story], None]:
    """Runs a story with two buses to the same place, and a prefix of its own for every name."""

    def run(story: Story) -> None:
        async def play() -> None:
            hub = MemoryHub()
            url = "" if request.param == "memory" else request.getfixturevalue("redis_url")
            async with open_bus(url) if url else MemoryBus(hub) as one, open_bus(url) if url else MemoryBus(hub) as two:
                await asyncio.wait_for(story(one, two, f"test:{secrets.token_hex(6)}:"), 20)

        asyncio.run(play())

    return run


async def take(subscription: Subscription, count: int) -> list[bytes]:
    return [(await asyncio.wait_for(anext(subscription), 5)).body for _ in range(count)]


def test_messages_arrive_in_order_with_their_channel(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        async with two.subscribe(f"{name}a", f"{name}b") as listening:
            for body in (b"", b"\0\xff", "☃".encode(), b"x" * 1_000_000):
                await one.publish(f"{name}a", body)
            await one.publish(f"{name}b", b"other")
            assert await take(listening, 4) == [b"", b"\0\xff", "☃".encode(), b"x" * 1_000_000]
            assert await anext(listening) == Delivery(f"{name}b", b"other")
            assert listening.lost == 0
            assert listening.interruptions == 0

    tell(story)


def test_everything_after_entering_arrives_and_nothing_before(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        await one.publish(name, b"before")
        async with one.subscribe(name) as mine, two.subscribe(name) as yours:
            await two.publish(name, b"after")
            await one.publish(f"{name}other", b"elsewhere")
            await two.publish(name, b"last")
            assert await take(mine, 2) == await take(yours, 2) == [b"after", b"last"]

    tell(story)


def test_a_slow_reader_loses_the_oldest_and_is_told(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        async with one.subscribe(name, capacity=3) as slow, one.subscribe(name) as ready:
            for n in range(10):
                await two.publish(name, str(n).encode())
            await take(ready, 10)
            await until(lambda: slow.lost == 7)
            assert await take(slow, 3) == [b"7", b"8", b"9"]

    tell(story)


def test_leaving_ends_a_subscription_and_closing_ends_all(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        async with one.subscribe(name) as left:
            await two.publish(name, b"1")
            await take(left, 1)
        assert [delivery async for delivery in left] == []
        async with one.subscribe(name) as listening:
            reader = asyncio.create_task(anext(listening, None))
            await asyncio.sleep(0)
            await one.close()
            assert await asyncio.wait_for(reader, 5) is None

    tell(story)


def test_channels_are_joined_and_left_while_it_is_open(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        async with two.subscribe(f"{name}a") as listening, two.subscribe(f"{name}a", f"{name}b") as other:
            await one.publish(f"{name}b", b"too early")
            await listening.join(f"{name}b", f"{name}c")
            await listening.join(f"{name}a", f"{name}b")
            for channel in ("a", "b", "c"):
                await one.publish(f"{name}{channel}", channel.encode())
            assert await take(listening, 3) == [b"a", b"b", b"c"], "each once, however often it was joined"
            await one.publish(f"{name}a", b"unread")
            await until_waiting(two, one, name)
            await listening.leave(f"{name}a", f"{name}a", f"{name}c", f"{name}never joined")
            for channel in ("a", "c", "b"):
                await one.publish(f"{name}{channel}", channel.encode())
            assert await take(listening, 2) == [b"unread", b"b"]
            assert await take(other, 6) == [b"too early", b"a", b"b", b"unread", b"a", b"b"], "others go on"

    tell(story)


def test_a_subscription_may_begin_and_go_on_without_any_channel(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        async with two.subscribe() as listening:
            await one.publish(name, b"before")
            for body in (b"1", b"2"):
                await listening.join(name)
                await one.publish(name, body)
                assert await take(listening, 1) == [body]
                await listening.leave(name)
                await one.publish(name, b"between")
            await listening.join()
            await listening.leave()
            listening.join(name)
            await listening.leave(name)
            await one.publish(name, b"after")
            await until_waiting(two, one, name)
            reader = asyncio.create_task(anext(listening, None))
            await asyncio.sleep(0.05)
            assert not reader.done()
            await two.close()
            assert await asyncio.wait_for(reader, 5) is None

    tell(story)


def test_joining_takes_effect_without_being_awaited(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        async with two.subscribe(f"{name}a") as listening:
            for number in range(50):
                listening.join(f"{name}{number}")
            listening.leave(*(f"{name}{number}" for number in range(25)))
            await listening.join(f"{name}last")
            for number in range(50):
                await one.publish(f"{name}{number}", str(number).encode())
            assert await take(listening, 25) == [str(number).encode() for number in range(25, 50)]

    tell(story)


def test_an_ended_subscription_joins_nothing(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        async with one.subscribe(name) as left:
            pass
        for call in (left.join, left.leave):
            with pytest.raises(BusAwayError, match="has ended; open another one"):
                call(name)

    tell(story)


def test_a_callback_has_each_message_at_once_and_in_order(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        heard: list[bytes] = []
        async with two.subscribe(name, capacity=3) as listening, two.subscribe(name) as witness:
            for number in range(3):
                await one.publish(name, str(number).encode())
            await take(witness, 3)
            await until_waiting(two, one, name)
            listening.on_delivery(lambda deliveries: heard.extend(each.body for each in deliveries))
            assert heard == [b"0", b"1", b"2"], "what waits unread goes first, at once"
            reader = asyncio.create_task(anext(listening, None))
            for number in range(3, 200):
                await one.publish(name, str(number).encode())
            await listening.join(f"{name}more")
            await one.publish(f"{name}more", b"200")
            await until(lambda: len(heard) == 201)
            assert heard == [str(number).encode() for number in range(201)]
            assert listening.lost == 0, "nothing waits, so nothing is dropped"
            assert not reader.done()
        assert await asyncio.wait_for(reader, 5) is None

    tell(story)


def test_what_an_ended_subscription_held_is_still_read(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        heard: list[Delivery] = []
        async with two.subscribe(name) as listening, two.subscribe(name) as witness:
            await one.publish(name, b"last")
            await take(witness, 1)
            await until_waiting(two, one, name)
        listening.on_delivery(heard.extend)
        assert (await anext(listening)).body == b"last"
        assert heard == []

    tell(story)


def test_a_callback_may_join_and_leave(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        heard: list[str] = []

        def follow(deliveries: Sequence[Delivery]) -> None:
            for delivery in deliveries:
                heard.append(delivery.channel.removeprefix(name))
                if delivery.body:
                    listening.join(name + delivery.body.decode())
                    listening.leave(delivery.channel)

        async with two.subscribe(f"{name}a") as listening:
            listening.on_delivery(follow)
            for channel, following in (("a", "b"), ("b", "c"), ("c", "")):
                await one.publish(f"{name}{channel}", following.encode())
                await until(lambda channel=channel: heard[-1:] == [channel])
                await listening.join()
                await listening.join(f"{name}settled")
            await one.publish(f"{name}a", b"")
            await one.publish(f"{name}c", b"")
            await until(lambda: heard == ["a", "b", "c", "c"])

    tell(story)


def test_a_callback_that_fails_ends_its_subscription_and_harms_nobody(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        heard: list[bytes] = []

        def fail(deliveries: Sequence[Delivery]) -> None:
            for delivery in deliveries:
                heard.append(delivery.body)
                if delivery.body == b"2":
                    raise ValueError("no twos")

        async with two.subscribe(name) as listening, two.subscribe(name) as other:
            listening.on_delivery(fail)
            for body in (b"1", b"2", b"3"):
                await one.publish(name, body)
            with pytest.raises(ValueError, match="no twos"):
                await asyncio.wait_for(anext(listening), 5)
            assert await take(other, 3) == [b"1", b"2", b"3"]
            assert heard == [b"1", b"2"]
            with pytest.raises(BusAwayError, match="has ended"):
                listening.join(f"{name}more")

    tell(story)


def test_values(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        assert await one.get(name) is None
        await one.set(name, b"\0\xff")
        assert await two.get(name) == b"\0\xff"
        await two.set(name, b"")
        assert await one.get(name) == b""
        await one.delete(name)
        await one.delete(name)
        assert await two.get(name) is None

    tell(story)


def test_several_values_at_once(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        await one.set(f"{name}b", b"2")
        await one.set(f"{name}a", b"")
        asked = [f"{name}{letter}" for letter in "abcb"]
        assert await two.get_many(asked) == [b"", b"2", None, b"2"]
        assert await two.get_many([]) == []
        for key in asked:
            await one.delete(key)

    tell(story)


def test_a_value_is_over_in_time(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        await one.set(f"{name}soon", b"1", ttl_s=0.05)
        await one.set(f"{name}late", b"1", ttl_s=60)
        assert await two.get(f"{name}soon") == b"1"
        await asyncio.sleep(0.2)
        assert await two.get(f"{name}soon") is None
        assert await two.get(f"{name}late") == b"1"
        await one.delete(f"{name}late")

    tell(story)


def test_sets(tell) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        assert await one.set_members(name) == frozenset()
        await one.set_add(name, "a", "☃", "a")
        await two.set_add(name, "b")
        await two.set_add(name)
        assert await one.set_members(name) == {"a", "☃", "b"}
        await two.set_remove(name, "a", "nobody")
        await two.set_remove(name)
        assert await one.set_members(name) == {"☃", "b"}
        await one.delete(name)
        assert await two.set_members(name) == frozenset()

    tell(story)


@pytest.mark.parametrize("call", [lambda b: b.publish("x", b""), lambda b: b.get("x"), lambda b: b.check()])
def test_a_closed_bus_says_so(tell, call) -> None:
    async def story(one: Bus, two: Bus, name: str) -> None:
        await one.check()
        await one.close()
        await one.close()
        with pytest.raises(BusAwayError, match="was closed; open another one"):
            await call(one)

    tell(story)


async def until_waiting(reader: Bus, writer: Bus, name: str) -> None:
    """Wait until everything that `writer` has published so far was read by the connections of `reader`."""
    async with reader.subscribe(f"{name}flush") as flushed:
        await writer.publish(f"{name}flush", b"")
        await take(flushed, 1)
    await asyncio.sleep(0.05)


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to hold")
