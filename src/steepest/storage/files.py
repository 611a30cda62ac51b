"""Write files atomically."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from steepest.errors import StorageError


def write_atomically(path: str | os.PathLike[str], content: bytes, again: bool = False, private: bool = False) -> None:
    """Write to a temporary file in the same folder, sync and rename, so that readers never see a partial file.

    Args:
        path: the file.
        content: its content.
        again: whether one process writes the file repeatedly; the temporary file then has a fixed name, so that what a
            killed process leaves is overwritten by the next one.
        private: whether only this user may read and write the file, as for cached machine code.
    """
    target = Path(path)
    temporary = ""
    try:
        if target.exists() and not target.is_file():  # a pipe or device must not be replaced by a file
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
        # mkstemp creates a private file; give it the permissions that the user's umask gives new files.
        if not private:
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
