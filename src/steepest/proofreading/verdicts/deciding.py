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
from steepest.proofreading.meaning.analysis import build_world, is_square, is_update
from steepest.proofreading.meaning.document_model import Definition, World, definable, depends_on, may_be
from steepest.proofreading.reading.passages import Passage
from steepest.proofreading.reading.statements import DECIDED, Member, Reading, Statement
from steepest.proofreading.reading.tree import Node, same, walk
from steepest.proofreading.values.comparison import Outcome, compare
from steepest.proofreading.values.evaluator import Evaluator
from steepest.proofreading.values.symbols import ShapeClashError, UndecidedError
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
        order: the number of its statement.
        at: the number of its relation in the chain.
        verdict: empty while a cause is still to be found.
        cause: of a difference.
        message: a sentence.
        corrected: the right side as it should read.
        whole: the whole equality as it should read, where the left side changes too.
        outcome: the numbers.
        lift: the reading under which it was compared.
        clash: why shapes do not fit, if so.
        point_at: the member at which the finding points.
    """

    order: int
    at: int
    verdict: str = ""
    cause: str | None = None
    message: str = ""
    corrected: str = ""
    whole: str = ""
    outcome: Outcome | None = None
    lift: bool = False
    clash: str = ""
    point_at: Member | None = None
    fixed: Node | None = field(default=None, repr=False)


class Decider:
    """Goes through a document; see the module."""

    def __init__(self, reading: Reading, passages: list[Passage], given: Mapping[str, float]) -> None:
        self.reading = reading
        self.world: World = build_world(reading, passages, given)
        self.writer = Writer()
        for statement in reading.statements:
            for member in statement.members:
                self.writer.take(member)
        self.doctor = Doctor(self.world, reading.statements, self.writer)
        self.drafts: list[Draft] = []
        self.fixed: dict[Member, Node] = {}
        self.ruled: dict[tuple[int, int], Draft] = {}
        self.passages = passages
        self.sections: dict[int, tuple[World, list[Statement]] | None] = {}

    def run(self) -> list[Draft]:
        """Decide everything.

        A fault of our own in one step is said in the finding of its line, so that the others are still read.
        """
        try:
            for draft in rules.structural(self):
                self.ruled[draft.order, draft.at] = draft
        except Exception as fault:
            self.ruled = {}
            self.drafts.append(Draft(0, 0, "not-understood", message=f"{OUR_FAULT} ({fault!r})"))
        for order, statement in enumerate(self.reading.statements):
            for at in range(len(statement.relations)):
                looked = self.ruled.get((order, at)) or self.safely(order, at)
                if looked is not None:
                    right = statement.members[at + 1].node
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

    def safely(self, order: int, at: int) -> Draft | None:
        """A first look."""
        try:
            return self.first_look(order, at)
        except Exception as fault:
            return Draft(order, at, "not-understood", message=f"{OUR_FAULT} ({fault!r})")

    def within_section(self, draft: Draft) -> None:
        """See whether a line holds by what its own section says: notes on several things use letters again."""
        section = self.reading.statements[draft.order].section
        if section not in self.sections:
            chosen = [s for s in self.reading.statements if s.section == section]
            part = Reading(chosen, self.reading.context, [])
            alone = len(chosen) == len(self.reading.statements)
            prose = [p for p in self.passages if p.is_maths or re.search(r"one[- ]hot", p.text, re.IGNORECASE)]
            self.sections[section] = (
                None if alone else (build_world(part, prose, self.world.given, infer=False), chosen)
            )
        scope = self.sections[section]
        _, left, _, right = self.sides(draft.order, draft.at)
        if scope is None or left.node is None or right.node is None:
            return
        if definable(left.node) is not None and left.node.kind in ("symbol", "call"):
            return
        world, chosen = scope
        world.held = self.world.held
        order = chosen.index(self.reading.statements[draft.order])
        heads = [p.args[0] for p in walk(left.node) if p.kind == "derive" and p.args[0].kind == "symbol"]
        if any(not world.of(head, order) for head in heads):
            return
        relation = self.reading.statements[draft.order].relations[draft.at]
        try:
            outcome = compare(world, left.node, right.node, order)
            small = relation == "≈" or has_small(left.node) or has_small(right.node)
            if not outcome.holds and small and to_first_order(world, order, draft, left.node, relation, right.node):
                return
        except (UndecidedError, ShapeClashError):
            return
        if outcome.holds and np.any(np.abs(outcome.left) > 1e-12):
            draft.verdict, draft.message, draft.outcome = "holds", "holds by what this section defines", outcome

    # -- which kind of line it is ----------------------------------------------------------------------------

    def sides(self, order: int, at: int) -> tuple[Statement, Member, str, Member]:
        """The statement, its left member, the relation and the right member."""
        statement = self.reading.statements[order]
        return statement, statement.members[at], statement.relations[at], statement.members[at + 1]

    def first_look(self, order: int, at: int) -> Draft | None:
        """A draft; its verdict is empty if the sides differ."""
        statement, left, relation, right = self.sides(order, at)
        if relation not in DECIDED:
            if relation in ("∝", "∼"):
                return Draft(order, at, "not-understood", message=f"the relation {relation} is not decided")
            return None
        for member in (left, right):
            if member.trouble is not None:
                trouble = member.trouble
                shown = f": {trouble}" if str(trouble) else ""
                return Draft(
                    order,
                    at,
                    "not-understood",
                    message=f"what stands around {trouble.token or member.text[-12:]!r} is not understood{shown}",
                    point_at=member,
                )
        if left.node is None or right.node is None:
            return Draft(order, at, "not-understood", message="one side of this equality is missing")
        if relation in ("<", ">", "<=", ">="):
            return self.inequality(order, at, left.node, relation, right.node)
        if left.node.kind == "slope" and right.node.kind == "derive" and same(left.node.args[0], right.node.args[-1]):
            return Draft(order, at, "defines", message=f"says what ${left.text}$ means")
        draft = worked_lines.look(self, order, at)
        if draft is not None:
            return draft
        draft = self.defining(order, at, statement, left.node, relation, right.node)
        return draft if draft is not None else self.claim(order, at, left.node, relation, right.node)

    def defining(
        self, order: int, at: int, statement: Statement, left: Node, relation: str, right: Node
    ) -> Draft | None:
        """A line that says what a symbol is, or moves a value."""
        roots = self.world.of(left.args[0], order) if is_square(left) else []
        if roots and all(d.order == order for d in roots):
            return Draft(order, at, "defines", message=f"defines ${self.writer.latex(left.args[0])}$")
        found = definable(left)
        words = next((p for p in walk(right) if p.kind in ("words", "dots")), None)
        if words is not None and found is not None and not is_update(found[0], right):
            what = f"“{words.value}”" if words.kind == "words" else "…"
            return Draft(order, at, "not-understood", message=f"{what} is no formula that can be computed")
        if found is None:
            return self.names_right(order, at, left, right)
        target, formals = found
        named = self.names_right(order, at, left, right)
        if named is not None:
            return named
        if is_update(target, right) and target.kind == "symbol" and (relation == ":=" or at == 0):
            return Draft(order, at, "defines", message="an assignment: the left side takes the value of the right one")
        if target.kind == "slope":
            return None
        earlier = [
            d
            for d in self.world.of(target, order)
            if d.order < order
            and may_be(d.target, target)
            and (not formals or not d.formals or len(formals) == len(d.formals))
        ]
        if relation == ":=" and target.kind == "symbol":
            return Draft(order, at, "defines", message=f"defines ${self.writer.latex(target)}$")
        if not earlier and not (target.kind == "change" and self.has_value(left, order)):
            return self.names_right(order, at, left, right) or Draft(
                order, at, "defines", message=f"defines ${self.writer.latex(target)}$"
            )
        return None

    def has_value(self, node: Node, order: int) -> bool:
        """Whether a change has a meaning of its own, by the function that changes."""
        inner = node.args[0]
        return bool(self.world.of(inner, order)) or bool(self.world.generic(inner.base, order))

    def names_right(self, order: int, at: int, left: Node, right: Node) -> Draft | None:
        """``f(x, y) = z`` where f is known names z."""
        if right.kind != "symbol" or at + 2 < len(self.reading.statements[order].members):
            return None
        own = [d for d in self.world.of(right, order) if d.order == order and d.target is right]
        if own and (definable(left) or own[0].body is left):
            return Draft(order, at, "defines", message=f"defines ${self.writer.latex(right)}$")
        return None

    def inequality(self, order: int, at: int, left: Node, relation: str, right: Node) -> Draft:
        """A line with ≤ or its like: decided if it speaks of something computed."""
        if len(self.reading.statements[order].relations) > 1 or left.kind in ("symbol", "number") or left.kind == "add":
            return Draft(order, at, "not-understood", message="an inequality between these sides is not decided")
        try:
            outcome = compare(self.world, left, right, order)
        except (UndecidedError, ShapeClashError) as reason:
            return Draft(order, at, "not-understood", message=str(reason))
        slack = 1e-9 * (1 + np.abs(outcome.right))
        holds = (
            outcome.left <= outcome.right + slack if relation in ("<", "<=") else outcome.left >= outcome.right - slack
        )
        if holds.all():
            return Draft(order, at, "holds", message="holds at all points that were tried", outcome=outcome)
        outcome = Outcome(
            outcome.left,
            outcome.right,
            holds,
            outcome.bar,
            outcome.leaves,
            outcome.letters,
            outcome.numbers,
            outcome.points,
        )
        return conditional(Draft(order, at, outcome=outcome), first_order=left.kind == "change")

    # -- claims ----------------------------------------------------------------------------------------------

    def claim(self, order: int, at: int, left: Node, relation: str, right: Node) -> Draft:
        """A line that says that two things are equal."""
        draft = Draft(order, at)
        before = self.fixed.get(self.reading.statements[order].members[at])
        reason: Exception | None = None
        for lift in (False, True) if self.world.sampled else (False,):
            for one in (left, *([before] if before is not None else [])):
                try:
                    outcome = compare(self.world, one, right, order, lift)
                except (UndecidedError, ShapeClashError) as trouble:
                    reason = reason or trouble
                    continue
                if lift and not np.any(np.abs(outcome.left) > 1e-12):
                    continue  # 0 = 0 under a far-fetched reading says nothing
                if outcome.holds and outcome.lost > 0.1 and relation == "=" and of_either_sign(left):
                    draft.outcome = outcome
                    draft.verdict, draft.cause = "differs", "condition"
                    draft.message = (
                        "true only where the right side has a value: the left one has values for either sign"
                    )
                    return draft
                if outcome.holds:
                    return self.right_line(draft, relation, outcome, lift)
                if draft.outcome is None:
                    draft.outcome, draft.lift = outcome, lift
        if self.for_any_function(draft, left, right):
            return draft
        if draft.outcome is None:
            return self.no_value(draft, left, right, reason)
        small = relation == "≈" or has_small(left) or has_small(right)
        if small and to_first_order(self.world, order, draft, left, relation, right):
            return draft
        for part in walk(left):
            if (
                part.kind == "change"
                and part is not left
                and not self.world.of(part, order)
                and not self.has_value(part, order)
            ) and not any(same(p, part) for p in walk(right)):
                draft.verdict, draft.message = "defines", f"says what ${self.writer.latex(part)}$ is"
                return draft
        return self.doubtful(draft, left, right)

    def for_any_function(self, draft: Draft, left: Node, right: Node) -> bool:
        """Whether a chain rule holds whatever the function is that another section defines."""
        body = left.args[0] if left.kind == "derive" else left
        if left.kind != "derive" or body.kind != "symbol" or not self.world.generic(body.base, draft.order):
            return False
        again = any(p.kind == "derive" and same(p.args[0], body) for p in walk(right))
        section = self.reading.statements[draft.order].section
        known = self.world.of(body, draft.order)
        if not again or not known or any(d.section == section for d in known):
            return False
        self.world.memo.clear()
        self.world.ignored.add(body.base)
        try:
            outcome = compare(self.world, left, right, draft.order)
        except (UndecidedError, ShapeClashError):
            return False
        finally:
            self.world.memo.clear()
            self.world.ignored.discard(body.base)
        if not outcome.holds or not np.any(np.abs(outcome.left) > 1e-12):
            return False
        draft.outcome, draft.verdict = outcome, "holds"
        draft.message = f"holds for any ${self.writer.latex(body)}$"
        return True

    def right_line(self, draft: Draft, relation: str, outcome: Outcome, lift: bool) -> Draft:
        """A line that holds."""
        draft.outcome, draft.lift = outcome, lift
        draft.verdict = "approximation" if relation == "≈" else "holds"
        layers = {n for case in outcome.numbers for letter, n in case.items() if letter in ("l", "\\ell")}
        draft.message = "holds at all points that were tried"
        if relation == "≈":
            draft.message = "holds exactly, not only approximately"
        elif layers == {3} and any(
            d.target.kind == "derive" for found in self.world.definitions.values() for d in found
        ):
            draft.message += "; looked at in the last layer"
        return draft

    def no_value(self, draft: Draft, left: Node, right: Node, reason: Exception | None) -> Draft:
        """A line of which a side has no value: shapes that do not fit, or a derivative that is given."""
        if any(part.kind == "limit" for part in walk(right)) and left.kind == "derive" and len(left.args) == 2:
            body, variable = left.args
            if body.kind == variable.kind == "symbol" and not depends_on(self.world, body, variable, draft.order):
                draft.verdict = "not-understood"
                draft.message = "the document does not say how what is derived depends on that by which it is derived"
                return draft
        if isinstance(reason, ShapeClashError):
            draft.clash = str(reason)
            if has_ones(left, right):
                draft.verdict, draft.message = "not-understood", "how long the vector of ones is, is not known"
                return draft
            try:
                compare(self.world, left, left, draft.order)
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
        order = draft.order
        section = self.reading.statements[order].section
        if left.kind == "slope" and left.args[0].kind == "symbol":
            self.world.add(Definition(left, (), right, order, section))
            draft.verdict, draft.message = "defines", f"${self.writer.latex(left)}$ is taken as given"
            return draft
        if (
            left.kind == "derive"
            and len(left.args) == 2
            and left.args[0].kind == "symbol"
            and left.args[1].kind == "symbol"
        ):
            body = left.args[0]
            if self.world.of(body, order):
                return None
            known = self.world.of(left, order)
            if any(d.order < order for d in known):
                draft.verdict, draft.message = (
                    "not-understood",
                    f"${self.writer.latex(body)}$ is never defined, and its derivative was given differently before",
                )
                return draft
            self.world.add(Definition(left, (), right, order, section))
            draft.verdict, draft.message = (
                "defines",
                f"${self.writer.latex(body)}$ is not defined; its derivative is taken as given",
            )
            return draft
        return None

    def doubtful(self, draft: Draft, left: Node, right: Node) -> Draft:
        """A line whose sides differ, unless there is reason to doubt that it was understood."""
        outcome = draft.outcome
        assert outcome is not None  # both sides were computed
        first = self.reading.statements[draft.order].members[0].node
        undefined = self.given(draft, left, right) if left.kind == "derive" else None
        if undefined is not None:
            return undefined
        if left.kind == "slope" and self.vague_objective(draft.order):
            found = self.given(draft, left, right)
            if found is not None:
                return found
        apart = unconnected(self.world, right)
        if apart is not None:
            draft.verdict = "not-understood"
            draft.message = (
                f"the document does not say how ${self.writer.latex(apart)}$ depends on that by which it is derived"
            )
            return draft
        if (
            has_ones(left, right)
            or over_samples(self.world, left)
            or over_samples(self.world, right)
            or slope_of_nothing(self.world, left, draft.order)
        ):
            draft.verdict, draft.message = "not-understood", "letters stand for all samples at once here"
            return draft
        derived = any(p.kind in ("derive", "gradient", "slope") for p in walk(left))
        if derived and not np.any(np.abs(outcome.left) > 1e-12) and never_reached(self, draft, left, right):
            return draft
        if derived and not np.any(np.abs(outcome.left) > 1e-12):
            draft.verdict = "not-understood"
            draft.message = "the document does not say how what is derived depends on that by which it is derived"
        del first
        return draft

    def vague_objective(self, order: int) -> bool:
        """Whether the cost is made of functions that nothing defines."""
        evaluator = Evaluator(self.world, order)
        cost = evaluator.objective()
        return not self.world.surrogates and (cost is None or evaluator.vague(cost))
