"""What may be lost: messages between processes, and small values that are rebuilt by whoever writes them."""

from __future__ import annotations

from alphaloop.bus.address import open_bus
from alphaloop.bus.codec import Codec
from alphaloop.bus.contract import Bus, Delivery, Subscription
from alphaloop.bus.memory import MemoryBus, MemoryHub

__all__ = ["Bus", "Codec", "Delivery", "MemoryBus", "MemoryHub", "Subscription", "open_bus"]
