"""Write files atomically, without changing what else is at their place."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
import tempfile
import time
from pathlib import Path

from steepest.errors import StorageError

_SUFFIX = ".part"
_WAIT = 5.0  # seconds until a pipe has a reader
_TRIES = 10  # far more than needed: only in a moment can another process delete a temporary file


def write_atomically(path: str | os.PathLike[str], content: bytes, private: bool = False) -> None:
    """Write to a temporary file in the same folder, sync and rename, so that readers never see a partial file.

    A symbolic link stays, and the file that it names is written. A file that is replaced passes on its permissions;
    one that nobody may write stays. A device or pipe is written to. Temporary files of killed processes that wrote the
    same file are deleted.

    Args:
        path: the file.
        content: its content.
        private: whether only this user may read and write the file, as for cached machine code; a link at its place is
            then replaced, and not followed, and the caller deletes temporary files of killed processes.
    """
    target = Path(path)
    try:
        mode = None if private else _mode(target)
        if mode is not None and not stat.S_ISREG(mode):  # a pipe or device must not be replaced by a file
            _write_into(target, content, stat.S_ISFIFO(mode))
            return
        target = target if private else Path(os.path.realpath(path))
        if mode is not None and not mode & 0o222:  # the administrator may write it nevertheless
            raise StorageError(f"cannot write {target}: it is read-only; choose another place")
        if not private:
            _remove_temporaries_of(target)
        permissions = None if private else _permissions(mode)
        if not any(_replaced(target, content, permissions) for _ in range(_TRIES)):
            raise StorageError(f"cannot write {target}: other programs delete its temporary file; choose another place")
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}; choose another place") from None


def _write_into(place: Path, content: bytes, is_pipe: bool) -> None:
    """Write to a device, or to a pipe once somebody reads it."""
    until = time.monotonic() + _WAIT
    while True:
        try:
            handle = os.open(place, os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
            break
        except OSError as error:
            if not is_pipe or error.errno != errno.ENXIO:
                raise
            if time.monotonic() > until:
                raise StorageError(f"cannot write {place}: nobody reads this pipe; start its reader") from None
            time.sleep(0.02)
    with os.fdopen(handle, "wb") as file:
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(handle, True)
        file.write(content)


def _replaced(target: Path, content: bytes, permissions: int | None) -> bool:
    """Replace a file; return False if another process has deleted the temporary file meanwhile."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(_SUFFIX, f".{target.name}.", target.parent)
        with os.fdopen(handle, "wb") as file:
            _lock(handle)
            file.write(content)
            file.flush()
            os.fsync(handle)
        if permissions is not None:  # mkstemp creates a private file
            os.chmod(temporary, permissions)
        os.replace(temporary, target)
        temporary = ""
    except FileNotFoundError:
        if not temporary:  # there is no such folder
            raise
        return False
    finally:  # also after an interruption
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    return True


def remove_abandoned(temporary: str | os.PathLike[str]) -> bool:
    """Delete a temporary file unless a process is writing it or another user owns it; return whether it was deleted.

    A writer locks its file, and the system releases the lock when the process ends, however it ends. Ages and process
    numbers would mislead after a pause and between machines. Where there are no locks, the file stays; Windows does not
    delete a file that is open. Before and after the lock is held, a writer may lose its file, and writes it again.
    """
    try:
        if sys.platform == "win32":
            os.unlink(temporary)
            return True
        handle = os.open(temporary, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            about = os.fstat(handle)
            ours = stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid()
            if ours and _lock(handle):
                os.unlink(temporary)
                return True
        finally:
            os.close(handle)
    except OSError:
        pass
    return False


def _remove_temporaries_of(target: Path) -> None:
    """Delete what killed processes left that wrote this file."""
    name = re.compile(re.escape(f".{target.name}.") + "[a-z0-9_]{8}" + re.escape(_SUFFIX))  # as mkstemp forms it
    with contextlib.suppress(OSError), os.scandir(target.parent) as files:  # a folder may be writable, not readable
        for file in files:
            if name.fullmatch(file.name):
                remove_abandoned(file)


def _lock(handle: int) -> bool:
    """Lock an open file until it is closed or this process ends; return False if another process has locked it."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # or the file system has no locks
        return False
    return True


def _permissions(mode: int | None) -> int:
    """Return the permissions of the file that is replaced, or those of the user's new files."""
    if mode is not None:
        return stat.S_IMODE(mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def refuse_place(path: str | os.PathLike[str]) -> None:
    """Raise if a file cannot be written here, before time is spent on its content."""
    target = Path(path)
    if os.path.isdir(target):
        raise StorageError(f"cannot write {target}: it is a directory; name a file in it")
    place = Path(os.path.realpath(target)).parent if os.path.islink(target) else target.parent
    if not os.path.isdir(place):
        raise StorageError(f"cannot write {target}: there is no directory {place}; choose another place")
    try:
        mode = _mode(target)
        if mode is not None and not mode & 0o222:
            raise StorageError(f"cannot write {target}: it is read-only; choose another place")
        replaces = mode is None or stat.S_ISREG(mode)
        if replaces:
            tempfile.TemporaryFile(dir=place).close()  # permissions alone do not tell, as on a full or ro disk
        needed = [place] * replaces + [target] * (mode is not None)
        writable = all(os.access(each, os.W_OK) for each in needed)
    except OSError:
        writable = False
    if not writable:
        raise StorageError(f"cannot write {target}: {place} is not writable; choose another place")


def _mode(path: Path) -> int | None:
    """Return the kind and permissions of a file, that a link names if it is one; None if there is no file."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
