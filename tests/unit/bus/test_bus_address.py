"""From URLs to buses, and what of a URL may be seen."""

from __future__ import annotations

import pytest

from alphaloop.bus import MemoryBus, open_bus
from alphaloop.core.addresses import redacted, scrubbed
from alphaloop.core.errors import InputError


def test_memory_is_a_bus_of_its_own() -> None:
    assert isinstance(open_bus("memory://"), MemoryBus)


@pytest.mark.parametrize("url", ["", "redis", "memory://x", "kafka://user:secret@host", "redis:/host"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(InputError, match="not the URL of a bus; give memory://") as info:
        open_bus(url)
    assert "secret" not in str(info.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory://", "memory://"),
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:secret@host/0", "redis://:***@host/0"),
        ("redis://user:secret@host/0", "redis://user:***@host/0"),
        ("redis://user@host/0", "redis://user@host/0"),
        ("postgresql://u:se@cr/e?t#@host:1/db", "postgresql://u:***@host:1/db"),
        ("postgresql://u@host/db?password=secret&sslmode=require", "postgresql://u@host/db?password=***&sslmode=***"),
        ("wss://host/path?api-key=secret", "wss://host/path?api-key=***"),
        ("state.db", "state.db"),
    ],
)
def test_secrets_are_not_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_a_drivers_words_are_scrubbed() -> None:
    url = "postgresql://u:p%40ss@host/db"
    said = f"cannot reach {url}\n  with p%40ss\nor p@ss"
    assert scrubbed(said, url) == "cannot reach postgresql://u:***@host/db with *** or ***"
    assert scrubbed("no secrets\nhere", "redis://host") == "no secrets here"
