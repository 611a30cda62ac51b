"""Read files whole, within bounds: a device has no end, and a pipe may have no writer."""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable
from functools import cache
from typing import Any

_WAIT = 5.0  # seconds until a pipe has a writer
_BLOCK = 1 << 22
_FROM = 1 << 28  # bytes that every machine can read
_STREAM = 1 << 29  # bytes of what has no size, and perhaps no end: a pipe, what decompression yields
_TEXT = 12  # a text of a twelfth of the memory needs about half of it while it is read


class UnreadableFileError(Exception):
    """A file cannot be read.

    Attributes:
        why: the reason.
        remedy: what to do.
    """

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(f"{why}; {remedy}")
        self.why, self.remedy = why, remedy


@cache
def memory() -> int:
    """Return the bytes of memory of this machine; 8 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # of systems that are not POSIX
        return 8 << 30


def most_text() -> int:
    """Return the bytes of the longest text that is read whole."""
    return max(_FROM, memory() // _TEXT)


def most_streamed() -> int:
    """Return the most bytes that are read of what has no size before it ends."""
    return min(_STREAM, most_text())


def is_stream(handle: int) -> bool:
    """Return whether an open file has no size, as a pipe or a terminal."""
    return not stat.S_ISREG(os.fstat(handle).st_mode)


def refuse_special(path: str | os.PathLike[str]) -> None:
    """Raise UnreadableFileError unless this is a regular file, or there is none."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise UnreadableFileError("it is not a regular file", "name one")


def read_file(
    path: str | os.PathLike[str], most: int | None = None, instead: str = "name a smaller one",
    binary: tuple[bytes, ...] = (), watch: Callable[[bytes], None] | None = None,
) -> bytes:  # fmt: skip
    """Return the content of a regular file, or what a pipe delivers.

    Args:
        path: the file.
        most: the most bytes that it may have [default: :func:`most_text`].
        instead: what to do if it has more.
        binary, watch: as for :func:`read_blocks`.

    Raises:
        UnreadableFileError: it is a device, a pipe that nobody writes to, or larger.
        OSError: it cannot be opened.
    """
    most = most or most_text()
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb", buffering=0) as file:
        mode = os.fstat(handle).st_mode
        special = not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISDIR(mode) or os.isatty(handle))
        if special and file.read(1) != b"":  # the null device is empty
            raise UnreadableFileError("it is a device, which has no end", "name a file")
        if os.fstat(handle).st_size > most:
            raise _too_large(most, instead)
        if stat.S_ISFIFO(mode):
            most, instead = min(most, most_streamed()), "write it to a file, and name that"
        first = _first_block(handle) if stat.S_ISFIFO(mode) else b""
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(handle, True)
        return read_blocks(file.read, most, instead, first, binary, watch)


def read_blocks(
    read: Callable[[int], Any], most: int | None = None, instead: str = "name a smaller one", first: bytes = b"",
    binary: tuple[bytes, ...] = (), watch: Callable[[bytes], None] | None = None,
) -> bytes:  # fmt: skip
    """Return a first block and what a function reads in further ones, texts as UTF-8, until there is no more.

    Args:
        read: returns at most so many bytes, or characters; nothing at the end.
        most, instead: as for :func:`read_file`.
        first: what was read before.
        binary: how binary content begins that is read to its end. All other ends after its first block: it would be
            refused, however long it is.
        watch: is called with each block that is not of such content, and may raise.

    Raises:
        UnreadableFileError: there are more bytes than ``most``.
    """
    most = most or most_text()
    blocks, size, block = [], 0, first or read(_BLOCK)
    while block:
        blocks.append(block.encode("utf-8") if isinstance(block, str) else bytes(block))
        size += len(blocks[-1])
        if size > most:
            raise _too_large(most, instead)
        if not blocks[0].startswith(binary or (b"PAR1",)):
            if watch is not None:
                watch(blocks[-1])
            if b"\0" in blocks[-1]:
                break
        block = read(_BLOCK)
    return b"".join(blocks)


def _too_large(most: int, instead: str) -> UnreadableFileError:
    return UnreadableFileError(f"it has more than {most / 1e6:,.0f} MB", instead)


def _first_block(handle: int) -> bytes:
    """Return what a pipe holds, which may be nothing yet, once it has a writer."""
    until = time.monotonic() + _WAIT
    while time.monotonic() < until:
        try:
            block = os.read(handle, _BLOCK)
        except BlockingIOError:  # a writer that has not written yet
            return b""
        if block or select.select([handle], [], [], 0)[0]:  # content, or the end after a writer
            return block
        time.sleep(0.02)
    raise UnreadableFileError("it is a pipe that nobody writes to", "start its writer, or name a file")
