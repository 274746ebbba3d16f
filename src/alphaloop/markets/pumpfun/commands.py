"""What can be asked of a running collector over the bus, and what it answers.

There is no token in a request: whoever may write to the bus may write a wallet into ``tracked_wallets`` as well. The
bus has its own password, and the API, which asks over the bus of its process, has its token.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

import msgspec

from alphaloop.bus.codec import Codec
from alphaloop.bus.contract import Bus, Subscription
from alphaloop.core.errors import AwayError, DataError, InputError
from alphaloop.markets.pumpfun.wire.commands import tracking_data

COMMANDS_CHANNEL: Final = "collect:commands"
REPLIES_CHANNEL: Final = "collect:replies"
PATIENCE_S: Final = 10.0


class TrackRequest(msgspec.Struct, frozen=True, rename="camel"):
    """Track a wallet by hand from now on (`tracked`), or track it no more, however it came to be tracked."""

    request_id: str
    wallet: str
    tracked: bool


class Reply(msgspec.Struct, frozen=True, rename="camel"):
    """The request is recorded as known at `known_ns` and will be carried out; or why not, in one sentence."""

    request_id: str
    known_ns: int | None = None
    error: str = ""


codec: Final = Codec[TrackRequest | Reply]({"track": TrackRequest, "reply": Reply}, version=1)


async def ask_to_track(bus: Bus, wallet: str, tracked: bool, patience_s: float = PATIENCE_S) -> int:
    """Ask the collector on `bus` to track a wallet by hand, or no more; gives when it is known to have been asked.

    Once this returns the request is on disk. The collector carries it out at its place among the events, which is at
    once unless it lags; asking twice changes nothing.

    Raises
    ------
    InputError
        If `wallet` is no address.
    AwayError
        If no collector answers in time. It may have heard all the same.
    """
    tracking_data(wallet, tracked)
    request = TrackRequest(secrets.token_hex(8), wallet, tracked)
    async with bus.subscribe(REPLIES_CHANNEL) as replies:
        await bus.publish(COMMANDS_CHANNEL, codec.encode(request))
        try:
            async with asyncio.timeout(patience_s):
                reply = await _reply_to(request.request_id, replies)
        except TimeoutError:
            raise AwayError(
                f"no collector on this bus answered within {patience_s:g} s; see that it runs, and ask again: asking "
                "twice changes nothing"
            ) from None
    if reply.known_ns is None:
        raise InputError(reply.error)
    return reply.known_ns


async def _reply_to(request_id: str, replies: Subscription) -> Reply:
    async for delivery in replies:
        try:
            said = codec.decode(delivery.body)
        except DataError:  # of somebody else
            continue
        if isinstance(said, Reply) and said.request_id == request_id:
            return said
    raise TimeoutError
