"""What became of the coins that a creator launched, and how risky the next one is.

A launch is judged when it has not been traded for `dead_after_s`; if it is traded again, the judgement is taken back
until the next silence. A graduated launch is not judged: it was no rug.

- insiders of a launch: its creator, and every wallet that buys within `insider_slots` of the slot of its creation,
  before who listens to the chain can have answered it;
- insider share: the largest part of the supply that they held at once, by their trades within `rug_within_s`;
- rug: that share reached `rug_share`, they sold `rug_sold` of what they bought within the same time, and at the
  judgement the price has given back `rug_given_back` of its rise from the start to the peak (no price on the curve
  falls below its start, so a fall in percent would miss all but the highest);
- lifetime: from the creation to the last trade, 0 for a launch that was never traded.

The record of a launch goes when the coin is over (`coin_idle_s` of the wallet book after its last trade) and with it
the power to take its judgement back: a coin that is traded after it was over is a new coin whose creation was not
seen. A creator is forgotten `creator_idle_s` after its last launch, when none of its launches has a record any more,
and begins anew if it launches again.

The risk, 0 to 100, is computed once in `every_s` for the creators with `min_tokens` launches that changed:

==========  ======  ================================================================================================
part        weight  scale
==========  ======  ================================================================================================
rug         0.35    rugs among the judged and graduated launches, drawn towards `rug_prior` as if by two more of them
lifetime    0.15    ``1 - ln(1 + mean minutes) / ln(61)`` of the judged launches, cut to [0, 1]: an hour is no risk
insider     0.20    mean insider share of the launches; full at `insider_full`
bot         0.15    bots among the buyers, pooled over the launches; full at `bot_full`
serial      0.15    launches of the last 24 hours; full at `serial_full`
==========  ======  ================================================================================================

Parts of which nothing is known yet leave their weight to the others.
"""

from __future__ import annotations

import math
from typing import ClassVar

import msgspec
from pydantic import Field

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.books import samples
from alphaloop.markets.pumpfun.books.agenda import Agenda
from alphaloop.markets.pumpfun.books.behaviour import ratio
from alphaloop.markets.pumpfun.books.bots import BotBook
from alphaloop.markets.pumpfun.books.launches import Creator, Launch
from alphaloop.markets.pumpfun.books.roster import Step
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.books.wallets import WalletBook
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, UNITS_PER_TOKEN, AnyEvent, Complete, Create, Trade

CREATOR = (
    "creator_risk_score",
    "creator_tokens",
    "creator_rug_rate",
    "creator_graduation_rate",
    "creator_avg_lifetime_s",
    "creator_insider_pct",
    "creator_bot_buyer_pct",
    "creator_launches_24h",
)


class CreatorWeights(Settings):
    """Weights of the five parts of the risk."""

    rug: float = Field(default=0.35, ge=0)
    lifetime: float = Field(default=0.15, ge=0)
    insider: float = Field(default=0.20, ge=0)
    bot: float = Field(default=0.15, ge=0)
    serial: float = Field(default=0.15, ge=0)


class CreatorSettings(Settings):
    """Cadence, judgement and scales."""

    every_s: int = Field(default=1800, ge=1, description="seconds between two rounds of judging and scoring")
    min_tokens: int = Field(default=2, ge=1, description="launches from which a creator has a risk")
    dead_after_s: int = Field(default=1800, ge=1, description="a launch is judged after so long without a trade")
    insider_slots: int = Field(default=1, ge=0, description="slots after the creation in which a buyer is an insider")
    rug_share: float = Field(default=0.03, ge=0, le=1, description="part of the supply that the insiders held at once")
    rug_sold: float = Field(default=0.8, gt=0, le=1, description="part that the insiders sold of what they bought")
    rug_within_s: int = Field(default=600, ge=1, description="seconds after the creation within which they sold it")
    rug_given_back: float = Field(default=0.5, gt=0, le=1, description="part of the rise that the price lost again")
    weights: CreatorWeights = CreatorWeights()
    rug_prior: float = Field(default=0.3, ge=0, le=1)
    insider_full: float = Field(default=0.2, gt=0, le=1)
    bot_full: float = Field(default=0.5, gt=0, le=1)
    serial_full: int = Field(default=10, ge=1)
    recent_launches: int = Field(default=256, ge=1, description="launches counted within 24 hours at most")
    creator_idle_s: int = Field(default=30 * 86_400, ge=86_400, description="a creator is forgotten after so long")


class CreatorState(msgspec.Struct):
    """What `CreatorBook` knows."""

    creators: dict[str, Creator] = {}
    launches: dict[str, Launch] = {}
    changed: dict[str, None] = {}
    fresh: list[str] = []
    agenda: Agenda = msgspec.field(default_factory=lambda: Agenda(1))
    creator_agenda: Agenda = msgspec.field(default_factory=lambda: Agenda(1))


class CreatorBook(StatefulBook[CreatorState]):
    """Creators and their launches; see the module. Fed after the wallet book."""

    name: ClassVar[str] = "creators"
    form = CreatorState

    def __init__(self, wallets: WalletBook, bots: BotBook, settings: CreatorSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or CreatorSettings()
        self.state.agenda = Agenda(self.settings.every_s)
        self.state.creator_agenda = Agenda(self.settings.every_s)
        self._wallets, self._bots = wallets, bots
        self._insider_slots = self.settings.insider_slots
        self._rug_within_ns = self.settings.rug_within_s * NS_PER_S
        self._weights: dict[str, float] = self.settings.weights.model_dump()

    @property
    def every_s(self) -> int:
        """Seconds between two rounds of judging and scoring."""
        return self.settings.every_s

    @property
    def fresh(self) -> list[str]:
        """Creators that were scored in the last round."""
        return self.state.fresh

    # Reading

    def features(self, creator: str, now_ns: int) -> dict[str, float]:
        """Give the 8 features of a creator as known at `now_ns`, shares as fractions; all NaN for one never seen."""
        found = self.state.creators.get(creator)
        if found is None:
            return dict.fromkeys(CREATOR, math.nan)
        ended = found.judged + found.graduated
        return {
            "creator_risk_score": found.risk,
            "creator_tokens": float(found.launches),
            "creator_rug_rate": ratio(found.rugs, ended),
            "creator_graduation_rate": ratio(found.graduated, ended),
            "creator_avg_lifetime_s": ratio(found.lifetime_ns, found.judged) / NS_PER_S,
            "creator_insider_pct": found.insider_share / found.launches,
            "creator_bot_buyer_pct": ratio(found.bot_buyers, found.buyers),
            "creator_launches_24h": float(found.launches_24h(now_ns)),
        }

    def risk(self, creator: str) -> float:
        """`creator_risk_score` of `features` alone."""
        found = self.state.creators.get(creator)
        return math.nan if found is None else found.risk

    def parts(self, creator: Creator, now_ns: int) -> dict[str, float]:
        """The five parts of the risk, each in [0, 1], by the name of its weight; NaN where nothing is known."""
        scale, ended = self.settings, creator.judged + creator.graduated
        minutes = ratio(creator.lifetime_ns, creator.judged) / (60 * NS_PER_S)
        return {
            "rug": (creator.rugs + 2 * scale.rug_prior) / (ended + 2) if ended else math.nan,
            "lifetime": _cut(1.0 - math.log1p(minutes) / math.log(61.0)),
            "insider": _cut(creator.insider_share / creator.launches / scale.insider_full),
            "bot": _cut(ratio(creator.bot_buyers, creator.buyers) / scale.bot_full),
            "serial": _cut(creator.launches_24h(now_ns) / scale.serial_full),
        }

    # Feeding

    def update(self, event: AnyEvent) -> None:
        """Take in an event."""
        if isinstance(event, Trade):
            launch = self.state.launches.get(event.mint)
            if launch is not None and self._wallets.step is not None:
                self._trade(event, launch, self._wallets.step)
        elif isinstance(event, Create):
            coin = self._wallets.coin(event.mint)
            if coin is not None and coin.created_ns == event.known_ns:
                self._launch(event)
        elif isinstance(event, Complete):
            self._complete(event)

    def _launch(self, event: Create) -> None:
        name, now = event.creator or event.user, event.known_ns
        earlier = self.state.launches.get(event.mint)
        if earlier is not None:
            self._end(event.mint, earlier)
        creator = self.state.creators.get(name)
        if creator is None:
            creator = self.state.creators[name] = Creator()
            self.state.creator_agenda.add(name, now + self.settings.creator_idle_s * NS_PER_S)
        creator.launches += 1
        creator.alive += 1
        creator.launched_at = samples.added(creator.launched_at, now, self.settings.recent_launches)
        self.state.launches[event.mint] = Launch(
            creator=name,
            created_ns=now,
            slot=event.slot,
            supply=event.supply or event.real_token,
            seen_ns=now,
            insiders={name: None, event.user: None},
            start=(event.virtual_sol / LAMPORTS_PER_SOL) / (event.virtual_token / UNITS_PER_TOKEN),
        )
        self.state.changed[name] = None
        self.state.agenda.add(event.mint, now + self.settings.dead_after_s * NS_PER_S)

    def _trade(self, event: Trade, launch: Launch, step: Step) -> None:
        if step.coin.created_ns != launch.created_ns:
            self._end(event.mint, launch)
            return
        creator, now = self.state.creators[launch.creator], event.known_ns
        if launch.judged:
            creator.take_back(launch)
        launch.seen_ns = now
        launch.price = price = step.coin.price
        if price > launch.peak:
            launch.peak = price
        if step.entry:
            creator.buyers += 1
            creator.bot_buyers += self._bots.is_bot(step.wallet.number)
        if event.is_buy and event.slot <= launch.slot + self._insider_slots:
            launch.insiders[event.wallet] = None
        if event.wallet in launch.insiders and now - launch.created_ns <= self._rug_within_ns:
            if event.is_buy:
                creator.insider_share += launch.insider_buy(event.token_amount)
            else:
                launch.sold += event.token_amount
        self.state.changed[launch.creator] = None

    def _complete(self, event: Complete) -> None:
        launch = self.state.launches.get(event.mint)
        if launch is None or launch.graduated:
            return
        creator = self.state.creators[launch.creator]
        if launch.judged:
            creator.take_back(launch)
        launch.graduated = True
        creator.graduated += 1
        self.state.changed[launch.creator] = None

    def _end(self, mint: str, launch: Launch) -> None:
        self.state.creators[launch.creator].alive -= 1
        del self.state.launches[mint]

    # The clock

    def run(self, now_ns: int) -> None:
        """Judge the launches that fell silent, score the creators that changed, forget those that stay away."""
        for mint in self.state.agenda.due(now_ns):
            self._visit(mint, now_ns)
        for name in self.state.creator_agenda.due(now_ns):
            self._forget(name, now_ns)
        changed, self.state.changed = self.state.changed, {}
        self.state.fresh = []
        for name in changed:
            creator = self.state.creators.get(name)
            if creator is not None and creator.launches >= self.settings.min_tokens:
                creator.risk = self._risk(creator, now_ns)
                self.state.fresh.append(name)

    def _visit(self, mint: str, now_ns: int) -> None:
        launch = self.state.launches.get(mint)
        if launch is None:
            return
        silent_ns = launch.seen_ns + self.settings.dead_after_s * NS_PER_S
        if silent_ns <= now_ns and not launch.judged and not launch.graduated:
            self._judge(launch)
        if self._wallets.coin(mint) is None:
            self._end(mint, launch)
        else:
            self.state.agenda.add(mint, max(silent_ns, now_ns + self.settings.every_s * NS_PER_S))

    def _judge(self, launch: Launch) -> None:
        rug = (
            launch.bought > 0
            and launch.most >= self.settings.rug_share * launch.supply
            and launch.sold >= self.settings.rug_sold * launch.bought
            and launch.peak - launch.price >= self.settings.rug_given_back * (launch.peak - launch.start)
        )
        self.state.creators[launch.creator].judge(launch, rug=rug)
        self.state.changed[launch.creator] = None

    def _forget(self, name: str, now_ns: int) -> None:
        creator = self.state.creators[name]
        away_ns = samples.nth_last(creator.launched_at, 1) + self.settings.creator_idle_s * NS_PER_S
        if away_ns > now_ns or creator.alive:
            self.state.creator_agenda.add(name, max(away_ns, now_ns + self.settings.every_s * NS_PER_S))
        else:
            del self.state.creators[name]

    def _risk(self, creator: Creator, now_ns: int) -> float:
        known = {part: value for part, value in self.parts(creator, now_ns).items() if value == value}
        return 100.0 * ratio(
            sum(self._weights[part] * value for part, value in known.items()),
            sum(self._weights[part] for part in known),
        )


def _cut(value: float) -> float:
    """Cut to [0, 1]; NaN stays NaN."""
    return min(1.0, max(0.0, value)) if value == value else value
