"""Where the chain is asked: endpoints with their keys, from a TOML file or from the environment.

Keys are secrets. They come from a file or the environment, never from the command line; they stand in URLs, so that no
URL is ever logged either, only an endpoint's name.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from pydantic import BeforeValidator, Field, SecretStr

from alphaloop.core.addresses import HIDDEN
from alphaloop.core.errors import InputError, RecipeError
from alphaloop.core.settings import Settings

PLACE = "{key}"
HTTP_OF = {"ws": "http", "wss": "https"}


def _secret(value: object) -> object:
    # Said here so that the error does not repeat the value, as it would for a wrong type.
    if isinstance(value, (str, SecretStr)):
        return value
    raise ValueError("it must be text in quotes (the value is a secret and not shown)")


def _url(*schemes: str) -> BeforeValidator:
    def check(value: object) -> object:
        parts = _parts(value)
        if parts is None or parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"it must be a URL that begins with {' or '.join(f'{s}://' for s in schemes)}")
        return value

    return BeforeValidator(check)


def _parts(value: object) -> SplitResult | None:
    """Take a URL apart; None if it is none. The library's own error would repeat it."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else _secret(value)
    try:
        parts = urlsplit(str(text))
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_proxy(value: object) -> object:
    parts = _parts(value) if value is not None else None
    if parts is not None and (parts.path.strip("/") or parts.query or (parts.username and not parts.password)):
        raise ValueError("it must be SCHEME://HOST:PORT or SCHEME://USER:PASSWORD@HOST:PORT, percent-encoded")
    return value


class EndpointSettings(Settings):
    """One provider's entrance, with one key."""

    name: str = Field(min_length=1, max_length=64, description="what logs and reports call it; says nothing secret")
    ws_url: Annotated[SecretStr, _url("ws", "wss")] = Field(description="WebSocket URL; {key} stands for the key")
    http_url: Annotated[SecretStr | None, _url("http", "https")] = Field(
        default=None, description="JSON-RPC URL; without it the WebSocket URL with http in place of ws"
    )
    key: Annotated[SecretStr, BeforeValidator(_secret)] = Field(
        default=SecretStr(""), description="the key; without {key} in a URL it becomes the last part of its path"
    )
    key_env: str = Field(default="", description="environment variable that holds the key, instead of `key`")
    proxy: Annotated[SecretStr | None, BeforeValidator(_is_proxy), _url("http", "https", "socks5", "socks5h")] = Field(
        default=None, description="proxy for this key, for both connections; socks5h resolves names there"
    )
    budget_units: int = Field(default=3_000_000, ge=1, description="request units per calendar month")
    requests_per_s: int = Field(default=25, ge=1, le=10_000, description="requests in any second")

    @property
    def secret(self) -> str:
        """The key, from here or from the environment.

        Raises
        ------
        InputError
            If `key_env` names a variable that is not set.
        """
        if not self.key_env:
            return self.key.get_secret_value()
        found = os.environ.get(self.key_env)
        if not found:
            raise InputError(
                f"endpoint {self.name!r}: environment variable {self.key_env!r} is not set; set it to the key"
            )
        return found

    @property
    def ws(self) -> str:
        """WebSocket URL with the key in it: a secret."""
        return _with_key(self.ws_url.get_secret_value(), self.secret)

    @property
    def http(self) -> str:
        """JSON-RPC URL with the key in it: a secret."""
        if self.http_url is not None:
            return _with_key(self.http_url.get_secret_value(), self.secret)
        parts = urlsplit(self.ws)
        return urlunsplit(parts._replace(scheme=HTTP_OF[parts.scheme]))

    @property
    def account(self) -> str:
        """What budgets are counted by: the key, or the URL of an endpoint without one."""
        return self.secret or self.ws

    def redact(self, text: str) -> str:
        """Give `text` without this endpoint's secrets: key, URLs that hold it, and what the proxy is asked with."""
        proxy = "" if self.proxy is None else self.proxy.get_secret_value()
        parts = urlsplit(proxy)
        credentials = [parts.username or "", parts.password or ""]
        secrets = {self.ws, self.http, self.secret, proxy, *credentials, *map(unquote, credentials)}
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) > 3:
                text = text.replace(secret, HIDDEN)
        return text


def _with_key(url: str, key: str) -> str:
    if PLACE in url:
        return url.replace(PLACE, key)
    if not key:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{key}"))


class _EndpointFile(Settings):
    endpoints: list[EndpointSettings] = Field(min_length=1)


def read_endpoints(path: Path) -> list[EndpointSettings]:
    """Read the ``[[endpoints]]`` tables of a TOML file.

    Raises
    ------
    InputError
        If the file cannot be read.
    RecipeError
        If it is no TOML, or has an unknown key or an impossible value; secrets are not repeated.
    """
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: the endpoints cannot be read ({error.strerror}); give a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: this is no TOML ({error}); correct it and run again") from None
    return _checked(_EndpointFile.parse(content, str(path)).endpoints, str(path))


def endpoints_of_environment(environment: Mapping[str, str]) -> list[EndpointSettings]:
    """Build endpoints from ``RPC_WS_URLS``, ``RPC_HTTP_URLS`` (optional) and ``RPC_KEYS``, each separated by commas.

    As many keys as URLs are paired in order; one URL serves any number of keys; without keys the URLs stand alone.

    Raises
    ------
    InputError
        If no URL is given or the numbers do not fit.
    """
    urls, https, keys = (_list(environment, name) for name in ("RPC_WS_URLS", "RPC_HTTP_URLS", "RPC_KEYS"))
    if not urls:
        raise InputError("no endpoint is known; give --endpoints FILE.toml or set RPC_WS_URLS (and RPC_KEYS)")
    if https and len(https) != len(urls):
        raise InputError(
            f"RPC_HTTP_URLS has {len(https)} entries and RPC_WS_URLS {len(urls)}; give one for each, or none"
        )
    if len(urls) == 1 and len(keys) > 1:
        urls, https = urls * len(keys), https * len(keys)
    if keys and len(keys) != len(urls):
        raise InputError(
            f"RPC_KEYS has {len(keys)} entries and RPC_WS_URLS {len(urls)}; give as many keys as URLs, or one URL"
        )
    tables = []
    for place, url in enumerate(urls):
        table = {"name": f"{urlsplit(url).hostname or 'endpoint'}-{place + 1}", "ws_url": url}
        if https:
            table["http_url"] = https[place]
        if keys:
            table["key"] = keys[place]
        tables.append(table)
    return _checked(_EndpointFile.parse({"endpoints": tables}, "RPC_WS_URLS").endpoints, "RPC_WS_URLS")


def _list(environment: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in environment.get(name, "").split(",") if part.strip()]


def _checked(found: list[EndpointSettings], source: str) -> list[EndpointSettings]:
    names = [endpoint.name for endpoint in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RecipeError(f"{source}: two endpoints are called {twice!r}; give each its own name")
    for endpoint in found:
        _ = endpoint.secret
    return found
