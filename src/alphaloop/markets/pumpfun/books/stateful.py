"""Saving and restoring a book: its state is one tree of structs, its saved form that tree in MessagePack."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

import msgspec

from alphaloop.core.errors import StateError
from alphaloop.markets.pumpfun.books.book import Book
from alphaloop.markets.pumpfun.events import AnyEvent

State = TypeVar("State", bound=msgspec.Struct)


class StatefulBook(Generic[State]):
    """A book whose whole mutable state is `state`.

    Attributes
    ----------
    name : str
        Names the book among the others and in errors.
    form : type
        Class of `state`; an empty book has ``form()``.
    """

    name: ClassVar[str]
    form: type[State]

    def __init__(self) -> None:
        self.state: State = self.form()

    def update(self, event: AnyEvent) -> None:
        """Take in an event: nothing, for a book that reads other books when its clock runs."""

    def save(self) -> bytes:
        """Give the whole state as MessagePack."""
        return msgspec.msgpack.encode(self.state)

    def restore(self, state: bytes) -> None:
        """Take over a state that `save` gave.

        Raises
        ------
        StateError
            If `state` is not a saved state of this book.
        """
        try:
            self.state = msgspec.msgpack.decode(state, type=self.form)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StateError(
                f"saved state of the book {self.name!r}, {len(state)} bytes, cannot be read: {error}; "
                "restore an older snapshot or replay the recording"
            ) from None
        self.restored()

    def restored(self) -> None:
        """Rebuild what is derived from the state; called after `restore`."""


def idle(book: Book) -> bool:
    """Whether events mean nothing to a book, so that they need not be fed to it."""
    fed: object = type(book).update
    return fed is StatefulBook.update
