"""Compiled kernels kept for the next time: in memory, and in the user's cache directory for other processes.

An entry is a file named by the SHA-256 of everything that its code depends on. It is written atomically, so that no
reader meets half of it, and begins with a digest of the rest: what does not match its digest is discarded. The
directory is ``STEEPEST_CACHE_DIR`` if that is set, and nothing is kept if that is empty.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from steepest.errors import StorageError
from steepest.storage.files import write_atomically

_MAGIC = b"steepest kernel 1\n"
_DIGEST = 32
_ABANDONED = 3600.0  # seconds after which a partial file is taken for that of a killed process
_ENTRY = re.compile(r"[0-9a-f]{64}")
_PARTIAL = re.compile(r"\.[0-9a-f]{64}\..*")  # what ``write_atomically`` writes before it is renamed
_KEPT_BYTES = 64 << 20  # of the directory; beyond, the least recently used kernels are deleted
# A process thins a directory at its first entry and then after so many bytes of its own: to list a thousand entries
# takes 5 to 10 ms, as long as it takes to compile a small kernel.
_THINNED_AFTER = 1 << 20
_written: dict[Path, int] = {}  # bytes since this process last thinned a directory


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
    about: dict[str, Any] = json.loads(body[4 : 4 + length])
    return Entry(about["scratch"], about["partials"], body[4 + length :])


def read(key: str) -> Entry | None:
    """Return the entry of a key, if there is an undamaged one; delete a damaged one."""
    place = directory()
    if place is None:
        return None
    path = place / key
    try:
        entry = _unpacked(path.read_bytes())
    except OSError:
        return None
    with contextlib.suppress(OSError):
        if entry is None:
            path.unlink()
        else:
            os.utime(path)  # so that the least recently used entries are deleted first
    return entry


def write(key: str, entry: Entry) -> None:
    """Keep an entry; do nothing where the directory cannot be written or the disk is full."""
    place = directory()
    if place is None:
        return
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
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
            with contextlib.suppress(OSError):
                about = file.stat()
                if partial and about.st_mtime < time.time() - _ABANDONED:
                    os.unlink(file)
                else:
                    found.append((about.st_mtime, about.st_size, file.path))
    size = sum(length for _, length, _ in found)
    for _, length, path in sorted(found):
        if size <= _KEPT_BYTES:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
            size -= length
