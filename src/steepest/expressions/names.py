"""Write names in LaTeX."""

from __future__ import annotations

import re

from steepest.expressions.characters import GREEK_LETTERS, GREEK_NAMES, MATHS_ESCAPES


def stem_and_digits(name: str) -> tuple[str, str]:
    """Split a name into its stem and trailing digits, without a bar between them.

    >>> stem_and_digits("w1"), stem_and_digits("w_1"), stem_and_digits("12")
    (('w', '1'), ('w', '1'), ('12', ''))
    """
    stem, digits = re.fullmatch(r"(.*?)(\d*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    if not stem:
        stem, digits = name, ""
    return stem[:-1] if digits and stem.endswith("_") and len(stem) > 1 else stem, digits


def latex_name(name: str, index: str = "", layer: bool = False, literal: bool = False) -> str:
    """Return a name in LaTeX: trailing digits as a subscript, or as the layer in a raised bracket.

    A name that is written ``literal`` has its letters and digits as they are, upright.

    >>> latex_name("w1"), latex_name("x", "i"), latex_name("a2", "i", layer=True), latex_name("petal_length")
    ('w_{1}', 'x_{i}', 'a^{(2)}_{i}', '\\\\mathrm{petal\\\\_length}')
    """
    stem, digits = (name, "") if literal else stem_and_digits(name)
    if stem in GREEK_NAMES and not literal:
        written = "\\" + stem
    elif stem in GREEK_LETTERS:
        written = "\\" + GREEK_LETTERS[stem]
    elif len(stem) == 1 and stem.isalpha():
        written = stem
    else:
        plain = "".join(MATHS_ESCAPES.get(c, c) for c in stem)
        written = rf"\mathrm{{{plain}}}"
    raised = f"^{{({digits})}}" if layer and digits else ""
    below = ",".join(part for part in ("" if raised else digits, index) if part)
    return written + raised + (f"_{{{below}}}" if below else "")
