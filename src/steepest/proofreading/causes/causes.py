"""Says why a line is wrong: fits a factor, tries small repairs, looks for what should have been held constant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice

import numpy as np

from steepest.proofreading.causes.repairs import (
    Repair,
    Surroundings,
    candidates,
    distinct,
    exchanged,
    in_conditions,
    likely,
    one_minus,
    parts,
    parts_of,
    squared,
)
from steepest.proofreading.causes.sentences import say
from steepest.proofreading.causes.writing import Writer
from steepest.proofreading.meaning.document_model import DocumentModel, depends_on
from steepest.proofreading.reading.statements import Side, Statement
from steepest.proofreading.reading.tree import (
    Node,
    free_letters,
    letters_in_indices,
    make,
    number,
    rename,
    same,
    swap,
    symbols,
    times,
    walk,
)
from steepest.proofreading.values.comparison import Comparison, compare, degree, orders
from steepest.proofreading.values.errors import ShapeClashError, UndecidedError
from steepest.proofreading.values.fitting import ODD, as_node, fraction, holds_for_some
from steepest.proofreading.values.interpretation import Interpretation

_TRIES_A_LINE = 700
_TRIES = 6_000
_MOST_SPENT = 300_000  # parts of formulas computed for one document, some seconds; then no more causes are looked for


@dataclass(frozen=True)
class Diagnosis:
    """Why a side is wrong.

    Attributes:
        cause: one of ``findings.CAUSES``.
        message: one sentence.
        corrected: the side as it should read, in LaTeX.
        node: its tree; None where another line is to be changed.
        blamed: the letter whose definition is to be changed.
    """

    cause: str
    message: str
    corrected: str
    node: Node | None = None
    blamed: str = ""


class Doctor:
    """Finds causes; it has a budget, so that a document full of mistakes ends in a report as well."""

    def __init__(self, document: DocumentModel, statements: Sequence[Statement], writer: Writer) -> None:
        self.document, self.statements, self.writer = document, statements, writer
        self.tries = 0
        self.approximate = False
        self.degree = 0
        self.inputs: tuple[Node, ...] = ()
        self.pairs: list[tuple[Node, Node]] = []

    def diagnose(
        self,
        statement_index: int,
        left: Node,
        side: Side,
        right: Node,
        interpretation: Interpretation,
        approximate: bool = False,
    ) -> Diagnosis | None:
        """The cause of a difference; None if no small change makes the line right.

        Args:
            statement_index: the number of the statement.
            left: the side that is right.
            side: the side that is wrong.
            right: its tree.
            interpretation: the reading under which they were compared.
            approximate: whether the line holds to first order only.
        """
        self.approximate = approximate
        self.degree = degree(right)
        try:
            comparison: Comparison | None = self.compared(statement_index, left, right, interpretation)
        except (ShapeClashError, UndecidedError):
            comparison = None
        around = self.surroundings(statement_index, left, right)
        found: Diagnosis | None = None
        if comparison is not None:
            found = self.by_factor(side, left, right, comparison, simple=True)
            found = found or self.held_constant(statement_index, left, right, interpretation)
        found = found or self.by_repair(statement_index, left, side, right, interpretation, likely(right, around))
        if found is None and comparison is not None and not approximate and holds_for_some(comparison):
            found = self.by_number(statement_index, left, side, right, interpretation, comparison)
            if found is None and not set(free_letters(right)) - set(free_letters(left)):
                return None
        if found is None and comparison is not None and approximate and self.degree > 1:
            found = self.by_number(statement_index, left, side, right, interpretation, comparison)
        found = found or self.by_repair(statement_index, left, side, right, interpretation, candidates(right, around))
        found = found or self.by_two(statement_index, left, side, right, interpretation, around)
        if found is None and comparison is not None:
            found = self.by_number(statement_index, left, side, right, interpretation, comparison)
            found = found or self.by_factor(side, left, right, comparison, simple=False)
        return found

    def compared(
        self, statement_index: int, left: Node, right: Node, interpretation: Interpretation, quick: bool = False
    ) -> Comparison:
        """The sides at many points; of an approximation near 0, where what it leaves out has vanished."""
        if self.approximate:
            return compare(self.document, left, right, statement_index, interpretation, 1e-5, 1e-3, quick)
        return compare(self.document, left, right, statement_index, interpretation, quick=quick)

    # -- surroundings ----------------------------------------------------------------------------------------

    def surroundings(self, statement_index: int, left: Node, right: Node) -> Surroundings:
        """Letters, factors and terms of the lines around."""
        chain = [m.node for m in self.statements[statement_index].sides if m.node is not None]
        near = [
            m.node
            for s in self.statements[max(0, statement_index - 12) : statement_index + 5]
            if s is not self.statements[statement_index]
            for m in s.sides
            if m.node is not None
        ]
        bodies = self.bodies([left, right], statement_index)
        letters = distinct([s for n in (*chain, *bodies, *near) for s in symbols(n)])[:40]
        if self.document.shapes.has_matrices:
            letters = distinct([*letters, *(_without_sample(s) for s in letters)])
        factors, terms = parts_of([*chain, *bodies])
        free = [make("symbol", (), (x, ())) for x in free_letters(left)]
        renamed = [
            rename(f, {x: letter}) for f in factors for x in free_letters(f) for letter in free if x != letter.base
        ]
        factors = distinct([*factors, *renamed[:16]])
        indices = list(dict.fromkeys(x for n in (*chain, *bodies) for x in letters_in_indices(n)))
        outputs, inputs = self.activations(statement_index)
        slopes = [n for o in outputs for n in (times(o, one_minus(o)), one_minus(squared(o)))]
        steps = [make("iverson", (make("compare", (z, number(0)), ">"),)) for z in inputs[:3]]
        matrices = self.document.shapes.has_matrices
        return Surroundings(letters, (*factors, *slopes[:8], *steps), terms, tuple(indices), outputs, inputs, matrices)

    def bodies(self, nodes: Sequence[Node], statement_index: int) -> list[Node]:
        """The definitions of what occurs in some trees."""
        found: list[Node] = []
        wave = list(nodes)
        for _ in range(3):
            inner = [s for n in wave for s in symbols(n)] + [
                n.args[0] for w in wave for n in walk(w) if n.kind == "call" and n.args[0].kind == "symbol"
            ]
            wave = [
                d.body
                for s in distinct(inner)
                for d in self.document.definitions_of(s, statement_index)[:1]
                if d.body not in found
            ]
            found += [b for b in wave if b not in found]
        return found[:12]

    def activations(self, statement_index: int) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        """What activations made, and what they act on."""
        outputs: list[Node] = []
        inputs: list[Node] = []
        self.pairs = []
        for (kind, _), found in self.document.definitions.items():
            for definition in found:
                body = definition.body
                if kind != "symbol" or body.kind != "call" or definition.formals or len(body.args) != 2:
                    continue
                named = body.args[0].kind == "function" and body.args[0].value in (
                    "sigmoid",
                    "tanh",
                    "relu",
                    "max",
                    "softplus",
                )
                if named or body.args[0].base in ("\\sigma", "\\phi", "g", "\\psi", "f"):
                    outputs.append(definition.target)
                    inputs += [body.args[1]] if body.args[1].kind == "symbol" else []
                    self.pairs += [(definition.target, body.args[1])]
                elif body.args[0].kind == "function" and body.args[0].value == "max":
                    outputs.append(definition.target)
            for definition in found:  # a = max(0, z)
                body = definition.body
                if kind == "symbol" and body.kind == "call" and len(body.args) == 3 and body.args[0].kind == "function":
                    outputs.append(definition.target)
                    inputs += [a for a in body.args[1:] if a.kind == "symbol"]
                    self.pairs += [(definition.target, a) for a in body.args[1:] if a.kind == "symbol"]
        self.inputs = distinct(inputs)
        return distinct(outputs), self.inputs

    # -- trying ----------------------------------------------------------------------------------------------

    def agrees(self, statement_index: int, left: Node, right: Node, interpretation: Interpretation) -> bool:
        """Whether two sides agree everywhere."""
        self.tries += 1
        if self.tries > _TRIES or self.document.work.done > _MOST_SPENT:
            return False
        try:
            if self.approximate and self.degree > 1:
                powers = orders(self.document, left, right, statement_index, interpretation)
                return powers is None or powers[0] > self.degree + 0.75
            if not self.compared(statement_index, left, right, interpretation, quick=True).holds:
                return False
            return self.compared(statement_index, left, right, interpretation).holds
        except (ShapeClashError, UndecidedError):
            return False

    def by_repair(
        self,
        statement_index: int,
        left: Node,
        side: Side,
        right: Node,
        interpretation: Interpretation,
        repairs: Iterator[Repair],
    ) -> Diagnosis | None:
        """The first small change after which the line is right."""
        for repair in islice(repairs, _TRIES_A_LINE):
            if self.tries > _TRIES:
                return None
            changed = swap(right, repair.old, repair.new)
            if changed is right or not self.agrees(statement_index, left, changed, interpretation):
                continue
            return self.said(repair, side, right, changed)
        return None

    def by_two(
        self,
        statement_index: int,
        left: Node,
        side: Side,
        right: Node,
        interpretation: Interpretation,
        around: Surroundings,
    ) -> Diagnosis | None:
        """Another letter in the conditions of some cases, and one more change."""
        for first in islice(in_conditions(parts(right), around), 4):
            halfway = swap(right, first.old, first.new)
            for second in islice(candidates(halfway, around), _TRIES_A_LINE // 3):
                changed = swap(halfway, second.old, second.new)
                if (
                    self.tries > _TRIES
                    or changed is halfway
                    or not self.agrees(statement_index, left, changed, interpretation)
                ):
                    continue
                found = self.said(second, side, halfway, changed)
                also = say(first.kind, self.writer.latex(first.old), self.writer.patched(first.old, first.new), "")
                return replace(
                    found, message=f"{found.message}; and {also}", corrected=self.writer.patched(right, changed)
                )
        return None

    def said(self, repair: Repair, side: Side, right: Node, changed: Node) -> Diagnosis:
        """A repair as a sentence and a corrected side."""
        old, new = self.writer.latex(repair.old), self.writer.patched(repair.old, repair.new)
        cause, kind = repair.cause, repair.kind
        if kind in ("missing-factor", "missing-divisor", "extra-factor"):
            whole = repair.new if kind != "extra-factor" else repair.old
            parts_left = [
                p
                for p in whole.args
                if not any(p is q for q in walk(repair.old if kind != "extra-factor" else repair.new))
            ]
            if parts_left and all(p.base in self.document.indices.sizes for p in parts_left):
                cause = "factor"  # a count of samples
        piece = ""
        if cause == "activation" and (other := self.through_output(repair)) is not None:
            message = say("activation-input", old, other, new)
            return Diagnosis(
                cause, message, self.writer.spliced(side, repair.old, repair.new).replace(new, other), changed
            )
        if kind in ("missing-factor", "missing-term", "extra-factor", "extra-term", "missing-divisor"):
            piece = self.piece(repair)
        message = say(kind, old, new, piece)
        return Diagnosis(cause, message, self.writer.spliced(side, repair.old, repair.new), changed)

    def through_output(self, repair: Repair) -> str | None:
        """``a(1-a)`` where ``z(1-z)`` stands and z is what the activation a acts on."""
        old = repair.old
        if old.kind != "multiply" or not any(p.kind == "iverson" for p in walk(repair.new)):
            return None
        for input_ in self.inputs:
            if any(same(a, input_) for a in old.args) and any(
                a.kind == "group" and any(same(s, input_) for s in symbols(a)) for a in old.args
            ):
                for output, inner in self.pairs:
                    if same(inner, input_):
                        return self.writer.patched(old, exchanged(old, input_, output))
        return None

    def piece(self, repair: Repair) -> str:
        """The factor or term that was dropped or added."""
        old, new = repair.old, repair.new
        long, short = (old, new) if repair.kind.startswith("extra") else (new, old)
        if repair.kind == "missing-divisor" or long.kind == "divide":
            return self.writer.latex(long.args[1]) if long.kind == "divide" else self.writer.latex(long)
        inside = list(short.args) if short.kind == long.kind else [short]
        left = [a for a in long.args if not any(a is b for b in inside)]
        left = [a for a in left if not (a.kind == "group" and a.args[0] is short)]
        return " ".join(self.writer.latex(a) for a in left) if left else self.writer.latex(long)

    def by_factor(self, side: Side, left: Node, right: Node, comparison: Comparison, simple: bool) -> Diagnosis | None:
        """A constant between the sides: −1, 2, 1/n, 2/n, 2^(m−l); ``simple`` leaves out odd ones such as 2/3."""
        large = np.abs(comparison.right) > 1e-7
        if large.sum() < 4 or np.any(np.abs(comparison.left[~large]) > 1e-6):
            return None
        ratio = comparison.left[large] / comparison.right[large]
        middle = float(np.median(ratio))
        loose = 1e-3 if self.approximate else 1e-6
        if abs(middle) < 1e-9 or np.any(np.abs(ratio - middle) > loose * abs(middle)):
            return None
        if abs(middle - 1) < loose:
            return None
        named = self.name_factor(middle, left, right, loose)
        if named is None or (simple and named[1] in ODD):
            return None
        factor, text = named
        if text == "-1":
            changed = right.args[0] if right.kind == "negate" else make("negate", (right,))
            return Diagnosis(
                "sign",
                say("whole-sign", "", "", ""),
                self.with_factor(side, right, make("number", (), "-1"), "-"),
                changed,
            )
        changed = times(factor, make("group", (right,), "(") if right.kind in ("add", "negate") else right)
        return Diagnosis("factor", say("factor", "", text, text), self.with_factor(side, right, factor, text), changed)

    def name_factor(self, ratio: float, left: Node, right: Node, loose: float = 1e-6) -> tuple[Node, str] | None:
        """A ratio as a number and a count of samples or classes."""
        near = {
            s.base
            for n in (left, right, *self.bodies([left], 10**6))
            for s in walk(n)
            if s.kind == "symbol" and not s.args
        }
        counts = [(base, size) for base, size in self.document.indices.sizes.items() if base in near and size > 1]
        choices: list[tuple[float, Node, str]] = []
        for sign in (1, -1):
            for whole in (
                1,
                2,
                3,
                4,
                Fraction(1, 2),
                Fraction(1, 3),
                Fraction(1, 4),
                Fraction(3, 2),
                Fraction(2, 3),
                5,
                6,
                8,
            ):
                value = sign * float(whole)
                text = f"{'-' if sign < 0 else ''}{fraction(Fraction(whole))}"
                choices.append((value, as_node(Fraction(whole) * sign), text))
        for base, size in counts:
            letter = make("symbol", (), (base, ()))
            for sign in (1, -1):
                mark = "-" if sign < 0 else ""
                for top in (1, 2):
                    upper = number(top * sign)
                    choices.append(
                        (sign * top / size, make("divide", (upper, letter)), rf"{mark}\frac{{{top}}}{{{base}}}")
                    )
                choices.append((sign * size, letter if sign > 0 else make("negate", (letter,)), f"{mark}{base}"))
                choices.append(
                    (sign * size / 2, make("divide", (letter, number(2 * sign))), rf"{mark}\frac{{{base}}}{{2}}")
                )
        # A count that is 3 here and stands in the line is meant rather than the number 3.
        plain = [c for c in choices if c[2] in ("1", "2", "-1", r"\frac{1}{2}", "-2")]
        for value, node, text in [*plain, *reversed(choices)]:
            if abs(value - ratio) < loose * abs(ratio):
                return node, text
        simple = Fraction(ratio).limit_denominator(16)
        if abs(float(simple) - ratio) < 1e-7 * abs(ratio) and abs(simple.numerator) <= 64:
            return as_node(simple), fraction(simple)
        return None

    def with_factor(self, side: Side, right: Node, factor: Node, text: str) -> str:
        """A side with a factor before it, merged with a number that stands there."""
        written = side.text
        if text == "-":
            bracketed = rf"-\left({written}\right)" if right.kind == "add" else f"-{written}"
            return written[1:].lstrip() if written.startswith("-") else bracketed
        if right.kind in ("add", "negate"):
            return rf"{text} \left({written}\right)"
        first = right.args[0] if right.kind == "multiply" else right
        top = first.args[0] if first.kind == "divide" else first
        if top.kind == "number" and all(a.kind == "number" for a in (factor.args or (factor,))):
            value = Fraction(str((factor.args or (factor,))[0].value))
            value = value / Fraction(str(factor.args[1].value)) if factor.args else value
            merged = Fraction(str(top.value)) * value
            if merged == 1 and right.kind == "multiply" and top is first:
                return written[first.end - side.start :].lstrip().removeprefix(r"\cdot").lstrip()
            if top is first or merged.denominator == 1:
                return self.writer.spliced(side, top, number(fraction(merged)))
        dot = r" \cdot " if written[:1].isdigit() else " "
        return f"{text}{dot}{written}"

    def by_number(
        self,
        statement_index: int,
        left: Node,
        side: Side,
        right: Node,
        interpretation: Interpretation,
        comparison: Comparison,
    ) -> Diagnosis | None:
        """One number of the line that should be another."""
        below = {id(e) for part in walk(right) if part.kind == "power" for e in walk(part.args[1])}
        inner = {
            id(i)
            for part in walk(right)
            if part.kind in ("symbol", "sum", "product")
            for a in (part.args if part.kind == "symbol" else part.args[1:])
            for i in walk(a)
        }
        for part in walk(right):
            if part.kind != "number" or id(part) in below or id(part) in inner:
                continue
            value = float(part.value)
            if self.approximate and self.degree > 1:
                found = self.by_known_number(statement_index, left, side, right, interpretation, part)
                if found is not None:
                    return found
                continue
            try:
                moved = compare(
                    self.document,
                    left,
                    swap(right, part, make("number", (), repr(value + 1))),
                    statement_index,
                    interpretation,
                )
            except (ShapeClashError, UndecidedError):
                continue
            if moved.right.shape != comparison.right.shape:
                continue
            slope = moved.right - comparison.right
            good = np.abs(slope) > 1e-6
            if good.sum() < 2:
                continue
            wanted = value + (comparison.left - comparison.right)[good] / slope[good]
            middle = float(np.median(wanted))
            simple = Fraction(middle).limit_denominator(20)
            if abs(float(simple) - middle) > 1e-9:
                simple = Fraction(middle).limit_denominator(1000)
            if np.any(np.abs(wanted - middle) > 1e-6 * max(1, abs(middle))) or abs(float(simple) - middle) > 1e-6:
                continue
            new = as_node(simple)
            changed = swap(right, part, new)
            if self.agrees(statement_index, left, changed, interpretation):
                cause = "sign" if simple == -Fraction(str(part.value)) else "factor"
                return Diagnosis(
                    cause,
                    say("number", str(part.value), fraction(simple), ""),
                    self.writer.spliced(side, part, new),
                    changed,
                )
        return None

    def by_known_number(
        self, statement_index: int, left: Node, side: Side, right: Node, interpretation: Interpretation, part: Node
    ) -> Diagnosis | None:
        """One of the numbers that series have, in the place of a number of the line."""
        for value in (1, 2, 3, 4, 6, 8, 24):
            new = number(value)
            changed = swap(right, part, new)
            if not same(part, new) and self.agrees(statement_index, left, changed, interpretation):
                corrected = self.writer.spliced(side, part, new)
                return Diagnosis("factor", say("number", str(part.value), str(value), ""), corrected, changed)
        return None

    # -- held constant ---------------------------------------------------------------------------------------

    def held_constant(
        self, statement_index: int, left: Node, right: Node, interpretation: Interpretation
    ) -> Diagnosis | None:
        """A letter that makes the line right if its derivative is taken as 0."""
        if not any(
            part.kind in ("derivative", "gradient", "cost_gradient", "prime") for n in (left, right) for part in walk(n)
        ):
            return None
        by = [
            v
            for n in (left, right)
            for part in walk(n)
            if part.kind == "derivative"
            for v in part.args[1:]
            if v.kind == "symbol"
        ]
        reached = [s for n in (left, right, *self.bodies([left, right], statement_index)) for s in symbols(n)]
        for symbol in distinct(reached):
            definitions = self.document.definitions_of(symbol, statement_index)
            if symbol.base in self.document.letters.constants or not definitions or definitions[0].formals:
                continue
            body = definitions[0].body
            derived = any(part.kind in ("derivative", "gradient", "cost_gradient") for part in walk(body))
            if not (derived or self.is_target(symbol, [left, right, *self.bodies([left, right], statement_index)])):
                continue
            if not any(depends_on(self.document, body, v, statement_index) for v in by):
                continue
            document = self.document
            self.document = document.with_constants(document.letters.constants | {symbol.base})
            try:
                right_then = self.agrees(statement_index, left, right, interpretation)
            finally:
                self.document = document
            if right_then:
                name = self.writer.latex(symbol)
                return Diagnosis("stop-gradient", say("stop-gradient", name, "", ""), "", None, symbol.base)
        return None

    def is_target(self, symbol: Node, nodes: Sequence[Node]) -> bool:
        """Whether a letter is what something else is compared with: ``(a - t)^2``."""
        for node in nodes:
            for part in walk(node):
                inner = part.args[0] if part.kind == "power" else None
                inner = inner.args[0] if inner is not None and inner.kind == "group" else inner
                if (
                    inner is not None
                    and inner.kind == "add"
                    and len(inner.args) == 2
                    and inner.value == (1, -1)
                    and same(inner.args[1], symbol)
                ):
                    return True
        return False


def _without_sample(node: Node) -> Node:
    """``x`` for ``x^{(i)}``."""
    kept = [(r, a) for r, a in zip(node.roles, node.args, strict=True) if r != "paren" or a.kind != "symbol"]
    return (
        node
        if len(kept) == len(node.args)
        else make("symbol", tuple(a for _, a in kept), (node.base, tuple(r for r, _ in kept)))
    )
