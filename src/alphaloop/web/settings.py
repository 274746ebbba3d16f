"""Where the application listens, and who may ask it."""

from __future__ import annotations

import ipaddress
import secrets
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from alphaloop.core.settings import Settings

TOKEN_BYTES = 32


def new_token() -> SecretStr:
    """Make a token that nobody can guess."""
    return SecretStr(secrets.token_urlsafe(TOKEN_BYTES))


class WebSettings(Settings):
    """Loopback unless told otherwise."""

    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8787, ge=0, le=65_535, description="0 for any that is free")
    token: Annotated[SecretStr, StringConstraints(min_length=16)] = Field(
        default_factory=new_token, description="what callers must send as a bearer token"
    )
    heartbeat_s: float = Field(default=15.0, gt=0, description="seconds between two heartbeats of a feed")
    shutdown_s: int = Field(default=3, ge=1, description="seconds that open requests have at the end")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the application."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
