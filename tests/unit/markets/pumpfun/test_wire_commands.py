"""Commands in a recording: between the events, told from them, and no trouble to whoever does not know them."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.events import Complete, Tracking
from alphaloop.markets.pumpfun.ingest.writer import rows_of
from alphaloop.markets.pumpfun.recording.replay import read_events, read_records
from alphaloop.markets.pumpfun.recording.wal import Wal
from alphaloop.markets.pumpfun.wire.commands import COMMAND, TRACKING, is_command, tracking_data
from alphaloop.markets.pumpfun.wire.decode import DamagedRecord, decode, fields
from alphaloop.markets.pumpfun.wire.encode import encode
from alphaloop.markets.pumpfun.wire.keys import to_text
from alphaloop.markets.pumpfun.wire.layouts import LAYOUTS
from alphaloop.markets.pumpfun.wire.records import Record

WALLET, MINT, CURVE = (to_text(bytes([n]) * 32) for n in (1, 2, 3))
SIGNATURE = f"{COMMAND}00ff"


def command(known_ns: int, tracked: bool = True, signature: str = SIGNATURE) -> Record:
    return Record(signature, 0, 7, known_ns, tracking_data(WALLET, tracked))


@pytest.mark.parametrize("tracked", [True, False])
def test_a_command_comes_back_as_it_was_given(tracked: bool) -> None:
    record = command(5, tracked)
    assert is_command(record)
    found = decode(record)
    assert found == Tracking(
        signature=SIGNATURE, log_index=0, slot=7, event_ns=5, known_ns=5, mint="", wallet=WALLET, tracked=tracked
    )
    assert rows_of(found) is None
    # A later release may say more.
    assert decode(Record(SIGNATURE, 0, 7, 5, record.data + b"more")) == found


def test_what_the_chain_says_is_never_a_command() -> None:
    for signature in ("1" * 88, "command", ""):
        assert decode(command(5, signature=signature)) is None
    assert decode(Record(SIGNATURE, 0, 7, 5, b"12345678")) is None
    assert TRACKING.discriminator not in LAYOUTS
    # What a reader does that was made before there were commands.
    assert fields(command(5).data).event == ""


def test_a_damaged_command_is_refused() -> None:
    data = tracking_data(WALLET, True)
    for size in (8, 20, 40):
        with pytest.raises(DamagedRecord, match="ends inside field"):
            decode(Record(SIGNATURE, 0, 0, 5, data[:size]))
    with pytest.raises(DamagedRecord, match="neither 0 nor 1"):
        decode(Record(SIGNATURE, 0, 0, 5, data[:-1] + b"\2"))


@pytest.mark.parametrize("wallet", ["", "0x12", "1" * 31, "z" * 46, "☃"])
def test_only_an_address_can_be_tracked(wallet: str) -> None:
    with pytest.raises(DataError, match=r"base58|bytes, not 32"):
        tracking_data(wallet, True)


def test_a_recording_keeps_them_in_their_place(tmp_path: Path) -> None:
    event = Complete(
        signature="1" * 88, log_index=0, slot=7, event_ns=10**9, known_ns=0, mint=MINT, user=WALLET, bonding_curve=CURVE
    )
    given = [command(n) if n % 3 == 1 else Record("1" * 88, n, 7, n, encode(event)) for n in range(9)]
    with Wal(tmp_path) as wal:
        wal.append(given[:6])
        (segment,) = wal.seal()
        wal.append(given[6:])
        wal.sync()
    assert list(read_records(tmp_path)) == given
    assert [type(found) for found in read_events(tmp_path)] == [Complete, Tracking, Complete] * 3
    kinds = pq.read_table(segment.path)["event"].to_pylist()
    assert kinds == ["CompleteEvent", "alphaloop.Tracking", "CompleteEvent"] * 2
