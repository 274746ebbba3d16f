"""Messages on the wire: JSON objects that say their type and the version of their form.

A message class is a `Message` with its tag, and with the default of `v` for the one version that it speaks::

    class SignalMessage(Message, frozen=True, kw_only=True, tag="signal"):
        v: int = 1
        mint: str

Fields that a later release adds are ignored; a changed meaning is another version, refused where it is not known.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from alphaloop.core.errors import DataError


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """The base of everything that a `Codec` carries."""

    v: int = 1


class _Head(msgspec.Struct, frozen=True):
    type: str
    v: int


M = TypeVar("M", bound=Message)


class Codec(Generic[M]):
    """Turns messages of the given classes into bytes and back.

    Parameters
    ----------
    classes : message classes
        Each with a tag and a version of its own; several versions of one tag may stand side by side.
    """

    def __init__(self, *classes: type[M]) -> None:
        self._encoder = msgspec.json.Encoder()
        self._head = msgspec.json.Decoder(_Head)
        self._decoders = {_form(kind): msgspec.json.Decoder(kind) for kind in classes}

    def encode(self, message: M) -> bytes:
        """Spell a message; a float that is NaN or infinite becomes null."""
        return self._encoder.encode(message)

    def decode(self, body: bytes) -> M:
        """Read a message.

        Raises
        ------
        DataError
            If `body` is no message, or one of a type or version that is not known here.
        """
        try:
            head = self._head.decode(body)
            decoder = self._decoders.get((head.type, head.v))
            if decoder is not None:
                return decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DataError(
                f"message {body[:80]!r}: not readable ({error}); its sender and this reader differ"
            ) from None
        known = ", ".join(f"{kind} {version}" for kind, version in sorted(self._decoders))
        raise DataError(
            f"message of type {head.type!r}, version {head.v}: known here are {known}; "
            "run the same release on both sides"
        )


def _form(kind: type[Any]) -> tuple[str, int]:
    config = kind.__struct_config__
    version = dict(zip(reversed(kind.__struct_fields__), reversed(kind.__struct_defaults__), strict=False))["v"]
    return str(config.tag), int(version)
