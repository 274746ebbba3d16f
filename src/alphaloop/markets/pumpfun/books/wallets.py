"""Every wallet that trades on the curve: what it bought and sold, how it behaves, what came of it.

The first of the wallet books: the others read its records and `step`, what the last trade meant.

What is forgotten, and when:

- A coin is over `coin_idle_s` after its last trade, and a graduated one `graduated_keep_s` after its completion. What
  is still held of a coin that died is written off: the round trip ends there with nothing for the rest. What is held
  of a graduated coin ends unobserved: it was not seen sold, so it counts neither as a win nor as a loss. Then the
  coin's record goes. That is no loss to any feature, because it is how they are defined: a coin that is traded after
  it was over is a new coin whose creation was not seen.
- A wallet is forgotten `wallet_idle_s` after its last trade; if it comes back, its history begins anew.

Both happen at the first run at or after that moment, so a replay forgets at the same events as the collector.
"""

from __future__ import annotations

from typing import ClassVar

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.books import samples
from alphaloop.markets.pumpfun.books.agenda import Agenda
from alphaloop.markets.pumpfun.books.profits import Position, Results
from alphaloop.markets.pumpfun.books.roster import Coin, Entrance, Step, Wallet, WalletSettings, WalletState
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.events import (
    LAMPORTS_PER_SOL,
    UNITS_PER_TOKEN,
    AmmTrade,
    AnyEvent,
    Complete,
    Create,
    Trade,
)

NS_PER_MINUTE = 60 * NS_PER_S
NS_PER_HOUR = 60 * NS_PER_MINUTE


class WalletBook(StatefulBook[WalletState]):
    """Positions and behaviour of every wallet; see the module."""

    name: ClassVar[str] = "wallets"
    form = WalletState

    def __init__(self, settings: WalletSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or WalletSettings()
        self.state.coin_agenda = Agenda(self.settings.every_s)
        self.state.wallet_agenda = Agenda(self.settings.every_s)
        self.step: Step | None = None
        self._numbers: dict[str, int] = {}
        self._judged_from = self.settings.judged_from_buys
        self._dust = self.settings.dust_fraction
        self._recent_buys = self.settings.recent_buys
        self._recent_entries = self.settings.recent_entries
        self._recent_trips = self.settings.recent_trips
        self._recent_entrances = self.settings.recent_entrances

    @property
    def every_s(self) -> int:
        """Seconds between two rounds of forgetting."""
        return self.settings.every_s

    def restored(self) -> None:
        """Rebuild the index of addresses."""
        self.step = None
        self._numbers = {wallet.address: number for number, wallet in self.state.wallets.items()}

    # Reading

    def find(self, address: str) -> Wallet | None:
        """Record of a wallet; None if it never traded, or not for `wallet_idle_s`."""
        number = self._numbers.get(address)
        return None if number is None else self.state.wallets[number]

    def number(self, address: str) -> int | None:
        """Number of a wallet, cheaper than its record; None where `find` gives None."""
        return self._numbers.get(address)

    def get(self, number: int) -> Wallet | None:
        """Record of a wallet by its number."""
        return self.state.wallets.get(number)

    def coin(self, mint: str) -> Coin | None:
        """Record of a coin that is not over."""
        return self.state.coins.get(mint)

    def follow(self, reader: str) -> None:
        """Begin to note for `reader` which wallets change; once, when the reader is made."""
        self.state.changed.setdefault(reader, {})

    def mourn(self, reader: str) -> None:
        """Begin to note for `reader` which wallets are forgotten; once, when the reader is made."""
        self.state.forgotten.setdefault(reader, {})

    def take_changed(self, reader: str) -> list[int]:
        """Numbers of the wallets that changed since `reader` asked last, in the order of their first change.

        Only those with `judged_from_buys` buys, and those that were forgotten: `get` gives None for them.
        """
        changed, self.state.changed[reader] = self.state.changed[reader], {}
        return list(changed)

    def take_forgotten(self, reader: str) -> dict[int, str]:
        """Numbers and addresses of the wallets that were forgotten since `reader` asked last."""
        forgotten, self.state.forgotten[reader] = self.state.forgotten[reader], {}
        return forgotten

    # Feeding

    def update(self, event: AnyEvent) -> None:
        """Take in an event."""
        self.step = None
        if isinstance(event, Trade):
            if event.quote_mint:
                self.state.foreign += 1
            else:
                self._trade(event)
        elif isinstance(event, Create):
            self._create(event)
        elif isinstance(event, Complete):
            self._complete(event)
        elif isinstance(event, AmmTrade) and not event.is_buy:
            self._pool_sale(event)

    def _create(self, event: Create) -> None:
        if event.quote_mint:
            self.state.foreign += 1
        elif event.mint not in self.state.coins:
            self._new_coin(event.mint, event.known_ns, event.known_ns, event.slot, event.creator or event.user)

    def _new_coin(self, mint: str, now_ns: int, created_ns: int, slot: int, creator: str) -> Coin:
        coin = Coin(mint=mint, created_ns=created_ns, created_slot=slot, creator=creator, seen_ns=now_ns)
        self.state.coins[mint] = coin
        self.state.coin_agenda.add(mint, now_ns + self.settings.coin_idle_s * NS_PER_S)
        return coin

    def _new_wallet(self, address: str, now_ns: int) -> Wallet:
        number = self.state.next_number
        self.state.next_number = number + 1
        wallet = Wallet(number=number, address=address, seen_ns=now_ns)
        self.state.wallets[number] = wallet
        self._numbers[address] = number
        self.state.wallet_agenda.add(address, now_ns + self.settings.wallet_idle_s * NS_PER_S)
        return wallet

    def _trade(self, event: Trade) -> None:
        state, now = self.state, event.known_ns
        coin = state.coins.get(event.mint) or self._new_coin(event.mint, now, 0, 0, event.creator)
        number = self._numbers.get(event.wallet)
        wallet = self._new_wallet(event.wallet, now) if number is None else state.wallets[number]
        before, price = coin.price, event.price
        coin.seen_ns = wallet.seen_ns = now
        coin.price = price
        coin.peaks.push(now, price)
        entry, rank = False, 0
        if event.is_buy:
            entry = wallet.number not in coin.positions
            if entry:
                rank = self._enter(event, coin, wallet)
            self._buy(event, coin, wallet)
        else:
            wallet.sells += 1
            self._sell(coin, wallet, event.token_amount, event.wallet_sol, now)
        if wallet.buys >= self._judged_from:
            self._note(wallet.number)
        self.step = Step(now, coin, wallet, entry, rank, before)

    def _enter(self, event: Trade, coin: Coin, wallet: Wallet) -> int:
        now = event.known_ns
        wallet.entries += 1
        # The buy that completes a curve may be logged behind its completion.
        wallet.graduated += coin.graduated_ns > 0
        wallet.entered_at = samples.added(wallet.entered_at, now, self._recent_entries)
        entrances = coin.entrances
        entrances.append(Entrance(wallet.number, now, event.slot, event.sol_amount))
        if len(entrances) > self._recent_entrances:
            del entrances[0]
        if not coin.created_ns:
            return 0
        rank = len(coin.positions) + 1
        wallet.ranked += 1
        wallet.rank_sum += rank
        wallet.top10 += rank <= 10
        wallet.age_sum += (now - coin.created_ns) / NS_PER_S
        return rank

    def _buy(self, event: Trade, coin: Coin, wallet: Wallet) -> None:
        now, lamports = event.known_ns, event.sol_amount
        _size(wallet, lamports)
        wallet.bought_at = samples.added(wallet.bought_at, now, self._recent_buys)
        wallet.sizes = samples.added(wallet.sizes, lamports, self._recent_buys)
        hour = now // NS_PER_HOUR
        if hour != wallet.last_hour:
            wallet.active_hours += 1
            wallet.last_hour = hour
        if coin.created_ns:
            age = now - coin.created_ns
            wallet.aged_buys += 1
            wallet.under_60 += age < NS_PER_MINUTE
            wallet.under_300 += age < 5 * NS_PER_MINUTE
        position = coin.positions.get(wallet.number)
        if position is None:
            coin.positions[wallet.number] = Position.opened(event.token_amount, event.wallet_sol, now)
        else:
            position.buy(event.token_amount, event.wallet_sol, now)

    def _sell(self, coin: Coin, wallet: Wallet, units: int, proceeds: int, now_ns: int) -> None:
        position = coin.positions.get(wallet.number)
        if position is None:
            self.state.unmatched += 1
            return
        results = wallet.results
        if results is None:
            results = wallet.results = Results()
        results.realised += position.sell(units, proceeds, now_ns)
        if position.bought - position.sold > self._dust * position.bought:
            return
        results.close(position, _best_value(coin, position))
        if position.sold:
            results.hold(position.held / position.sold, self._recent_trips)
        coin.positions[wallet.number] = None

    def _pool_sale(self, event: AmmTrade) -> None:
        coin, number = self.state.coins.get(event.mint), self._numbers.get(event.wallet)
        if coin is None or number is None or number not in coin.positions:
            return
        wallet = self.state.wallets[number]
        wallet.seen_ns = event.known_ns
        self._sell(coin, wallet, event.token_amount, event.sol_amount, event.known_ns)
        if wallet.buys >= self._judged_from:
            self._note(number)

    def _complete(self, event: Complete) -> None:
        coin = self.state.coins.get(event.mint)
        if coin is None or coin.graduated_ns:
            return
        coin.graduated_ns = event.known_ns
        for number in coin.positions:
            wallet = self.state.wallets.get(number)
            if wallet is not None:
                wallet.graduated += 1
                if wallet.buys >= self._judged_from:
                    self._note(number)

    def _note(self, number: int) -> None:
        for changed in self.state.changed.values():
            changed[number] = None

    # Forgetting

    def run(self, now_ns: int) -> None:
        """Forget the coins that are over and the wallets that stay away."""
        for mint in self.state.coin_agenda.due(now_ns):
            coin = self.state.coins[mint]
            over_ns = self._over_ns(coin)
            if over_ns > now_ns:
                self.state.coin_agenda.add(mint, over_ns)
            else:
                del self.state.coins[mint]
                self._settle(coin)
        for address in self.state.wallet_agenda.due(now_ns):
            wallet = self.state.wallets[self._numbers[address]]
            away_ns = wallet.seen_ns + self.settings.wallet_idle_s * NS_PER_S
            if away_ns > now_ns:
                self.state.wallet_agenda.add(address, away_ns)
            else:
                del self.state.wallets[self._numbers.pop(address)]
                self._note(wallet.number)
                for forgotten in self.state.forgotten.values():
                    forgotten[wallet.number] = address

    def _over_ns(self, coin: Coin) -> int:
        if coin.graduated_ns:
            return coin.graduated_ns + self.settings.graduated_keep_s * NS_PER_S
        return coin.seen_ns + self.settings.coin_idle_s * NS_PER_S

    def _settle(self, coin: Coin) -> None:
        if coin.graduated_ns:
            return
        for number, position in coin.positions.items():
            wallet = self.state.wallets.get(number)
            if position is None or wallet is None:
                continue
            if wallet.results is None:
                wallet.results = Results()
            wallet.results.close(position, _best_value(coin, position))
            if wallet.buys >= self._judged_from:
                self._note(number)


def _size(wallet: Wallet, lamports: int) -> None:
    """Welford's step for the sizes of a wallet's buys."""
    buys, spent = wallet.buys, wallet.spent
    wallet.buys, wallet.spent = buys + 1, spent + lamports
    if buys:
        before, after = lamports - spent / buys, lamports - (spent + lamports) / (buys + 1)
        wallet.size_m2 += before / LAMPORTS_PER_SOL * (after / LAMPORTS_PER_SOL)
    if lamports > wallet.largest:
        wallet.largest = lamports


def _best_value(coin: Coin, position: Position) -> float:
    """Lamports that everything bought in a round trip was worth at the best price while it was held."""
    return position.bought * coin.peaks.since(position.opened_ns) * (LAMPORTS_PER_SOL / UNITS_PER_TOKEN)
