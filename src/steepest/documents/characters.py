"""Write running text as LaTeX in plain ASCII, so that every engine sets it alike whatever its fonts contain."""

from __future__ import annotations

import re
import unicodedata

from steepest.expressions.characters import GREEK_LETTERS, LOWERED, RAISED, RUNS, TEXT_ESCAPES

_SPECIAL = TEXT_ESCAPES | {
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
}  # fmt: skip
_JOINING = "-',"  # two of them in a row would become one sign
_LETTERS = {
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}", "œ": r"\oe{}", "Œ": r"\OE{}",
    "ł": r"\l{}", "Ł": r"\L{}", "đ": r"\dj{}", "Đ": r"\DJ{}", "ð": r"\dh{}", "Ð": r"\DH{}", "þ": r"\th{}",
    "Þ": r"\TH{}", "ı": r"\i{}", "–": "--", "—": "---", "‘": "`{}", "’": "'{}", "“": "``{}", "”": "''{}",
    "„": r"\quotedblbase{}", "…": r"\ldots{}", "\u00a0": "~", "\u202f": r"\,", "\u2009": r"\,", "\u00ad": r"\-",
    "‰": r"\textperthousand{}", "§": r"\S{}", "¶": r"\P{}", "©": r"\textcopyright{}", "°": r"\textdegree{}",
    "€": r"\texteuro{}", "£": r"\pounds{}",
    "•": r"\textbullet{}", "«": r"\guillemotleft{}", "»": r"\guillemotright{}", "¿": r"\textquestiondown{}",
    "¡": r"\textexclamdown{}", "\u2011": "-", "\u2010": "-", "\u200b": "", "\ufeff": "", "\u2060": "",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c", "\u0328": "k", "\u0323": "d",
}  # fmt: skip
_MATHS = {
    **{letter: f"\\{name}" for letter, name in GREEK_LETTERS.items()},
    "ϕ": r"\phi", "ε": r"\varepsilon", "ϵ": r"\epsilon", "ς": r"\varsigma", "ο": "o",
    "∂": r"\partial", "∇": r"\nabla", "∑": r"\sum", "∏": r"\prod", "√": r"\surd", "∞": r"\infty", "−": "-", "±": r"\pm",
    "×": r"\times", "÷": r"\div", "·": r"\cdot", "⋅": r"\cdot", "∗": r"\ast", "∘": r"\circ", "⊙": r"\odot",
    "⊗": r"\otimes", "⊕": r"\oplus", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx", "≡": r"\equiv",
    "≔": r"\mathrel{:=}", "∼": r"\sim", "∝": r"\propto", "∈": r"\in", "∉": r"\notin", "⊂": r"\subset", "∪": r"\cup",
    "∩": r"\cap", "∅": r"\emptyset", "∀": r"\forall", "∃": r"\exists", "→": r"\to", "←": r"\leftarrow",
    "↑": r"\uparrow", "↓": r"\downarrow", "↦": r"\mapsto", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow", "¬": r"\neg",
    "∧": r"\wedge", "∨": r"\vee", "ℝ": r"\mathbb{R}", "ℓ": r"\ell", "′": r"{}^{\prime}", "″": r"{}^{\prime\prime}",
    "⊤": r"\top", "‖": r"\Vert", "∥": r"\Vert", "∫": r"\int", "½": r"\tfrac{1}{2}", "¼": r"\tfrac{1}{4}",
    "¾": r"\tfrac{3}{4}", "✓": r"\surd", "⟨": r"\langle", "⟩": r"\rangle", "⋯": r"\cdots", "⋮": r"\vdots",
    "⋱": r"\ddots", "µ": r"\mu", "²": "{}^{2}", "³": "{}^{3}", "¹": "{}^{1}", "△": r"\triangle",
}  # fmt: skip
_OVER = {"\u0304": r"\bar", "\u0302": r"\hat", "\u0303": r"\tilde", "\u0307": r"\dot", "\u20d7": r"\vec"}
_LONG = 24  # letters after which a word may be broken anywhere
_BREAKABLE = "_/*=+(,.:@"

KNOWN = "".join([*_SPECIAL, *_LETTERS, *_MATHS, *RAISED, *LOWERED])
"""Every sign that is written by a command."""


def text(running: str) -> str:
    r"""Return running text as LaTeX.

    >>> text("50 % of C₁ is σ(x_i)²")
    '50 \\% of C\\ensuremath{{}_{1}} is \\ensuremath{\\sigma}(x\\_i)\\ensuremath{{}^{2}}'
    """
    return "".join(_word(part) for part in re.findall(r"\s+|\S+", unicodedata.normalize("NFC", running)))


def mathematics(latex: str) -> str:
    """Return LaTeX mathematics in plain ASCII; other characters, as in names, are written as text.

    >>> mathematics("größe + σ")
    'gr\\\\text{\\\\\"{o}}\\\\text{\\\\ss{}}e + \\\\sigma '
    """
    if latex.isascii():
        return latex
    parts = RUNS.findall(unicodedata.normalize("NFC", latex))
    return "".join(
        part if part.isascii() else f"{_MATHS[part]} " if part in _MATHS else rf"\text{{{_signs(part)}}}"
        for part in parts
    )


def picture(tikz: str) -> str:
    """Return a TikZ picture in plain ASCII; other characters may occur in its text and its formulas."""
    return tikz if tikz.isascii() else "".join(_signs(part) for part in RUNS.findall(tikz))


def typed(line: str) -> str:
    """Return a line of a program as LaTeX, every blank kept."""
    return "".join(
        {" ": "~", "-": r"-\/", "'": r"\textquotesingle{}"}.get(sign, _SPECIAL.get(sign) or _signs(sign))
        for sign in line.expandtabs(4)
    )


def _word(word: str) -> str:
    if word.isspace():
        return "".join(dict.fromkeys(_LETTERS.get(sign, " ") for sign in word))
    made, since = [], 0
    parts = RUNS.findall(word)
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        made.append(_SPECIAL.get(part) or _signs(part))
        if part in _JOINING and part == following:
            made.append(r"\/")
        since += len(part)
        if len(word) > _LONG and (part in _BREAKABLE or since > _LONG):
            made.append(r"\allowbreak{}")
            since = 0
    return "".join(made)


def _signs(part: str) -> str:
    """Write one character, or a run of super- or subscripts, for text and, except letters, formulas."""
    if part.isascii():
        return part
    if part in _LETTERS:
        return _LETTERS[part]
    if part in _MATHS:
        return rf"\ensuremath{{{_MATHS[part]}}}"
    for table, mark in ((RAISED, "^"), (LOWERED, "_")):
        if part[0] in table:
            return rf"\ensuremath{{{{}}{mark}{{{''.join(table[sign] for sign in part)}}}}}"
    base, *marks = list(unicodedata.normalize("NFD", part))
    if len(marks) == 1:
        if base in _MATHS or (len(part) > 1 and base.isascii() and marks[0] in _OVER):
            return rf"\ensuremath{{{_OVER.get(marks[0], '')}{{{_MATHS.get(base, base)}}}}}"
        if base.isascii() and base.isalpha() and marks[0] in _ACCENTS:
            return rf"\{_ACCENTS[marks[0]]}{{{base}}}"
    return "".join("" if unicodedata.combining(sign) else _numbered(sign) for sign in part)


def _numbered(sign: str) -> str:
    """Write a character that the fonts of TeX lack by its number."""
    return sign if sign.isascii() else rf"\texttt{{U+{ord(sign):04X}}}"
