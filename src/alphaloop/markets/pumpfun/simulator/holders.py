"""Who holds a coin, and who wants out first."""

from __future__ import annotations

import heapq


class Holders:
    """Balances of one coin, and when each holder began to want out."""

    __slots__ = ("_wanting", "tokens")

    def __init__(self) -> None:
        self.tokens: dict[str, int] = {}
        self._wanting: list[tuple[float, str]] = []

    def add(self, wallet: str, tokens: int, leave_s: float) -> None:
        """Give `wallet` tokens that it means to keep until `leave_s`."""
        self.tokens[wallet] = self.tokens.get(wallet, 0) + tokens
        heapq.heappush(self._wanting, (leave_s, wallet))

    def next_leaver(self, now_s: float) -> str | None:
        """The holder who has wanted out for longest; None if nobody does yet."""
        while self._wanting and self._wanting[0][0] <= now_s:
            wallet = self._wanting[0][1]
            if self.tokens.get(wallet):
                return wallet
            heapq.heappop(self._wanting)
        return None

    def take(self, wallet: str, tokens: int) -> None:
        """Take tokens from `wallet`; one that has none left is forgotten."""
        left = self.tokens[wallet] - tokens
        if left > 0:
            self.tokens[wallet] = left
        else:
            del self.tokens[wallet]
