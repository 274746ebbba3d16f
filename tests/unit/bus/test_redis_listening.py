"""What a Redis subscription does with what comes: messages in pieces, silence, refusals, TLS, and a new server."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from alphaloop.bus import listening as module
from alphaloop.bus.redis import RedisBus
from alphaloop.core.errors import BusAwayError

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


class Proxy:
    """Stands between: passes bytes on, in pieces of `piece`, or nothing at all while it is `mute`."""

    def __init__(self, port: int, *, piece: int = 1 << 16, tls: ssl.SSLContext | None = None) -> None:
        self._target, self._tls = port, tls
        self.piece, self.mute, self.connections = piece, False, 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, back))
                group.create_task(self._pass_on(there, writer))
        except* (OSError, EOFError):
            pass
        finally:
            for end in (writer, back):
                end.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(1 << 16):
            for start in range(0, len(content), self.piece):
                if not self.mute:
                    writer.write(content[start : start + self.piece])
                    await writer.drain()
                    if self.piece < 1 << 16:
                        await asyncio.sleep(0)
        raise EOFError

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        tasks: set[asyncio.Task[None]] = set()

        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.create_task(self._serve(reader, writer)))

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=self._tls)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def url(port: int, scheme: str = "redis", options: str = "") -> str:
    return f"{scheme}://:{SECRET}@127.0.0.1:{port}/0{options}"


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_messages_in_pieces_are_whole_again(server, piece) -> None:
    bodies = [b"", b"\r\n$3\r\nabc\r\n", "☃".encode() * 700, b"x" * 5_000, b"*3\r\n$7\r\nmessage\r\n"]

    async def story() -> None:
        slow = Proxy(server.port, piece=piece).open()
        async with (
            slow as port,
            RedisBus(server.url) as writer,
            RedisBus(url(port)) as bus,
            bus.subscribe("a") as listening,
        ):
            await listening.join("☃")
            for body in bodies:
                await writer.publish("☃", body)
            assert [(await anext(listening)).body for _ in bodies] == bodies
            assert listening.interruptions == 0

    play(story)


def test_many_messages_in_one_piece_all_arrive(server) -> None:
    async def story() -> None:
        async with RedisBus(server.url) as writer, RedisBus(server.url) as bus, bus.subscribe("a") as listening:
            for _ in range(20):
                await asyncio.gather(*(writer.publish("a", b"x" * 3_000) for _ in range(100)))
            await until(lambda: len(listening._waiting) == 2_000)
            assert {(await anext(listening)).body for _ in range(2_000)} == {b"x" * 3_000}

    play(story)


def test_it_goes_through_tls(server, tmp_path) -> None:
    authority, context = certificate(tmp_path)

    async def story() -> None:
        async with Proxy(server.port, tls=context).open() as port:
            place = url(port, "rediss", f"?ssl_ca_certs={authority}")
            async with RedisBus(place) as bus, bus.subscribe("a") as listening:
                await bus.publish("a", b"x" * 200_000)
                assert (await anext(listening)).body == b"x" * 200_000
                await listening.join("b")
                await bus.publish("b", b"2")
                assert (await anext(listening)).body == b"2"
            async with RedisBus(url(port, "rediss")) as stranger:
                with pytest.raises(BusAwayError, match="does not answer"):
                    async with stranger.subscribe("a"):
                        pass

    play(story)


def test_a_server_that_falls_silent_is_noticed_and_left(server, monkeypatch) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.05)
    monkeypatch.setattr(module, "ANSWER_TIMEOUT_S", 0.3)

    async def story() -> None:
        proxy = Proxy(server.port)
        async with (
            proxy.open() as port,
            RedisBus(server.url) as writer,
            RedisBus(url(port), check_s=60) as bus,
            bus.subscribe("a") as listening,
        ):
            await asyncio.sleep(0.5)
            assert listening.interruptions == 0, "it answers when it is asked"
            proxy.mute = True
            await until(lambda: listening.interruptions == 1)
            proxy.mute = False
            reader = asyncio.create_task(anext(listening))
            while not reader.done():
                await writer.publish("a", b"again")
                await asyncio.sleep(0.02)
            assert reader.result().body == b"again"

    events = [entry["event"] for entry in play(story)]
    assert "redis_away" in events
    assert "listening_again" in events


def test_what_was_joined_is_joined_again_and_what_was_left_is_not(server) -> None:
    async def story() -> None:
        async with RedisBus(server.url, check_s=60) as bus, bus.subscribe("a", "b") as listening:
            await listening.join("c", "d")
            await listening.leave("a", "d")
            server.stop()
            await until(lambda: listening.interruptions == 1)
            # Nobody is there: these take effect when somebody is.
            await listening.join("e")
            await listening.leave("b")
            server.start()
            heard: list[str] = []
            listening.on_delivery(lambda deliveries: heard.extend(each.channel for each in deliveries))
            async with RedisBus(server.url) as writer:
                while heard.count("e") < 2:  # it may join in the middle of a round
                    for channel in "abcde":
                        await writer.publish(channel, b"")
                    await asyncio.sleep(0.02)
            assert set(heard) == {"c", "e"}
            assert list(listening.channels) == ["c", "e"]

    play(story)


def test_channels_that_the_server_refuses_are_told_and_not_asked_for_again(server) -> None:
    async def story() -> None:
        async with RedisBus(server.url) as owner:
            await owner._client.execute_command(
                *("ACL", "SETUSER", "guest", "on", f">{SECRET}", "~*", "+@all", "resetchannels", "&open*")
            )
            guest = server.url.replace("redis://:", "redis://guest:")
            async with RedisBus(guest) as bus:
                with pytest.raises(BusAwayError, match="Redis cannot do this now"):
                    async with bus.subscribe("closed"):
                        pass
                async with bus.subscribe("open") as listening:
                    with pytest.raises(BusAwayError, match="Redis cannot do this now"):
                        await listening.join("open too", "closed")
                    await listening.join("open at last")
                    await owner.publish("open at last", b"1")
                    assert (await anext(listening)).body == b"1"
                    assert list(listening.channels) == ["open", "open at last"]

    play(story)


def test_a_subscription_left_at_once_leaves_no_connection(server) -> None:
    async def story() -> None:
        proxy = Proxy(server.port)
        async with proxy.open() as port, RedisBus(url(port), check_s=60) as bus, RedisBus(server.url) as owner:
            for _ in range(5):
                async with bus.subscribe("a"):
                    pass
            assert proxy.connections >= 5

            async def clients() -> int:
                listed = await owner._client.execute_command("PUBSUB", "NUMSUB", "a")
                return int(listed[1])

            for _ in range(200):
                if await clients() == 0:
                    return
                await asyncio.sleep(0.01)
            raise AssertionError("connections were left open")

    play(story)


def test_an_end_in_the_middle_of_joining_is_clean(server) -> None:
    async def story() -> None:
        async with RedisBus(server.url) as bus:
            for pause in (0.0, 0.001, 0.002, 0.004):
                task = asyncio.create_task(_listen(bus))
                await asyncio.sleep(pause)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _listen(bus: RedisBus) -> None:
        async with bus.subscribe("a") as listening:
            await anext(listening)

    play(story)


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that vouches for itself, as a file and as a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "server.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
