"""Write files atomically, without changing what else is at their place."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from steepest.errors import StorageError


def write_atomically(path: str | os.PathLike[str], content: bytes, again: bool = False, private: bool = False) -> None:
    """Write to a temporary file in the same folder, sync and rename, so that readers never see a partial file.

    A symbolic link stays, and the file that it names is written. A file that is replaced passes on its permissions;
    one that nobody may write stays. A device or pipe is written to.

    Args:
        path: the file.
        content: its content.
        again: whether one process writes the file repeatedly; the temporary file then has a fixed name, so that what a
            killed process leaves is overwritten by the next one.
        private: whether only this user may read and write the file, as for cached machine code; a link at its place is
            then replaced, and not followed.
    """
    target = Path(path) if private else Path(os.path.realpath(path))
    temporary = ""
    try:
        mode = None if private else _mode(target)
        if mode is not None and not stat.S_ISREG(mode):  # a pipe or device must not be replaced by a file
            target.write_bytes(content)
            return
        if mode is not None and not mode & 0o222:  # the administrator may write it nevertheless
            raise StorageError(f"cannot write {target}: it is read-only; choose another place")
        if again:
            temporary = os.fspath(target.parent / f".{target.name}.part")
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
            handle = os.open(temporary, flags, 0o600)
        else:
            handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp creates a private file; give it the permissions of what it replaces, or those of the user's new files.
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        elif not private:
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
        temporary = ""
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}; choose another place") from None
    finally:  # also after an interruption
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def refuse_place(path: str | os.PathLike[str]) -> None:
    """Raise if a file cannot be written here, before time is spent on its content."""
    target = Path(path)
    if target.is_dir():
        raise StorageError(f"cannot write {target}: it is a directory; name a file in it")
    place = Path(os.path.realpath(target)).parent if target.is_symlink() else target.parent
    if not place.is_dir():
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
