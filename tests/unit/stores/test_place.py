"""What names a store, and what is a slip of the pen."""

from __future__ import annotations

import pytest

from alphaloop.core.errors import InputError
from alphaloop.stores.place import parse_place


@pytest.mark.parametrize(
    ("url", "kind", "path"),
    [
        ("memory://", "memory", ""),
        ("sqlite:///x.db", "sqlite", "x.db"),
        ("sqlite:///nonsense", "sqlite", "nonsense"),
        ("sqlite:////data/x", "sqlite", "/data/x"),
        ("runs/x.db", "sqlite", "runs/x.db"),
        ("postgresql://u@host/x", "postgresql", ""),
    ],
)
def test_a_place_is_a_url_or_a_file_with_a_suffix(url: str, kind: str, path: str) -> None:
    place = parse_place(url)
    assert (place.kind, place.path) == (kind, path)


@pytest.mark.parametrize(
    "url", ["", "nonsense", "weird:thing", "weird:thing.db", "sqlite://x.db", "mysql://h/x", "runs/x"]
)
def test_any_other_word_makes_no_file(url: str) -> None:
    with pytest.raises(InputError, match="not the place of a store; give sqlite:///FILE"):
        parse_place(url)
