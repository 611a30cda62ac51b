"""What a document has said: definitions with the places from which they hold, sizes, shapes, what is held constant.

A symbol is looked up by its letter, the roles of its indices and their numbers; a definition for ``a_i^{(l)}`` serves
every i and l, one for ``a^{(2)}`` that layer alone. The nearest one before a line is meant, else the first after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steepest.proofreading.reading.tree import Node, free_letters, make, same, symbols, walk

Key = tuple[str, tuple[tuple[str, int], ...]]
"""A letter and the numbers of its indices: ``("a", (("sub", 1), ("paren", 2)))``."""

LAYERS = 3
LAYER_LETTERS = frozenset({"l", "L", "\\ell"})
RATES = frozenset(
    {"\\alpha", "\\eta", "\\lambda", "\\epsilon", "h", "\\beta", "\\gamma", "lr", "\\tau", "\\rho", "\\mu"}
)
SMALL = frozenset({"h", "\\epsilon", "\\alpha", "\\eta"})
"""Letters of small quantities, which are made smaller to see what holds to first order."""

COSTS = frozenset(
    {
        "C",
        "J",
        "L",
        "E",
        "\\mathcal{L}",
        "\\ell",
        "\\mathcal{J}",
        "\\mathcal{C}",
        "\\mathcal{E}",
        "MSE",
        "Loss",
        "Cost",
        "loss",
        "cost",
        "BCE",
        "F",
    }
)


@dataclass(frozen=True, eq=False)
class Definition:
    """What a symbol stands for.

    Attributes:
        target: the symbol, a change, a slope or a derivative.
        formals: its arguments, if it is a function.
        body: what it stands for.
        order: the number of the statement that says so.
        section: of that statement.
    """

    target: Node
    formals: tuple[Node, ...]
    body: Node
    order: int
    section: int = 0


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A loss known by its derivative: ``dz = a - y`` behind a sigmoid.

    Attributes:
        inner: z, on which the last activation acts.
        target: y.
        kind: ``sigmoid``, ``softmax`` or ``identity``.
        scale: a factor of parameters' derivatives, such as ``\\frac{1}{m}``; None for none.
    """

    inner: Node
    target: Node
    kind: str
    scale: Node | None


@dataclass
class World:
    """Everything that is known of a document.

    Attributes:
        definitions: by kind and letter.
        sizes: how many samples, classes, … each letter counts.
        ranges: how far each index letter runs.
        held: letters that the document holds constant.
        simplex: letters whose elements sum to 1.
        classes: letters whose values are class numbers, with the letter that runs over the classes.
        ignored: letters whose definitions are not looked at, to see whether a line holds for any function.
        shapes: rows and columns of letters with their layers; a letter that is not here is a number.
        dependents: by section, of letters without a definition, what they depend on, by the derivatives that are taken.
        sections: of each statement.
        aliases: ``b^1`` for ``b^{(1)}``.
        used: letters with the roles in which each occurs outside denominators.
        given: numbers that ``--assume`` gives.
        sampled: letters that vary by sample.
        matrices: whether the document has vectors and matrices.
        row_samples: whether samples are rows.
        surrogates: the loss of which ``dW`` and its like are derivatives, where no cost can be computed: of one sample
            and of all of them (capital letters).
        batch_from: the first statement with a derivative by all samples at once.
        spent: how many parts of formulas were computed.
        memo: values that were computed; emptied when a definition changes.
        values: numbers that letters were given, with the statements that gave them.
        prose: all words of the document.
        depth_letter: the letter that counts the layers.
        rough: whether a definition has a derivative in it.
    """

    definitions: dict[tuple[str, str], list[Definition]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    ranges: dict[str, int] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    simplex: set[str] = field(default_factory=set)
    classes: dict[str, str] = field(default_factory=dict)
    ignored: set[str] = field(default_factory=set)
    shapes: dict[tuple[str, tuple[tuple[str, int | None], ...]], tuple[int, int]] = field(default_factory=dict)
    dependents: dict[tuple[int, str], list[Node]] = field(default_factory=dict)
    sections: list[int] = field(default_factory=list)
    aliases: dict[tuple[str, int], str] = field(default_factory=dict)
    used: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    given: dict[str, float] = field(default_factory=dict)
    sampled: set[str] = field(default_factory=set)
    matrices: bool = False
    row_samples: bool = False
    surrogates: dict[bool, Surrogate] = field(default_factory=dict)
    batch_from: int = 10**9
    spent: int = 0
    memo: dict[object, object] = field(default_factory=dict)
    values: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    prose: str = ""
    depth_letter: str = ""
    rough: bool = False

    def add(self, definition: Definition) -> None:
        """Take a definition in."""
        self.memo.clear()
        self.definitions.setdefault(_slot(definition.target), []).append(definition)

    def remove(self, definition: Definition) -> None:
        """Take a definition out."""
        self.memo.clear()
        self.definitions[_slot(definition.target)].remove(definition)

    def of(self, target: Node, order: int, functions: bool | None = None) -> list[Definition]:
        """The definitions of a target as written, the one that holds at a statement first."""
        found = [d for d in self.definitions.get(_slot(target), []) if _alike(d.target, target)]
        if functions is not None:
            found = [d for d in found if bool(d.formals) == functions]
        return self.ordered(found, order)

    def ordered(self, found: list[Definition], order: int) -> list[Definition]:
        """Definitions by nearness: the last before a statement, earlier ones, then those after it in its section."""
        section = self.section(order)
        before = [d for d in found if d.order < order]
        after = [d for d in found if d.order >= order and (d.section in (section, -1) or d.order == order)]
        return sorted(before, key=lambda d: -d.order) + sorted(after, key=lambda d: d.order)

    def section(self, order: int) -> int:
        """The section of a statement."""
        return self.sections[order] if 0 <= order < len(self.sections) else -2

    def shape(self, key: Key) -> tuple[int, int] | None:
        """Rows and columns of a symbol; None for a number."""
        if not self.shapes:
            return None
        found = self.shapes.get(key)
        for at, (role, _) in enumerate(key[1]):
            if found is None and role != "sub":
                wild = tuple(sorted([(r, n) if k != at else (r, None) for k, (r, n) in enumerate(key[1])], key=repr))
                found = self.shapes.get((key[0], wild))
        return found

    def hold(self, base: str) -> None:
        """Hold a letter constant."""
        self.memo.clear()
        self.held.add(base)

    def release(self, base: str) -> None:
        """Let a letter vary again."""
        self.memo.clear()
        self.held.discard(base)

    def generic(self, base: str, order: int) -> list[Node]:
        """On what a letter without a definition depends in the section of a statement."""
        return self.dependents.get((self.section(order), base), [])

    def size(self, letter: str) -> int:
        """How far an index letter runs."""
        return self.ranges.get(letter, 3)


def _slot(target: Node) -> tuple[str, str]:
    inner = target
    while inner.kind != "symbol" and inner.args:
        inner = inner.args[0]
    return target.kind, inner.base


def _alike(pattern: Node, target: Node) -> bool:
    """Whether a definition may be of this target: same letter, same roles."""
    if pattern.kind != target.kind:
        return False
    if pattern.kind == "symbol":
        return bool(pattern.value == target.value)
    return len(pattern.args) == len(target.args) and all(
        _alike(p, t) for p, t in zip(pattern.args, target.args, strict=True)
    )


def may_be(pattern: Node, target: Node) -> bool:
    """Whether two symbols may be the same: no index is one number here and another there."""
    inner = (pattern, target) if pattern.kind == "symbol" else (pattern.args[0], target.args[0])
    return not any(
        a.kind == b.kind == "number" and float(str(a.value)) != float(str(b.value))
        for a, b in zip(inner[0].args, inner[1].args, strict=False)
    )


def bind(
    pattern: Node, numbers: Mapping[str, int] | None, concrete: tuple[int, ...], world: World
) -> dict[str, int] | None:
    """The numbers of the letters in the indices of a definition for a symbol with these; None if it is not for them."""
    found: dict[str, int] = dict(numbers or {})
    for role, index, wanted in zip(pattern.roles, pattern.args, concrete, strict=True):
        layered = role != "sub"
        letter, offset = linear(index)
        if letter is None:
            if offset != wanted:
                return None
            continue
        value = wanted - offset
        if letter in world.sizes and letter not in world.ranges:
            if value != world.sizes[letter]:
                return None
            continue
        if layered and not 1 <= value <= LAYERS + 1:
            return None
        if found.setdefault(letter, value) != value:
            return None
    return found


def linear(index: Node) -> tuple[str | None, int]:
    """An index as a letter and what is added to it: ``l-1`` is ``("l", -1)``, ``2`` is ``(None, 2)``."""
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
    """The target and formal arguments of the left side of a definition; None if it is none.

    ``a_i``, ``f(x, y)``, ``\\Delta x`` and ``dz`` can be defined, ``2a`` and ``f(3)`` cannot.
    """
    if node.kind == "symbol":
        return node, ()
    if node.kind == "call" and node.value == 0 and node.args[0].kind == "symbol":
        formals = node.args[1:]
        if all(f.kind == "symbol" for f in formals) and len({f.base for f in formals}) > 0:
            return node.args[0], formals
        return None
    if node.kind == "change" and node.args[0].kind == "symbol":
        return node, ()
    if node.kind == "slope" and node.args[0].kind == "symbol":
        return node, ()
    return None


def depends_on(world: World, node: Node, target: Node, order: int, depth: int = 0) -> bool:
    """Whether an expression has a symbol in it, itself or through definitions."""
    for part in symbols(node):
        if part.base == target.base and part.roles == target.roles:
            return True
        if depth < 8:
            for definition in world.of(part, order)[:1]:
                if definition.body is not node and depends_on(world, definition.body, target, order, depth + 1):
                    return True
    return False


def occurs(node: Node, wanted: Node) -> bool:
    """Whether a tree has a part written like another."""
    return any(part.kind == wanted.kind and same(part, wanted) for part in walk(node))


def unbound(node: Node) -> dict[str, str]:
    """The index letters free in a node; a letter that is also a formal argument of nothing."""
    return free_letters(node)


def plain_symbol(base: str) -> Node:
    """A symbol without indices."""
    return make("symbol", (), (base, ()))
