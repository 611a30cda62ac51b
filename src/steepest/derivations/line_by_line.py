"""Differentiation by rules, every step recorded: the derivation as it is written on paper.

A line is an expression in which some parts are still to be differentiated (the operation
``derivative``); a step applies one rule to such a part, or in the terse form a few trivial ones at once.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from steepest.calculus.polynomials import worked_out
from steepest.calculus.simplify import PRESENTATION, rebuilt, simplify
from steepest.derivations.rules import cancels, tidy
from steepest.documents.document import Equation, Formula
from steepest.errors import DerivationError
from steepest.expressions import operations as op
from steepest.expressions.characters import latex_text, markdown_text
from steepest.expressions.expression import OPERATIONS, PARAMETER, Expression, Operation, constant, expect_expression
from steepest.expressions.latex import align, latex, latex_name, markdown
from steepest.expressions.maths_text import Line, lay_out, maths
from steepest.expressions.notation import COST_LETTERS, Notation, Remark, notation_of, sentence
from steepest.expressions.printing import Template
from steepest.expressions.showing import Renderable
from steepest.expressions.traversal import check_names, dependents, toposort, transform
from steepest.messages.hints import nearest
from steepest.messages.sentences import short

DERIVATIVE = Operation(
    "derivative", 1, "the derivative, still to be taken",
    text=Template("derivative({0}, {attributes})"),
    maths=Template("∂/∂{attributes}[{0}]"),
    latex=Template(r"\partial_{{{attributes}}} \left({0}\right)"),
)  # fmt: skip
"""Marks a part of a line that is still to be differentiated; not an operation of formulas."""
OPERATIONS[DERIVATIVE.name] = DERIVATIVE

LEVELS = ("terse", "textbook", "full")
_MOST_NODES = 2000
# Rules that a reader follows at a glance; the terse form takes them together in one line.
_TRIVIAL = frozenset(("sum rule", "constant factor rule", "constant rule", "derivative of the variable"))


@dataclass(frozen=True)
class Step:
    """One line to the next: ``before`` = ``after`` by ``rule``."""

    before: Expression
    rule: str
    after: Expression


@dataclass(frozen=True)
class Part:
    """The derivation of one named quantity: of an activation, or last of the whole."""

    name: str
    subject: Expression
    steps: tuple[Step, ...]
    result: Expression


@dataclass(frozen=True)
class Derivation:
    """A derivation line by line.

    Attributes:
        expression: what was differentiated.
        wrt: the name with respect to which it was differentiated.
        names: the activations that have a name of their own in the lines.
        parts: one derivation for each named activation that depends on ``wrt``, then the whole.
        result: the derivative.
    """

    expression: Expression
    wrt: str
    names: dict[Expression, str]
    parts: tuple[Part, ...]
    result: Expression

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step, part after part."""
        return tuple(step for part in self.parts for step in part.steps)

    def __str__(self) -> str:
        return self.text()

    def text(self, plain: bool = False) -> str:
        """Return the derivation as lines of text, in ASCII if ``plain``."""
        written = self.notation.in_ascii if plain else str
        said = [written(sentence(each)) for each in self.remarks(latex=False, plain=plain)]
        return "\n\n".join([*([" ".join(said)] if said else []), lay_out(self._blocks(in_latex=False), written)])

    def latex(self) -> str:
        """Return the derivation as an ``align*`` environment of LaTeX, after a line on signs that are not the usual."""
        said = [sentence(each, latex_text) for each in self.remarks()]
        return "\n".join([*([" ".join(said)] if said else []), align(self._blocks(in_latex=True))])

    def markdown(self) -> str:
        """Return the derivation as Markdown with formulas between ``$$``."""
        said = [sentence(each, markdown_text) for each in self.remarks()]
        return "\n\n".join([*([" ".join(said)] if said else []), markdown(self._blocks(in_latex=True))])

    @property
    def notation(self) -> Notation:
        """The signs in which it is written: none of them is a name of the formula or of a part."""
        return notation_of([self.expression], self.names.values())

    def remarks(self, latex: bool = True, plain: bool = False) -> list[Remark]:
        """Return a sentence for each sign that differs from the usual one, because that is a name of the formula."""
        found = self.notation.remarks([self.expression, *(step.after for step in self.steps)], latex, plain)
        whole, usual = self.parts[-1], _usual_letter(self.expression)
        if whole.subject not in self.names and whole.name != usual:
            found.append(self.notation.cost_remark(whole.name, usual))
        return found

    def _repr_latex_(self) -> str:
        return self.latex()

    def blocks(self) -> list[list[Equation]]:
        """Return the lines as equations: the definitions, then one list for each part."""
        pairs = zip(self._blocks(in_latex=True), self._blocks(in_latex=False), strict=True)
        return [[_equation(*lines) for lines in zip(first, second, strict=True)] for first, second in pairs]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def __rich__(self) -> Any:
        return Renderable(lambda width, plain: self.text(plain))

    def _blocks(self, in_latex: bool) -> list[list[Line]]:
        writer = _Writer(self.names, in_latex, self.notation)
        blocks = [[Line(writer.name(node), writer.plain(node)) for node in self.names]]
        whole = self.parts[-1]
        if whole.subject not in self.names:
            blocks[0].append(Line(writer.whole(whole), writer.plain(whole.subject)))
        for part in self.parts:
            first = writer.plain(part.steps[0].before, part.subject) if part.steps else writer.plain(part.result)
            further = [Line("", writer.plain(step.after), step.rule) for step in part.steps]
            blocks.append([Line(writer.derivative(part, self.wrt), first), *further])
        return [block for block in blocks if block]


def _equation(as_latex: Line, as_text: Line) -> Equation:
    left = Formula(as_latex.left, as_text.left) if as_text.left else None
    return Equation(left, Formula(as_latex.right, as_text.right), as_text.note)


@dataclass(frozen=True)
class _Writer:
    """Writes lines as LaTeX or as text, named activations by their names."""

    names: Mapping[Expression, str]
    in_latex: bool
    notation: Notation

    def name(self, node: Expression) -> str:
        index = self.notation.index if node.per_sample else ""
        if self.in_latex:
            return self.notation.latex_name(self.names[node], index, layer=True)
        return self.names[node] + (f"_{index}" if index else "")

    def plain(self, line: Expression, subject: Expression | None = None) -> str:
        """Return a line in which every named activation but the subject has its name."""
        names = {node: name for node, name in self.names.items() if node is not subject}
        return (latex if self.in_latex else maths)(line, names, definition=True, notation=self.notation)

    def derivative(self, part: Part, wrt: str) -> str:
        name = self.name(part.subject) if part.subject in self.names else self.whole(part)
        by = self.notation.name(wrt)
        return rf"\partial_{{{by.latex}}} {name}" if self.in_latex else f"∂{name}/∂{by.text}"

    def whole(self, part: Part) -> str:
        return latex_name(part.name) if self.in_latex else part.name


def derive(
    expression: Expression,
    wrt: str | Expression,
    level: str = "terse",
    names: Mapping[str, Expression] | None = None,
) -> Derivation:
    """Differentiate line by line, recording the rule of every step.

    Activations get names (a, or a1, a2, … in a chain), are differentiated first, and are inserted
    where they occur, as one does on paper.

    Args:
        expression: a formula of numbers: every part has the shape (). Sums over the samples stay sums.
        wrt: the parameter or data column to differentiate with respect to.
        level: ``"terse"``, trivial rules together in one line; ``"textbook"``, the same but for a mean, whose 1/n is
            taken out before its sum; or ``"full"``, one rule a line.
        names: parts that are named in the lines, by name; default: the activations.

    Returns:
        A Derivation: ``str()`` is text, ``.latex()`` LaTeX, ``.steps`` and ``.result`` expressions.

    Raises:
        DerivationError: a part is a vector or matrix, the name does not occur, or there is no such level.

    >>> from steepest.expressions.expression import data, params
    >>> x, y, w = data("x"), data("y"), params("w")
    >>> print(derive(op.mean((x * w - y) ** 2), "w"))
    C = 1/n Σ (x_i·w − y_i)²
    <BLANKLINE>
    ∂C/∂w = ∂/∂w[1/n Σ (x_i·w − y_i)²]
          = 1/n Σ ∂/∂w[(x_i·w − y_i)²]                sum rule
          = 1/n Σ 2·(x_i·w − y_i)·∂/∂w[x_i·w − y_i]   power rule, chain rule
          = 1/n Σ 2·(x_i·w − y_i)·x_i                 sum rule, constant factor rule

    Source: DLMF 1.4(iii); rows A2 and A3 of the notes.
    """
    expect_expression(expression, "derive")
    if level not in LEVELS:
        raise DerivationError(f"there is no level {level!r}; choose one of {', '.join(map(repr, LEVELS))}")
    leaves = {leaf.name: leaf for leaf in check_names([expression])}
    name = wrt if isinstance(wrt, str) else wrt.name
    if name not in leaves:
        raise DerivationError(f"the name {name!r} does not occur in the formula{nearest(name, leaves)}")
    _refuse_unreadable(expression)
    named = _activation_names(expression, leaves) if names is None else {node: n for n, node in names.items()}
    return _Deriver(leaves[name], level, named).derivation(expression)


def _refuse_unreadable(expression: Expression) -> None:
    """Raise unless every part is a number and the parts are few enough for a reader."""
    order = toposort([expression])
    for node in order:
        if node.shape:
            raise DerivationError(
                f"a derivation line by line is written for formulas of numbers, but {short(node)} has the shape "
                f"{node.shape}; for a model of layers use model.derivation(), for any other st.gradient"
            )
    if len(order) > _MOST_NODES:
        raise DerivationError(
            f"the formula has {len(order):,} parts; a derivation of more than {_MOST_NODES:,} is not readable: "
            "use st.gradient"
        )


def _activation_names(root: Expression, taken: Iterable[str]) -> dict[Expression, str]:
    """Name the only activation of parameters a, several a1, a2, … in the order of their dependence."""
    nodes = toposort([root])
    on_params = dependents(nodes, PARAMETER)
    found = [node for node in nodes if node in on_params and node.operation.activation]
    stems = {*taken, *(name.rstrip("0123456789") for name in taken)}
    letter = next(c for c in ("a", "h", "s", "act", *"bcgklmopqrtuvxyz", "activation") if c not in stems)
    return {node: letter + (str(k) if len(found) > 1 else "") for k, node in enumerate(found, start=1)}


class _Deriver:
    def __init__(self, wrt: Expression, level: str, names: dict[Expression, str]) -> None:
        self.wrt, self.full, self.textbook, self.names = wrt, level == "full", level == "textbook", names
        self.found: dict[Expression, Expression] = {}
        self.dependent: set[Expression] = set()
        self.subject: Expression | None = None

    def derivation(self, root: Expression) -> Derivation:
        order = toposort([root])
        for node in order:
            if node is self.wrt or any(arg in self.dependent for arg in node.args):
                self.dependent.add(node)
        inside = set(order)
        self.names = {node: name for node, name in self.names.items() if node in inside}
        parts = [
            self._part(node, name) for node, name in self.names.items() if node in self.dependent and node is not root
        ]
        letters = COST_LETTERS if _usual_letter(root) == "C" else "fFgh"
        whole = notation_of([root], self.names.values()).free(letters)
        parts.append(self._part(root, self.names.get(root, whole)))
        return Derivation(root, self.wrt.name, self.names, tuple(parts), parts[-1].result)

    def _part(self, subject: Expression, name: str) -> Part:
        self.subject = subject
        line = self._open(subject)
        steps: list[Step] = []
        while (found := self._next(line))[0]:
            rule, after = found
            if after is not line:
                steps.append(Step(line, rule, after))
            line = after
        self.found[subject] = line
        return Part(name, subject, tuple(steps), line)

    def _open(self, node: Expression) -> Expression:
        if node is self.wrt and not self.full:
            return constant(1)
        return DERIVATIVE(node, attributes=(self.wrt.name,))

    def _next(self, line: Expression) -> tuple[str, Expression]:
        """Return the rule that leads to the next line (empty at the end) and that line."""
        marks = [node for node in toposort([line]) if node.operation is DERIVATIVE]
        if not marks:
            return self._shorten(line)
        if self.full or (self.textbook and marks[0].args[0].operation is op.mean):
            rule, replacement = self._apply(marks[0].args[0])
            return rule, _replace(line, {marks[0]: replacement})
        rules: list[str] = []
        trivial: bool | None = None
        while marks:
            replacements = {}
            for mark in marks:
                rule, replacement = self._apply(mark.args[0])
                easy = rule in _TRIVIAL
                if trivial is None or (trivial and easy):
                    trivial = easy
                    rules.extend(r for r in rule.split(", ") if r not in rules)
                    replacements[mark] = replacement
            if not replacements:
                break
            line = _replace(line, replacements)
            rules.extend(["cancel"] * (rules[-1].startswith("insert") and cancels(line, self._kept())))
            line = self._tidy(line)
            marks = [node for node in toposort([line]) if node.operation is DERIVATIVE] if trivial else []
        return ", ".join(rules), line

    def _tidy(self, line: Expression) -> Expression:
        """Simplify until nothing changes, leaving what is still to be differentiated as it is."""
        return tidy(line, self._kept(), PRESENTATION)

    def _kept(self) -> set[Expression]:
        return set(self.dependent) | set(self.names)

    def _shorten(self, line: Expression) -> tuple[str, Expression]:
        """Simplify the final line, rule by rule or all at once; return the rule and the line."""
        kept = self._kept()
        if not self.full:
            after = self._tidy(line)
            return ("simplify", after) if after is not line else self._worked_out(line)
        for node in toposort([line], stop=kept.__contains__):
            if node in kept:
                continue
            for rule in PRESENTATION:
                better = rule.rewrite(node)
                if better is not None and better is not node:
                    return rule.name, _replace(line, {node: better})
        return "", line

    def _worked_out(self, line: Expression) -> tuple[str, Expression]:
        """Work out the sum over the samples, or the line itself, as a polynomial where that makes it shorter."""
        sums = [node for node in toposort([line]) if node.operation in (op.mean, op.total)]
        body = sums[-1].args[0] if sums else line
        shorter = worked_out(body)
        return ("", line) if shorter is None else (shorter[1], _replace(line, {body: shorter[0]}))

    def _apply(self, u: Expression) -> tuple[str, Expression]:
        """Return the name of a rule that differentiates u, and what it gives."""
        if u is self.wrt:
            return "derivative of the variable", constant(1)
        if u not in self.dependent:
            return "constant rule", constant(0)
        if u in self.names and u is not self.subject:
            return f"insert ∂{self.names[u]}/∂{self.wrt.name}", self.found[u]
        row, args = u.operation, u.args
        moving = [arg in self.dependent for arg in args]
        inner = [self._open(arg) if moves else constant(0) for arg, moves in zip(args, moving, strict=True)]
        if row is op.mean and (self.full or self.textbook):
            total = op.total(args[0])
            self.dependent.add(total)
            return "constant factor rule", (1 / op.count()) * self._open(total)
        if row is op.multiply and sum(moving) == 1:
            return "constant factor rule", args[1] * inner[0] if moving[0] else args[0] * inner[1]
        if row is op.divide and not moving[1]:
            return "constant factor rule", inner[0] / args[1]
        if row.differential is not None:
            shown = [self._open(arg) for arg in args] if self.full and row.rule == "sum rule" else inner
            return row.rule, row.differential(*args, *shown)
        if row is op.stop_gradient:
            return row.rule, constant(0)
        return self._chain(u, inner, moving)

    def _chain(self, u: Expression, inner: list[Expression], moving: list[bool]) -> tuple[str, Expression]:
        """Return Σ ∂f/∂x_k · ∂x_k over the arguments that depend on the variable."""
        row = u.operation
        terms = []
        rules = []
        for k, moves in enumerate(moving):
            if moves:
                rules.append(row.rules[k] if row.rules else row.rule)
                partial = row.partials[k](*u.args, u)
                partial = partial if isinstance(partial, Expression) else constant(partial)
                terms.append(simplify(partial, self._kept(), PRESENTATION) * inner[k])
        through = any(moves and arg is not self.wrt for arg, moves in zip(u.args, moving, strict=True))
        return ", ".join([*dict.fromkeys(rules), *(["chain rule"] if through else [])]), reduce(operator.add, terms)


def _usual_letter(root: Expression) -> str:
    """Return C for a cost over samples, f for a function."""
    return "C" if not root.per_sample and root.data else "f"


def _replace(line: Expression, replacements: dict[Expression, Expression]) -> Expression:
    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        return replacements[node] if node in replacements else rebuilt(node, args)

    return transform([line], visit, stop=replacements.__contains__)[line]
