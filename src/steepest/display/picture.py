"""The base class of pictures: SVG with a title and a description, display in notebooks, saving."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

from steepest.errors import PictureError
from steepest.storage.files import write_atomically
from steepest.storage.marks import marked


class Picture(ABC):
    """A picture.

    Attributes:
        title: a few words.
        description: the picture in sentences, for readers who cannot see it.
    """

    title: str
    description: str

    @abstractmethod
    def svg(self) -> str:
        """Return the picture as SVG, with ``<title>`` and ``<desc>``; light and dark follow the reader's choice."""

    def formats(self) -> Mapping[str, Callable[[], bytes]]:
        """Return the formats in which it can be saved: from the suffix without its dot to a function of the bytes."""
        return {"svg": lambda: self.svg().encode()}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture in the format that the suffix of a path names.

        Raises:
            PictureError: there is no such format; the sentence names those there are.
            StorageError: the file cannot be written.
        """
        suffix = Path(path).suffix.lstrip(".").lower()
        known = self.formats()
        if suffix not in known:
            given = f"no format {suffix!r}" if suffix else "no format without a suffix"
            raise PictureError(f"there is {given} for this picture; it can be saved as .{', .'.join(known)}")
        write_atomically(path, marked(known[suffix](), suffix))

    def __repr__(self) -> str:
        return f'<picture: {self.title}; .save("name.{next(iter(self.formats()))}") writes it>'

    def _repr_svg_(self) -> str:
        return self.svg()
