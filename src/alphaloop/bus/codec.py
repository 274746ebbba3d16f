"""Messages on the wire: JSON objects ``{"type", "v", "data"}`` that say their type and the version of their form.

Fields that a later release adds are ignored; a changed meaning is another version, and refused where it is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec

from alphaloop.core.errors import DataError

M = TypeVar("M", bound=msgspec.Struct)


class _Envelope(msgspec.Struct, frozen=True):
    type: str
    v: int
    data: msgspec.Raw


class Codec(Generic[M]):
    """Turns messages of the given classes into bytes and back.

    Parameters
    ----------
    types : mapping of str to message class
        What is said as ``type`` of each class.
    version : int
        The one version that is spoken and understood.
    """

    def __init__(self, types: Mapping[str, type[M]], version: int) -> None:
        self._version = version
        self._names = {kind: name for name, kind in types.items()}
        self._encoder = msgspec.json.Encoder()
        self._envelopes = msgspec.json.Decoder(_Envelope)
        self._decoders = {name: msgspec.json.Decoder(kind) for name, kind in types.items()}

    def envelope(self, message: M) -> dict[str, Any]:
        """Give a message as plain data, for a JSON column."""
        return {"type": self._names[type(message)], "v": self._version, "data": msgspec.to_builtins(message)}

    def encode(self, message: M) -> bytes:
        """Spell a message; a float that is NaN or infinite becomes null."""
        return self._encoder.encode({"type": self._names[type(message)], "v": self._version, "data": message})

    def decode(self, body: bytes) -> M:
        """Read a message.

        Raises
        ------
        DataError
            If `body` is no message, or one of a type or version that is not known here.
        """
        try:
            envelope = self._envelopes.decode(body)
            known = envelope.v == self._version and envelope.type in self._decoders
            if known:
                return self._decoders[envelope.type].decode(envelope.data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DataError(
                f"message {bytes(body[:80])!r}: not readable ({error}); find out who publishes here"
            ) from None
        raise DataError(
            f"message of type {envelope.type!r}, version {envelope.v}: known here is version {self._version} of "
            f"{', '.join(self._decoders)}; run the same release on both sides"
        )
