"""Write mathematical text in plain ASCII, for terminals that need it: ``∂C/∂w₁ = 2·x²`` as ``dC/dw_1 = 2*x^2``."""

from __future__ import annotations

import codecs
import sys
import unicodedata

from steepest.expressions.characters import GREEK_LETTERS, LOWERED, RAISED, RUNS

_SIGNS = {
    **GREEK_LETTERS,
    "σ": "sigmoid", "Σ": "sum", "∑": "sum", "Π": "prod", "∏": "prod", "∂": "d", "∇": "grad ", "√": "sqrt", "∞": "inf",
    "ϕ": "phi", "ϵ": "epsilon", "ς": "sigma", "µ": "mu", "−": "-", "–": "-", "—": "-", "‑": "-", "‐": "-", "±": "+/-",
    "×": "*", "·": "*", "⋅": "*", "∗": "*", "∘": "o", "⊙": ".*", "⊗": "(x)", "÷": "/", "≤": "<=", "≥": ">=",
    "≠": "!=", "≈": "~", "≡": "==", "≔": ":=", "∼": "~", "∝": "~", "∈": "in", "∉": "not in", "→": "->", "←": "<-",
    "↦": "|->", "⇒": "=>", "⇔": "<=>", "↑": "^", "↓": "v", "¬": "not ", "∧": "and", "∨": "or", "ℝ": "R", "ℓ": "l",
    "′": "'", "″": "''", "⊤": "T", "‖": "||", "∥": "||", "∫": "int", "½": "1/2", "¼": "1/4", "¾": "3/4", "°": " deg",
    "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "…": "...", "⋯": "...", "⋮": ":", "•": "*",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u200b": "", "ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O",
    "œ": "oe", "ł": "l", "Ł": "L", "đ": "d", "þ": "th", "ı": "i", "€": "EUR", "§": "section ", "✓": "yes", "✗": "no",
    "ŷ": "yhat", "ȳ": "ybar", "ẋ": "xdot",
    "│": "|", "┃": "|", "─": "-", "━": "-", "┄": "-", "┼": "+", "├": "+", "┤": "+", "└": "+", "┘": "+", "┌": "+",
    "┐": "+", "┴": "+", "┬": "+", "╸": "-", "╺": "-",
}  # fmt: skip
_NAMES = {"\u0304": "bar", "\u0302": "hat", "\u0303": "tilde", "\u0307": "dot"}


def transliterated(text: str) -> str:
    """Return a text in ASCII; a character without a likeness is written by its number, as ``\\u4e2d``.

    >>> transliterated("∂C/∂w₁ = 1/n Σ 2·(σ(x_i·w₁) − y_i)²")
    'dC/dw_1 = 1/n sum 2*(sigmoid(x_i*w_1) - y_i)^2'
    """
    if text.isascii():
        return text
    return "".join(part if part.isascii() else _written(part) for part in RUNS.findall(text))


def with_mark(text: str) -> str:
    """Return a message in ASCII whose last line marks a place of the line before.

    >>> print(with_mark("at σ(x\\n     ^"))
    at sigmoid(x
               ^
    """
    *before, line, mark = ["", *text.split("\n")]
    if mark.strip() == "^":
        mark = " " * len(transliterated(line[: len(mark) - 1])) + "^"
    return "\n".join(map(transliterated, [*before, line, mark][1:]))


def _written(part: str) -> str:
    if part[0] in RAISED:
        inside = "".join(RAISED[sign] for sign in part)
        return f"^{inside}" if inside.isalnum() or inside.startswith("(") else f"^({inside})"
    if part[0] in LOWERED:
        return "_" + "".join(LOWERED[sign] for sign in part)
    if part in _SIGNS:
        return _SIGNS[part]
    base, *marks = list(unicodedata.normalize("NFD", part))
    if marks:
        names = "".join(_NAMES.get(mark, "") for mark in marks) if len(part) > 1 else ""
        return f"{_SIGNS.get(base) or _numbered(base)}{names}"
    found = unicodedata.normalize("NFKD", part)
    return _NAMES.get(part, "") if unicodedata.combining(part) else _numbered(found)


def _numbered(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Handle errors of codecs: characters that an output cannot encode are written in ASCII."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return transliterated(error.object[error.start : error.end]), error.end


class _Encoder(codecs.IncrementalEncoder):
    def encode(self, text: str, final: bool = False) -> bytes:
        return transliterated(text).encode("ascii")


def _codec(name: str) -> codecs.CodecInfo | None:
    if name != PLAIN:
        return None
    return codecs.CodecInfo(
        lambda text, errors="strict": (transliterated(text).encode("ascii"), len(text)),
        codecs.lookup("ascii").decode,
        incrementalencoder=_Encoder,
        incrementaldecoder=codecs.lookup("ascii").incrementaldecoder,
        name=PLAIN,
    )


PLAIN = "steepest_ascii"
"""An encoding of text streams: ASCII, into which all else is transliterated. It has a name of its own, since Click
replaces a stream whose encoding is called ascii by one in UTF-8."""
HANDLER = "steepest_ascii"
"""An error handler of text streams, which transliterates what their encoding lacks."""
codecs.register(_codec)
codecs.register_error(HANDLER, _replaced)


def is_plain(encoding: str | None = None) -> bool:
    """Return whether an output, by default standard output, can only show ASCII."""
    encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
    if encoding == PLAIN:
        return True
    try:
        "σ²₁∂⠿".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return True
    return False
