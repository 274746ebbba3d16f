"""Pump.fun notifications to typed events on one core: JSON, whose line it is, decoding, and handing over.

``python benchmarks/pumpfun_decode.py [--quick]``. A notification is that of an ordinary trade of today in the newest
layout, with an account opened for its tokens; each is another, a fifth of the wallets are new, and every event goes to
the handler of its kind. Beside it the same with the lines as Python strings walked one by one, and the replay of a
recording.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from alphaloop.markets.pumpfun.events import AnyEvent, Complete, Create, Trade
from alphaloop.markets.pumpfun.recording.replay import read_events, read_records
from alphaloop.markets.pumpfun.recording.segments import write_segment
from alphaloop.markets.pumpfun.wire.decode import Other, Record, decode
from alphaloop.markets.pumpfun.wire.encode import encode
from alphaloop.markets.pumpfun.wire.keys import encode_base58
from alphaloop.markets.pumpfun.wire.layouts import PUMP_PROGRAM
from alphaloop.markets.pumpfun.wire.logs import DATA, payload
from alphaloop.markets.pumpfun.wire.messages import BUDGET_PROGRAM, SYSTEM_PROGRAM, Call, log_lines, notification
from alphaloop.markets.pumpfun.wire.notifications import read_notification
from measure import interleaved, latencies, quick, spread, target, write_result

EVENTS = 2_000 if quick() else 40_000
ROUNDS = 3 if quick() else 9
TOKENS, WALLETS, NEW_WALLETS = 2_000, 20_000, 0.2

SYSTEM, BUDGET = Call(SYSTEM_PROGRAM), Call(BUDGET_PROGRAM)
TOKEN = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"


def token(said: str) -> Call:
    return Call(TOKEN, (f"Instruction: {said}",))


def trade_calls(data: bytes) -> list[Call]:
    """An account for the tokens, then the trade with its transfers."""
    account = ("CreateIdempotent", token("GetAccountDataSize"), SYSTEM, "Initialize the associated token account")
    opened = Call("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL", (*account, token("InitializeAccount3")))
    trade = Call(PUMP_PROGRAM, ("Instruction: Buy", token("TransferChecked"), SYSTEM, SYSTEM, SYSTEM, SYSTEM, data))
    return [BUDGET, BUDGET, opened, trade, SYSTEM]


def trades(count: int) -> list[Trade]:
    """Trades of many wallets in many tokens."""
    random = np.random.default_rng(0)
    mints = [encode_base58(random.bytes(32)) for _ in range(TOKENS)]
    wallets = [encode_base58(random.bytes(32)) for _ in range(WALLETS)]
    made = []
    for i in range(count):
        mint = int(random.integers(TOKENS))
        fresh = random.random() < NEW_WALLETS
        wallet = encode_base58(random.bytes(32)) if fresh else wallets[int(random.integers(WALLETS))]
        sol = int(random.integers(10**6, 10**9))
        made.append(
            Trade(
                signature=encode_base58(random.bytes(64)),
                log_index=0,
                slot=350_000_000 + i // 40,
                event_ns=(1_790_000_000 + i // 100) * 10**9,
                known_ns=1_790_000_000 * 10**9 + 10**7 * i,
                mint=mints[mint],
                wallet=wallet,
                is_buy=bool(i % 2),
                sol_amount=sol,
                token_amount=sol * 30_000,
                virtual_sol=30 * 10**9 + sol,
                virtual_token=10**15,
                real_sol=sol,
                real_token=7 * 10**14,
                fee=sol // 105,
                creator_fee=sol // 333,
                creator=wallets[mint],
            )
        )
    return made


class Router:
    """Hands each event to the handler of its kind; the handlers do next to nothing."""

    def __init__(self) -> None:
        self.lamports = self.tokens = self.ends = 0
        self.handlers: dict[type, Callable[..., None]] = {Trade: self.trade, Create: self.create, Complete: self.end}

    def trade(self, event: Trade) -> None:
        self.lamports += event.sol_amount

    def create(self, _event: Create) -> None:
        self.tokens += 1

    def end(self, _event: Complete) -> None:
        self.ends += 1

    def route(self, event: AnyEvent | Other | None) -> None:
        self.handlers[type(event)](event)


def searched(messages: list[bytes]) -> int:
    """What the collector does with each message."""
    router = Router()
    for known_ns, message in enumerate(messages):
        seen = read_notification(message, known_ns)
        assert seen is not None
        for record in seen.records:
            router.route(decode(record))
    return router.lamports


def walked(messages: list[bytes]) -> int:
    """The plain way: the standard library's JSON, and every line looked at."""
    router = Router()
    for known_ns, message in enumerate(messages):
        result = json.loads(message)["params"]["result"]
        value, slot = result["value"], result["context"]["slot"]
        running: list[str] = []
        for index, line in enumerate(value["logs"]):
            words = line.split(" ")
            if line.startswith(DATA):
                if running and running[-1] == PUMP_PROGRAM:
                    router.route(decode(Record(value["signature"], index, slot, known_ns, payload(line))))
            elif words[1] == "log:":
                continue
            elif words[2:3] == ["invoke"]:
                running.append(words[1])
            elif words[-1] == "success":
                running.pop()
    return router.lamports


def main() -> None:
    events = trades(EVENTS)
    messages = [notification(e.signature, e.slot, log_lines(trade_calls(encode(e)))) for e in events]
    records = [Record(e.signature, e.log_index, e.slot, e.known_ns, encode(e)) for e in events]
    lamports = sum(event.sol_amount for event in events)
    assert searched(messages) == walked(messages) == lamports
    with tempfile.TemporaryDirectory() as folder:
        write_segment(Path(folder), records)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        processor: dict[str, list[float]] = {}
        wall = interleaved(
            {
                "collector": lambda: searched(messages),
                "plain": lambda: walked(messages),
                "notifications_alone": lambda: [read_notification(message, 0) for message in messages],
                "records_alone": lambda: [decode(record) for record in records],
                "replay_records": lambda: sum(1 for _ in read_records(folder)),
                "replay_events": lambda: sum(1 for _ in read_events(folder)),
            },
            ROUNDS,
            processor,
        )
    one = latencies(lambda i: searched(messages[i % EVENTS : i % EVENTS + 1]), min(EVENTS, 5_000), 200)
    rates, of_processor = (
        {name: spread([EVENTS / s for s in seconds], 0) for name, seconds in taken.items()}
        for taken in (wall, processor)
    )
    write_result(
        "pumpfun_decode",
        {
            "events": EVENTS,
            "lines_a_notification": len(log_lines(trade_calls(b""))),
            "bytes_a_notification": round(sum(map(len, messages)) / EVENTS),
            "bytes_a_recorded_event": round(size / EVENTS),
            "events_a_second": rates,
            "events_a_second_of_the_processor": of_processor,
            "one_notification": one,
            "targets": [
                target("events decoded and routed a second on one core", rates["collector"]["median"], at_least=50_000)
            ],
        },
        ("alphaloop", "msgspec", "pyarrow"),
    )


if __name__ == "__main__":
    main()
