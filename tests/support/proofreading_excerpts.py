"""The mistakes of the lecture notes that lie in a formula, in excerpts in our own words, and what must be found.

``excerpts.txt`` has for each the place in the notes, the cause, a part of the line that must be found and a part of the
line as it must be put right, then the excerpt, which defines what its wrong line needs. ``excerpts_right.txt`` says the
same things rightly, with notation of the notes that is no mistake.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from places import SUPPORT


class Excerpt(NamedTuple):
    where: str
    cause: str
    wrong: str
    corrected: str
    text: str


def _parts(name: str) -> list[tuple[str, str]]:
    text = (SUPPORT / name).read_text(encoding="utf-8")
    parts = [part.partition("\n") for part in re.split(r"(?m)^=== ", text)[1:]]
    return [(head, body) for head, _, body in parts]


EXCERPTS = [Excerpt(*(field.strip() for field in head.split("¦")), body) for head, body in _parts("excerpts.txt")]
RIGHT = [body for _, body in _parts("excerpts_right.txt")]
