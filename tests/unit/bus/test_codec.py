"""Messages keep their type and version, and nothing else is taken for one."""

from __future__ import annotations

import math

import msgspec
import pytest

from alphaloop.bus import Codec
from alphaloop.core.errors import DataError


class Hello(msgspec.Struct, frozen=True):
    name: str
    value: float | None = None


class Bye(msgspec.Struct, frozen=True):
    name: str


CODEC: Codec[Hello | Bye] = Codec({"hello": Hello, "bye": Bye}, 2)


def test_what_is_spelt_is_read() -> None:
    for message in (Hello("☃", 0.1), Bye("x")):
        assert CODEC.decode(CODEC.encode(message)) == message
    assert CODEC.encode(Bye("x")) == b'{"type":"bye","v":2,"data":{"name":"x"}}'
    assert CODEC.envelope(Bye("x")) == {"type": "bye", "v": 2, "data": {"name": "x"}}


def test_json_has_no_word_for_not_a_number() -> None:
    assert CODEC.decode(CODEC.encode(Hello("x", math.nan))) == Hello("x", None)


def test_fields_of_a_later_release_are_ignored() -> None:
    assert CODEC.decode(b'{"type":"bye","v":2,"data":{"name":"x","more":1},"extra":0}') == Bye("x")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not readable"),
        (b"\xff", "not readable"),
        (b"[]", "not readable"),
        (b'{"v":2,"data":{}}', "not readable"),
        (b'{"type":"bye","v":2,"data":{}}', "not readable"),
        (b'{"type":"bye","v":1,"data":{}}', "'bye', version 1: known here is version 2 of hello, bye"),
        (b'{"type":"other","v":2,"data":{}}', "'other', version 2"),
    ],
)
def test_anything_else_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        CODEC.decode(body)
