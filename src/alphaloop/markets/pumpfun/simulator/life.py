"""The life of one coin: from its creation to the last trade anybody makes in it.

While the crowd's attention lasts, buys lift the price and a share of every rise is sold by those who want out. The rise
wears attention out: it ends after a gross rise of the log price that is exponential with the launch's hazard, so that
at any moment what is still to come does not depend on what was. Then everybody sells, the creator's wallets first.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from typing import Final

from alphaloop.markets.pumpfun.simulator.agents import Agents, Arrival
from alphaloop.markets.pumpfun.simulator.holders import Holders
from alphaloop.markets.pumpfun.simulator.journal import Journal, Move
from alphaloop.markets.pumpfun.simulator.launches import Launch
from alphaloop.markets.pumpfun.simulator.venue import DUST, CurveVenue, PoolVenue

MAYHEM_AGENT: Final = "BwWK17cbHxwWBKZkUYvzxLcNQ1YVyaFezduWbtm2de6s"
MOST_TRADES: Final = 4_000
LONGEST_S: Final = 6 * 3600.0
MOST_RISE: Final = 5.5
"""Of the gross log price: no coin of a simulated day outgrows the whole market."""

ALONE_S: Final = 45.0
"""Median time that a creator waits for others."""

LEAST_SALE: Final = 0.002
"""Log price below which a sale is put off until the rise has paid for more."""


class Life:
    """Plays one launch.

    Attributes
    ----------
    journal : Journal
        Its records, in order of time.
    faded_s : float
        Seconds after the creation at which attention ended.
    """

    def __init__(self, launch: Launch, agents: Agents, fresh: Callable[[], str]) -> None:
        self.launch = launch
        self.agents = agents
        self.dice = agents.dice
        self.how = agents.how
        self.fresh = fresh
        self.holders = Holders()
        self.journal = Journal(launch)
        self.curve = CurveVenue(cashback=launch.cashback)
        self.pool: PoolVenue | None = None
        self.faded_s = math.nan
        self._attention = min(self.dice.exponential() / launch.hazard, MOST_RISE)
        self._to_sell = 0.0

    @property
    def graduated(self) -> bool:
        """Whether the coin has a pool."""
        return self.pool is not None

    def play(self) -> list[Move]:
        """Play the whole life; its records in order of time."""
        self._create()
        if self.launch.noticed:
            self._rise()
        else:
            self.journal.now_s = self.dice.lognormal(ALONE_S, 1.0)
        self.faded_s = self.journal.now_s
        self._fade()
        return self.journal.moves

    def _rise(self) -> None:
        """Let buyers come until attention has worn out."""
        waiting = self.agents.early(self.launch)
        for arrival in self._arrivals(waiting):
            self._buy(arrival)
            if self._attention <= 0 or self.journal.trades >= MOST_TRADES:
                break
            if arrival.leads:
                for follower in self.agents.followers(arrival.wallet, arrival.at_s):
                    heapq.heappush(waiting, follower)
            self._take_profits()

    def _arrivals(self, waiting: list[Arrival]) -> Iterator[Arrival]:
        """Yield who comes next: of those who come by themselves, or of the crowd, whose rate follows its speed."""
        dice, launch, how = self.dice, self.launch, self.how
        mean_rise = 2 * launch.relative_size * math.exp(how.size_spread**2 / 2)
        gap_s = mean_rise / launch.speed
        crowd_s = 2.0 + gap_s * dice.exponential()
        while True:
            if waiting and waiting[0].at_s <= crowd_s:
                arrival = heapq.heappop(waiting)
            else:
                if crowd_s > LONGEST_S:
                    return
                lamports = int(self._venue().depth * min(dice.lognormal(launch.relative_size, how.size_spread), 0.2))
                wallet = self.agents.passer_by(self.fresh)
                arrival = Arrival(crowd_s, 0, wallet, lamports, 30.0 + 240.0 * dice.exponential())
                crowd_s += gap_s * dice.exponential()
            arrival.at_s = max(arrival.at_s, self.journal.now_s + 0.02)
            yield arrival

    def _create(self) -> None:
        self.journal.create()
        lamports = self.agents.developer_lamports(self.launch)
        if lamports:
            creator = self.launch.creator.address
            quote = self.curve.buy(lamports)
            self.holders.add(creator, quote.token_amount, math.inf)
            self.journal.trade(creator, True, quote, with_creation=True)

    def _venue(self) -> CurveVenue | PoolVenue:
        return self.pool or self.curve

    def _buy(self, arrival: Arrival) -> None:
        """Let somebody buy; the rise wears attention out, and the buy that ends it is no larger than that."""
        self.journal.now_s = arrival.at_s
        venue = self._venue()
        before = venue.depth
        lamports = max(min(arrival.lamports, venue.budget_for_rise(self._attention)), DUST)
        tokens = self._carry_out_buy(arrival.wallet, lamports)
        self.holders.add(arrival.wallet, tokens, arrival.at_s + arrival.stay_s)
        rise = 2 * math.log(venue.depth / before)
        self._attention -= max(rise, 1e-9)
        self._to_sell += self.how.profit_taking * rise

    def _carry_out_buy(self, wallet: str, lamports: int) -> int:
        if self.pool:
            before = self.pool.pool
            tokens, net = self.pool.buy(lamports)
            self.journal.pool_trade(wallet, True, tokens, net, before, self.pool.pool)
            return tokens
        if self.launch.mayhem and self.dice.chance(0.2):
            self._agent_of_mayhem()
        quote = self.curve.buy(lamports)
        self.journal.trade(wallet, True, quote)
        if quote.after.complete:
            self._graduate(wallet)
        return quote.token_amount

    def _graduate(self, wallet: str) -> None:
        self.journal.complete(wallet)
        self.pool = PoolVenue(self.curve.reserves)
        self.journal.now_s += 3.0 + 10.0 * self.dice.exponential()
        self.journal.migrate(self.pool.pool)
        self.journal.now_s += 1.0

    def _take_profits(self) -> None:
        """Let the least patient sell what the rise has paid for.

        Somebody always does: were sales to wait until somebody's time has come, a coin of patient holders would rise
        further on the same attention, and its holders would tell its future even where nothing is planted.
        """
        while self._to_sell > LEAST_SALE:
            wallet = self.holders.next_leaver()
            if wallet is None:
                return
            venue = self._venue()
            held = self.holders.tokens[wallet]
            wanted = 2 * math.log1p(held / venue.stock)
            sold = held if wanted <= self._to_sell else int(venue.stock * math.expm1(self._to_sell / 2))
            depth = venue.depth
            self.journal.now_s += 0.1 + 0.5 * self.dice.exponential()
            self._sell(wallet, sold)
            self._to_sell -= 2 * math.log(depth / venue.depth)

    def _sell(self, wallet: str, tokens: int) -> None:
        self.holders.take(wallet, tokens)
        if self.pool:
            before = self.pool.pool
            _, net = self.pool.sell(tokens)
            self.journal.pool_trade(wallet, False, tokens, net, before, self.pool.pool)
        else:
            self.journal.trade(wallet, False, self.curve.sell(tokens))

    def _fade(self) -> None:
        """Everybody leaves: the creator's wallets at once, others as they notice; a few come late for the bargain."""
        dice, how, start_s = self.dice, self.how, self.journal.now_s
        own = {self.launch.creator.address, *self.launch.bundle}
        leaving: list[tuple[float, int, str]] = []
        for number, wallet in enumerate(self.holders.tokens):
            if wallet in own:
                leaving.append((0.4 + 2.0 * dice.uniform(), number, wallet))
            elif not dice.chance(how.bag_holders):
                leaving.append((1.0 + dice.lognormal(how.panic_delay_s, how.panic_spread), number, wallet))
        leaving.extend(
            (1.0 + dice.lognormal(how.straggler_delay_s, how.panic_spread), -1 - number, self.fresh())
            for number in range(dice.poisson(how.stragglers * dice.exponential()))
        )
        heapq.heapify(leaving)
        while leaving:
            after_s, number, wallet = heapq.heappop(leaving)
            self.journal.now_s = max(start_s + after_s, self.journal.now_s + 0.01)
            if number < 0:
                self._come_late(wallet)
                if wallet in self.holders.tokens:
                    heapq.heappush(leaving, (after_s + 5.0 + dice.lognormal(how.straggler_delay_s, 1.0), 0, wallet))
            elif held := self.holders.tokens.get(wallet):
                self._sell(wallet, held)

    def _come_late(self, wallet: str) -> None:
        lamports = int(self._venue().depth * min(self.dice.lognormal(0.002, 1.0), 0.01))
        if self.pool or lamports < self.curve.cost_of_rest():
            self.holders.add(wallet, self._carry_out_buy(wallet, max(lamports, DUST)), math.inf)

    def _agent_of_mayhem(self) -> None:
        """The program's agent trades for free, and the program moves the virtual SOL."""
        self.curve.drift(-0.01 * self.dice.uniform())
        held = self.holders.tokens.get(MAYHEM_AGENT, 0)
        if held and self.dice.chance(0.5):
            self.holders.take(MAYHEM_AGENT, held)
            self.journal.trade(MAYHEM_AGENT, False, self.curve.agent_trade(0, held))
            return
        lamports = int(0.05e9 * self.dice.exponential()) + DUST
        if lamports < self.curve.cost_of_rest() // 2:
            quote = self.curve.agent_trade(lamports, 0)
            self.holders.add(MAYHEM_AGENT, quote.token_amount, math.inf)
            self.journal.trade(MAYHEM_AGENT, True, quote)
