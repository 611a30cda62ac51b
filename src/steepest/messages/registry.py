"""Registries: named choices of one kind, each with the line that help texts, error messages and docs print."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from steepest.errors import SteepestError
from steepest.messages.hints import nearest

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One choice.

    Attributes:
        name: what users write.
        value: what it stands for.
        help: one line, without a full stop.
    """

    name: str
    value: T
    help: str


class Registry(Mapping[str, T]):
    """The choices of one kind, in the order in which they were registered.

    Args:
        kind: what a choice is, in the singular: ``"cost"``.
        error: raised for an unknown name.
        otherwise: what may be given besides a name, for messages: ``"a formula such as …"``.

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
        """Register a choice and return its value.

        Raises:
            SteepestError: the name is taken.
        """
        if name in self._entries:
            raise self._error(f"there is a {self.kind} {name!r} already; give the new one another name")
        self._entries[name] = Entry(name, value, help)
        return value

    def register(self, name: str, help: str) -> Callable[[T], T]:
        """Return a decorator that registers what it decorates."""
        return lambda value: self.add(name, value, help)

    def remove(self, name: str) -> None:
        """Take a choice out again."""
        del self._entries[self._known(name)]

    def find(self, name: str) -> T:
        """Return the value of a choice; an error names the choices and the one that was probably meant."""
        return self._entries[self._known(name)].value

    def help(self, name: str) -> str:
        """Return the line of help of a choice."""
        return self._entries[self._known(name)].help

    def entries(self) -> tuple[Entry[T], ...]:
        """Return every choice."""
        return tuple(self._entries.values())

    def _known(self, name: str) -> str:
        if name not in self._entries:
            hint = nearest(name, self._entries)
            choices = ", ".join([*self._entries, *[self._otherwise] * bool(self._otherwise)])
            raise self._error(
                f"there is no {self.kind} {name!r}{hint}{' The' if hint else '; the'} choices are {choices}"
            )
        return name

    def __getitem__(self, name: str) -> T:
        return self._entries[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
