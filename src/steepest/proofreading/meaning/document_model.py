"""The symbol table of a document: definitions with their places, sizes, shapes, constants.

A symbol is looked up by its letter, the roles of its indices and their numbers; a definition for ``a_i^{(l)}`` serves
every i and l, one for ``a^{(2)}`` that layer alone. The nearest one before a line counts, else the first after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from steepest.proofreading.reading.tree import Node, same, symbols, walk

Key = tuple[str, tuple[tuple[str, int], ...]]
"""A letter and the numbers of its indices: ``("a", (("sub", 1), ("paren", 2)))``."""
ShapeKey = tuple[str, tuple[tuple[str, int | None], ...]]
"""A key in which an index of None stands for any number."""

_WORK_OF_A_LINE = 50_000  # parts of formulas; a second or two, and more than any line of the tests needs
_MAX_DEPTH = 8  # of definitions in one another; circles end there
LAYERS = 3
"""The number of layers of a network of any depth: a first, a last and one between them."""
RATES = frozenset(
    {"\\alpha", "\\eta", "\\lambda", "\\epsilon", "h", "\\beta", "\\gamma", "lr", "\\tau", "\\rho", "\\mu"}
)
"""Letters of learning rates and other positive hyperparameters."""
SMALL = frozenset({"h", "\\epsilon", "\\alpha", "\\eta"})
"""Letters of small quantities, which are scaled down to find what holds to first order."""
COSTS = frozenset({
    "C", "J", "L", "E", "\\mathcal{L}", "\\ell", "\\mathcal{J}", "\\mathcal{C}", "\\mathcal{E}", "MSE", "Loss",
    "Cost", "loss", "cost", "BCE", "F",
})  # fmt: skip


@dataclass(frozen=True, eq=False)
class Definition:
    """A definition."""

    target: Node  # the symbol, change, cost gradient or derivative that is defined
    formals: tuple[Node, ...]  # the formal arguments, if it is a function
    body: Node  # its value
    statement_index: int  # of the statement that defines it
    section: int = 0  # of that statement; -1 for a definition that is valid in every section


@dataclass(frozen=True, eq=False)
class ImpliedLoss:
    """A loss that is known by its derivative: ``dz = a - y`` after a sigmoid."""

    inner: Node  # z, the argument of the last activation
    target: Node  # y
    kind: str  # ``sigmoid``, ``softmax`` or ``identity``
    scale: Node | None  # a factor of the derivatives with respect to parameters, such as ``\frac{1}{m}``, or None


class Work:
    """Count the parts of formulas that were evaluated for one document, over all its models.

    A line has a budget, beyond which its formulas have no value: a count and not a time, so that a report does not
    depend on the machine.
    """

    def __init__(self) -> None:
        self.done = 0
        self.most = _WORK_OF_A_LINE

    def begin(self) -> None:
        """Give the next line its budget."""
        self.most = self.done + _WORK_OF_A_LINE


@dataclass(frozen=True)
class Indices:
    """What the document says of index letters."""

    sizes: Mapping[str, int] = field(default_factory=dict)  # how many samples, classes, layers, … a letter counts
    ranges: Mapping[str, int] = field(default_factory=dict)  # the last value of each index letter; the first one is 1
    # For each letter, the combinations of roles of its indices, outside denominators of derivatives.
    roles: Mapping[str, frozenset[tuple[str, ...]]] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)  # letters of class numbers, with the index over classes
    depth_letter: str = ""  # the letter that counts the layers; empty if there is none

    def range_of(self, letter: str) -> int:
        """Return the last value of an index letter."""
        return self.ranges.get(letter, 3)

    def is_size(self, letter: str) -> bool:
        """Return whether a letter only counts something and is no running index."""
        return letter in self.sizes and letter not in self.ranges


@dataclass(frozen=True)
class Shapes:
    """Shapes of vectors and matrices."""

    # Rows and columns; an index of None matches any number. A symbol without entry is a number.
    by_key: Mapping[ShapeKey, tuple[int, int]] = field(default_factory=dict)
    has_matrices: bool = False  # whether the document has vectors and matrices
    samples_in_rows: bool = False  # whether samples are rows of matrices rather than columns

    def find(self, key: Key) -> tuple[int, int] | None:
        """Return rows and columns of a symbol; None for a number."""
        if not self.by_key:
            return None
        found = self.by_key.get(key)
        for position, (role, _) in enumerate(key[1]):
            if found is None and role != "sub":
                wild = [(r, n if k != position else None) for k, (r, n) in enumerate(key[1])]
                found = self.by_key.get((key[0], tuple(sorted(wild, key=repr))))
        return found


@dataclass(frozen=True)
class Letters:
    """Sets of letters with a property in common."""

    constants: frozenset[str] = frozenset()  # declared constant; their derivatives are zero
    simplex: frozenset[str] = frozenset()  # their elements sum to 1
    sampled: frozenset[str] = frozenset()  # their value depends on the sample
    ignored: frozenset[str] = frozenset()  # their definitions are, to test whether a line holds for any function


@dataclass(frozen=True, eq=False)
class DocumentModel:
    """The symbol table of a document: a value that is never changed; the methods ``with_…`` return new ones."""

    definitions: Mapping[tuple[str, str], tuple[Definition, ...]] = field(default_factory=dict)  # by kind and letter
    indices: Indices = Indices()
    shapes: Shapes = Shapes()
    letters: Letters = Letters()
    # By section and letter, the variables on which a letter without a definition depends by the derivatives there.
    dependencies: Mapping[tuple[int, str], tuple[Node, ...]] = field(default_factory=dict)
    # The loss whose derivatives are written ``dW``, where the document defines no cost that can be evaluated: for one
    # sample (key False) and for all samples (key True, capital letters).
    losses: Mapping[bool, ImpliedLoss] = field(default_factory=dict)
    batch_from: int = 10**9  # the first statement with a derivative with respect to all samples at once
    assumed: Mapping[str, float] = field(default_factory=dict)  # the values that the caller gives letters
    assignments: tuple[tuple[int, Mapping[str, float]], ...] = ()  # by statements, to letters
    sections: tuple[int, ...] = ()  # the section of each statement
    has_derivatives: bool = False  # whether a definition contains a derivative; comparisons are then less accurate
    memo: dict[object, Any] = field(default_factory=dict, repr=False)  # values computed under this model alone
    work: Work = field(default_factory=Work, repr=False)  # shared by all models of the document

    def replace(self, **changes: Any) -> DocumentModel:
        """Return a model with other fields; what was computed under this one is not kept."""
        return replace(self, memo={}, **changes)

    def with_definition(self, definition: Definition) -> DocumentModel:
        """Return a model with one more definition."""
        slot = _slot(definition.target)
        return self.replace(definitions={**self.definitions, slot: (*self.definitions.get(slot, ()), definition)})

    def without_definition(self, definition: Definition) -> DocumentModel:
        """Return a model with one definition less."""
        slot = _slot(definition.target)
        kept = tuple(d for d in self.definitions[slot] if d is not definition)
        return self.replace(definitions={**self.definitions, slot: kept})

    def with_body(self, old: Node, new: Node) -> DocumentModel:
        """Return a model in which the definitions with the body ``old`` (the very object) have the body ``new``."""
        changed = {
            slot: tuple(replace(d, body=new) if d.body is old else d for d in found)
            for slot, found in self.definitions.items()
        }
        return self.replace(definitions=changed)

    def with_constants(self, constants: frozenset[str]) -> DocumentModel:
        """Return a model in which these letters are constant and no others."""
        return self.replace(letters=replace(self.letters, constants=constants))

    def ignoring(self, letter: str) -> DocumentModel:
        """Return a model without the definitions of a letter."""
        return self.replace(letters=replace(self.letters, ignored=self.letters.ignored | {letter}))

    def without_sample_index(self, letter: str, roles: tuple[str, ...]) -> DocumentModel:
        """Return a model in which a letter never occurs with these roles, the last of which is its sample index."""
        kept = self.indices.roles[letter] - {roles}
        sampled = self.letters.sampled
        if all(len(r) < len(roles) for r in kept):
            sampled -= {letter}
        return self.replace(
            indices=replace(self.indices, roles={**self.indices.roles, letter: kept}),
            letters=replace(self.letters, sampled=sampled),
        )

    def with_assignment(self, statement_index: int, letter: str, value: float) -> DocumentModel:
        """Return a model in which a statement assigns a value to a letter."""
        # Symbols are evaluated without assignments, so that the values computed so far remain valid.
        return replace(self, assignments=(*self.assignments, (statement_index, {letter: value})))

    def all_definitions(self) -> Iterator[Definition]:
        """Return all definitions."""
        return (definition for found in self.definitions.values() for definition in found)

    def definitions_of(self, target: Node, statement_index: int) -> list[Definition]:
        """Return the definitions of a target with the same roles, the one that holds at a statement first."""
        found = [d for d in self.definitions.get(_slot(target), ()) if _alike(d.target, target)]
        return self.by_nearness(found, statement_index)

    def by_nearness(self, found: Iterable[Definition], statement_index: int) -> list[Definition]:
        """Sort definitions: the last one before a statement, earlier ones, then later ones of its section."""
        here, section = statement_index, self.section(statement_index)
        near = [d for d in found if d.statement_index <= here or d.section in (section, -1)]
        return sorted(near, key=lambda d: (d.statement_index >= here, abs(d.statement_index - here)))

    def section(self, statement_index: int) -> int:
        """Return the section of a statement; -2 for an index outside the document."""
        return self.sections[statement_index] if 0 <= statement_index < len(self.sections) else -2

    def dependencies_of(self, base: str, statement_index: int) -> tuple[Node, ...]:
        """Return the variables on which a letter without a definition depends in the section of a statement."""
        return self.dependencies.get((self.section(statement_index), base), ())


def _slot(target: Node) -> tuple[str, str]:
    inner = target
    while inner.kind != "symbol" and inner.args:
        inner = inner.args[0]
    return target.kind, inner.base


def _alike(pattern: Node, target: Node) -> bool:
    """Return whether two targets have the same letter and roles, whatever their indices."""
    if pattern.kind != target.kind:
        return False
    if pattern.kind == "symbol":
        return bool(pattern.value == target.value)
    return len(pattern.args) == len(target.args) and all(map(_alike, pattern.args, target.args))


def may_match(pattern: Node, target: Node) -> bool:
    """Return whether two symbols may be the same: no index is one number here and another there."""
    inner = (pattern, target) if pattern.kind == "symbol" else (pattern.args[0], target.args[0])
    pairs = zip(inner[0].args, inner[1].args, strict=False)
    return not any(a.kind == b.kind == "number" and float(str(a.value)) != float(str(b.value)) for a, b in pairs)


def bind(
    pattern: Node, numbers: Mapping[str, int] | None, concrete: tuple[int, ...], indices: Indices
) -> dict[str, int] | None:
    """Return the values of the index letters of a definition for a symbol; None if it does not define that one."""
    found: dict[str, int] = dict(numbers or {})
    for role, index, wanted in zip(pattern.roles, pattern.args, concrete, strict=True):
        letter, offset = linear(index)
        value = wanted - offset
        if letter is None:
            fits = value == 0
        elif indices.is_size(letter):
            fits = value == indices.sizes[letter]
        else:
            fits = (role == "sub" or 1 <= value <= LAYERS + 1) and found.setdefault(letter, value) == value
        if not fits:
            return None
    return found


def linear(index: Node) -> tuple[str | None, int]:
    """Return an index as a letter and an offset: ``l-1`` is ``("l", -1)``, ``2`` is ``(None, 2)``."""
    if index.kind == "number":
        return None, int(float(index.value))
    if index.kind == "symbol" and not index.args:
        return index.base, 0
    if index.kind == "add" and len(index.args) == 2:
        first, second = index.args
        if first.kind == "symbol" and second.kind == "number" and index.value[0] > 0:
            return first.base, int(float(second.value)) * index.value[1]
        if second.kind == "symbol" and first.kind == "number" and index.value == (1, 1):
            return second.base, int(float(first.value))
    return "?", 0


def definable(node: Node) -> tuple[Node, tuple[Node, ...]] | None:
    """Return target and formal arguments of the left side of a definition; None if it cannot be one.

    ``a_i``, ``f(x, y)``, ``\\Delta x`` and ``dz`` can be defined, ``2a`` and ``f(3)`` cannot.
    """
    match node:
        case Node(kind="symbol") | Node(kind="change" | "cost_gradient", args=(Node(kind="symbol"),)):
            return node, ()
        case Node(kind="call", value=0, args=(Node(kind="symbol") as function, _, *_)):
            formals = node.args[1:]
            return (function, formals) if all(f.kind == "symbol" for f in formals) else None
    return None


def depends_on(document: DocumentModel, node: Node, target: Node, statement_index: int, depth: int = 0) -> bool:
    """Return whether an expression contains a symbol, directly or through definitions."""
    for part in symbols(node):
        if part.base == target.base and part.roles == target.roles:
            return True
        for definition in document.definitions_of(part, statement_index)[:1] if depth < _MAX_DEPTH else ():
            body = definition.body
            if body is not node and depends_on(document, body, target, statement_index, depth + 1):
                return True
    return False


def occurs(node: Node, wanted: Node) -> bool:
    """Return whether a tree has a part that is written like another tree."""
    return any(part.kind == wanted.kind and same(part, wanted) for part in walk(node))
