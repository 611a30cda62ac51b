"""Finds the ranges of index letters, the letters that count samples, classes and layers, and those that are sampled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from steepest.proofreading.meaning.document_model import LAYERS, DocumentModel, linear
from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.statements import ParsedDocument
from steepest.proofreading.reading.tree import Node, end_of_sum, is_of_indices, walk

# Small and different from one another, so that a formula that confuses two counts gives another value.
_SIZES = (3, 4, 5, 2)
_LARGEST_SIZE = 64  # larger sums are slow to evaluate


def find_depth_letter(prose: str, parsed: ParsedDocument, passages: Sequence[Passage]) -> str:
    """Return the letter that counts the layers, ``a model with $L$ layers``; an empty text if there is none."""
    if plain := re.search(r"\b(?:with|has|have|of|are)\s+([LmMN])\s+(?:hidden\s+)?layers", prose):
        return plain[1]
    for place, side in parsed.standalone:
        before, after = (passages[p].text if 0 <= p < len(passages) else "" for p in (place - 1, place + 1))
        lead = re.search(r"\b(?:with|has|have|of|are)\s*$", before)
        follows = re.match(r"\s*(?:hidden\s+)?layers", after)
        if lead and follows and side.node is not None and side.node.kind == "symbol":
            return side.node.base
    return ""


def find_sizes(
    nodes: Sequence[Node], assumed: Mapping[str, float], depth_letter: str
) -> tuple[dict[str, int], dict[str, int]]:
    """Return the values of letters that count something, and the ranges of index letters that sums show."""
    counts, tied, ranges = _find_counts(nodes)
    indices = [index for node in nodes for part in walk(node) for index in part.indices]
    above = [letter.base for role, index in indices if role in ("paren", "bracket") for letter in walk(index)]
    layered = {depth_letter, *(base for base in above if base in ("L", "m", "M"))} - {""}
    sizes: dict[str, int] = {}
    for letter in counts:
        size = LAYERS if letter in layered else _SIZES[len(sizes) % len(_SIZES)]
        sizes[letter] = max(1, min(int(assumed[letter]), _LARGEST_SIZE)) if letter in assumed else size
    for letter in sorted(layered):
        sizes.setdefault(letter, LAYERS)
    for letter, counted in tied:
        ranges.setdefault(letter, sizes.get(counted, 3))
    return sizes, ranges


def _find_counts(nodes: Sequence[Node]) -> tuple[list[str], list[tuple[str, str]], dict[str, int]]:
    """Return letters that count, pairs of an index letter and its upper limit, and ranges with numbers as limits."""
    counts: list[str] = []
    tied: list[tuple[str, str]] = []
    ranges: dict[str, int] = {}
    for part in (part for node in nodes for part in walk(node)):
        if part.kind in ("sum", "product") and len(part.args) == 3:
            upper = part.args[2]
            letters = [s.base for s in walk(upper) if s.kind == "symbol" and not s.args]
            if upper.kind == "symbol" and not upper.args:
                tied.append((str(part.value), upper.base))
            elif upper.kind == "number" and part.args[1].kind == "number" and float(part.args[1].value) == 1:
                last = end_of_sum(part, 1, max(1, min(int(float(upper.value)), _LARGEST_SIZE)))
                ranges.setdefault(str(part.value), last)
            counts += [x for x in letters if x not in counts]
        if part.kind == "multiply":
            below = [a.args[1] for a in part.args if a.kind == "divide" and a.args[1].kind == "symbol"]
            matrices = any(a.kind in ("cost_gradient", "transpose") for a in part.args)
            counts += [b.base for b in below if matrices and b.base in "nmNB" and b.base not in counts]
            for summed in (a for a in part.args if a.kind in ("sum", "array_sum")):
                for count in (b for b in below if not b.args and b.base in ("n", "m", "N", "M", "B", "K", "S")):
                    counts += [count.base] if count.base not in counts else []
                    if summed.kind == "sum" and len(summed.args) == 1:
                        tied.append((str(summed.value), count.base))
    return counts, tied, ranges


def find_ranges(document: DocumentModel, nodes: Iterable[Node]) -> tuple[dict[str, int], dict[str, str]]:
    """Return the ranges of index letters, also over vectors and matrices, and the letters that are class numbers."""
    ranges, classes = dict(document.indices.ranges), {}
    for part in (part for node in nodes for part in walk(node)):
        if part.kind == "symbol" and "sub" in part.roles:
            inner = [a for r, a in part.indices if r == "sub"]
            shape = _shape_without_subs(document, part)
            for place, index in enumerate(inner[:2]):
                if shape is not None and index.kind == "symbol" and index.base not in document.indices.sizes:
                    size = shape[place] if len(inner) > 1 or shape[0] > 1 else shape[1]
                    ranges.setdefault(index.base, size)
        if is_of_indices(part) and part.args[0].value == "==":
            one, other = part.args[0].args
            for value, letter in ((one, other), (other, one)):
                if value.kind == "symbol" and value.args and letter.kind == "symbol" and not letter.args:
                    classes[value.base] = letter.base
    return ranges, classes


def _shape_without_subs(document: DocumentModel, node: Node) -> tuple[int, int] | None:
    """Return the shape of the vector or matrix of which a symbol is an element."""
    numbers = tuple((r, linear(a)[1]) for r, a in node.indices if r != "sub" and linear(a)[0] is None)
    key = tuple(sorted(numbers))
    return document.shapes.find((node.base, key)) or document.shapes.find((node.base.upper(), key))


def find_roles(nodes: Iterable[Node]) -> tuple[dict[str, frozenset[tuple[str, ...]]], frozenset[str]]:
    """Return the combinations of roles of each letter's indices, and the letters whose value depends on the sample."""
    roles: dict[str, set[tuple[str, ...]]] = {}
    sampled = set()
    for node in nodes:
        below = {id(v) for part in walk(node) if part.kind == "derivative" for v in part.args[1:]}
        stack = [node]
        while stack:
            part = stack.pop()
            if id(part) in below:
                continue
            if part.kind != "symbol":
                stack.extend(part.args)
                continue
            roles.setdefault(part.base, set()).add(part.roles)
            for role, index in part.indices:
                running = index.kind == "symbol" and index.base in ("i", "j", "k", "n", "t", "s", "p")
                if running and role in ("sub", "paren", "paren2"):
                    sampled.add(part.base)
    return {base: frozenset(found) for base, found in roles.items()}, frozenset(sampled)
