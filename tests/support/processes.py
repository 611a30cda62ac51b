"""Python and the command line in processes of their own, on a terminal where it matters."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = str(Path(sys.executable).with_name("steepest"))
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
pty_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")


def loaded(code: str) -> set[str]:
    """The top modules that are loaded after running this code in a process of its own."""
    code += "\nimport sys; sys.stdout.write('LOADED ' + ' '.join({m.partition('.')[0] for m in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split("LOADED ")[1].split())


def plain_environment(**more: str) -> dict[str, str]:
    names = ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, "TERM": "xterm-256color", **more}


def on_a_terminal(
    words: list[str], columns: int = 80, folder: Path | None = None, **environment: str
) -> tuple[int, str, str]:
    """Status, standard output and standard error, each a terminal of its own."""
    import fcntl
    import pty
    import struct
    import termios

    pairs = [pty.openpty(), pty.openpty()]
    for _, side in pairs:
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    (out, out_side), (err, err_side) = pairs
    process = subprocess.Popen(
        [SCRIPT, *words],
        stdout=out_side,
        stderr=err_side,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env=plain_environment(**environment),
    )
    os.close(out_side)
    os.close(err_side)
    texts = {out: b"", err: b""}
    open_ends = [out, err]
    import select

    while open_ends:
        for end in select.select(open_ends, [], [], 60)[0]:
            try:
                piece = os.read(end, 65536)
            except OSError:  # the other side is closed
                piece = b""
            texts[end] += piece
            if not piece:
                open_ends.remove(end)
                os.close(end)
    shown = [text.decode().replace("\r\n", "\n") for text in texts.values()]
    return process.wait(timeout=60), shown[0], shown[1]
