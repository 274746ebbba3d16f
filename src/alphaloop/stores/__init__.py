"""What must survive a crash: journal, checkpoints and heartbeats behind one contract."""

from __future__ import annotations

from alphaloop.stores.address import open_store
from alphaloop.stores.contract import Checkpoint, Event, Run, Store
from alphaloop.stores.memory import MemoryStore

__all__ = ["Checkpoint", "Event", "MemoryStore", "Run", "Store", "open_store"]
