"""Any record of any age comes back as it was written; any damage is refused or means what the plain road says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alphaloop.markets.pumpfun.events import AmmTrade, AnyEvent, Complete, Create, Migration, PostCompleteBuy, Trade
from alphaloop.markets.pumpfun.wire import layouts, logs
from alphaloop.markets.pumpfun.wire.borsh import LAST_S, read_fields, write_fields
from alphaloop.markets.pumpfun.wire.decode import DamagedRecord, Other, Record, decode, fields, unknown_bytes
from alphaloop.markets.pumpfun.wire.encode import encode
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY, decode_base58, encode_base58
from alphaloop.markets.pumpfun.wire.layouts import AMM_PROGRAM, PUMP_PROGRAM
from alphaloop.markets.pumpfun.wire.messages import Call, cut, log_lines, notification, transaction
from alphaloop.markets.pumpfun.wire.notifications import read_notification
from alphaloop.markets.pumpfun.wire.trades import fast_trade, plain_trade
from alphaloop.markets.pumpfun.wire.transactions import records_of_transaction

U64 = st.integers(0, 2**64 - 1)
KEYS = st.one_of(
    st.binary(min_size=32, max_size=32).map(encode_base58),
    st.sampled_from([ZERO_KEY, layouts.WRAPPED_SOL, PUMP_PROGRAM]),
)
TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "key": KEYS,
    "u8": st.integers(0, 255),
    "u64": U64,
    "i64": st.integers(0, LAST_S),
    "i128": st.integers(-(2**127), 2**127 - 1),
    "bool": st.booleans(),
    "string": TEXT,
    "shares": st.lists(st.fixed_dictionaries({"address": KEYS, "share_bps": st.integers(0, 65_535)}), max_size=4),
}
LAYOUTS = st.sampled_from(list(layouts.LAYOUTS.values()))
FOREIGN = "MoonCVVNZFSYkqNXP6bxHLPL6QQJiMagDL3qcqUQTrG"
NASTY = st.sampled_from(
    ["success", "x failed: y", "invoke [1]", f"Program {PUMP_PROGRAM} success", f'","Program {PUMP_PROGRAM} invoke [1]',
     "\n", "\\", '"', "Log truncated", f"Program {FOREIGN} invoke [2]"]
)  # fmt: skip


@st.composite
def written(draw: st.DrawFn, layout: layouts.Layout) -> dict[str, Any]:
    """Fields of a record of any age."""
    count = draw(st.integers(layout.oldest, len(layout.fields)))
    return {name: draw(KINDS[kind]) for name, kind in layout.fields[:count]}


@given(LAYOUTS.flatmap(lambda layout: st.tuples(st.just(layout), written(layout))), st.binary(max_size=9))
def test_a_record_of_any_age_comes_back(whole: tuple[layouts.Layout, dict[str, Any]], extra: bytes) -> None:
    layout, values = whole
    data = write_fields(layout, values)
    assert fields(data) == (layout.event, values, b"")
    if len(values) == len(layout.fields):
        assert fields(data + extra) == (layout.event, values, extra)
        assert unknown_bytes(data + extra) == len(extra)
    assert decode(Record("s", 1, 2, 3, data)) is not None


def outcome(record: Record) -> AnyEvent | Other | None:
    try:
        return decode(record)
    except DamagedRecord:
        return None


@given(written(layouts.TRADE), st.data())
def test_both_roads_to_a_trade_agree_on_anything(values: dict[str, Any], data: st.DataObject) -> None:
    content = bytearray(write_fields(layouts.TRADE, values))
    for _ in range(data.draw(st.integers(0, 2))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    size = data.draw(st.one_of(st.just(len(content)), st.integers(8, len(content))))
    record = Record("s", 1, 2, 3, bytes(content[:size]) + data.draw(st.binary(max_size=30)))
    fast = fast_trade(record)
    try:
        plain: Trade | None = plain_trade(record, read_fields(layouts.TRADE, record.data).fields)
    except DamagedRecord:
        plain = None
    assert fast is None or fast == plain
    assert outcome(record) == plain


@given(LAYOUTS, st.data())
def test_damage_is_refused_or_decodes_and_nothing_else(layout: layouts.Layout, data: st.DataObject) -> None:
    content = layout.discriminator + data.draw(st.binary(max_size=500))
    outcome(Record("s", 1, 2, 3, content))
    whole = write_fields(layout, data.draw(written(layout)))
    outcome(Record("s", 1, 2, 3, whole[: data.draw(st.integers(0, len(whole)))]))


COMMON = {
    "signature": st.just("s"), "log_index": st.just(1), "slot": st.just(2), "known_ns": st.just(3),
    "event_ns": st.integers(0, LAST_S).map(lambda s: s * 10**9),
}  # fmt: skip
SOL_OR_NOT = KEYS.map(lambda key: "" if key in (ZERO_KEY, layouts.WRAPPED_SOL) else key)
OPTIONAL = KEYS.map(lambda key: "" if key == ZERO_KEY else key)


def events(kind: type[AnyEvent], **chosen: st.SearchStrategy[Any]) -> st.SearchStrategy[AnyEvent]:
    types = {str: KEYS, int: U64, bool: st.booleans(), "str": KEYS, "int": U64, "bool": st.booleans()}
    own = {name: types[kind.__annotations__[name]] for name in kind.__annotations__}
    if "quote_mint" in own:
        own["quote_mint"] = SOL_OR_NOT
    return st.builds(kind, **(COMMON | {"mint": KEYS} | own | chosen))


EVENTS = st.one_of(
    events(Create, name=TEXT, symbol=TEXT, uri=TEXT, token_program=OPTIONAL, newer=st.just("")),
    events(Trade, creator=OPTIONAL),
    events(Complete),
    events(Migration),
    events(PostCompleteBuy),
    events(AmmTrade, mint=st.just(""), virtual_quote=KINDS["i128"]),
)


@given(EVENTS)
def test_encode_is_the_inverse_of_decode(event: AnyEvent) -> None:
    data = encode(event)
    assert decode(Record("s", 1, 2, 3, data)) == event
    assert unknown_bytes(data) == 0


@given(st.binary(max_size=90))
def test_base58_comes_back(content: bytes) -> None:
    assert decode_base58(encode_base58(content)) == content


PAYLOADS = st.tuples(
    st.sampled_from([*(layout.discriminator for layout in layouts.LAYOUTS.values()), b"unknown!"]),
    st.binary(max_size=200),
).map(b"".join)
PROGRAMS = st.sampled_from([PUMP_PROGRAM, AMM_PROGRAM, FOREIGN, "ComputeBudget111111111111111111111111111111"])
STEPS = st.lists(st.one_of(PAYLOADS, NASTY, TEXT), max_size=4).map(tuple)
CALLS = st.lists(
    st.recursive(
        st.builds(Call, PROGRAMS, STEPS),
        lambda inner: st.builds(Call, PROGRAMS, st.lists(st.one_of(PAYLOADS, NASTY, inner), max_size=4).map(tuple)),
        max_leaves=6,
    ),
    max_size=4,
)


def expected(calls: Sequence[Call], lines: Sequence[str]) -> list[tuple[int, bytes]]:
    """Walk the tree, which knows who ran, beside the lines."""
    at = iter([i for i, line in enumerate(lines) if line.startswith(logs.DATA)])

    def walk(call: Call) -> list[tuple[int, bytes]]:
        found: list[tuple[int, bytes]] = []
        for step in call.steps:
            if isinstance(step, bytes):
                line = next(at)
                if call.program == PUMP_PROGRAM or (
                    call.program == AMM_PROGRAM and step[:8] in layouts.AMM_DISCRIMINATORS
                ):
                    found.append((line, step))
            elif isinstance(step, Call):
                found += walk(step)
        return found

    return [entry for call in calls for entry in walk(call)]


@given(CALLS)
def test_events_are_found_where_their_program_ran(calls: list[Call]) -> None:
    lines = log_lines(calls)
    scan = logs.records(lines, signature="s", slot=2, known_ns=3)
    assert [(r.log_index, r.data) for r in scan.records] == expected(calls, lines)
    assert (scan.truncated, scan.damaged) == (False, 0)
    seen = read_notification(notification("s", 2, lines), 3)
    assert seen is not None
    assert (seen.records, seen.foreign) == (scan.records, scan.foreign)


@given(CALLS, st.integers(0, 2_000))
def test_a_cut_loses_no_event_and_moves_no_key(calls: list[Call], limit: int) -> None:
    lines = log_lines(calls)
    kept = cut(lines, limit)
    whole = logs.records(lines, signature="s", slot=2, known_ns=3).records
    seen = logs.records(kept, signature="s", slot=2, known_ns=3)
    found = records_of_transaction(transaction("s", 2, calls, lines=kept), 3)
    assert [r.data for r in found] == [r.data for r in whole]
    assert len({r.log_index for r in found}) == len(found)
    assert {(r.log_index, r.data) for r in seen.records} <= {(r.log_index, r.data) for r in found}
    assert seen.truncated == (kept != lines)
