"""From an order to a signed transaction, out of facts at hand: the same for money and for paper.

A buy spends exactly its budget, charges included, and asks for the tokens of its quote less the tolerance; a sale asks
for the money of its quote less the tolerance. Both are quoted by the program's own arithmetic from the reserves that
came with the order. The limit of slippage is thus all that stands between the decision and the landing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import AlphaloopError
from alphaloop.markets.pumpfun.curve.quotes import COMPLETE, QuoteError, buy_exact_in, sell
from alphaloop.markets.pumpfun.live.coin_context import (
    UnknownMarketError,
    curve_market,
    pool_market,
)
from alphaloop.markets.pumpfun.live.execution import ExecutionSettings
from alphaloop.markets.pumpfun.live.facts import ChainFacts, StaleFactError
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import orders
from alphaloop.markets.pumpfun.transactions.bundle import bundle_id
from alphaloop.markets.pumpfun.transactions.coins import UnknownKindError, parties
from alphaloop.markets.pumpfun.transactions.costs import WALLET_RENT, most_rent
from alphaloop.markets.pumpfun.transactions.envelope import Draft, Envelope, Lifetime, Terms, draft, sign
from alphaloop.markets.pumpfun.transactions.instructions import generation_for
from alphaloop.markets.pumpfun.transactions.pool_quotes import SELLING_DISABLED, pool_fees, quote_pool_sale
from alphaloop.markets.pumpfun.transactions.pool_sales import (
    POOL_COMPUTE_UNITS,
    draft_pool_sale,
    needed_for_pool_sale,
    pool_generation_for,
    pool_parties,
)
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.markets.pumpfun.transactions.tips import Tip
from alphaloop.trading.portfolio.records import Drafted, Order, Refused

POOL: Final = "pool"
MOST_TWINS: Final = 1_000


class Made(NamedTuple):
    """A signed transaction, and what is told of it."""

    envelope: Envelope
    drafted: Drafted


def where_it_trades(order: Order) -> Order:
    """A sale of what has moved to a pool that is known, as one in that pool, whatever its trade thinks so far."""
    if order.side == "sell" and order.context.get("complete") and "pool" in order.context:
        return msgspec.structs.replace(order, venue=POOL)
    return order


class Plan(NamedTuple):
    """A trade that only lacks its terms: `draw` compiles it with them."""

    draw: Callable[[Terms], Draft]
    units: int
    curve: str
    expected: int
    least: int
    rent: int
    spent: int
    venue: str
    generation: str


@dataclass
class OrderMaker:
    """Makes orders into signed transactions.

    Parameters
    ----------
    signer : Signer
        The wallet; it pays for everything.
    facts : ChainFacts
    settings : ExecutionSettings
    is_used : callable
        Whether a signature was made before: two orders are never one transaction.
    """

    signer: Signer
    facts: ChainFacts
    settings: ExecutionSettings
    is_used: Callable[[str], bool] = lambda signature: False

    def make(self, order: Order, now_ns: int) -> Made | Refused:
        """Quote, build and sign; nothing waits and nothing leaves the process."""
        order = where_it_trades(order)
        try:
            return self._make(order, now_ns)
        except StaleFactError as stale:
            return _refused(order, now_ns, stale, "wait")
        except UnknownMarketError as unknown:
            return _refused(order, now_ns, unknown, "refresh")
        except UnknownKindError as unknown:
            return _refused(order, now_ns, unknown, "refresh" if order.side == "sell" else "give_up")
        except QuoteError as error:
            return _refused(order, now_ns, error, _remedy(order, error.code))
        except AlphaloopError as error:
            return _refused(order, now_ns, error, "give_up")

    def _make(self, order: Order, now_ns: int) -> Made | Refused:
        if order.venue != POOL and order.context.get("complete"):
            raise QuoteError(COMPLETE, f"the curve of {order.asset} is complete; trade in the coin's pool")
        lifetime = self.facts.lifetime(now_ns, sale=order.side == "sell")
        plan = self._pool_plan(order, lifetime, now_ns) if order.venue == POOL else self._plan(order, lifetime, now_ns)
        envelope = self._sign(order, plan, now_ns)
        return Made(envelope, self._told(order, plan, envelope, now_ns))

    # -- what is to be done ------------------------------------------------------------------------------------------

    def _plan(self, order: Order, lifetime: Lifetime, now_ns: int) -> Plan:
        """A trade on the curve."""
        program = self.facts.program(now_ns, old=order.side == "sell")
        market = curve_market(order.asset, order.context)
        fees, coin = market.fees(program.fees), market.coin
        trade: orders.BuyExactIn | orders.Sell
        if order.side == "buy":
            quote = buy_exact_in(market.reserves, order.amount, fees)
            trade = orders.spend_at(quote, order.amount, order.slippage_bps)
            expected, least = quote.token_amount, trade.min_tokens
        else:
            quote = sell(market.reserves, order.quantity, fees)
            trade = orders.sell_at(quote, order.slippage_bps)
            expected, least = quote.total, trade.min_lamports
        generation = generation_for(coin, self.settings.preferred)
        who = parties(self.signer.public, coin, program.settings, _lot(order))
        return Plan(
            draw=lambda terms: draft(trade, coin, who, generation=generation, terms=terms, lifetime=lifetime),
            units=self.settings.units_for(generation),
            curve=str(at.bonding_curve(coin.mint)),
            expected=expected,
            least=least,
            rent=most_rent(trade, coin),
            spent=order.amount if order.side == "buy" else 0,
            venue="curve",
            generation=generation,
        )

    def _pool_plan(self, order: Order, lifetime: Lifetime, now_ns: int) -> Plan:
        """A sale in the coin's pool; nothing is bought there."""
        if order.side == "buy":
            raise UnknownKindError(f"coin {order.asset} trades in its pool, where nothing is bought; leave it alone")
        program = self.facts.program(now_ns, old=True)
        if program.pool_settings is None or program.pool_fees is None:
            raise StaleFactError("the pools' own settings are not known yet; wait until the chain has been asked")
        market = pool_market(order.asset, order.context)
        state, fees = market.state, pool_fees(market.state, program.pool_settings, program.pool_fees)
        quote = quote_pool_sale(state, order.quantity, program.pool_settings, program.pool_fees)
        trade = orders.sell_at(quote, order.slippage_bps)
        generation = pool_generation_for(state, fees)
        who = pool_parties(self.signer.public, state, program.pool_settings, _lot(order))
        missing = market.volume_account_missing
        return Plan(
            draw=lambda terms: draft_pool_sale(
                trade,
                state,
                who,
                terms=terms,
                lifetime=lifetime,
                generation=generation,
                volume_account_missing=missing,
            ),
            units=POOL_COMPUTE_UNITS[generation],
            curve=str(at.pool(at.key(order.asset))),
            expected=quote.total,
            least=trade.min_lamports,
            rent=needed_for_pool_sale(state, generation=generation, fee=0, tip=0) - WALLET_RENT,
            spent=0,
            venue=POOL,
            generation=generation,
        )

    # -- what is offered, and the signature --------------------------------------------------------------------------

    def _sign(self, order: Order, plan: Plan, now_ns: int) -> Envelope:
        self.facts.want_price(plan.curve)
        price = self.facts.unit_price(plan.curve, now_ns)
        price = min(round(price * order.tip_factor), max(self.settings.priority.most, price))
        for twin in range(MOST_TWINS):
            # Two orders may differ in nothing but their number, and would then be one transaction.
            tip = self._tip(order, plan, now_ns, twin)
            terms = Terms(plan.units, price + (twin if tip is None else 0), tip)
            envelope = sign(plan.draw(terms), self.signer)
            if not self.is_used(envelope.signature):
                return envelope
        raise StaleFactError(f"{MOST_TWINS} transactions like this one were made; wait for another blockhash")

    def _tip(self, order: Order, plan: Plan, now_ns: int, twin: int) -> Tip | None:
        if not self.settings.use_engine:
            return None
        old, limits = order.side == "sell", self.settings.tip
        floor = self.facts.tip_floor(now_ns, old=old)
        usual = limits.least if floor is None else getattr(floor, limits.percentile)
        # A sale whose tip is more than what it brings is better left alone.
        most = min(limits.most, int(plan.expected * limits.most_share)) if old else limits.most
        lamports = max(limits.least, min(round(max(usual, limits.least) * order.tip_factor), most))
        accounts = self.facts.tip_accounts(now_ns, old=old)
        return Tip(at.key(accounts[_lot(order) % len(accounts)]), lamports + twin)

    def _told(self, order: Order, plan: Plan, envelope: Envelope, now_ns: int) -> Drafted:
        terms = envelope.terms
        tip = 0 if terms.tip is None else terms.tip.lamports
        known_ns = order.context.get("known_ns", 0)
        details: dict[str, Any] = {
            "bundle_id": bundle_id([envelope.signature]),
            "generation": plan.generation,
            "slippage_bps": order.slippage_bps,
            "limit": plan.least,
            "unit_price": terms.unit_price,
            "compute_units": terms.compute_units,
            "tip_account": "" if terms.tip is None else str(terms.tip.account),
            "blockhash_age_s": self.facts.age_s("blockhash", now_ns),
            "market_age_s": (now_ns - known_ns) / NS_PER_S if known_ns else None,
            "bytes": len(envelope.wire),
        }
        return Drafted(
            at_ns=now_ns,
            order_id=order.order_id,
            signature=envelope.signature,
            last_valid=envelope.lifetime.last_valid_block_height,
            most=plan.spent + plan.rent + terms.fee + tip,
            least=plan.least if order.side == "sell" else 0,
            tip=tip,
            network=terms.fee,
            expected=plan.expected,
            venue=plan.venue,
            details=details,
        )


def _lot(order: Order) -> int:
    """A number that spreads orders over recipients and tip accounts, the same whenever the order is made."""
    return crc32(order.order_id.encode())


def _refused(order: Order, now_ns: int, error: AlphaloopError, remedy: str) -> Refused:
    return Refused(at_ns=now_ns, order_id=order.order_id, reason=str(error), remedy=remedy)


def _remedy(order: Order, code: int) -> str:
    if order.venue == POOL:
        return "wait" if code == SELLING_DISABLED else "refresh"
    return "use_pool" if code == COMPLETE else "give_up"
