"""Registries of named choices of one kind, each with a line of help for help texts, messages and docs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from steepest.errors import SteepestError
from steepest.messages.vocabulary import hint, ours

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One choice: the name that users write, the registered object, and one line of help without a full stop."""

    name: str
    value: T
    help: str


class Registry(Mapping[str, T]):
    """The choices of one kind, in the order in which they were registered.

    Args:
        kind: the noun for a choice: ``"cost"``.
        error: the exception for an unknown name.
        otherwise: an alternative to a name, for messages: ``"a formula such as …"``.

    >>> from steepest.errors import ModelError
    >>> colours = Registry[int]("colour", ModelError)
    >>> colours.add("red", 0xFF0000, "the colour of ripe cherries")
    16711680
    >>> colours.find("rad")
    Traceback (most recent call last):
        ...
    steepest.errors.ModelError: there is no colour 'rad'; did you mean 'red'? The choices are red
    """

    def __init__(self, kind: str, error: type[SteepestError], otherwise: str = "") -> None:
        self.kind, self._error, self._otherwise = kind, error, otherwise
        self._entries: dict[str, Entry[T]] = {}

    def add(self, name: str, value: T, help: str) -> T:
        """Register a choice and return its value."""
        if name in self._entries:
            raise self._error(f"there is a {self.kind} {name!r} already; give the new one another name")
        self._entries[name] = Entry(name, value, help)
        return value

    def register(self, name: str, help: str) -> Callable[[T], T]:
        """Return a decorator that registers what it decorates."""
        return lambda value: self.add(name, value, help)

    def remove(self, name: str) -> None:
        """Remove a choice."""
        del self._entries[name]

    def find(self, name: object, where: str = "") -> T:
        """Return the value of a choice, by its name or by its name in another library.

        If there is none, the message has the context ``where``, such as ``" for 'W1'"``, lists all and suggests one.
        """
        return self._entries[self.name_of(name, where)].value

    def name_of(self, name: object, where: str = "") -> str:
        """Return our name of a choice; see :meth:`find`."""
        if isinstance(name, str):
            for known in (name, name.lower(), ours(self.kind, name)):
                if known is not None and known in self._entries:
                    return known
        meant = hint(self.kind, name, self._entries) if isinstance(name, str) else ""
        choices = ", ".join([*self._entries, *[self._otherwise] * bool(self._otherwise)])
        join = " The" if meant.endswith("?") else "; the"
        raise self._error(f"there is no {self.kind} {name!r}{where}{meant}{join} choices are {choices}")

    def help(self, name: str) -> str:
        """Return the line of help of a choice."""
        return self._entries[name].help

    def entries(self) -> tuple[Entry[T], ...]:
        """Return every choice."""
        return tuple(self._entries.values())

    def __getitem__(self, name: str) -> T:
        return self._entries[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
