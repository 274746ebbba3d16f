"""What must be on the bus before anything happens: the sets of wallets as the restored market has them."""

from __future__ import annotations

from alphaloop.markets.pumpfun.emissions import BOTS_SET, TRACKED_SET, Member
from alphaloop.markets.pumpfun.market import PumpMarket


def standing_members(market: PumpMarket) -> list[Member]:
    """Give every tracked wallet and every known bot as one who joins.

    The market tells only who comes and who goes. A bus that was started anew, or lives in this process, has forgotten
    those who came before; telling them once at the start repairs it, and changes nothing elsewhere.
    """
    known = market.shelf.intelligence
    bots = (known.wallets.get(number) for number in known.bots.state.until_ns)
    return [
        *(Member(TRACKED_SET, address, present=True) for address in known.discovery.tracked),
        *(Member(BOTS_SET, wallet.address, present=True) for wallet in bots if wallet is not None),
    ]
