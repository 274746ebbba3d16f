"""HTTP as all of this market speaks it: through the proxy that was chosen or none, whatever the environment says."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError, ProxyTimeoutError, ProxyType

SOCKS: Final = ("socks5", "socks5h")
SOCKS_PORT: Final = 1080
KEPT_S: Final = 15.0
CONNECTIONS: Final = 32
# A SOCKS proxy that hangs up in the middle of its greeting is an EOFError.
NO_ANSWER: Final = (
    aiohttp.ClientError,
    ProxyConnectionError,
    ProxyError,
    ProxyTimeoutError,
    OSError,
    EOFError,
    ValueError,
)


class HttpError(Exception):
    """No answer came. The text says why without any URL: URLs hold keys, in more spellings than one could hide.

    Attributes
    ----------
    kind : str
        Name of what happened.
    """

    def __init__(self, error: Exception) -> None:
        self.kind = type(error).__name__
        more: object = ""
        if isinstance(error, aiohttp.ClientResponseError):
            more = f"{error.status} {error.message}".strip()
        elif isinstance(error, OSError):
            more = error.strerror
        elif isinstance(error, ProxyError):
            more = error  # the proxy's own words
        super().__init__(f"{self.kind}: {more}" if more and str(more) else self.kind)


class Answer(NamedTuple):
    """Whatever a server answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status <= 299


class Http:
    """A client that keeps its connections; redirects are not followed and cookies not kept.

    Parameters
    ----------
    timeout_s : float
        For a whole request, the wait for a connection included.
    proxy : str or None
        URL, with credentials where it wants some; ``socks5h`` lets it resolve names.
    kept_s : float
        How long a connection that nobody uses is kept.
    """

    def __init__(self, timeout_s: float, proxy: str | None = None, kept_s: float = KEPT_S) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._proxy, self._kept_s = proxy, kept_s
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, url: str, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask, and read the answer to its end.

        Raises
        ------
        HttpError
            If none came in time, or the URL is none.
        """
        try:
            if self._session is None:
                self._session = self._opened()
            proxy = None if self._is_socks else self._proxy
            async with self._session.request(
                method, url, data=content, headers=headers, proxy=proxy, allow_redirects=False
            ) as response:
                return Answer(response.status, response.headers, await response.read())
        except NO_ANSWER as error:
            raise HttpError(error) from None

    async def close(self) -> None:
        """Close every connection; another request would open new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def _is_socks(self) -> bool:
        return self._proxy is not None and urlsplit(self._proxy).scheme in SOCKS

    def _opened(self) -> aiohttp.ClientSession:
        limits: dict[str, Any] = {"limit": CONNECTIONS, "keepalive_timeout": self._kept_s}
        if self._proxy is not None and self._is_socks:
            parts = urlsplit(self._proxy)
            connector: aiohttp.TCPConnector = ProxyConnector(
                parts.hostname or "",
                parts.port or SOCKS_PORT,
                ProxyType.SOCKS5,
                username=None if parts.username is None else unquote(parts.username),
                password=None if parts.password is None else unquote(parts.password),
                rdns=parts.scheme == "socks5h",
                **limits,
            )
        else:
            connector = aiohttp.TCPConnector(**limits)
        return aiohttp.ClientSession(
            connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )
