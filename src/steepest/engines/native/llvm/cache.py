"""Compiled kernels kept for the next time: in memory, and in the user's cache directory for other processes.

An entry is a file named by the SHA-256 of everything that its code depends on. It is written atomically, so that no
reader meets half of it, and begins with a digest of the rest: what does not match its digest is discarded. The
directory is ``STEEPEST_CACHE_DIR`` if that is set, and nothing is kept if that is empty.

An entry is machine code that will run as this user, and the digest, which anybody can compute, shows damage, not
origin. So directory and entry must belong to this user and be writable by nobody else; otherwise kernels are compiled
anew, with a warning. ``docs/explanations/security.md`` states what is trusted.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from steepest.errors import CacheWarning, StorageError
from steepest.storage.files import remove_abandoned, write_atomically

_MAGIC = b"steepest kernel 1\n"
_DIGEST = 32
_ENTRY = re.compile(r"[0-9a-f]{64}")
_PARTIAL = re.compile(r"\.[0-9a-f]{64}\..*")  # what ``write_atomically`` writes before it is renamed
_KEPT_BYTES = 64 << 20  # of the directory; beyond, the least recently used kernels are deleted
# A process thins a directory at its first entry and then after so many bytes of its own: to list a thousand entries
# takes 5 to 10 ms, as long as it takes to compile a small kernel.
_THINNED_AFTER = 1 << 20
_written: dict[Path, int] = {}  # bytes since this process last thinned a directory
_LARGEST_SIZE = 1 << 40  # bytes of working memory, or numbers, that a kernel can ask for
# A link or pipe in place of an entry is not followed or waited for. Windows has neither flag, nor such files.
_UNFOLLOWED = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_warned: set[Path] = set()


@dataclass(frozen=True)
class Entry:
    """Machine code, and what its caller must provide.

    Attributes:
        scratch: bytes of working memory per thread.
        partials: numbers in the partial sums of one part of the samples.
        code: an object file.
    """

    scratch: int
    partials: int
    code: bytes


def directory() -> Path | None:
    """Return the directory in which kernels are kept, or None if they are not kept."""
    chosen = os.environ.get("STEEPEST_CACHE_DIR")
    if chosen is not None:
        return Path(chosen) if chosen else None
    return Path(platformdirs.user_cache_dir("steepest", appauthor=False)) / "kernels"


def _packed(entry: Entry) -> bytes:
    about = json.dumps({"scratch": entry.scratch, "partials": entry.partials}).encode()
    body = len(about).to_bytes(4, "little") + about + entry.code
    return _MAGIC + hashlib.sha256(body).digest() + body


def _unpacked(data: bytes) -> Entry | None:
    """Return the entry, or None if these bytes are not an undamaged one."""
    start = len(_MAGIC) + _DIGEST
    if len(data) < start + 4 or not data.startswith(_MAGIC):
        return None
    body = data[start:]
    if hashlib.sha256(body).digest() != data[len(_MAGIC) : start]:
        return None
    length = int.from_bytes(body[:4], "little")
    try:
        about: Any = json.loads(body[4 : 4 + length])
        scratch, partials = about["scratch"], about["partials"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not all(type(size) is int and 0 <= size <= _LARGEST_SIZE for size in (scratch, partials)):
        return None
    return Entry(scratch, partials, body[4 + length :])


def read(key: str) -> Entry | None:
    """Return the entry of a key, if there is an undamaged one of this user's own; delete any other."""
    place = directory()
    if place is None or _refused(place):
        return None
    path = place / key
    try:
        content = _read_own(path)
    except OSError:
        return None
    entry = None if content is None else _unpacked(content)
    with contextlib.suppress(OSError):
        if entry is None:
            path.unlink()
        else:
            os.utime(path)  # so that the least recently used entries are deleted first
    return entry


def discard(key: str) -> None:
    """Delete an entry whose code cannot be used."""
    place = directory()
    if place is not None:
        with contextlib.suppress(OSError):
            (place / key).unlink()


def _read_own(path: Path) -> bytes | None:
    """Return the content of a regular file that this user alone can write; None for anything else, without waiting."""
    try:
        handle = os.open(path, os.O_RDONLY | _UNFOLLOWED)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None  # a link
        raise
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or _is_shared(about) or about.st_size > _KEPT_BYTES:
            return None
        with open(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


def _is_shared(about: os.stat_result) -> bool:
    """Return whether a file belongs to another user, or others may write it; Windows states neither."""
    return os.name != "nt" and (about.st_uid != os.geteuid() or bool(about.st_mode & 0o022))


def _refused(place: Path) -> bool:
    """Return whether a directory must not be used, with a warning once for each."""
    try:
        about = place.lstat()  # its parents may be links, as a home often is
    except OSError:
        return False  # there is none yet
    linked = stat.S_ISLNK(about.st_mode)
    if not linked and not (stat.S_ISDIR(about.st_mode) and _is_shared(about)):
        return not stat.S_ISDIR(about.st_mode)
    if place not in _warned:
        _warned.add(place)
        why = "is a link" if linked else "belongs to another user or is writable by others"
        warnings.warn(
            f"compiled kernels are neither read from {place} nor kept there, because it {why}: code in it would run as "
            "you; set STEEPEST_CACHE_DIR to a directory that only you can write",
            CacheWarning,
            stacklevel=2,
        )
    return True


def write(key: str, entry: Entry) -> None:
    """Keep an entry; do nothing where the directory cannot be written or the disk is full."""
    place = directory()
    if place is None:
        return
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _refused(place):
            return
        data = _packed(entry)
        write_atomically(place / key, data, private=True)
        _written[place] = _written.get(place, _THINNED_AFTER) + len(data)
        if _written[place] > _THINNED_AFTER:
            _written[place] = 0
            _thin(place)
    except (OSError, StorageError):
        return


def _thin(place: Path) -> None:
    """Delete what killed processes left, and the least recently used entries if there are too many."""
    found = []
    with os.scandir(place) as files:
        for file in files:
            partial = _PARTIAL.fullmatch(file.name)
            if not partial and not _ENTRY.fullmatch(file.name):
                continue  # others may use the directory, too
            if partial and remove_abandoned(file):
                continue
            with contextlib.suppress(OSError):
                about = file.stat(follow_symlinks=False)
                found.append((about.st_mtime, about.st_size, file.path))
    size = sum(length for _, length, _ in found)
    for _, length, path in sorted(found):
        if size <= _KEPT_BYTES:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
            size -= length
