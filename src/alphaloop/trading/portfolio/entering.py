"""From a scored signal to an order, or to the reason why there is none."""

from __future__ import annotations

from typing import NamedTuple

from alphaloop.trading.portfolio.entry import ORDER, Standing, explain, first_stop, phase_of
from alphaloop.trading.portfolio.inputs import Scored
from alphaloop.trading.portfolio.outputs import Decision, Order, Place
from alphaloop.trading.portfolio.settings import RegimeEffect, Strategy
from alphaloop.trading.portfolio.sizing import size
from alphaloop.trading.portfolio.state import PortfolioState
from alphaloop.trading.portfolio.trades import Trade

_NO_EFFECT = RegimeEffect()


class _Verdict(NamedTuple):
    """Why nothing is entered, or with which strategy and how much."""

    stopped_by: str
    detail: str
    strategy: str = ""
    size: int = 0


class Entering:
    """Decides on signals; one position for a signal at most."""

    def __init__(self, state: PortfolioState) -> None:
        self.state = state
        settings = state.settings
        # The highest priority first; of equals the name decides.
        ranked = sorted(settings.strategies.items(), key=lambda item: (-item[1].priority, item[0]))
        self._by_source: dict[str, list[tuple[str, Strategy]]] = {}
        for name, strategy in ranked:
            self._by_source.setdefault(strategy.source, []).append((name, strategy))

    def decide(self, scored: Scored) -> None:
        """Check, choose, size, and place an order if nothing stands in the way."""
        state, settings = self.state, self.state.settings
        state.see()
        effect = settings.regimes.get(scored.regime, _NO_EFFECT)
        standing = Standing(
            phase_of(settings.phases, state.free),
            state.open_positions,
            scored.asset in state.by_asset,
            state.cool_until_ns.get(scored.asset, 0) > state.now_ns,
        )
        add = effect.add_threshold
        strategies = self._by_source.get(scored.source, [])
        checks = {name: first_stop(each, scored, standing, settings.phases, add) for name, each in strategies}
        passed = [(name, strategy) for name, strategy in strategies if not checks[name]]
        if passed:
            verdict = self._choose(*passed[0], scored, standing, effect)
        else:
            verdict = self._refuse(strategies, checks, scored, standing, effect)
        trade = self._open(verdict, scored) if verdict.size else None
        state.out.append(
            Decision(
                signal_id=scored.signal_id,
                asset=scored.asset,
                source=scored.source,
                at_ns=scored.at_ns,
                known_ns=scored.known_ns,
                price=scored.price,
                scores=scored.scores,
                models=scored.models,
                regime=scored.regime,
                phase=standing.phase,
                balance=state.account.balance,
                equity=state.equity,
                open_positions=standing.open,
                checks=checks,
                strategy=verdict.strategy,
                stopped_by=verdict.stopped_by,
                detail=verdict.detail,
                size=verdict.size,
                trade_id=trade.trade_id if trade is not None else "",
            )
        )
        if trade is not None:
            self.buy(trade)

    def buy(self, trade: Trade) -> None:
        """Place the order of a trade, the first or a further one.

        A further one has the budget, the tolerance and the market's facts of the first, unless newer ones have come:
        a price that ran away is not run after.
        """
        trade.buys += 1
        order = Order(
            order_id=f"{trade.trade_id}.buy.{trade.buys}",
            trade_id=trade.trade_id,
            side="buy",
            asset=trade.asset,
            amount=trade.budget,
            quantity=0,
            step=trade.buys - 1,
            slippage_bps=self.state.settings.strategies[trade.strategy].slippage_bps,
            tip_factor=1.0,
            venue=trade.venue,
            price=trade.last,
            decided_ns=trade.decided_ns,
            context=trade.context,
        )
        self.state.touch(trade)
        self.state.out.append(Place(order))

    def _choose(
        self, name: str, strategy: Strategy, scored: Scored, standing: Standing, effect: RegimeEffect
    ) -> _Verdict:
        state, settings = self.state, self.state.settings
        breaker, says = state.panel.reason(state.now_ns, state.unproved_orders)
        if breaker:
            return _Verdict(breaker, says, name)
        spend, small = size(
            settings.sizing,
            settings.phases[standing.phase - 1],
            effect,
            free=state.free,
            liquidity=scored.liquidity,
            probability=scored.scores[strategy.model],
            threshold=strategy.score_threshold + effect.add_threshold,
        )
        return _Verdict("", "", name, spend) if spend else _Verdict("too_small", small, name)

    def _refuse(
        self,
        strategies: list[tuple[str, Strategy]],
        checks: dict[str, str],
        scored: Scored,
        standing: Standing,
        effect: RegimeEffect,
    ) -> _Verdict:
        if not strategies:
            return _Verdict("no_strategy", f"no strategy takes signals of {scored.source!r}")
        # Nearest to an entry is the strategy that came furthest; max keeps the first of equals.
        name, strategy = max(strategies, key=lambda item: ORDER[checks[item[0]]])
        check = checks[name]
        return _Verdict(check, explain(check, strategy, scored, standing, self.state.settings.phases, effect))

    def _open(self, verdict: _Verdict, scored: Scored) -> Trade:
        state = self.state
        number = state.account.next_trade
        state.account.next_trade += 1
        state.account_changed = True
        strategy = state.settings.strategies[verdict.strategy]
        trade = Trade(
            trade_id=f"t{number}",
            signal_id=scored.signal_id,
            asset=scored.asset,
            source=scored.source,
            strategy=verdict.strategy,
            score=scored.scores[strategy.model],
            budget=verdict.size,
            decided_ns=state.now_ns,
            known_ns=scored.known_ns,
            context=scored.context,
            last=scored.price,
            last_ns=scored.known_ns,
        )
        state.add(trade)
        return trade
