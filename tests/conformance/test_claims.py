"""A name is held by one process at a time, in every kind of database, and is free the moment its holder is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alphaloop.core.errors import InputError, StoreAwayError
from alphaloop.stores.records.claim import Claim

HOLDER = """
import sys
from alphaloop.stores.records.claim import Claim
claim = Claim(sys.argv[1], "account")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'live.db'}"
    return request.getfixturevalue("postgres_place")


def test_a_second_holder_is_refused_and_another_name_is_not(url: str) -> None:
    with Claim(url, "account"):
        with pytest.raises(InputError, match="held by another process"):
            Claim(url, "account")
        Claim(url, "another").release()
    Claim(url, "account").release()


def test_memory_holds_names_within_the_process() -> None:
    with Claim("memory://", "account"), pytest.raises(InputError, match="held by another process"):
        Claim("memory://", "account")
    Claim("memory://", "account").release()


def test_a_killed_holder_holds_nothing(url: str) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="held by another process"):
            Claim(url, "account")
        holder.kill()
        holder.wait(10)
        Claim(url, "account").release()
    finally:
        holder.kill()
        holder.communicate()


def test_a_server_that_forgot_is_asked_again(postgres_server: Any) -> None:
    url = postgres_server.url
    with Claim(url, "account") as claim:
        assert claim.renew() is False
        postgres_server.stop()
        try:
            with pytest.raises(StoreAwayError):
                claim.renew()
        finally:
            postgres_server.start()
        assert claim.renew() is True
        assert claim.renew() is False
        with pytest.raises(InputError, match="held by another process"):
            Claim(url, "account")


def test_renewing_says_when_somebody_else_has_it(postgres_server: Any) -> None:
    url = postgres_server.url
    with Claim(url, "account") as claim:
        postgres_server.restart()
        with Claim(url, "account"), pytest.raises(InputError, match="held by another process"):
            claim.renew()
