"""What the PostgreSQL store adds to the contract: a lock that ends with its session, and a server that may be away."""

from __future__ import annotations

import signal
import subprocess
import sys

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from alphaloop.core.errors import AlphaloopError, InputError, StoreAwayError
from alphaloop.stores.contract import Checkpoint, Event
from alphaloop.stores.place import parse_place
from alphaloop.stores.postgres import open_postgres
from alphaloop.stores.tables import metadata

SECRET = "not-to-be-seen"
HOLD = """
import sys
from alphaloop.stores.postgres import open_postgres
store = open_postgres(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def place(postgres_server, postgres_place):
    """A schema in the server that a test may stop."""
    if str(postgres_server.port) not in postgres_place:
        pytest.skip("another server is named, which a test may not stop")
    yield postgres_place
    if postgres_server.process is None:
        postgres_server.start()


def test_migrations_in_order_lead_to_the_tables(postgres_place) -> None:
    for _ in range(2):
        with open_postgres(postgres_place) as store, store._engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_schema_of_a_later_release_is_refused(postgres_place) -> None:
    open_postgres(postgres_place).close()
    with psycopg.connect(postgres_place) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(InputError, match="'9999', later than this release knows") as info:
        open_postgres(postgres_place)
    assert SECRET not in str(info.value)


def test_a_process_that_is_killed_gives_its_place_back(postgres_place) -> None:
    command = [sys.executable, "-c", HOLD, postgres_place]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(InputError, match=r"in use by session \d+ from 127.0.0.1; stop that trader") as info:
            open_postgres(postgres_place)
        assert SECRET not in str(info.value)
        other.send_signal(signal.SIGKILL)
        other.wait()
        open_postgres(postgres_place).close()


def test_two_schemas_are_two_places(postgres_place, postgres_url, request) -> None:
    with open_postgres(postgres_place), psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create schema neighbour_of_test")
        try:
            open_postgres(
                postgres_place.replace("search_path%3Dtest_", "search_path%3Dneighbour_of_test,test_")
            ).close()
        finally:
            connection.execute("drop schema neighbour_of_test cascade")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_server_may_be_away_for_a_while(place, postgres_server, how) -> None:
    with open_postgres(place) as store:
        store.begin("a", "one")
        store.append("a", [Event(0, 0, "x", "{}")], checkpoint=Checkpoint(1, 1, 1, "old", {"b": b"old"}))
        postgres_server.stop(how)
        for _ in range(2):
            with pytest.raises(StoreAwayError, match="cannot be used now") as info:
                store.append("a", [Event(1, 0, "x", "{}")], checkpoint=Checkpoint(2, 2, 2, "new", {"b": b"new"}))
            assert SECRET not in str(info.value)
            assert info.value.__suppress_context__ or info.value.__context__ is None
        postgres_server.start()
        store.append("a", [Event(1, 0, "x", "{}")], checkpoint=Checkpoint(2, 2, 2, "new", {"b": b"new"}))
        assert [event.seq for event in store.events("a")] == [0, 1]
        assert store.checkpoint("a") == Checkpoint(2, 2, 2, "new", {"b": b"new"})
        with pytest.raises(InputError, match="in use"):
            open_postgres(place)


def test_a_place_that_was_taken_meanwhile_is_not_written(place) -> None:
    with open_postgres(place) as store:
        store.begin("a", "one")
        with psycopg.connect(place, autocommit=True) as killer:
            killer.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where pid <> pg_backend_pid() and application_name = 'alphaloop'"
            )
        with open_postgres(place) as thief:
            with pytest.raises(InputError, match="in use by session"):
                store.append("a", [Event(0, 0, "x", "{}")])
            assert thief.events("a") == []


def refusal(url: str) -> str:
    with pytest.raises(AlphaloopError) as info:
        open_postgres(url)
    assert SECRET not in str(info.value)
    assert info.value.__suppress_context__ or info.value.__context__ is None
    return f"{type(info.value).__name__}: {info.value}"


def test_what_the_server_refuses(postgres_server) -> None:
    url = postgres_server.url
    assert "InputError" in refusal(url.replace(SECRET, f"{SECRET}!"))
    assert "authentication failed" in refusal(url.replace(SECRET, f"{SECRET}!"))
    assert "InputError" in refusal(f"{url.rpartition('/')[0]}/nowhere")


def test_nobody_there(place, postgres_server) -> None:
    postgres_server.stop()
    assert refusal(place).startswith(f"StoreAwayError: postgresql://trader:***@127.0.0.1:{postgres_server.port}/")


@pytest.mark.parametrize(
    "url", [f"postgresql://u:{SECRET}@host:port/db", "sqlite:///x", f"mysql://u:{SECRET}@h/db", ""]
)
def test_impossible_urls(url) -> None:
    assert refusal(url).startswith("InputError")


def test_a_place_shows_no_password() -> None:
    assert SECRET not in repr(parse_place(f"postgresql://u:{SECRET}@host/db"))
