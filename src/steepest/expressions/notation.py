"""Choose the signs that printed mathematics uses besides the names of a formula, so that no sign is also a name.

Usually n is the number of samples, i the index of one, e Euler's number, σ the logistic function. Where a name of the
formula is written like one of them, the sign changes, never the name, and a remark says so:
``1/N Σ (w·x_i − n)²``, where N is the number of samples, because n is a parameter.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from steepest.expressions.ascii import transliterated
from steepest.expressions.characters import GREEK_LETTERS
from steepest.expressions.names import latex_name, stem_and_digits
from steepest.expressions.printing import (
    ATOM,
    FUNCTION_NAMES,
    PRODUCT,
    RESERVED,
    SUM,
    N,
    Node,
    Template,
    call,
    quoted,
)
from steepest.expressions.traversal import leaves, toposort


class Written(NamedTuple):
    """A sign or name in both notations."""

    latex: str
    text: str


Remark = tuple[str | Written, ...]
"""A sentence with signs and names in it."""
COUNTS, INDICES, FEATURES, COST_LETTERS = "nNMKST", "ijkrstqm", "jkpqrs", ("C", "F", "J", "Q", "L")
"""The letters for the number of samples, the index of a sample, that of a feature, and the cost, in order."""
_SAMPLE_SUMS = ("mean", "total", "total_outer")


@dataclass(frozen=True)
class Notation:
    """The signs in which formulas with certain names are printed.

    Attributes:
        count: the number of samples.
        index: the index of a sample.
        feature: the index of a feature.
        names: the names of the formula, and what each is: a parameter, a data column.
        changed: the kinds of signs that are not the usual ones, each with the name for which it changed.
        literal: the names that LaTeX writes letter by letter, because another one is written alike.
        letters: other letters for those of a derivation of layers: F for its cost C.
    """

    count: str = "n"
    index: str = "i"
    feature: str = "j"
    names: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    literal: frozenset[str] = frozenset()
    letters: Mapping[str, str] = field(default_factory=dict)

    def latex_name(self, name: str, index: str = "", layer: bool = False) -> str:
        """Return a name in LaTeX, unlike every other name."""
        return latex_name(name, index, layer, literal=name in self.literal)

    def free(self, candidates: Iterable[str]) -> str:
        """Return the first of some letters that is neither a name nor a sign."""
        return _free(candidates, {*self.names, self.count, self.index})

    def in_ascii(self, text: str) -> str:
        """Return mathematical text in ASCII, in which no sign is a name either."""
        for sign, plain in self._plain_signs.items():
            text = text.replace(sign, plain)
        return transliterated(text)

    @cached_property
    def _plain_signs(self) -> dict[str, str]:
        """What is not transliterated as usual: a Greek letter whose name is another name, ∂ next to a name d."""
        found = {}
        for name in self.names:
            plain = transliterated(name)
            if plain != name and (plain in self.names or plain in FUNCTION_NAMES):
                found.update({c: c.encode("ascii", "backslashreplace").decode() for c in name if c in GREEK_LETTERS})
        return found | ({"∂": "del "} if "partial" in self.changed else {})

    @cached_property
    def text_templates(self) -> dict[str, Template]:
        """The templates of operations that are written with changed signs in mathematical text."""
        n, sum_ = self.count, "sum " if "sum" in self.changed else "Σ "
        found = {}
        if n != "n" or "sum" in self.changed:
            found = {
                "count": Template(n), "mean": Template(f"1/{n} {sum_}{{0}}", SUM + 5, (PRODUCT,)),
                "total": Template(f"{sum_}{{0}}", SUM + 5, (PRODUCT,)),
            }  # fmt: skip
        return found | ({"sigmoid": call("sigmoid", 1)} if "sigmoid" in self.changed else {})

    @cached_property
    def latex_templates(self) -> dict[str, Template]:
        """The templates of operations that are written with changed signs in LaTeX."""
        found = {}
        if (self.count, self.index) != ("n", "i"):
            sum_ = rf"\sum_{{{{{self.index}=1}}}}^{{{{{self.count}}}}} "
            found = {
                "count": Template(self.count),
                "mean": Template(rf"\frac{{{{1}}}}{{{{{self.count}}}}} {sum_}{{0}}", SUM + 5, (PRODUCT,)),
                "total": Template(f"{sum_}{{0}}", SUM + 5, (PRODUCT,)),
                "total_outer": Template(rf"{sum_}{{0}}\, {{1}}^{{{{\top}}}}", SUM + 5, (PRODUCT, ATOM)),
            }
        if self.feature != "j":
            found["sum"] = Template(rf"\sum_{{{{{self.feature}}}}} {{0}}", SUM + 5, (PRODUCT,))
            found["largest"] = Template(rf"\max_{{{{{self.feature}}}}} {{0}}", SUM + 5, (PRODUCT,))
        if "exp" in self.changed:
            found["exp"] = Template(r"\exp\left({0}\right)")
            found["expm1"] = Template(r"\left(\exp\left({0}\right) - 1\right)")
        if "sigmoid" in self.changed:
            found["sigmoid"] = Template(r"\operatorname{{sigmoid}}\left({0}\right)")
        return found

    @property
    def has_pi(self) -> bool:
        """Whether π is the number π."""
        return "pi" not in self.changed

    @property
    def has_e(self) -> bool:
        """Whether e is Euler's number, and 1e-10 a power of ten."""
        return "exp" not in self.changed

    def remarks(self, roots: Iterable[N], latex: bool = True, plain: bool = False) -> list[Remark]:
        """Return a sentence for every changed sign that these expressions are written with.

        Args:
            roots: what is written.
            latex: whether as LaTeX, which writes more with signs than text.
            plain: whether in ASCII.
        """
        nodes = toposort(list(roots))
        used = {node.operation.name for node in nodes}
        sums = used & set(_SAMPLE_SUMS)
        present = {
            "count": bool(used & {"count", "mean"}) or (latex and bool(sums)),
            "index": any(node.name and node.per_sample for node in nodes) or (latex and bool(sums)),
            "feature": latex and bool(used & {"sum", "largest"}),
            "exp": latex and bool(used & {"exp", "expm1"}),
            "sigmoid": "sigmoid" in used,
            "sum": not latex and bool(sums),
            "pi": any(node.operation.name == "constant" and abs(node.value) == RESERVED["pi"] for node in nodes),
            "partial": plain,
        }
        found = [self._remark(kind, name) for kind, name in self.changed.items() if present.get(kind)]
        if "count" in self.changed and sums and not present["count"]:  # Σ without limits
            found.append((self.name("n"), f" is {self.names['n']}, not the number of samples."))
        named = {node.name: node.per_sample for node in nodes if node.name}
        found += [self._no_number(name) for name in named if name in _NUMBERS and not present[_NUMBERS[name][0]]]
        return found + [self._no_sample(name) for name in self.names if _sample_of(name, named)]

    def _remark(self, kind: str, name: str) -> Remark:
        """Return the sentence about a sign and the name for which it changed."""
        letters = {"count": self.count, "index": self.index, "feature": self.feature}
        sign = {
            "exp": Written(r"\exp", "exp"), "sigmoid": Written(r"\operatorname{sigmoid}", "sigmoid"),
            "sum": Written(r"\sum", "sum"), "partial": Written(r"\partial", "del"),
            "pi": Written("3.141592653589793", "3.141592653589793"),
        }.get(kind) or Written(latex_name(letters[kind]), letters[kind])  # fmt: skip
        return (sign, f" is {_MEANINGS[kind]}, because ", self.name(name), f" is {self.names[name]}.")

    def cost_remark(self, letter: str, usual: str) -> Remark:
        """Return the sentence about the letter of the cost, or of a function, which is a name."""
        what = "the cost" if usual == "C" else "the function"
        return (
            Written(latex_name(letter), letter),
            f" is {what}, because ",
            self.name(usual),
            f" is {self.names[usual]}.",
        )

    def _no_number(self, name: str) -> Remark:
        return (self.name(name), f" is {self.names[name]}, not {_NUMBERS[name][1]}.")

    def _no_sample(self, name: str) -> Remark:
        stem, digits = stem_and_digits(name)
        value = f", not the value of {quoted(stem)} for sample {digits}."
        return (self.name(name), f" is {self.names[name]}{value}")

    def name(self, name: str) -> Written:
        """Return a name as both notations write it."""
        return Written(self.latex_name(name), quoted(name))


_MEANINGS = {
    "count": "the number of samples", "index": "the index of a sample", "feature": "the index of a feature",
    "exp": "the exponential function", "sigmoid": "the logistic function", "sum": "the sum over the samples",
    "pi": "the circle constant to 16 digits", "partial": "the sign of a partial derivative",
}  # fmt: skip
_NUMBERS = {
    "e": ("exp", "Euler's number"), "pi": ("pi", "the circle constant"), "π": ("pi", "the circle constant"),
}  # fmt: skip
USUAL = Notation()
"""The usual signs."""


def sentence(remark: Remark, prose: Callable[[str], str] | None = None) -> str:
    """Return a remark as text; as LaTeX between dollars where ``prose`` writes the words between the formulas."""
    if prose is None:
        return "".join(piece.text if isinstance(piece, Written) else piece for piece in remark)
    return "".join(f"${piece.latex}$" if isinstance(piece, Written) else prose(piece) for piece in remark)


_document: ContextVar[Notation | None] = ContextVar("notation of the document", default=None)


@contextmanager
def written_in(notation: Notation) -> Iterator[None]:
    """Write all formulas in one notation, as a document needs, in which a letter has one meaning."""
    token = _document.set(notation)
    try:
        yield
    finally:
        _document.reset(token)


def current_notation() -> Notation:
    """Return the notation of the document that is being written; else the usual one."""
    return _document.get() or USUAL


def notation_of(roots: Iterable[Node], named: Iterable[str] = (), avoid: str = "") -> Notation:
    """Return the notation of expressions: the usual one unless a name in them is written like one of its signs.

    While a document is written, it is that of the document.

    Args:
        roots: the expressions.
        named: names of their parts, such as activations.
        avoid: letters that are not used in place of a sign.
    """
    of_document = _document.get()
    if of_document is not None:
        return of_document
    names = {node.name: "a data column" if node.per_sample else "a parameter" for node in leaves(list(roots))}
    names |= {name: "a part of the formula" for name in named if name not in names}
    return notation_for(names, avoid)


def notation_for(names: Mapping[str, str], avoid: str = "") -> Notation:
    """Return the notation in which no sign is one of some names, which say what they are: ``a parameter``.

    >>> notation = notation_for({"n": "a parameter", "x_i": "a data column"})
    >>> notation.count, notation.index
    ('N', 'j')
    """
    if not names:
        return USUAL
    changed = {kind: name for kind, alike in _SIGNS.items() for name in names if alike(name)}
    literal = frozenset(_written_alike(names))
    if not changed and not literal:
        return Notation(names=dict(names))
    taken = {*names, *avoid, "e", "d"}
    count = _free(COUNTS, {*taken, *COST_LETTERS}) if "count" in changed else "n"
    lowered = {c for name in names for c in _lowered(name)}
    index = _free(INDICES, {*taken, *lowered, count}) if "index" in changed else "i"
    feature = "j"
    if index == "j" or "feature" in changed:
        changed.setdefault("feature", changed.get("index", ""))
        feature = _free(FEATURES, {*taken, *lowered, count, index})
    return Notation(count, index, feature, dict(names), changed, literal)


def _lowered(name: str) -> str:
    """Return the letters that a name ends in below the line: i of x_i, ij of w_ij."""
    _, bar, below = name.rpartition("_")
    return below if bar and len(below) <= 2 else ""


_SIGNS: dict[str, Callable[[str], bool]] = {
    "count": lambda name: name == "n",
    "index": lambda name: name == "i" or "i" in _lowered(name),
    "feature": lambda name: name == "j" or "j" in _lowered(name),
    "exp": lambda name: name == "e",
    "sigmoid": lambda name: name in ("sigma", "σ"),
    "pi": lambda name: name in ("pi", "π"),
    "sum": lambda name: name in ("Σ", "Sigma"),
    "partial": lambda name: name == "d",
}
"""Whether a name is written like a sign."""


def _free(candidates: Iterable[str], taken: set[str]) -> str:
    return next(letter for letter in _letters(candidates) if letter not in taken)


def _letters(first: Iterable[str]) -> Iterator[str]:
    yield from first
    letters = string.ascii_uppercase if "N" in first else string.ascii_lowercase
    yield from letters
    k = 0
    while True:
        k += 1
        yield from (f"{letter}{k}" for letter in letters)


def _written_alike(names: Mapping[str, str]) -> list[str]:
    """Return the names that LaTeX would write like another one: x1 and x_1, δ and delta, or like a sample's value."""
    spelled: dict[str, list[str]] = {}
    for name in names:
        spelled.setdefault(latex_name(name), []).append(name)
    found = [name for alike in spelled.values() if len(alike) > 1 for name in alike]
    columns = {name for name, kind in names.items() if kind == "a data column"}
    return found + [
        name
        for name in names
        if name not in columns and name not in found and stem_and_digits(name)[0] in columns - {name}
    ]


def _sample_of(name: str, per_sample: Mapping[str, bool]) -> bool:
    """Return whether a name reads as a sample's value of a column: x_1 next to a column x."""
    stem, digits = stem_and_digits(name)
    return bool(digits) and name == f"{stem}_{digits}" and per_sample.get(stem, False) and not per_sample.get(name)
