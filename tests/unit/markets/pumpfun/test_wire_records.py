"""One record's bytes: every age of every event, to the exact value; damaged ones are refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import msgspec
import pytest

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.events import AmmTrade, Complete, Create, Migration, PostCompleteBuy, Trade
from alphaloop.markets.pumpfun.outcomes.prices import Market
from alphaloop.markets.pumpfun.wire import keys, layouts, logs
from alphaloop.markets.pumpfun.wire.borsh import read_fields, write_fields
from alphaloop.markets.pumpfun.wire.decode import DamagedRecord, Other, Record, decode, fields, unknown_bytes
from alphaloop.markets.pumpfun.wire.encode import encode
from alphaloop.markets.pumpfun.wire.trades import fast_trade, plain_trade

SECOND = 10**9
MINT, WALLET, CREATOR, USDC = (keys.encode_base58(bytes([n]) * 32) for n in (1, 2, 3, 4))
SHARES = [{"address": CREATOR, "share_bps": 7_000}, {"address": WALLET, "share_bps": 3_000}]
PLAIN = {
    "key": CREATOR,
    "u8": 3,
    "u64": 1_234,
    "i64": 1_700_000_000,
    "i128": -(10**10),
    "bool": False,
    "string": "buy",
    "shares": SHARES,
}


def values(layout: layouts.Layout, **chosen: object) -> dict[str, object]:
    return {name: PLAIN[kind] for name, kind in layout.fields} | chosen


def record(data: bytes) -> Record:
    return Record("sig", 7, 11, 5 * SECOND, data)


def trade(**chosen: object) -> bytes:
    return write_fields(layouts.TRADE, values(layouts.TRADE, mint=MINT, user=WALLET, **chosen))


@pytest.mark.parametrize(
    ("event", "hexadecimal", "line"),
    [
        ("TradeEvent", "bddb7fd34ee661ee", "vdt/007mYe"),
        ("CreateEvent", "1b72a94ddeeb6376", "G3KpTd7rY3"),
        ("CompleteEvent", "5f72619cd42e9808", "X3JhnNQumA"),
        ("CompletePumpAmmMigrationEvent", "bde95db95c94ea94", "velduVyU6p"),
        ("PostCompleteBuyEvent", "6fb06d8b316cd5fb", "b7BtizFs1f"),
        ("SweepBondingCurveFeeEvent", "742b4dbd117a482b", "dCtNvRF6SC"),
        ("ExtendAccountEvent", "6161d7905d92167c", ""),
        ("BuyEvent", "67f4521f2cf57777", ""),
        ("SellEvent", "3e2f370aa503dc2a", ""),
    ],
)
def test_discriminators_are_those_published(event: str, hexadecimal: str, line: str) -> None:
    data = layouts.discriminator(event)
    assert data.hex() == hexadecimal
    assert layouts.LAYOUTS[data].event == event
    assert base64.b64encode(data + bytes(3)).decode().startswith(line)


@pytest.mark.parametrize(
    ("layout", "sizes"),
    [
        (layouts.TRADE, {"real_token_reserves": 129, "creator_fee": 225, "last_update_timestamp": 258}),
        (layouts.TRADE, {"mayhem_mode": 263 + 3, "real_quote_reserves": 355 + 3 + 2 * 34}),
        (layouts.TRADE, {"holder_rewards": 371 + 3 + 2 * 34, "creator_fee_unclaimed": 379 + 3 + 2 * 34}),
        (layouts.COMPLETE, {"timestamp": 112, "quote_mint": 144}),
        (layouts.MIGRATION, {"pool": 168, "quote_mint": 200}),
        (layouts.POST_COMPLETE_BUY, {"pool_quote_reserves_after": 232}),
        (layouts.AMM_BUY, {"protocol_fee_recipient_token_account": 312, "coin_creator_fee": 360}),
        (layouts.AMM_SELL, {"protocol_fee_recipient_token_account": 312, "coin_creator_fee": 360, "cashback": 376}),
        (layouts.AMM_SELL, {"base_supply": 417, "creator_fee_unclaimed": 441}),
    ],
)
def test_layouts_end_where_records_of_their_time_end(layout: layouts.Layout, sizes: dict[str, int]) -> None:
    whole = values(layout)
    names = list(whole)
    for last, size in sizes.items():
        assert len(write_fields(layout, {name: whole[name] for name in names[: names.index(last) + 1]})) == size


@pytest.mark.parametrize("layout", [*layouts.TYPED.values(), *layouts.OTHERS], ids=lambda layout: layout.event)
def test_a_record_cut_anywhere_is_an_older_layout_or_refused(layout: layouts.Layout) -> None:
    whole = values(layout)
    data = write_fields(layout, whole)
    names = list(whole)
    ends = {len(write_fields(layout, {n: whole[n] for n in names[:count]})): count
            for count in range(layout.oldest, len(names) + 1)}  # fmt: skip
    for size in range(layouts.DISCRIMINATOR_BYTES, len(data) + 1):
        if size in ends:
            found = fields(data[:size])
            assert found == (layout.event, {n: whole[n] for n in names[: ends[size]]}, b"")
            assert decode(record(data[:size])) is not None
        else:
            with pytest.raises(DamagedRecord, match="ends inside field"):
                fields(data[:size])
            with pytest.raises(DamagedRecord):
                decode(record(data[:size]))


@pytest.mark.parametrize("layout", layouts.TYPED.values(), ids=lambda layout: layout.event)
@pytest.mark.parametrize("extra", [1, 7, 8, 40])
def test_bytes_of_a_newer_layout_are_kept_and_counted(layout: layouts.Layout, extra: int) -> None:
    data = write_fields(layout, values(layout))
    longer = data + bytes(range(1, extra + 1))
    assert fields(longer) == (layout.event, values(layout), bytes(range(1, extra + 1)))
    assert (unknown_bytes(data), unknown_bytes(longer)) == (0, extra)
    known, found = decode(record(data)), decode(record(longer))
    if isinstance(found, Create):
        assert found.newer == f"{extra} bytes behind the last known field"
        known, found = (msgspec.structs.replace(event, newer="") for event in (known, found))
    assert found == known


@pytest.mark.parametrize(
    ("chosen", "extra", "said"),
    [
        ({"depth": 0}, b"", ""),
        ({"depth": 2}, b"", "depth 2"),
        ({"depth": 0}, bytes(8), ""),
        ({"depth": 0}, b"\0\1\0\0", "2 bytes behind the last known field"),
        ({"depth": 2}, b"\1", "1 bytes behind the last known field"),
    ],
)
def test_a_creation_tells_what_of_its_kind_is_not_known(chosen: dict[str, int], extra: bytes, said: str) -> None:
    found = decode(record(write_fields(layouts.CREATE, values(layouts.CREATE, **chosen)) + extra))
    assert isinstance(found, Create)
    assert found.newer == said


def test_the_oldest_trade_has_no_fees_and_no_creator() -> None:
    names = [name for name, _ in layouts.TRADE.fields[: layouts.TRADE.oldest]]
    whole = values(layouts.TRADE, mint=MINT, user=WALLET, is_buy=True, sol_amount=2**64 - 1)
    found = decode(record(write_fields(layouts.TRADE, {name: whole[name] for name in names})))
    assert isinstance(found, Trade)
    assert (found.sol_amount, found.fee, found.creator_fee, found.cashback) == (2**64 - 1, 0, 0, 0)
    assert (found.creator, found.mayhem, found.quote_mint, found.is_buy) == ("", False, "", True)
    assert (found.signature, found.log_index, found.slot, found.known_ns) == ("sig", 7, 11, 5 * SECOND)
    assert found.event_ns == 1_700_000_000 * SECOND


def test_the_oldest_create_began_like_every_coin_of_its_time() -> None:
    names = [name for name, _ in layouts.CREATE.fields[: layouts.CREATE.oldest]]
    whole = values(layouts.CREATE, user=WALLET)
    found = decode(record(write_fields(layouts.CREATE, {name: whole[name] for name in names})))
    assert isinstance(found, Create)
    assert found.creator == WALLET
    assert (found.virtual_sol, found.virtual_token) == (30 * SECOND, 1_073_000_000_000_000)
    assert (found.real_token, found.supply) == (793_100_000_000_000, 10**15)
    assert found.event_ns == found.known_ns, "the record has no block time"


@pytest.mark.parametrize("quote", [USDC, layouts.WRAPPED_SOL, keys.ZERO_KEY])
def test_amounts_are_in_the_coins_own_quote(quote: str) -> None:
    own = {"quote_amount": 70, "virtual_quote_reserves": 71, "real_quote_reserves": 72}
    sol = {"sol_amount": 60, "virtual_sol_reserves": 61, "real_sol_reserves": 62}
    found = decode(record(trade(quote_mint=quote, **own, **sol)))
    assert isinstance(found, Trade)
    if quote == USDC:
        assert (found.quote_mint, found.sol_amount, found.virtual_sol, found.real_sol) == (USDC, 70, 71, 72)
    else:
        assert (found.quote_mint, found.sol_amount, found.virtual_sol, found.real_sol) == ("", 60, 61, 62)
    born = values(layouts.CREATE, quote_mint=quote, virtual_sol_reserves=60, virtual_quote_reserves=70)
    created = decode(record(write_fields(layouts.CREATE, born)))
    assert isinstance(created, Create)
    assert created.virtual_sol == (70 if quote == USDC else 60)


@pytest.mark.parametrize("field", ["is_buy", "track_volume", "mayhem_mode"])
def test_a_flag_is_zero_or_one(field: str) -> None:
    data = bytearray(trade(**{field: True}))
    data[data.index(b"\1", 56 if field == "is_buy" else 225 if field == "track_volume" else 264)] = 2
    with pytest.raises(DamagedRecord, match=f"'{field}' at byte .* holds 2, neither 0 nor 1"):
        decode(record(bytes(data)))


@pytest.mark.parametrize("seconds", [-1, 2**63 - 1, -(2**63)])
def test_an_impossible_block_time_is_damage(seconds: int) -> None:
    for layout in layouts.TYPED.values():
        with pytest.raises(DamagedRecord, match="impossible"):
            decode(record(write_fields(layout, values(layout, timestamp=seconds))))


def test_text_is_utf8() -> None:
    for text in ("", "añ", "buy_v9", "🚀" * 9):
        assert fields(trade(ix_name=text)).fields["ix_name"] == text
        assert decode(record(trade(ix_name=text))) == decode(record(trade()))
    with pytest.raises(DamagedRecord, match="'ix_name' at byte 258 holds text that is not UTF-8"):
        decode(record(trade(ix_name="abcd").replace(b"abcd", b"ab\xff\xfe")))
    data = write_fields(layouts.CREATE, values(layouts.CREATE, name="abcd", uri="añ"))
    with pytest.raises(DamagedRecord, match="'name' at byte 8 holds text that is not UTF-8"):
        decode(record(data.replace(b"abcd", b"ab\xff\xfe", 1)))


@pytest.mark.parametrize("count", [3, 2**32 - 1])
def test_more_shareholders_than_bytes_are_damage(count: int) -> None:
    data = trade(shareholders=[], ix_name="buy")
    at = 258 + 4 + 3 + 1 + 32
    assert data[at : at + 4] == bytes(4)
    with pytest.raises(DamagedRecord, match="'shareholders'"):
        decode(record(data[:at] + count.to_bytes(4, "little") + data[at + 4 : at + 4 + 60]))


def test_other_events_have_a_name_and_unknown_ones_none() -> None:
    sweep = layouts.discriminator("SweepBondingCurveFeeEvent") + b"abc"
    assert fields(sweep) == ("SweepBondingCurveFeeEvent", {}, b"abc")
    assert decode(record(sweep)) == Other("SweepBondingCurveFeeEvent", "sig", 7, 5 * SECOND)
    assert fields(b"12345678rest") == ("", {}, b"rest")
    assert decode(record(b"12345678rest")) is None
    assert decode(record(b"123")) is None


def test_both_roads_to_a_trade_agree() -> None:
    for chosen in (
        {}, {"ix_name": "multi_hop_swap"}, {"shareholders": []}, {"quote_mint": keys.ZERO_KEY},
        {"creator": keys.ZERO_KEY}, {"mayhem_mode": True}, {"is_buy": True}, {"ix_name": ""},
    ):  # fmt: skip
        data = record(trade(**chosen))
        found = fast_trade(data)
        assert found is not None
        assert found == plain_trade(data, read_fields(layouts.TRADE, data.data).fields)


EVENTS = [
    Create(
        signature="s", log_index=1, slot=2, event_ns=3 * SECOND, known_ns=4, mint=MINT, name="Ünïcode 🚀", symbol="",
        uri="u", bonding_curve=USDC, user=WALLET, creator=CREATOR, virtual_sol=5, virtual_token=6, real_token=7,
        supply=8, token_program=layouts.PUMP_PROGRAM, mayhem=True, cashback_coin=True, holder_reward=True,
        quote_mint="",
    ),
    Trade(
        signature="s", log_index=1, slot=2, event_ns=3 * SECOND, known_ns=4, mint=MINT, wallet=WALLET, is_buy=True,
        sol_amount=1, token_amount=2, virtual_sol=3, virtual_token=4, real_sol=5, real_token=6, fee=7, creator_fee=8,
        cashback=9, creator=CREATOR, mayhem=True, quote_mint="",
    ),
    Complete(signature="s", log_index=1, slot=2, event_ns=0, known_ns=4, mint=MINT, user=WALLET, bonding_curve=USDC),
    Migration(
        signature="s", log_index=1, slot=2, event_ns=3 * SECOND, known_ns=4, mint=MINT, user=WALLET, bonding_curve=USDC,
        pool=CREATOR, token_amount=1, sol_amount=2, migration_fee=3,
    ),
    PostCompleteBuy(
        signature="s", log_index=1, slot=2, event_ns=3 * SECOND, known_ns=4, mint=MINT, wallet=WALLET,
        bonding_curve=USDC, token_amount=1, sol_amount=2, fee=3, creator_fee=4, pool_base_before=5, pool_quote_before=6,
        pool_base_after=7,
        pool_quote_after=8,
    ),
    AmmTrade(
        signature="s", log_index=1, slot=2, event_ns=3 * SECOND, known_ns=4, mint="", pool=CREATOR, wallet=WALLET,
        is_buy=True, token_amount=1, sol_amount=2, pool_base_before=3, pool_quote_before=4, virtual_quote=-(10**12),
    ),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_encode_is_the_inverse_of_decode(event: Trade) -> None:
    variants = [event]
    for field, value in {
        "quote_mint": USDC,
        "creator": "",
        "is_buy": False,
        "token_program": "",
        "mayhem": False,
        "holder_reward": False,
    }.items():
        if hasattr(event, field) and not (isinstance(event, Create) and field == "creator"):
            variants.append(msgspec.structs.replace(event, **{field: value}))
    for variant in variants:
        data = encode(variant)
        assert decode(Record("s", 1, 2, 4, data)) == variant
        assert unknown_bytes(data) == 0
        assert len(fields(data).fields) == len(layouts.LAYOUTS[data[:8]].fields), "the newest layout"


MAINNET = json.loads((Path(__file__).parent / "vectors" / "pump_swap_mainnet.json").read_text())["sales"]


@pytest.mark.parametrize("sale", MAINNET, ids=lambda sale: sale["name"])
def test_a_real_sale_in_a_pool_is_priced_from_lent_liquidity_too(sale: dict[str, str]) -> None:
    data = base64.b64decode(sale["record"])
    event = decode(record(data))
    assert isinstance(event, AmmTrade)
    assert unknown_bytes(data) == 0
    lent = sale["name"][:7] >= "2026-07"
    assert event.virtual_quote == pytest.approx(17_584_505_300 if lent else 0, abs=300)
    priced = event.token_amount * event.priced_before // (event.pool_base_before + event.token_amount)
    assert event.sol_amount == priced, "what the program paid"
    market = Market()
    market.swapped(event)
    change = market.price / (event.pool_quote_before / event.pool_base_before / 1000)
    assert (change > 1.02) is lent, "the vault alone says less"


def test_what_cannot_be_encoded_says_why() -> None:
    event = EVENTS[1]
    with pytest.raises(DataError, match=r"does not fit its record"):
        encode(msgspec.structs.replace(event, sol_amount=-1))
    with pytest.raises(DataError, match="is not base58"):
        encode(msgspec.structs.replace(event, mint="0OIl" * 8))
    with pytest.raises(DataError, match="has 2 bytes, not 32"):
        encode(msgspec.structs.replace(event, wallet="2vr"))
    with pytest.raises(DataError, match="'mint' is missing or unknown"):
        write_fields(layouts.COMPLETE, {"user": WALLET, "bonding_curve": WALLET})
    with pytest.raises(DataError, match="'nonsense' is missing or unknown"):
        write_fields(layouts.COMPLETE, values(layouts.COMPLETE, nonsense=1))
    with pytest.raises(DataError, match="it is a i128"):
        write_fields(layouts.AMM_BUY, values(layouts.AMM_BUY, virtual_quote_reserves=2**127))
    with pytest.raises(DataError, match="cannot hold 'x'; it is a i64"):
        write_fields(layouts.COMPLETE, values(layouts.COMPLETE, timestamp="x"))


def test_base58_is_the_chains() -> None:
    assert keys.to_text(bytes(32)) == keys.ZERO_KEY == "1" * 32
    assert keys.to_text(b"\0" * 31 + b"\1") == "1" * 31 + "2"
    assert keys.to_bytes(layouts.PUMP_PROGRAM).hex() == "01" + keys.to_bytes(layouts.PUMP_PROGRAM).hex()[2:]
    for text in (layouts.PUMP_PROGRAM, layouts.AMM_PROGRAM, layouts.WRAPPED_SOL, keys.ZERO_KEY):
        assert keys.to_text(keys.to_bytes(text)) == text
    assert keys.encode_base58(b"Hello World!") == "2NEpo7TZRRrLZSi2U"
    assert keys.decode_base58("2NEpo7TZRRrLZSi2U") == b"Hello World!"
    assert keys.decode_base58("") == keys.encode_base58(b"").encode() == b""


def test_full_caches_are_emptied_and_answer_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "CACHED_KEYS", 4)
    some = [bytes([n]) * 32 for n in range(20)]
    texts = [keys.to_text(key) for key in some]
    assert [keys.to_bytes(text) for text in texts] == some
    assert [keys.to_text(key) for key in some] == texts
    assert len(keys._texts) <= 4
    assert len(keys._keys) <= 4


@pytest.mark.real
def test_recorded_notifications_decode_to_the_expected_values(real_data: Path) -> None:
    files = sorted((real_data / "pumpfun-logs").glob("*.json"))
    assert len(files) >= 8
    for file in files:
        document = json.loads(file.read_text())
        value = document["notification"]["params"]["result"]["value"]
        scan = logs.records(value["logs"], signature=value["signature"], slot=1, known_ns=100, err=value["err"])
        taken = [fields(r.data) for r in scan.records]
        found = [
            {"log_index": r.log_index, "event": event, "bytes": len(r.data), "fields": named}
            for r, (event, named, _) in zip(scan.records, taken, strict=True)
        ]
        assert found == document["expected_events"], file.name
        assert {extra for _, _, extra in taken} == {b""}
        assert [r.known_ns for r in scan.records] == list(range(100, 100 + len(found)))
        for r in scan.records:
            event = decode(r)
            assert decode(msgspec.structs.replace(r, data=encode(event))) == event


@pytest.mark.real
def test_the_recorded_trade_of_451_bytes_has_two_shareholders(real_data: Path) -> None:
    [document] = json.loads((real_data / "pumpfun" / "trade_event_2026-10.json").read_text())
    data = logs.payload(document["log"])
    assert len(data) == document["bytes"] == 451
    event, found, extra = fields(data)
    assert event == "TradeEvent"
    assert document["expected"].items() <= found.items()
    assert extra == b"", "all of it is known: 68 bytes are two shareholders"
    assert [share["share_bps"] for share in found["shareholders"]] == [5_000, 5_000]
    assert (found["ix_name"], found["fee"], found["creator_fee"]) == ("sell", 1_094_905, 345_760)
    assert found["fee"] == -(-found["sol_amount"] * 95 // 10_000)
    assert isinstance(fast_trade(record(data)), Trade)
