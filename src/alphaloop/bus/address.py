"""From a URL to a bus."""

from __future__ import annotations

from alphaloop.bus.contract import Bus
from alphaloop.bus.memory import MemoryBus
from alphaloop.core.addresses import redacted
from alphaloop.core.errors import InputError
from alphaloop.core.extras import require


def open_bus(url: str) -> Bus:
    """Open the bus at `url`; a server is called only when the bus is used.

    Parameters
    ----------
    url : str
        ``memory://`` (a bus of its own within this process), ``redis://[user:password@]host:port/db``, ``rediss://``
        for TLS, or ``unix://PATH``.

    Raises
    ------
    InputError
        If the URL is none of these, or the client library is not installed.
    """
    scheme = url.partition("://")[0]
    if url == "memory://":
        return MemoryBus()
    if scheme in ("redis", "rediss", "unix") and "://" in url:
        require("servers", "redis", "hiredis")
        from alphaloop.bus.redis import RedisBus

        return RedisBus(url)
    raise InputError(f"{redacted(url)}: not the URL of a bus; give memory:// or redis://HOST:PORT/DB")
