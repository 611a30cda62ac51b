"""Split printed derivations into their lines, and note what they announce; see ``maths_reader.py``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from maths_reader import GREEK, Signs


@dataclass
class Block:
    """The lines of one left side: its text, and the right sides in order with their rules."""

    left: str
    rights: list[str]


def text_blocks(printed: str, signs: Signs) -> list[Block]:
    """Return the equations of a derivation as text; take note of what it announces."""
    found: list[Block] = []
    for paragraph in printed.split("\n\n"):
        for line in paragraph.split("\n"):
            left, sign, right = line.partition(" = ")
            if not sign:
                announce(line, signs)
                continue
            right = re.split(r"   ", right.strip())[0].strip()
            if left.strip():
                found.append(Block(left.strip(), []))
            found[-1].rights.append(right)
    return found


def latex_blocks(printed: str, signs: Signs) -> list[Block]:
    """Return the equations of a derivation in LaTeX; take note of what it announces."""
    before, _, rest = printed.partition("\\begin{align*}\n")
    announce(re.sub(r"\$(.*?)\$", lambda each: _plain(each[1]), before), signs)
    found: list[Block] = []
    for line in rest.removesuffix("\n\\end{align*}").split(" \\\\\n"):
        left, _, right = line.partition("&= ")
        if left.strip():
            found.append(Block(left.strip(), []))
        found[-1].rights.append(right.split(" && ")[0])
    return found


def announce(text: str, signs: Signs) -> None:
    """Take note of the sentences of an announcement."""
    for sentence in re.split(r"(?<=\.)\s+(?=\S)", text.strip()):
        if sentence:
            signs.announce(sentence.removesuffix(".").replace("`", ""))


def _plain(latex: str) -> str:
    """Return a sign of an announcement in LaTeX as text: ``\\mathrm{x\\_1}`` is x_1."""
    latex = re.sub(r"\\(?:mathrm|operatorname)\{(.*?)\}", r"\1", latex)
    latex = re.sub(r"_\{(\d+)\}", r"\1", latex).replace("\\", "")
    return next((letter for letter, name in GREEK.items() if name == latex), latex)
