r"""Mathematics as MathML, by latex2mathml, with its output corrected where it is not what LaTeX shows.

Words (``\text``, ``\mathrm``, ``\operatorname``) come out as single letters, or not escaped; they go through it as
letters of Unicode's private use and are written afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from xml.etree import ElementTree

from steepest.errors import DocumentError, missing

_WORDS = re.compile(r"\\(text|mathrm|operatorname)\*?\{")
_ESCAPES = (
    (r"\textbackslash{}", "\\"), (r"\backslash ", "\\"), (r"\backslash", "\\"), (r"\^{}", "^"), (r"\~{}", "~"),
    (r"\textasciitilde{}", "~"), (r"\small ", ""), (r"\ ", " "), (r"\,", "\u2009"), (r"\;", " "), (r"\quad", "\u2003"),
    *((f"\\{sign}", sign) for sign in "_%$#&{}"),
)  # fmt: skip
_PRIVATE = 0xF0000  # the first character of private use of plane 15; no formula contains these
_PLACE = re.compile(r"<m([a-z]+)[^<>]*>([\U000F0000-\U000FFFFD])</m\1>")
_LIMITS = {"msubsup": "munderover", "msub": "munder", "msup": "mover"}
_WITH_LIMITS = ("∑", "∏", "lim", "max", "min")
_TALL = {"mfrac", "mtable", "msubsup", "munder", "munderover", "msqrt"}
_BOLD_ITALIC = {  # of which MathML Core has no variant
    **{chr(65 + k): chr(0x1D468 + k) for k in range(26)}, **{chr(97 + k): chr(0x1D482 + k) for k in range(26)},
    **{chr(0x391 + k): chr(0x1D71C + k) for k in range(25)}, **{chr(0x3B1 + k): chr(0x1D736 + k) for k in range(25)},
}  # fmt: skip


def mathml(latex: str, text: str, display: bool = False) -> str:
    r"""Return a formula as a ``<math>`` element, its text for screen readers.

    Raises:
        DocumentError: latex2mathml is not installed, or cannot read the formula.

    >>> mathml(r"\sigma", "σ")
    '<math alttext="σ" aria-label="σ"><mrow><mi>σ</mi></mrow></math>'
    """
    spoken = escape(text)
    block = ' display="block"' if display else ""
    return f'<math{block} alttext="{spoken}" aria-label="{spoken}">{_converted(latex, display)}</math>'


def mathml_lines(lines: Sequence[str], text: str, mark: str = "") -> str:
    """Return a displayed formula broken into lines, which screen readers read as one, and the full stop after it."""
    if len(lines) == 1:
        return mathml(lines[0], text, display=True) + mark
    inside = "".join(
        f'<span class="line"><math display="block" aria-hidden="true">{_converted(line, True)}</math>'
        f"{mark if k == len(lines) - 1 else ''}</span>"
        for k, line in enumerate(lines)
    )
    return f'<span class="lines" role="math" aria-label="{escape(text)}">{inside}</span>'


def _converted(latex: str, display: bool) -> str:
    """Return the inside of a ``<math>`` element."""
    try:
        from latex2mathml import exceptions
        from latex2mathml.converter import convert
    except ImportError:
        raise DocumentError(missing("formulas of a web page need", "latex2mathml", "paper")) from None
    latex, words = _without_words(latex)
    try:
        found = convert(latex.replace(":=", r"\coloneqq "), display="block" if display else "inline")
    except tuple(
        kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, Exception)
    ) as error:
        raise DocumentError(
            f"latex2mathml cannot read the formula {latex!r}: {error or type(error).__name__}"
        ) from None
    inside = found[found.index(">") + 1 : found.rindex("</math>")]
    root = ElementTree.fromstring(f"<math>{_PLACE.sub(lambda m: words[ord(m[2]) - _PRIVATE], inside)}</math>")
    for element in root.iter():
        _correct(element)
    written = ElementTree.tostring(root, encoding="unicode")
    return written[len("<math>") : -len("</math>")]


def _correct(element: ElementTree.Element) -> None:
    """Correct what latex2mathml writes differently from what LaTeX shows."""
    children = list(element)
    if element.get("mathvariant") in ("bold", "bold-italic"):
        element.text = "".join(_BOLD_ITALIC.get(letter, letter) for letter in element.text or "")
        del element.attrib["mathvariant"]
    elif element.tag in _LIMITS and children[0].tag == "mo" and children[0].text in _WITH_LIMITS:
        element.tag = _LIMITS[element.tag]
    elif element.tag == "msup" and children[1].text in ("′", "″", "‴"):
        element.tag, children[1].tag = "mrow", "mo"  # fonts have primes raised already
        children[1].attrib.update(lspace="0", rspace="0")
    elif element.tag == "mo" and element.text in ("|", "‖") and not element.get("stretchy"):
        element.attrib.update(stretchy="false", lspace="0", rspace="0")  # brackets of a norm, not relations
    elif element.tag == "mo" and element.text in ("∂", "⊤"):
        element.tag = "mi"  # no operators with spaces around them
    elif element.tag == "mo" and element.get("minsize") and element.text in ("(", ")", "[", "]"):
        element.set("form", "prefix" if element.text in "([" else "postfix")
    elif element.tag == "mrow" and len(children) > 1 and children[0].get("form") == "prefix":
        # As in TeX brackets are larger only around parts that are higher than letters with their indices.
        inner = {part.tag for child in children for part in child.iter()}
        powers = any(part.tag == "msup" and part[0].tag == "mrow" for child in children for part in child.iter())
        if not inner & _TALL and not powers:
            for bracket in (children[0], children[-1]):
                bracket.set("stretchy", "false")


def _without_words(latex: str) -> tuple[str, list[str]]:
    """Return the formula with a private-use letter for each word, and the words as elements."""
    made, words, at = [], list[str](), 0
    while (found := _WORDS.search(latex, at)) is not None:
        end = _closing(latex, found.end())
        word = _decoded(latex[found.end() : end])
        if word is None:  # mathematics in upright letters
            made.append(latex[at : found.end()])
            at = found.end()
            continue
        made.append(latex[at : found.start()] + f"{{{chr(_PRIVATE + len(words))}}}")
        words.append(_element(found[1], word))
        at = end + 1
    return "".join([*made, latex[at:]]), words


def _closing(latex: str, at: int) -> int:
    """Return the position where the group that is open here ends."""
    depth = 1
    while at < len(latex):
        if latex[at] == "\\":
            at += 1
        elif latex[at] in "{}":
            depth += 1 if latex[at] == "{" else -1
            if not depth:
                return at
        at += 1
    return at


def _decoded(word: str) -> str | None:
    """Return a word without LaTeX escapes; None if it contains mathematics."""
    marked = word
    for k, (written, _) in enumerate(_ESCAPES):
        marked = marked.replace(written, chr(0xE000 + k))
    if re.search(r"[\\{}^_]", marked):
        return None
    return "".join(_ESCAPES[ord(c) - 0xE000][1] if 0 <= ord(c) - 0xE000 < len(_ESCAPES) else c for c in marked)


def _element(command: str, word: str) -> str:
    escaped = escape(re.sub(r"^\s|\s$", "\u00a0", word))
    if command == "text":
        return f"<mtext>{escaped}</mtext>"
    # A single letter would be set in italics.
    return f'<mi mathvariant="normal">{escaped}</mi>' if len(word) == 1 else f"<mi>{escaped}</mi>"
