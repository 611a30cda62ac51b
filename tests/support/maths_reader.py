"""Read printed mathematics back as a mathematician does, by the usual conventions and by what the text announces.

The reader is independent of steepest: it shares no code with the printers, and evaluates with mpmath. Σ sums over the
index, 1/n is one over the number of samples, x_i is the value of the column x for sample i, e is Euler's number, π is
3.14159…, ∂/∂w[…] is a partial derivative. Where a sign is announced to be another one ("N is the number of samples"),
it is that one. What can be read in two ways is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mpmath import mp, mpf

Value = Callable[["Point"], Any]
LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ"
WORDS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
GREEK = dict(zip(LETTERS, WORDS.split(), strict=True))
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))


class MisprintError(AssertionError):
    """What is printed is no mathematics, or can be read in two ways."""


@dataclass
class Point:
    """Numbers for the names, and the sample that the index points to."""

    params: dict[str, Any]
    columns: dict[str, list[Any]]
    rows: int
    sample: int | None = None

    def at(self, sample: int) -> Point:
        return Point(self.params, self.columns, self.rows, sample)

    def moved(self, name: str, value: Any) -> Point:
        return Point({**self.params, name: value}, self.columns, self.rows, self.sample)


@dataclass
class Signs:
    """The meaning of signs: usual, unless announced."""

    params: frozenset[str]
    columns: frozenset[str]
    count: str = "n"
    index: str = "i"
    not_numbers: set[str] = field(default_factory=set)  # e or π that are names
    functions: dict[str, str] = field(default_factory=lambda: {"σ": "sigmoid", "√": "sqrt"})
    sums: str = "Σ"
    not_samples: set[str] = field(default_factory=set)  # x_1 that is a name of its own
    parts: dict[str, Value] = field(default_factory=dict)  # a, by its definition
    renamed_cost: str = ""

    def announce(self, sentence: str) -> None:
        """Take note of an announcement."""
        sign, _, rest = sentence.partition(" is ")
        meaning, _, why = rest.partition(", ")
        if meaning == "the number of samples":
            self.count = sign
        elif meaning == "the index of a sample":
            self.index = sign
        elif meaning in ("the exponential function",):
            self.not_numbers.add("e")
        elif meaning == "the logistic function":
            self.functions = {name: what for name, what in self.functions.items() if what != "sigmoid"}
            self.functions[sign] = "sigmoid"
        elif meaning == "the sum over the samples":
            self.sums = sign
        elif meaning == "the sign of a partial derivative":
            pass
        elif meaning == "the circle constant to 16 digits":
            self.not_numbers |= {"pi", "π"}
        elif meaning in ("the cost", "the function"):
            self.renamed_cost = sign
        elif why in ("not the circle constant", "not Euler's number"):
            self.not_numbers |= {sign} if sign == "e" else {"pi", "π"}
        elif why == "not the number of samples":
            self.count = "(a sign that is not used)"
        elif why.startswith("not the value of"):
            self.not_samples.add(sign)
        else:
            raise MisprintError(f"what does this announce: {sentence!r}")

    # -- names -------------------------------------------------------------------------------------------------

    def meaning(self, readings: set[tuple[str, str]], shown: str) -> Value:
        """Return the value of a name that reads as some (kind, name): exactly one reading must be possible."""
        if len(readings) != 1:
            raise MisprintError(f"{shown!r} reads as {sorted(readings) or 'nothing that is known'}")
        ((kind, name),) = readings
        if kind == "param":
            return lambda point: point.params[name]
        if kind == "count":
            return lambda point: mpf(point.rows)
        if kind == "number":
            return lambda point: mp.pi if name == "π" else mp.e
        if kind == "index":
            return lambda point: mpf(_sample(point, shown) + 1)
        if kind == "sample":
            return lambda point: point.columns[name][_sample(point, shown)]
        if kind == "fixed":
            column, _, k = name.rpartition("|")
            return lambda point: point.columns[column][int(k) - 1]
        part = self.parts[name]
        return lambda point: part(point)

    def readings(self, stem: str, below: str, exact: str = "") -> set[tuple[str, str]]:
        """Return what a sign with something below the line may be: a name, the value of a column, a sign of its own.

        ``exact`` is the name letter by letter, where the notation shows it so.
        """
        found: set[tuple[str, str]] = set()
        names = {exact} if exact else self.spellings(stem, below)
        found |= {("param", name) for name in names & self.params}
        first, _, last = below.rpartition(",")
        if last == self.index:
            bases = self.spellings(stem, first)
            found |= {("sample", name) for name in bases & self.columns}
            found |= {("part", name) for name in bases & set(self.parts)}
        elif last.isdigit():
            own = self.spellings(stem, first) & self.columns
            found |= {("fixed", f"{name}|{last}") for name in own if exact not in self.not_samples}
        if not below and stem == self.count:
            found = {("count", stem)}
        elif not below and stem == self.index:
            found = {("index", stem)}
        elif not below and stem in ("e", "π", "pi") and stem not in self.not_numbers:
            found = {("number", "π" if stem != "e" else "e")}
        if not below and stem in self.parts and not found:
            found = {("part", stem)}
        return found

    def spellings(self, stem: str, below: str) -> set[str]:
        """Return the names that are written so: w₁ may be w1 or w_1, δ may be delta."""
        stems = {stem} | {name for letter, name in GREEK.items() if letter == stem}
        stems |= {letter for letter, name in GREEK.items() if name == stem}
        found = {f"{s}{below}" for s in stems} | ({f"{s}_{below}" for s in stems} if below else set())
        own = {name for name in found if name[0] == stem} & (self.params | self.columns)
        return own or found  # of δ and delta, \delta is δ


def _sample(point: Point, shown: str) -> int:
    if point.sample is None:
        raise MisprintError(f"{shown} has an index outside of a sum")
    return point.sample


# -- a grammar for both notations: sums, products, signs, powers ------------------------------------------------


class Reader:
    """Reads an expression into a function of a point."""

    token_pattern: re.Pattern[str]
    plus, minus, times, over = "+", "−", "·", "/"

    def __init__(self, text: str, signs: Signs) -> None:
        self.signs, self.tokens, self.place = signs, self.split(text), 0

    def split(self, text: str) -> list[str]:
        found, at = [], 0
        while at < len(text):
            match = self.token_pattern.match(text, at)
            if match is None:
                raise MisprintError(f"cannot read {text[at:]!r} of {text!r}")
            if not match[0].isspace():
                found.append(match[0])
            at = match.end()
        return found

    def whole(self) -> Value:
        found = self.sum()
        if self.place < len(self.tokens):
            raise MisprintError(f"cannot read on at {self.tokens[self.place :]} of {self.tokens}")
        return found

    @property
    def next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.next
        if expected and token not in expected:
            raise MisprintError(f"expected {expected}, not {token!r} in {self.tokens}")
        self.place += 1
        return token

    def sum(self) -> Value:
        found = self.product()
        while self.next in (self.plus, self.minus):
            found = both(found, self.take(), self.product())
        return found

    def product(self) -> Value:
        found = self.factor()
        while True:
            if self.next in (self.times, self.over):
                found = both(found, self.take(), self.factor())
            elif self.begins_sum():
                found = both(found, "·", self.factor())
            else:
                return found

    def factor(self) -> Value:
        if self.next == self.minus:
            self.take()
            # A sign before a sum over the samples holds for all of it, before a product for its first factor.
            inner = self.factor()
            return lambda point: -inner(point)
        if self.begins_sum():
            self.take_sum()
            body = self.product()
            return lambda point: mp.fsum(body(point.at(k)) for k in range(point.rows))
        return self.power()

    def power(self) -> Value:
        base = self.atom()
        exponent = self.exponent()
        return base if exponent is None else lambda point: mp.power(base(point), exponent(point))

    def begins_sum(self) -> bool:
        raise NotImplementedError

    def take_sum(self) -> None:
        raise NotImplementedError

    def atom(self) -> Value:
        raise NotImplementedError

    def exponent(self) -> Value | None:
        raise NotImplementedError

    def partial(self, name: str, body: Value) -> Value:
        """Return the partial derivative of an expression, by differences in high precision."""
        return lambda point: mp.diff(lambda moved: body(point.moved(name, moved)), point.params[name])


def both(left: Value, sign: str, right: Value) -> Value:
    if sign == "+":
        return lambda point: left(point) + right(point)
    if sign in ("−", "-"):
        return lambda point: left(point) - right(point)
    return (lambda point: left(point) / right(point)) if sign == "/" else lambda point: left(point) * right(point)


def logistic(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": mp.exp, "log": mp.log, "sigmoid": logistic, "sqrt": mp.sqrt, "sin": mp.sin, "cos": mp.cos, "tanh": mp.tanh,
    "arctan": mp.atan,
}  # fmt: skip
