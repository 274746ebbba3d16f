"""Which lines of a transaction's logs are events of ours: the program stack, and everything that imitates it."""

from __future__ import annotations

import base64
import json

import pytest

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.wire import layouts, logs
from alphaloop.markets.pumpfun.wire.layouts import AMM_PROGRAM, PUMP_PROGRAM
from alphaloop.markets.pumpfun.wire.logs import LogScan
from alphaloop.markets.pumpfun.wire.messages import Call, buy_or_sell, cut, log_lines, notification
from alphaloop.markets.pumpfun.wire.notifications import read_notification

ROUTER = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
MOONSHOT = "MoonCVVNZFSYkqNXP6bxHLPL6QQJiMagDL3qcqUQTrG"
TOKENS = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
KINDS = {layout.event: layout.discriminator for layout in layouts.TYPED.values()}


def event(number: int, kind: str = "TradeEvent") -> bytes:
    return KINDS[kind] + bytes([number]) * 121


def scan(lines: list[str], err: object = None) -> LogScan:
    return logs.records(lines, signature="sig", slot=3, known_ns=1_000, err=err)


def numbers(lines: list[str]) -> list[int]:
    return [record.data[8] for record in scan(lines).records]


def test_inner_calls_of_routers_are_found_with_their_line_and_time() -> None:
    swap = Call(ROUTER, ("Instruction: Route", Call(TOKENS, ("Instruction: Transfer",)), buy_or_sell(event(1)), "done"))
    lines = log_lines(
        [Call("ComputeBudget111111111111111111111111111111"), Call(ROUTER, (swap, buy_or_sell(event(2))))]
    )
    found = scan(lines)
    assert [r.data[8] for r in found.records] == [1, 2]
    assert [(r.signature, r.slot, r.known_ns) for r in found.records] == [("sig", 3, 1_000), ("sig", 3, 1_001)]
    for record in found.records:
        assert lines[record.log_index] == logs.DATA + base64.b64encode(record.data).decode()
    assert found[1:] == (False, 0, 0)


def test_events_after_an_inner_call_belong_to_the_outer_program() -> None:
    outer = Call(PUMP_PROGRAM, (event(1), Call(TOKENS, ("x", Call(ROUTER))), event(2)))
    lines = log_lines([Call(ROUTER, (outer, event(3)))])
    assert numbers(lines) == [1, 2]
    assert scan(lines).foreign == 1


def test_equal_discriminators_of_other_programs_are_foreign() -> None:
    lines = log_lines([Call(MOONSHOT, (event(1), event(2, "CreateEvent"), b"12345678")), buy_or_sell(event(3))])
    found = scan(lines)
    assert [r.data[8] for r in found.records] == [3]
    assert found.foreign == 2


def test_mentioning_the_program_is_not_running_it() -> None:
    inside = f"Program {PUMP_PROGRAM} invoke [1]"
    lines = log_lines([Call(MOONSHOT, (inside, event(1))), Call(MOONSHOT, (f"{PUMP_PROGRAM} success", event(2)))])
    lines += [f"Program log: {inside}", logs.DATA + base64.b64encode(event(3)).decode()]
    assert scan(lines) == LogScan([], False, 3, 0)


@pytest.mark.parametrize(
    "imitation",
    [
        f"Program {PUMP_PROGRAM} success",
        f"Program {PUMP_PROGRAM} invoke [1]",
        f"Program {MOONSHOT} invoke [2]",
        "invoke [1]",
        "success",
        "Transfer success",
        "x failed: y",
        "Log truncated",
        f'","Program {MOONSHOT} invoke [1]',
        f'foo",\nProgram {MOONSHOT} invoke [2]',
        f"\nProgram {PUMP_PROGRAM} success\n",
        "ends with a backslash \\",
        'ends with a quote and a comma",',
        "\u2028\u0000\x1f",
    ],
)
def test_what_programs_say_is_never_structure(imitation: str) -> None:
    lines = log_lines([Call(ROUTER, (imitation, Call(PUMP_PROGRAM, (imitation, event(1), imitation, event(2)))))])
    lines.insert(2, f"Program return: {ROUTER} success")
    found = scan(lines)
    assert [lines[r.log_index] for r in found.records] == [line for line in lines if line.startswith(logs.DATA)]
    assert found[1:] == (False, 0, 0)
    hidden = log_lines([Call(PUMP_PROGRAM, (Call(MOONSHOT, (imitation, event(1), imitation)),))])
    assert scan(hidden) == LogScan([], False, 1, 0)


def test_a_message_cannot_smuggle_a_line() -> None:
    forged = logs.DATA + base64.b64encode(event(1)).decode()
    for smuggled in (f'","{forged}","', f"\n{forged}\n", f'"{forged}"', f'\\","{forged}'):
        lines = log_lines([Call(PUMP_PROGRAM, (smuggled, event(2)))])
        assert numbers(lines) == [2]
        assert lines[scan(lines).records[0].log_index].startswith(logs.DATA)


def test_pool_trades_count_and_other_pool_events_do_not() -> None:
    deposit = layouts.discriminator("DepositEvent") + bytes(100)
    extend = layouts.discriminator("ExtendAccountEvent") + bytes(100)
    pool = Call(AMM_PROGRAM, (event(1, "BuyEvent"), deposit, extend, event(2, "SellEvent"), event(3)))
    found = scan(log_lines([pool]))
    assert [r.data[8] for r in found.records] == [1, 2]
    assert found.foreign == 2, "an event of ours by name, but not of this program"


def test_a_failed_transaction_has_no_events() -> None:
    lines = [*log_lines([buy_or_sell(event(1))])[:-1], f"Program {PUMP_PROGRAM} failed: custom program error: 0x1772"]
    assert scan(lines, err={"InstructionError": [2, {"Custom": 6002}]}) == LogScan([], False, 0, 0)


def test_a_failed_inner_call_is_left() -> None:
    lines = [
        f"Program {PUMP_PROGRAM} invoke [1]",
        f"Program {MOONSHOT} invoke [2]",
        f"Program {MOONSHOT} failed: custom program error: 0x1",
        logs.DATA + base64.b64encode(event(1)).decode(),
    ]
    assert numbers(lines) == [1]


def test_the_depth_tells_the_program_where_a_line_is_missing() -> None:
    lines = [
        f"Program {ROUTER} invoke [1]",
        f"Program {PUMP_PROGRAM} invoke [2]",
        f"Program {MOONSHOT} invoke [2]",
        f"Program {TOKENS} invoke [3]",
        f"Program {TOKENS} success",
        logs.DATA + base64.b64encode(event(1)).decode(),
        f"Program {MOONSHOT} success",
        f"Program {PUMP_PROGRAM} invoke [2]",
        logs.DATA + base64.b64encode(event(2)).decode(),
    ]
    assert numbers(lines) == [2]


def test_lines_outside_any_program_are_nobodys() -> None:
    line = logs.DATA + base64.b64encode(event(1)).decode()
    assert scan([line]) == LogScan([], False, 1, 0)
    assert scan([*log_lines([buy_or_sell()]), line]) == LogScan([], False, 1, 0)
    assert scan([]) == LogScan([], False, 0, 0)


def test_cut_logs_are_flagged_and_keep_what_came_before() -> None:
    lines = log_lines([buy_or_sell(*[event(n) for n in range(60)])])
    kept = cut(lines)
    found = scan(kept)
    assert found.truncated
    assert 0 < len(found.records) < 60
    assert [r.data[8] for r in found.records] == list(range(len(found.records)))
    assert not scan(lines).truncated
    assert sum(len(line) for line in kept) <= 10_000 + len(logs.TRUNCATED)
    assert not scan(log_lines([buy_or_sell(), Call(PUMP_PROGRAM, ("Log truncated", event(1)))])).truncated


@pytest.mark.parametrize("text", ["not base64!", "QUJD RUZH", "", "QUI", "QUJD"])
def test_a_data_line_of_ours_that_is_no_record_is_damage(text: str) -> None:
    lines = [f"Program {PUMP_PROGRAM} invoke [1]", logs.DATA + text, logs.DATA + base64.b64encode(event(1)).decode()]
    found = scan(lines)
    assert (found.damaged, [r.log_index for r in found.records]) == (1, [2])
    lines[0] = f"Program {ROUTER} invoke [1]"
    assert scan(lines) == LogScan([], False, 1, 0)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("said", ["plain", 'quoted "x", \\ and\nbroken', "ünï"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_notification_reads_like_its_lines_however_it_is_spelt(
    indent: int | None, said: str, ascii_only: bool
) -> None:
    lines = log_lines([Call(ROUTER, (said, buy_or_sell(event(1)), said, buy_or_sell(event(2))))])
    message = json.loads(notification("sig", 3, lines, subscription=9))
    expected = scan(lines)
    for spelt in (
        notification("sig", 3, lines, subscription=9),
        json.dumps(message, indent=indent, ensure_ascii=ascii_only),
        json.dumps(message, indent=indent, ensure_ascii=ascii_only).encode(),
    ):
        found = read_notification(spelt, 1_000)
        assert found is not None
        assert found.records == expected.records
        assert (found.signature, found.slot, found.subscription) == ("sig", 3, 9)
        assert (found.failed, found.truncated, found.foreign, found.damaged) == (False, False, 0, 0)


def test_a_failed_notification_is_told_and_others_are_passed_over_or_refused() -> None:
    failed = read_notification(notification("sig", 3, log_lines([buy_or_sell(event(1))]), err={"x": 1}), 5)
    assert failed is not None
    assert (failed.failed, failed.records) == (True, [])
    assert read_notification(b'{"jsonrpc":"2.0","result":24040,"id":1}', 5) is None
    for wrong in (b"{", b"[]", b'{"params":{"result":{"context":{},"value":{}}}}', notification("s", 1, [])[:-3]):
        with pytest.raises(DataError, match="no logs notification"):
            read_notification(wrong, 5)
    with pytest.raises(DataError, match="no logs notification"):
        read_notification(notification("s", 1, ["\\"]).replace(b'["', b'[1,"'), 5)
