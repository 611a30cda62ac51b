"""Writing files so that nobody ever reads half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from steepest.errors import StorageError


def write_atomically(path: str | os.PathLike[str], content: bytes, again: bool = False, private: bool = False) -> None:
    """Write beside the target, sync, rename: a reader sees the old file or the new one, never half of it.

    Args:
        path: the file.
        content: of it.
        again: whether it is written again and again by one process: the file beside it then always has the same name,
            so that what a killed process leaves there goes with the next writing.
        private: whether only this user may read and write it, as is due where it is code that will be run.

    Raises:
        StorageError: the folder does not exist or cannot be written.
    """
    target = Path(path)
    temporary = ""
    try:
        if target.exists() and not target.is_file():  # a pipe or a device is written to, never replaced
            target.write_bytes(content)
            return
        if again:
            temporary = os.fspath(target.parent / f".{target.name}.part")
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
        else:
            handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes a private file; the result has the permissions of any new file of this user.
        if not private:
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
        temporary = ""
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}; choose another place") from None
    finally:  # an interruption leaves no litter either
        if temporary:
            Path(temporary).unlink(missing_ok=True)
