"""Decides every equality of a document in turn.

A line is looked at under each reading that the notation allows, and the one that makes it right is taken; what cannot
be computed is said to be not understood. Causes are looked for only once it is known which lines do not hold, for the
mistake may lie in a definition above them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from steepest.proofreading.causes.causes import Doctor
from steepest.proofreading.causes.writing import Writer
from steepest.proofreading.meaning.analysis import analyse
from steepest.proofreading.meaning.definitions import is_square, is_update
from steepest.proofreading.meaning.document_model import Definition, DocumentModel, definable, depends_on, may_match
from steepest.proofreading.meaning.objective import find_objective, is_vague
from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.statements import DECIDED, ParsedDocument, Side, Statement
from steepest.proofreading.reading.tree import Node, same, walk
from steepest.proofreading.values.comparison import Comparison, compare
from steepest.proofreading.values.errors import ShapeClashError, UndecidedError
from steepest.proofreading.values.interpretation import Interpretation
from steepest.proofreading.verdicts import rules, worked_lines
from steepest.proofreading.verdicts.blame import blame_definitions
from steepest.proofreading.verdicts.doubts import (
    has_ones,
    has_small,
    of_either_sign,
    over_samples,
    slope_of_nothing,
    to_first_order,
    unconnected,
)
from steepest.proofreading.verdicts.second_look import conditional, never_reached, second_look

OUR_FAULT = "steepest itself fails on this line; please report it"
"""Begins the message of a finding that shows a fault of the proof-reader; the fuzz tests look for it."""


@dataclass(eq=False)
class Draft:
    """What is known of one equality while others are still looked at.

    Attributes:
        statement_index: the number of its statement.
        at: the number of its relation in the chain.
        verdict: empty while a cause is still to be found.
        cause: of a difference.
        message: a sentence.
        corrected: the right side as it should read.
        whole: the whole equality as it should read, where the left side changes too.
        comparison: the numbers.
        interpretation: the reading under which it was compared.
        clash: why shapes do not fit, if so.
        point_at: the member at which the finding points.
    """

    statement_index: int
    relation_index: int
    verdict: str = ""
    cause: str | None = None
    message: str = ""
    corrected: str = ""
    whole: str = ""
    comparison: Comparison | None = None
    interpretation: Interpretation = Interpretation.AS_WRITTEN
    clash: str = ""
    point_at: Side | None = None
    fixed: Node | None = field(default=None, repr=False)


class Decider:
    """Goes through a document; see the module."""

    def __init__(self, parsed: ParsedDocument, passages: list[Passage], given: Mapping[str, float]) -> None:
        self.parsed = parsed
        self.writer = Writer()
        for statement in parsed.statements:
            for side in statement.sides:
                self.writer.take(side)
        self.doctor = Doctor(analyse(parsed, passages, given), parsed.statements, self.writer)
        self.drafts: list[Draft] = []
        self.fixed: dict[Side, Node] = {}
        self.ruled: dict[tuple[int, int], Draft] = {}
        self.passages = passages
        self.sections: dict[int, tuple[DocumentModel, list[Statement]] | None] = {}

    @property
    def document(self) -> DocumentModel:
        """What the document says, with what was put right so far."""
        return self.doctor.document

    @document.setter
    def document(self, document: DocumentModel) -> None:
        self.doctor.document = document

    def run(self) -> list[Draft]:
        """Decide everything.

        A fault of our own in one step is said in the finding of its line, so that the others are still read.
        """
        try:
            for draft in rules.structural(self):
                self.ruled[draft.statement_index, draft.relation_index] = draft
        except Exception as fault:
            self.ruled = {}
            self.drafts.append(Draft(0, 0, "not-understood", message=f"{OUR_FAULT} ({fault!r})"))
        for statement_index, statement in enumerate(self.parsed.statements):
            for relation_index in range(len(statement.relations)):
                looked = self.ruled.get((statement_index, relation_index)) or self.safely(
                    statement_index, relation_index
                )
                if looked is not None:
                    right = statement.sides[relation_index + 1].node
                    if looked.verdict in ("defines", "holds") and right is not None and rules.overflows(right):
                        looked.message += rules.OVERFLOW
                    self.drafts.append(looked)
        self.each(self.within_section, ("", "not-understood"))
        try:
            blame_definitions(self)
        except Exception as fault:
            self.drafts.append(Draft(0, 0, "not-understood", message=f"{OUR_FAULT} ({fault!r})"))
        self.each(lambda draft: second_look(self, draft))
        return self.drafts

    def each(self, step: Callable[[Draft], None], verdicts: tuple[str, ...] = ("",)) -> None:
        """Take a step with every draft that has no verdict yet, or one of some."""
        for draft in list(self.drafts):
            if draft.verdict in verdicts:
                try:
                    step(draft)
                except Exception as fault:
                    draft.verdict, draft.cause, draft.message = "not-understood", None, f"{OUR_FAULT} ({fault!r})"

    def safely(self, statement_index: int, relation_index: int) -> Draft | None:
        """A first look."""
        try:
            return self.first_look(statement_index, relation_index)
        except Exception as fault:
            return Draft(statement_index, relation_index, "not-understood", message=f"{OUR_FAULT} ({fault!r})")

    def within_section(self, draft: Draft) -> None:
        """See whether a line holds by what its own section says: notes on several things use letters again."""
        section = self.parsed.statements[draft.statement_index].section
        if section not in self.sections:
            chosen = [s for s in self.parsed.statements if s.section == section]
            part = ParsedDocument(chosen, self.parsed.context, [])
            alone = len(chosen) == len(self.parsed.statements)
            prose = [p for p in self.passages if p.is_maths or re.search(r"one[- ]hot", p.text, re.IGNORECASE)]
            self.sections[section] = (
                None if alone else (analyse(part, prose, self.document.assumed, infer=False), chosen)
            )
        scope = self.sections[section]
        _, left, _, right = self.sides(draft.statement_index, draft.relation_index)
        if scope is None or left.node is None or right.node is None:
            return
        if definable(left.node) is not None and left.node.kind in ("symbol", "call"):
            return
        document, chosen = scope
        document = document.with_constants(self.document.letters.constants)
        statement_index = chosen.index(self.parsed.statements[draft.statement_index])
        heads = [p.args[0] for p in walk(left.node) if p.kind == "derivative" and p.args[0].kind == "symbol"]
        if any(not document.definitions_of(head, statement_index) for head in heads):
            return
        relation = self.parsed.statements[draft.statement_index].relations[draft.relation_index]
        try:
            comparison = compare(document, left.node, right.node, statement_index)
            small = relation == "≈" or has_small(left.node) or has_small(right.node)
            if (
                not comparison.holds
                and small
                and to_first_order(document, statement_index, draft, left.node, relation, right.node)
            ):
                return
        except (UndecidedError, ShapeClashError):
            return
        if comparison.holds and np.any(np.abs(comparison.left) > 1e-12):
            draft.verdict, draft.message, draft.comparison = "holds", "holds by what this section defines", comparison

    # -- which kind of line it is ----------------------------------------------------------------------------

    def sides(self, statement_index: int, relation_index: int) -> tuple[Statement, Side, str, Side]:
        """The statement, its left member, the relation and the right member."""
        statement = self.parsed.statements[statement_index]
        return (
            statement,
            statement.sides[relation_index],
            statement.relations[relation_index],
            statement.sides[relation_index + 1],
        )

    def first_look(self, statement_index: int, relation_index: int) -> Draft | None:
        """A draft; its verdict is empty if the sides differ."""
        statement, left, relation, right = self.sides(statement_index, relation_index)
        if relation not in DECIDED:
            if relation in ("∝", "∼"):
                return Draft(
                    statement_index, relation_index, "not-understood", message=f"the relation {relation} is not decided"
                )
            return None
        for side in (left, right):
            if side.trouble is not None:
                trouble = side.trouble
                shown = f": {trouble}" if str(trouble) else ""
                return Draft(
                    statement_index,
                    relation_index,
                    "not-understood",
                    message=f"what stands around {trouble.token or side.text[-12:]!r} is not understood{shown}",
                    point_at=side,
                )
        if left.node is None or right.node is None:
            return Draft(
                statement_index, relation_index, "not-understood", message="one side of this equality is missing"
            )
        if relation in ("<", ">", "<=", ">="):
            return self.inequality(statement_index, relation_index, left.node, relation, right.node)
        if (
            left.node.kind == "cost_gradient"
            and right.node.kind == "derivative"
            and same(left.node.args[0], right.node.args[-1])
        ):
            return Draft(statement_index, relation_index, "defines", message=f"says what ${left.text}$ means")
        draft = worked_lines.look(self, statement_index, relation_index)
        if draft is not None:
            return draft
        draft = self.defining(statement_index, relation_index, statement, left.node, relation, right.node)
        return (
            draft if draft is not None else self.claim(statement_index, relation_index, left.node, relation, right.node)
        )

    def defining(
        self, statement_index: int, relation_index: int, statement: Statement, left: Node, relation: str, right: Node
    ) -> Draft | None:
        """A line that says what a symbol is, or moves a value."""
        roots = self.document.definitions_of(left.args[0], statement_index) if is_square(left) else []
        if roots and all(d.statement_index == statement_index for d in roots):
            return Draft(
                statement_index, relation_index, "defines", message=f"defines ${self.writer.latex(left.args[0])}$"
            )
        found = definable(left)
        words = next((p for p in walk(right) if p.kind in ("words", "dots")), None)
        if words is not None and found is not None and not is_update(found[0], right):
            what = f"“{words.value}”" if words.kind == "words" else "…"
            return Draft(
                statement_index, relation_index, "not-understood", message=f"{what} is no formula that can be computed"
            )
        if found is None:
            return self.names_right(statement_index, relation_index, left, right)
        target, formals = found
        named = self.names_right(statement_index, relation_index, left, right)
        if named is not None:
            return named
        if is_update(target, right) and target.kind == "symbol" and (relation == ":=" or relation_index == 0):
            return Draft(
                statement_index,
                relation_index,
                "defines",
                message="an assignment: the left side takes the value of the right one",
            )
        if target.kind == "cost_gradient":
            return None
        earlier = [
            d
            for d in self.document.definitions_of(target, statement_index)
            if d.statement_index < statement_index
            and may_match(d.target, target)
            and (not formals or not d.formals or len(formals) == len(d.formals))
        ]
        if relation == ":=" and target.kind == "symbol":
            return Draft(statement_index, relation_index, "defines", message=f"defines ${self.writer.latex(target)}$")
        if not earlier and not (target.kind == "change" and self.has_value(left, statement_index)):
            return self.names_right(statement_index, relation_index, left, right) or Draft(
                statement_index, relation_index, "defines", message=f"defines ${self.writer.latex(target)}$"
            )
        return None

    def has_value(self, node: Node, statement_index: int) -> bool:
        """Whether a change has a meaning of its own, by the function that changes."""
        inner = node.args[0]
        return bool(self.document.definitions_of(inner, statement_index)) or bool(
            self.document.dependencies_of(inner.base, statement_index)
        )

    def names_right(self, statement_index: int, relation_index: int, left: Node, right: Node) -> Draft | None:
        """``f(x, y) = z`` where f is known names z."""
        if right.kind != "symbol" or relation_index + 2 < len(self.parsed.statements[statement_index].sides):
            return None
        own = [
            d
            for d in self.document.definitions_of(right, statement_index)
            if d.statement_index == statement_index and d.target is right
        ]
        if own and (definable(left) or own[0].body is left):
            return Draft(statement_index, relation_index, "defines", message=f"defines ${self.writer.latex(right)}$")
        return None

    def inequality(self, statement_index: int, relation_index: int, left: Node, relation: str, right: Node) -> Draft:
        """A line with ≤ or its like: decided if it speaks of something computed."""
        if (
            len(self.parsed.statements[statement_index].relations) > 1
            or left.kind in ("symbol", "number")
            or left.kind == "add"
        ):
            return Draft(
                statement_index,
                relation_index,
                "not-understood",
                message="an inequality between these sides is not decided",
            )
        try:
            comparison = compare(self.document, left, right, statement_index)
        except (UndecidedError, ShapeClashError) as reason:
            return Draft(statement_index, relation_index, "not-understood", message=str(reason))
        slack = 1e-9 * (1 + np.abs(comparison.right))
        holds = (
            comparison.left <= comparison.right + slack
            if relation in ("<", "<=")
            else comparison.left >= comparison.right - slack
        )
        if holds.all():
            return Draft(
                statement_index,
                relation_index,
                "holds",
                message="holds at all points that were tried",
                comparison=comparison,
            )
        comparison = Comparison(
            comparison.left,
            comparison.right,
            holds,
            comparison.tolerance,
            comparison.leaves,
            comparison.letters,
            comparison.numbers,
            comparison.points,
        )
        return conditional(
            Draft(statement_index, relation_index, comparison=comparison), first_order=left.kind == "change"
        )

    # -- claims ----------------------------------------------------------------------------------------------

    def claim(self, statement_index: int, relation_index: int, left: Node, relation: str, right: Node) -> Draft:
        """A line that says that two things are equal."""
        draft = Draft(statement_index, relation_index)
        before = self.fixed.get(self.parsed.statements[statement_index].sides[relation_index])
        reason: Exception | None = None
        for interpretation in Interpretation if self.document.letters.sampled else (Interpretation.AS_WRITTEN,):
            for one in (left, *([before] if before is not None else [])):
                try:
                    comparison = compare(self.document, one, right, statement_index, interpretation)
                except (UndecidedError, ShapeClashError) as trouble:
                    reason = reason or trouble
                    continue
                if interpretation is Interpretation.PER_SAMPLE and not np.any(np.abs(comparison.left) > 1e-12):
                    continue  # 0 = 0 under a far-fetched reading says nothing
                if comparison.holds and comparison.lost > 0.1 and relation == "=" and of_either_sign(left):
                    draft.comparison = comparison
                    draft.verdict, draft.cause = "differs", "condition"
                    draft.message = (
                        "true only where the right side has a value: the left one has values for either sign"
                    )
                    return draft
                if comparison.holds:
                    return self.right_line(draft, relation, comparison, interpretation)
                if draft.comparison is None:
                    draft.comparison, draft.interpretation = comparison, interpretation
        if self.for_any_function(draft, left, right):
            return draft
        if draft.comparison is None:
            return self.no_value(draft, left, right, reason)
        small = relation == "≈" or has_small(left) or has_small(right)
        if small and to_first_order(self.document, statement_index, draft, left, relation, right):
            return draft
        for part in walk(left):
            if (
                part.kind == "change"
                and part is not left
                and not self.document.definitions_of(part, statement_index)
                and not self.has_value(part, statement_index)
            ) and not any(same(p, part) for p in walk(right)):
                draft.verdict, draft.message = "defines", f"says what ${self.writer.latex(part)}$ is"
                return draft
        return self.doubtful(draft, left, right)

    def for_any_function(self, draft: Draft, left: Node, right: Node) -> bool:
        """Whether a chain rule holds whatever the function is that another section defines."""
        body = left.args[0] if left.kind == "derivative" else left
        if (
            left.kind != "derivative"
            or body.kind != "symbol"
            or not self.document.dependencies_of(body.base, draft.statement_index)
        ):
            return False
        again = any(p.kind == "derivative" and same(p.args[0], body) for p in walk(right))
        section = self.parsed.statements[draft.statement_index].section
        known = self.document.definitions_of(body, draft.statement_index)
        if not again or not known or any(d.section == section for d in known):
            return False
        try:
            comparison = compare(self.document.ignoring(body.base), left, right, draft.statement_index)
        except (UndecidedError, ShapeClashError):
            return False
        if not comparison.holds or not np.any(np.abs(comparison.left) > 1e-12):
            return False
        draft.comparison, draft.verdict = comparison, "holds"
        draft.message = f"holds for any ${self.writer.latex(body)}$"
        return True

    def right_line(self, draft: Draft, relation: str, comparison: Comparison, interpretation: Interpretation) -> Draft:
        """A line that holds."""
        draft.comparison, draft.interpretation = comparison, interpretation
        draft.verdict = "approximation" if relation == "≈" else "holds"
        layers = {n for case in comparison.numbers for letter, n in case.items() if letter in ("l", "\\ell")}
        draft.message = "holds at all points that were tried"
        if relation == "≈":
            draft.message = "holds exactly, not only approximately"
        elif layers == {3} and any(
            d.target.kind == "derivative" for found in self.document.definitions.values() for d in found
        ):
            draft.message += "; looked at in the last layer"
        return draft

    def no_value(self, draft: Draft, left: Node, right: Node, reason: Exception | None) -> Draft:
        """A line of which a side has no value: shapes that do not fit, or a derivative that is given."""
        if any(part.kind == "limit" for part in walk(right)) and left.kind == "derivative" and len(left.args) == 2:
            body, variable = left.args
            if body.kind == variable.kind == "symbol" and not depends_on(
                self.document, body, variable, draft.statement_index
            ):
                draft.verdict = "not-understood"
                draft.message = "the document does not say how what is derived depends on that by which it is derived"
                return draft
        if isinstance(reason, ShapeClashError):
            draft.clash = str(reason)
            if has_ones(left, right):
                draft.verdict, draft.message = "not-understood", "how long the vector of ones is, is not known"
                return draft
            try:
                compare(self.document, left, left, draft.statement_index)
                return draft
            except (UndecidedError, ShapeClashError):
                draft.verdict, draft.message = "not-understood", f"the shapes of the left side do not fit: {reason}"
                return draft
        given = self.given(draft, left, right)
        if given is not None:
            return given
        draft.verdict, draft.message = "not-understood", str(reason)
        return draft

    def given(self, draft: Draft, left: Node, right: Node) -> Draft | None:
        """A derivative of something that the document does not define is taken as the document gives it."""
        statement_index = draft.statement_index
        section = self.parsed.statements[statement_index].section
        if left.kind == "cost_gradient" and left.args[0].kind == "symbol":
            self.document = self.document.with_definition(Definition(left, (), right, statement_index, section))
            draft.verdict, draft.message = "defines", f"${self.writer.latex(left)}$ is taken as given"
            return draft
        if (
            left.kind == "derivative"
            and len(left.args) == 2
            and left.args[0].kind == "symbol"
            and left.args[1].kind == "symbol"
        ):
            body = left.args[0]
            if self.document.definitions_of(body, statement_index):
                return None
            known = self.document.definitions_of(left, statement_index)
            if any(d.statement_index < statement_index for d in known):
                draft.verdict, draft.message = (
                    "not-understood",
                    f"${self.writer.latex(body)}$ is never defined, and its derivative was given differently before",
                )
                return draft
            self.document = self.document.with_definition(Definition(left, (), right, statement_index, section))
            draft.verdict, draft.message = (
                "defines",
                f"${self.writer.latex(body)}$ is not defined; its derivative is taken as given",
            )
            return draft
        return None

    def doubtful(self, draft: Draft, left: Node, right: Node) -> Draft:
        """A line whose sides differ, unless there is reason to doubt that it was understood."""
        comparison = draft.comparison
        assert comparison is not None  # both sides were computed
        first = self.parsed.statements[draft.statement_index].sides[0].node
        undefined = self.given(draft, left, right) if left.kind == "derivative" else None
        if undefined is not None:
            return undefined
        if left.kind == "cost_gradient" and self.vague_objective(draft.statement_index):
            found = self.given(draft, left, right)
            if found is not None:
                return found
        apart = unconnected(self.document, right)
        if apart is not None:
            draft.verdict = "not-understood"
            draft.message = (
                f"the document does not say how ${self.writer.latex(apart)}$ depends on that by which it is derived"
            )
            return draft
        if (
            has_ones(left, right)
            or over_samples(self.document, left)
            or over_samples(self.document, right)
            or slope_of_nothing(self.document, left, draft.statement_index)
        ):
            draft.verdict, draft.message = "not-understood", "letters stand for all samples at once here"
            return draft
        derived = any(p.kind in ("derivative", "gradient", "cost_gradient") for p in walk(left))
        if derived and not np.any(np.abs(comparison.left) > 1e-12) and never_reached(self, draft, left, right):
            return draft
        if derived and not np.any(np.abs(comparison.left) > 1e-12):
            draft.verdict = "not-understood"
            draft.message = "the document does not say how what is derived depends on that by which it is derived"
        del first
        return draft

    def vague_objective(self, statement_index: int) -> bool:
        """Whether the cost is made of functions that nothing defines."""
        cost = find_objective(self.document, statement_index)
        return not self.document.losses and (cost is None or is_vague(self.document, cost, statement_index))
