"""The state of an evaluation: the document, the place in it, and the values that replace symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from steepest.proofreading.meaning.document_model import DocumentModel, Key
from steepest.proofreading.reading.tree import Node
from steepest.proofreading.values.arrays import Array


class Interpretation(Enum):
    """Which definitions serve a symbol with a sample index, such as ``a_i``."""

    AS_WRITTEN = "as written"
    """Only definitions of ``a_i``."""
    PER_SAMPLE = "per sample"
    """Definitions of ``a`` as well; what depends on the sample gets the index, too."""


MAX_DEFINITIONS = 40
"""How deeply definitions are followed into one another; derivations are far shallower, circles are not."""
_INNER_WORK = 20  # an inner evaluation counts as so many parts, for it starts without values


@dataclass(frozen=True, eq=False)
class Recorded:
    """A value with the random numbers of which it is made: the keys of all of them, and those that are stored."""

    value: Array
    leaf_keys: frozenset[Key]
    leaves: Mapping[Key, Array]


@dataclass
class Scope:
    """Where formulas are evaluated, and what was found there."""

    document: DocumentModel
    statement_index: int  # the statement at hand, which decides between definitions
    interpretation: Interpretation = Interpretation.AS_WRITTEN  # which definitions serve a symbol with a sample index
    scale: float = 1.0  # a factor of all changes Δ and small quantities, to find what holds to first order
    overrides: dict[Key, Array] = field(default_factory=dict)  # values that replace symbols
    cache: dict[Key, Recorded] = field(default_factory=dict)  # values of symbols
    leaves: dict[Key, Array] = field(default_factory=dict)  # the random numbers of symbols without definition
    leaf_keys: set[Key] = field(default_factory=set)  # the keys of those that were used
    active: list[Any] = field(default_factory=list)  # the definitions that are being evaluated, to detect circles
    complex_depth: int = 0  # the number of complex steps that are being taken
    work: int = 0  # the number of parts evaluated
    depth: int = 0  # the nesting of the part at hand
    derivatives: int = 0  # the number of derivatives around the part at hand

    def inner(self, values: Mapping[Key, Array], derivatives: int = 0) -> Scope:
        """Return a scope in which some symbols have other values, inside so many more derivatives."""
        return Scope(
            self.document, self.statement_index, self.interpretation, self.scale, {**self.overrides, **values}, {},
            self.leaves, self.leaf_keys, self.active, self.complex_depth, self.work + _INNER_WORK, self.depth,
            self.derivatives + derivatives,
        )  # fmt: skip

    @contextmanager
    def entered(self, mark: object) -> Iterator[None]:
        """Mark a definition as being evaluated."""
        self.active.append(mark)
        try:
            yield
        finally:
            self.active.pop()

    def record(self, compute: Callable[[], Array]) -> Recorded:
        """Compute a value, and record which random numbers it is made of."""
        before = set(self.leaf_keys)
        self.leaf_keys.clear()
        value = compute()
        leaves = {key: self.leaves[key] for key in self.leaf_keys if key in self.leaves}
        recorded = Recorded(value, frozenset(self.leaf_keys), leaves)
        self.leaf_keys |= before
        return recorded

    def use(self, recorded: Recorded) -> Array:
        """Return a recorded value, whose random numbers count as used."""
        self.leaf_keys |= recorded.leaf_keys
        self.leaves.update(recorded.leaves)
        return recorded.value


class ScopedEvaluator(Protocol):
    """What the lookup of symbols and the derivatives need of the evaluator."""

    @property
    def scope(self) -> Scope: ...
    def value(self, node: Node, numbers: Mapping[str, int]) -> Array: ...
    def within(self, scope: Scope) -> ScopedEvaluator: ...
