"""Exit warnings: a token with recent signals shows two or more marks of a bad end at once.

=================  ============================================================================================
trigger            is true when
=================  ============================================================================================
bundle             bundle confidence is above its limit
creator_risk       the creator's risk score is above its limit
wash               the share of wash traded volume is above its limit
bots               enough recent buyers, and too large a share of them are bots
smart_selling      enough tracked wallets sold in the last minute, or tracked wallets together took SOL out while
                   the others together put SOL in
creator_sold       the maker sold too much of what it bought on the curve
distribution       the life cycle says distribution
=================  ============================================================================================

What is unknown is no trigger.
"""

from __future__ import annotations

import hashlib
import math
from typing import Final

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.emissions import SIGNALS_CHANNEL, Emission, Publish, Row
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL
from alphaloop.markets.pumpfun.schedule import Periodic
from alphaloop.markets.pumpfun.shelf import Shelf
from alphaloop.markets.pumpfun.signals.messages import AntiSignalMessage, encode, envelope
from alphaloop.markets.pumpfun.signals.settings import AntiSettings

DISTRIBUTION: Final = 4
QUIET_NS: Final = 300 * NS_PER_S


class Watch(msgspec.Struct, gc=False):
    """A token with a recent signal, and what was told about it last."""

    signal_ns: int
    traded: bool = True
    checked_ns: int = 0
    told_ns: int = 0
    told: list[str] = []


class _State(msgspec.Struct):
    watched: dict[str, Watch] = {}
    due_ns: int = 0


class AntiEmitter:
    """Checks, each `every_s`, the tokens with a signal that is at most `recent_s` old.

    A token that has not traded since its last check is looked at every five minutes only. The same triggers are told
    again after `repeat_s`, or at once after another signal in the token; a change of triggers is told at once. Memory:
    one record for each token with a recent signal.
    """

    def __init__(self, settings: AntiSettings, shelf: Shelf, out: list[Emission]) -> None:
        self.settings, self.shelf, self.out = settings, shelf, out
        self.timer = Periodic(settings.every_s, self.run)
        self._watched: dict[str, Watch] = {}

    @property
    def watched(self) -> int:
        """How many tokens are under watch."""
        return len(self._watched)

    def signal(self, mint: str, known_ns: int) -> None:
        """Watch a token from its signal on."""
        watch = self._watched.get(mint)
        if watch is None:
            self._watched[mint] = Watch(known_ns)
        else:
            watch.signal_ns, watch.traded, watch.told = known_ns, True, []

    def traded(self, mint: str) -> None:
        """Note a trade of a token."""
        watch = self._watched.get(mint)
        if watch is not None:
            watch.traded = True

    def run(self, now_ns: int) -> None:
        """Check the tokens that need it, and warn."""
        oldest = now_ns - self.settings.recent_s * NS_PER_S
        for mint in [mint for mint, watch in self._watched.items() if watch.signal_ns < oldest]:
            del self._watched[mint]
        for mint, watch in self._watched.items():
            if watch.traded or now_ns - watch.checked_ns >= QUIET_NS:
                watch.traded, watch.checked_ns = False, now_ns
                self._check(mint, watch, now_ns)

    def triggers(self, mint: str, now_ns: int) -> dict[str, str]:
        """The triggers of a token that are true now, with a sentence for people each.

        Bots, which take longest to look up, are left out where no warning could come of them.
        """
        settings, shelf = self.settings, self.shelf
        found: dict[str, str] = {}
        bundle, wash = shelf.bundles.confidence(mint), shelf.washing.share(mint)
        if bundle > settings.bundle_confidence:
            found["bundle"] = f"bundle confidence is {bundle:.0%}, above {settings.bundle_confidence:.0%}"
        if wash > settings.wash_share:
            found["wash"] = f"{wash:.0%} of the volume is wash traded, above {settings.wash_share:.0%}"
        found |= self._smart_selling(mint, now_ns)
        sold = shelf.births.maker_sold(mint)
        if sold > settings.creator_sold:
            found["creator_sold"] = f"the maker sold {sold:.0%} of what it bought, above {settings.creator_sold:.0%}"
        if shelf.lifecycle.state(mint) == DISTRIBUTION:
            found["distribution"] = "the life cycle says distribution"
        token = shelf.tokens.get(mint)
        risk = shelf.intelligence.creator_risk(token.creator) if token is not None else math.nan
        if risk > settings.creator_risk:
            found["creator_risk"] = f"the creator's risk score is {risk:.0f}, above {settings.creator_risk:.0f}"
        if len(found) + 1 >= settings.min_triggers:
            found |= self._bots(mint, now_ns)
        return found

    def _bots(self, mint: str, now_ns: int) -> dict[str, str]:
        buyers = self.shelf.tokens.recent_buyers(mint, self.settings.bot_window_s, now_ns)
        if len(buyers) < self.settings.bot_buyers:
            return {}
        share = sum(map(self.shelf.intelligence.is_bot, buyers)) / len(buyers)
        if share <= self.settings.bot_share:
            return {}
        return {"bots": f"{share:.0%} of {len(buyers)} recent buyers are bots, above {self.settings.bot_share:.0%}"}

    def _smart_selling(self, mint: str, now_ns: int) -> dict[str, str]:
        token, tracked = self.shelf.tokens.get(mint), self.shelf.intelligence.discovery.tracked
        if token is None:
            return {}
        window_s = self.settings.flow_window_s
        sellers: dict[str, None] = {}
        tracked_net = other_net = 0
        marks = token.since(now_ns - window_s * NS_PER_S)
        if tracked.keys().isdisjoint([mark[3] for mark in marks]):
            return {}
        for _, is_buy, lamports, wallet, _, _ in marks:
            signed = lamports if is_buy else -lamports
            if wallet in tracked:
                tracked_net += signed
                if not is_buy:
                    sellers[wallet] = None
            else:
                other_net += signed
        if len(sellers) >= self.settings.tracked_sellers:
            return {"smart_selling": f"{len(sellers)} tracked wallets sold within {window_s} s"}
        if tracked_net < 0 < other_net:
            taken, put = -tracked_net / LAMPORTS_PER_SOL, other_net / LAMPORTS_PER_SOL
            said = f"tracked wallets took {taken:.2f} SOL out within {window_s} s while others put {put:.2f} SOL in"
            return {"smart_selling": said}
        return {}

    def _check(self, mint: str, watch: Watch, now_ns: int) -> None:
        found = self.triggers(mint, now_ns)
        names = sorted(found)
        if len(names) < self.settings.min_triggers:
            return
        if names == watch.told and now_ns - watch.told_ns < self.settings.repeat_s * NS_PER_S:
            return
        watch.told, watch.told_ns = names, now_ns
        message = AntiSignalMessage(
            token_mint=mint,
            known_ns=now_ns,
            anti_id=hashlib.sha256(f"anti\n{mint}\n{now_ns}".encode()).hexdigest()[:32],
            triggers=names,
            reasons=[found[name] for name in names],
            severity=len(names),
        )
        self.out.append(Publish(SIGNALS_CHANNEL, encode(message)))
        self.out.append(Row("anti_signals", _row(message)))

    def save(self) -> bytes:
        """Give the whole state."""
        return msgspec.msgpack.encode(_State(self._watched, self.timer.due_ns))

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave."""
        found = msgspec.msgpack.decode(state, type=_State)
        self._watched, self.timer.due_ns = found.watched, found.due_ns


def _row(message: AntiSignalMessage) -> dict[str, object]:
    return {
        "anti_id": message.anti_id,
        "mint": message.token_mint,
        "known_ns": message.known_ns,
        "severity": message.severity,
        "reasons": message.reasons,
        "message": envelope(message),
    }
