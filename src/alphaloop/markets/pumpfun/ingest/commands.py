"""A command on its way into the recording: in one line with the transactions, while whoever gave it waits."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from alphaloop.markets.pumpfun.wire.commands import COMMAND
from alphaloop.markets.pumpfun.wire.records import Record

ID_BYTES = 12


@dataclass(eq=False)
class Command:
    """What somebody asked for.

    Attributes
    ----------
    data : bytes
        Of its record.
    signature : str
        Of its record; no other has it.
    recorded : asyncio.Future of int
        Its `known_ns`, once it is safely on disk.
    """

    data: bytes
    signature: str = field(default_factory=lambda: COMMAND + secrets.token_hex(ID_BYTES))
    recorded: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def record(self, slot: int) -> Record:
        """Give its record, behind the blocks up to `slot`; its `known_ns` is still to be given."""
        return Record(self.signature, 0, slot, 0, self.data)

    def done(self, known_ns: int) -> None:
        """Tell whoever waits that it is recorded."""
        if not self.recorded.done():
            self.recorded.set_result(known_ns)
