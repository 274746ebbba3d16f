"""A signal: a tracked wallet buys. Its 68 features are read from the books right after that buy."""

from __future__ import annotations

import math

from alphaloop.markets.pumpfun.emissions import SIGNALS_CHANNEL, Emission, Publish, Row
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, Trade
from alphaloop.markets.pumpfun.shelf import Shelf
from alphaloop.markets.pumpfun.signals.catalogue import SIGNAL
from alphaloop.markets.pumpfun.signals.coin import coin_state
from alphaloop.markets.pumpfun.signals.identity import signal_id
from alphaloop.markets.pumpfun.signals.messages import SignalMessage, encode, envelope, number, numbers
from alphaloop.markets.pumpfun.signals.rule import RuleSettings, rule_score
from alphaloop.markets.pumpfun.signals.scoring import Scorers
from alphaloop.markets.pumpfun.signals.settings import EmitterSettings
from alphaloop.markets.pumpfun.signals.vector import SIGNAL_VECTOR


class SignalEmitter:
    """Turns buys of tracked wallets into signals; it has no state of its own.

    Every such buy is a signal, also the second one of the same wallet in the same token: the features say how it
    differs from the first. A buy below `min_sol` is none, because it moves nothing and costs nothing to fake.
    """

    def __init__(
        self, settings: EmitterSettings, rule: RuleSettings, shelf: Shelf, scorers: Scorers, out: list[Emission]
    ) -> None:
        self.rule, self.shelf, self.scorers, self.out = rule, shelf, scorers, out
        self._least = round(settings.min_sol * LAMPORTS_PER_SOL)

    def update(self, event: Trade) -> str | None:
        """Make a signal of a tracked wallet's trade that the books have taken in, if it is one; give its id."""
        if not event.is_buy or event.sol_amount < self._least:
            return None
        values = self.features(event)
        vector = SIGNAL_VECTOR(values)
        message = self._message(event, values, numbers(vector), dict(self.scorers.signal(vector)))
        self.out.append(Publish(SIGNALS_CHANNEL, encode(message)))
        self.out.append(Row("signals", _row(message, vector.tobytes(), number(values["rule_score"]))))
        return message.signal_id

    def features(self, event: Trade) -> dict[str, float]:
        """The 68 features, by name, of a buy that the books have taken in."""
        shelf, mint, wallet, now = self.shelf, event.mint, event.wallet, event.known_ns
        token = shelf.tokens.get(mint)
        creator = token.creator if token is not None else event.creator
        values = {
            **shelf.intelligence.wallet(wallet, now),
            **shelf.intelligence.creator(creator, now),
            **shelf.tokens.features(mint, now),
            **shelf.intelligence.social(wallet, mint, now),
            **shelf.regime.features(now),
            "lifecycle_state": _state(shelf.lifecycle.state(mint)),
            "token_bundle_confidence": shelf.bundles.confidence(mint),
            "wash_trade_pct": shelf.washing.share(mint),
            "crowding_ratio": shelf.crowding.ratio(mint),
            "crowding_penalty": shelf.crowding.penalty(mint),
        }
        sol = event.sol_amount / LAMPORTS_PER_SOL
        median = values["median_sol_per_buy"]
        supply = token.supply if token is not None else 0
        values.update(
            signal_sol=sol,
            signal_supply_pct=event.token_amount / supply if supply else math.nan,
            buy_rank=float(shelf.tokens.buy_rank(mint, wallet)),
            token_age_s=shelf.tokens.age_s(mint, now),
            entry_price=event.price,
            curve_progress=shelf.tokens.progress(mint),
            size_vs_wallet_median=sol / median if median else math.nan,
            tracked_buyers_60s=float(
                sum(shelf.intelligence.is_tracked(buyer) for buyer in shelf.tokens.recent_buyers(mint, 60, now))
            ),
        )
        values["rule_score"] = rule_score(
            self.rule,
            values["alpha_score"],
            values["velocity"],
            values["buy_rank"],
            values["lifecycle_state"],
            values["creator_risk_score"],
            follower_weight=shelf.intelligence.follower_weight(wallet),
            crowding_penalty=values["crowding_penalty"],
        )
        return values

    def _message(
        self, event: Trade, values: dict[str, float], features: list[float | None], scores: dict[str, float]
    ) -> SignalMessage:
        token = self.shelf.tokens.get(event.mint)
        return SignalMessage(
            signal_id=signal_id("signal", event.key, event.wallet, SIGNAL),
            token_mint=event.mint,
            known_ns=event.known_ns,
            event_ns=event.event_ns,
            price=event.price,
            creator=token.creator if token is not None else event.creator,
            symbol=self.shelf.births.symbol(event.mint),
            feature_set=SIGNAL.name,
            feature_set_hash=SIGNAL.hash,
            features=features,
            scores=scores,
            wallet=event.wallet,
            signature=event.signature,
            log_index=event.log_index,
            sol_amount=event.sol_amount,
            token_amount=event.token_amount,
            alpha_score=number(values["alpha_score"]),
            buy_rank=number(values["buy_rank"]),
            velocity=number(values["velocity"]),
            risk_score=number(100.0 * values["wash_trade_pct"]),
            bundle_confidence=number(values["token_bundle_confidence"]),
            lifecycle_state=number(values["lifecycle_state"]),
            creator_risk=number(values["creator_risk_score"]),
            rule_score=number(values["rule_score"]),
            follower_weight=self.shelf.intelligence.follower_weight(event.wallet),
            crowding_penalty=number(values["crowding_penalty"]),
            coin=coin_state(token) if token is not None else None,
        )


def _state(state: int | None) -> float:
    return math.nan if state is None else float(state)


def _row(message: SignalMessage, features: bytes, rule: float | None) -> dict[str, object]:
    return {
        "signal_id": message.signal_id,
        "kind": "signal",
        "mint": message.token_mint,
        "wallet": message.wallet,
        "event_ns": message.event_ns,
        "known_ns": message.known_ns,
        "feature_set": message.feature_set,
        "feature_set_hash": message.feature_set_hash,
        "features": features,
        "rule_score": rule,
        "price": message.price,
        "buy_signature": message.signature,
        "log_index": message.log_index,
        "wallet_score_at_entry": message.alpha_score,
        "creator": message.creator,
        "message": envelope(message),
    }
