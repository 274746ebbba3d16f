"""Who holds a coin, and whose patience ends first."""

from __future__ import annotations

import heapq
import math


class Holders:
    """Balances of one coin, and when each holder's patience ends."""

    __slots__ = ("_patience", "tokens")

    def __init__(self) -> None:
        self.tokens: dict[str, int] = {}
        self._patience: list[tuple[float, str]] = []

    def add(self, wallet: str, tokens: int, leave_s: float) -> None:
        """Give `wallet` tokens that it means to keep until `leave_s`; infinity: until attention is over."""
        self.tokens[wallet] = self.tokens.get(wallet, 0) + tokens
        if leave_s < math.inf:
            heapq.heappush(self._patience, (leave_s, wallet))

    def next_leaver(self) -> str | None:
        """The holder whose patience ended, or will end, first; None if all are determined to stay."""
        while self._patience:
            wallet = self._patience[0][1]
            if self.tokens.get(wallet):
                return wallet
            heapq.heappop(self._patience)
        return None

    def take(self, wallet: str, tokens: int) -> None:
        """Take tokens from `wallet`; one that has none left is forgotten."""
        left = self.tokens[wallet] - tokens
        if left > 0:
            self.tokens[wallet] = left
        else:
            del self.tokens[wallet]
