"""The marks by which files that steepest wrote are recognised.

A file is replaced without a question only if it carries the mark of its format. A mark is no signature: it tells what
was written by hand from what can be written again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

MARK = "Made by steepest"
"""What formats with comments or metadata say of their writer."""

_COMMENTS = {"svg": "<!-- {} -->", "html": "<!-- {} -->", "md": "<!-- {} -->", "tex": "% {}", "dot": "// {}"}
"""Comments that begin a file, by suffix."""

_SUM = rb'"sha256":"[0-9a-f]{64}",'  # files of older versions have the entries of the metadata in any order
_PATTERNS = {
    **{suffix: rb"\A" + re.escape(form.format(MARK)).encode() for suffix, form in _COMMENTS.items()},
    "png": rb"\A\x89PNG.*Software\0" + MARK.encode(),
    "gif": rb"\AGIF8.*" + MARK.encode(),
    "mp4": rb"\A....ftyp.*" + MARK.encode(),
    "pdf": rb"\A%PDF.*/Creator \(" + MARK.encode(),
    "ipynb": rb'\A\{.*"generator": "' + MARK.encode(),
    "c": rb"\A/\*((?!\*/).)*" + MARK.encode(),
    "py": rb'\A"""((?!""").)*' + MARK.encode(),
    "onnx": rb"\A\x08.\x12\x08steepest",
    "model": rb'\A.{8}\{"__metadata__":\{(' + _SUM + rb')?"steepest":',
    "checkpoint": rb'\A.{8}\{"__metadata__":\{(' + _SUM + rb')?"steepest checkpoint":',
    "predictions": rb"\A(row,)?prediction(_0(,prediction_\d+)*)?(,(prediction_)?(lower|upper)(_\d+)?)*(,class)?\n"
    rb'|\A\{"prediction": ',
    "report": rb'\A\[(\]|\s*\{\s*"file": )|\A\{.{,400}"name": "steepest proofread"|\A<!-- Made by steepest'
    rb"|\A[^\n]+:\d+:\d+: (holds|wrong|defines|approximation|not understood)|\A[^\n]+: (no|\d+) equalit(y|ies)",
}
"""What the files of a kind have, by suffix or name."""

KINDS = tuple(_PATTERNS)
"""Every kind."""

_MOST = 1 << 26  # bytes of a file that are searched


def marked(content: bytes, suffix: str) -> bytes:
    """Return the content of a file with the comment that tells who wrote it, if its format has comments."""
    form = _COMMENTS.get(suffix.lstrip(".").lower())
    return content if form is None else f"{form.format(MARK)}\n".encode() + content


def made_here(path: str | os.PathLike[str], kinds: Sequence[str] = ()) -> bool:
    """Return whether steepest wrote a file of one of these kinds; left out, the kind is that of the suffix."""
    kinds = kinds or [Path(path).suffix.lstrip(".").lower()]
    with open(path, "rb") as file:
        content = file.read(_MOST)
    return any(re.search(_PATTERNS[kind], content, re.DOTALL) for kind in kinds if kind in _PATTERNS)
