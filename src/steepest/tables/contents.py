"""What the bytes of a table are: compressed or not, and text of which encoding. Errors name byte and line."""

from __future__ import annotations

import codecs
import gzip
import importlib
import io
import warnings
from collections.abc import Callable
from typing import Any

from steepest.errors import TableError, TableWarning, missing
from steepest.messages.sentences import line
from steepest.storage.reading import UnreadableFileError, most_streamed, read_blocks

AS_PARQUET = "write it as Parquet, which needs less memory"
AS_UTF8 = "save it as CSV in UTF-8"
GZIP, ZSTD, ZIP, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PAR1"
OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
BINARY = (PARQUET, GZIP, ZSTD, ZIP, OLD_EXCEL, *_MARKS)
"""How content begins that has zero bytes and is read all the same."""

_LONGEST_LINE = 1 << 26  # bytes; the rows of a million columns have fewer


def watch_lines(source: str) -> Callable[[bytes], None]:
    """Return a function of the blocks of a text, which raises a TableError at a line that no table has."""
    length, number = 0, 1

    def watch(block: bytes) -> None:
        nonlocal length, number
        end = max(block.rfind(b"\n"), block.rfind(b"\r"))
        number += block.count(b"\n")
        length = len(block) - end - 1 if end >= 0 else length + len(block)
        if length > _LONGEST_LINE:
            what = f"line {number} has more than {_LONGEST_LINE >> 20} MB"
            raise TableError(f"{source}: {what}; check that its lines end where rows end")

    return watch


def unpacked(data: bytes, source: str) -> bytes:
    """Return what compressed bytes contain; other bytes as they are.

    Raises:
        TableError: they are damaged, contain too much, or need a library that is not installed.
    """
    if data.startswith(GZIP):
        what, opened = "gzip", gzip.GzipFile(fileobj=io.BytesIO(data))
    elif data.startswith(ZSTD):
        what, opened = "Zstandard", _zstandard(data, source)
    else:
        return data
    try:
        watch = watch_lines(source)
        return read_blocks(opened.read, most_streamed(), "decompress it to a file", binary=BINARY, watch=watch)
    except UnreadableFileError as error:
        raise TableError(f"{source}: decompressed, {error.why}; {error.remedy}") from None
    except TableError:
        raise
    except Exception as error:  # of one of three libraries
        what = f"it cannot be decompressed as {what} ({line(error)})"
        raise TableError(f"{source}: {what}; check that it is complete") from None


def _zstandard(data: bytes, source: str) -> Any:
    """Return a file of what Zstandard has compressed, by Python's own library since 3.14, or by python-zstandard."""
    try:
        return importlib.import_module("compression.zstd").ZstdFile(io.BytesIO(data))
    except ImportError:
        pass
    try:
        library = importlib.import_module("zstandard")
    except ImportError:
        raise TableError(f"{source}: {missing('files ending in .zst need', 'zstandard', 'zstd')}") from None
    return _Frames(data, library.ZstdDecompressor().decompressobj)


class _Frames:
    """A file of what the frames of Zstandard contain; one that is cut off is an error, which python-zstandard ignores.

    Args:
        data: the frames.
        begin: returns an object that decompresses one frame.
    """

    _PIECE = 1 << 10  # bytes that are decompressed at once, which are 50 MB at most

    def __init__(self, data: bytes, begin: Callable[[], Any]) -> None:
        self._data, self._begin, self._done, self._frame = data, begin, 0, begin()

    def read(self, size: int) -> bytes:
        """Return some ``size`` bytes or more, or fewer at the end."""
        found: list[bytes] = []
        while sum(map(len, found)) < size and self._done < len(self._data):
            piece = self._data[self._done : self._done + self._PIECE]
            found.append(self._frame.decompress(piece))
            self._done += len(piece)
            if self._frame.eof:
                self._done -= len(self._frame.unused_data)
                self._frame = self._begin() if self._done < len(self._data) else self._frame
        if self._done >= len(self._data) and not self._frame.eof:
            raise EOFError("it ends within a frame")
        return b"".join(found)


def as_utf8(data: bytes, source: str, encoding: str | None) -> bytes:
    """Return a text in UTF-8, without a byte-order mark.

    A text that is neither UTF-8 nor has the mark of another encoding is read as Windows-1252, which contains Latin-1,
    and a note says so: digits and separators are the same in all such encodings.

    Raises:
        TableError: it is no text, or not of the encoding that the user has named.
    """
    mark = next((mark for mark in _MARKS if data.startswith(mark)), None)
    if mark is not None or encoding is not None:
        return _decoded(data, source, encoding or _MARKS[mark or b""])
    zero = data.find(b"\0")
    if zero >= 0:
        raise TableError(f"{source}: this is not text (byte {zero + 1} is zero); {AS_UTF8}")
    try:
        if not data.isascii():
            data.decode("utf-8")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        at = f"byte {error.start + 1}, 0x{data[error.start]:02x} in line {row}"
        found = _western(data)
        if found is None:
            raise TableError(f"{source}: this is not UTF-8 text ({at}); {AS_UTF8}, or name its encoding") from None
        what = f"this is not UTF-8 text ({at}), and is read as Windows-1252; encoding='cp1252' or another says which"
        warnings.warn(f"{source}: {what}", TableWarning, stacklevel=2)
        return found
    return data.removeprefix(codecs.BOM_UTF8)


def _decoded(data: bytes, source: str, encoding: str) -> bytes:
    try:
        text = data.decode(encoding)
    except (UnicodeError, LookupError) as error:
        raise TableError(f"{source}: this is not text in {encoding} ({line(error)}); {AS_UTF8}") from None
    if "\0" in text:
        raise TableError(f"{source}: this is not text in {encoding}, for it has zeros; {AS_UTF8}")
    return text.removeprefix("\ufeff").encode("utf-8", "replace")


def _western(data: bytes) -> bytes | None:
    """Return a text of Windows-1252 in UTF-8; None if it has control characters, which no text has."""
    if data.translate(None, bytes(set(range(256)) - (set(range(32)) - set(b"\t\n\v\f\r\x1a")))):
        return None
    try:
        return data.decode("cp1252").encode()
    except UnicodeDecodeError:
        return None
