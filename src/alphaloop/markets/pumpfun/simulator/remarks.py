"""Why a statistic of the simulated market lies further from a recorded set than chance allows, and was left there.

One sentence for each statistic that is judged by a distance; it is told where the distance is beyond chance, and only
there. What is fitted, at which quantiles and with which weight, is in `alphaloop.markets.pumpfun.simulator.fit`.
"""

from __future__ import annotations

from typing import Final

_PACE: Final = (
    "a matter of how many launches a day are simulated, which is a setting, and not of how launches go; the minute "
    "that was recorded had a pace of 22,000 a day"
)
_MANY: Final = "Of 2,913 recorded coins a distance of 0.03 is beyond chance"

WHY: Final[dict[tuple[str, str], str]] = {
    ("new pools", "trades"): (
        "fitted at seven quantiles, and the search came no nearer: upper quantiles agree, too few coins have a handful "
        f"of trades only. {_MANY}"
    ),
    ("new pools", "buy_share"): (
        "fitted at its quartiles, and the model is wrong in the middle: where nearly all holders have left there is a "
        "sale for each buy, and here that has happened to more coins by the time of the look, as their prices say too"
    ),
    ("new pools", "mean_trade_sol"): (
        "fitted at four quantiles with a lower weight than the rest: sizes are spread too widely, the median is too "
        "small and the upper end too large"
    ),
    ("new pools", "multiple"): (
        "fitted at six quantiles, and the model is wrong at the lower end: two coins in five are back at the price of "
        "their birth when they are looked at, nearly all holders having left; of the recorded ones hardly any. Mean "
        "and upper end agree"
    ),
    ("curve snapshots", "last_change_s"): (
        "fitted at its quartiles with half the weight. Every one of the 28 recorded coins still moved after 78 s, a "
        "third of those here do not; how the recorder chose is not known, and it may have chosen what moved"
    ),
    ("curve snapshots", "peak_multiple"): (
        "not fitted: polls miss what rises and falls between them, so recorded peaks are too low; how high prices go "
        "is fitted to the new pools instead"
    ),
    ("curve snapshots", "buyers"): (
        "fitted with half the weight: how the 28 coins were chosen is not known, and they had more buyers than the new "
        "pools, which nobody chose, had trades; the fit went with those"
    ),
    ("instructions", "trades_per_coin"): (
        "not fitted: old coins trade in that minute beside new ones, and a short simulation has fewer of them"
    ),
    ("instructions", "coins_per_wallet"): (
        "not fitted: how many coins a wallet trades at once is planted with the kinds of wallets, and with fewer "
        "launches at a time there are fewer to trade"
    ),
    ("instructions", "gap_in_coin_s"): (
        "not fitted: one minute of one day, in whole seconds, with the trades of old coins among it; the pace inside a "
        "coin is fitted to the new pools"
    ),
    ("instructions", "gap_of_launches_s"): f"not fitted: {_PACE}",
    ("creations", "gap_of_launches_s"): f"not fitted: {_PACE}",
    ("swaps", "pool_trade_sol"): (
        "not fitted: three pools that somebody followed because they were alive say little about all pools, and "
        "nothing else was recorded; sizes in simulated pools are the curve traders', too small for such survivors"
    ),
}
