"""The simulated chain: the lives of all coins, merged in order of time, as records with the chain's own bytes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from alphaloop.core.clock import NS_PER_DAY, NS_PER_S, stopwatch
from alphaloop.core.errors import DataError
from alphaloop.core.progress import Progress, silent
from alphaloop.core.random import stream
from alphaloop.markets.pumpfun.recording.segments import list_segments, write_segment
from alphaloop.markets.pumpfun.simulator.addresses import flow_of_keys, flow_of_signatures
from alphaloop.markets.pumpfun.simulator.agents import Agents
from alphaloop.markets.pumpfun.simulator.dice import Dice
from alphaloop.markets.pumpfun.simulator.journal import Move
from alphaloop.markets.pumpfun.simulator.launches import choose_creator, draw_launch
from alphaloop.markets.pumpfun.simulator.life import Life
from alphaloop.markets.pumpfun.simulator.population import Population, people
from alphaloop.markets.pumpfun.simulator.regimes import launches
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from alphaloop.markets.pumpfun.simulator.truth import TokenTruth, write_people, write_tokens
from alphaloop.markets.pumpfun.wire.records import Record

SEGMENT_RECORDS: Final = 100_000
SLOT_NS: Final = 400_000_000
FIRST_SLOT: Final = 370_000_000


class Simulation(msgspec.Struct, frozen=True):
    """What a simulation wrote."""

    records: int
    launches: int
    graduations: int
    segments: int
    seconds: float


class Chain:
    """A run of one simulation, record by record; memory holds the coins that still trade and nothing older."""

    def __init__(self, settings: SimulationSettings) -> None:
        self.settings = settings
        self.people: Population = people(settings.seed, settings.launches_per_day)
        self.end_ns = settings.start_ns + round(settings.days * NS_PER_DAY)
        self.reached_ns = settings.start_ns

    def records(self, tell: Callable[[TokenTruth], None] | None = None) -> Iterator[Record]:
        """Yield all records in order of `known_ns`; `tell` gets the truth about each coin when it is launched.

        A coin that still trades at the end of the simulated time is cut off there.
        """
        signatures = flow_of_signatures(stream(self.settings.seed, "signatures"))
        latency = Dice(stream(self.settings.seed, "latency"))
        median_s = self.settings.latency_s
        signature, delay_ns, known_ns = "", 0, 0
        for move in self._moves(tell):
            if not move.continues:
                signature = next(signatures)
                delay_ns = int(latency.lognormal(median_s, 0.15) * NS_PER_S)
            known_ns = max(known_ns + 1, move.at_ns + delay_ns)
            slot = FIRST_SLOT + (move.at_ns - self.settings.start_ns) // SLOT_NS
            self.reached_ns = move.at_ns
            yield Record(signature, move.log_index, slot, known_ns, move.data)

    def _moves(self, tell: Callable[[TokenTruth], None] | None) -> Iterator[Move]:
        """Merge the lives: a coin joins when it is launched, and each step hands out the earliest transaction."""
        living: list[tuple[int, int, int, list[Move]]] = []
        for number, life in enumerate(self._lives()):
            moves = life.play()
            if tell:
                tell(TokenTruth.of(life))
            yield from self._until(living, life.launch.created_ns)
            heapq.heappush(living, (moves[0].at_ns, number, 0, moves))
        yield from self._until(living, self.end_ns)

    def _until(self, living: list[tuple[int, int, int, list[Move]]], limit_ns: int) -> Iterator[Move]:
        while living and living[0][0] < limit_ns:
            _, number, at, moves = living[0]
            yield moves[at]
            at += 1
            while at < len(moves) and moves[at].continues:
                yield moves[at]
                at += 1
            if at < len(moves):
                heapq.heapreplace(living, (moves[at].at_ns, number, at, moves))
            else:
                heapq.heappop(living)

    def _lives(self) -> Iterator[Life]:
        settings, seed = self.settings, self.settings.seed
        dice = Dice(stream(seed, "agents"))
        agents = Agents(self.people, settings.behaviour, settings.skill, dice)
        mints = flow_of_keys(stream(seed, "mints"), "pump")
        others = flow_of_keys(stream(seed, "accounts"))
        wallets = flow_of_keys(stream(seed, "wallets"))
        times = launches(stream(seed, "launches"), settings.launches_per_day, settings.start_ns, self.end_ns)
        for created_ns, regime in times:
            creator = choose_creator(self.people, next(wallets), dice)
            names = next(mints), next(others), next(others)
            launch = draw_launch(created_ns, regime, names, creator, dice, settings.behaviour, settings.skill)
            yield Life(launch, agents, wallets.__next__)


def events(settings: SimulationSettings) -> Iterator[Record]:
    """Yield the records of a simulation, as a recording would hold them."""
    return Chain(settings).records()


def simulate(settings: SimulationSettings, out: Path | None, progress: Progress = silent) -> Simulation:
    """Run a simulation and write it as a recording, the truth in a folder beside.

    Parameters
    ----------
    out : Path or None
        Folder for the segments and ``truth/``; None to run and count only.

    Raises
    ------
    DataError
        If `out` holds a recording already.
    """
    if out is not None and list_segments(out):
        raise DataError(f"{out} holds a recording already; give an empty folder")
    began = stopwatch()
    chain, tokens = Chain(settings), list[TokenTruth]()
    waiting: list[Record] = []
    count = segments = 0
    for record in chain.records(tokens.append):
        waiting.append(record)
        count += 1
        if len(waiting) == SEGMENT_RECORDS:
            segments += _write(out, waiting)
            done_s = (chain.reached_ns - settings.start_ns) // NS_PER_S
            progress("simulating", done_s, round(settings.days * 86_400))
    segments += _write(out, waiting)
    if out is not None:
        write_people(out, chain.people)
        write_tokens(out, tokens)
    graduations = sum(token.graduated for token in tokens)
    return Simulation(count, len(tokens), graduations, segments, stopwatch() - began)


def _write(out: Path | None, waiting: list[Record]) -> int:
    if waiting and out is not None:
        write_segment(out, waiting)
    wrote = int(bool(waiting and out is not None))
    waiting.clear()
    return wrote
