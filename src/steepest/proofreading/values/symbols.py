"""Looks symbols up: by the document's definitions, as elements of vectors, or as random numbers of their own."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self

import numpy as np

from steepest.proofreading.meaning.document_model import RATES, SMALL, Definition, DocumentModel, Key, bind, linear
from steepest.proofreading.reading.tree import Node, number, symbols
from steepest.proofreading.values.functions import smooth
from steepest.proofreading.values.interpretation import Interpretation

Array = np.ndarray[Any, np.dtype[Any]]
POINTS = 16
DEEPEST = 40
"""How far definitions are followed into one another."""


class UndecidedError(Exception):
    """A formula has a part whose value is not known.

    Attributes:
        node: the part.
    """

    def __init__(self, why: str, node: Node) -> None:
        super().__init__(why)
        self.node = node


class ShapeClashError(Exception):
    """Vectors or matrices do not fit together.

    Attributes:
        node: where.
    """

    def __init__(self, why: str, node: Node) -> None:
        super().__init__(why)
        self.node = node


class Symbols(ABC):
    """The part of the evaluator that knows symbols.

    Args:
        document: what the document says.
        statement_index: the number of the statement that is looked at.
        interpretation: which definitions serve a symbol with a sample index.
        scale: a factor of all changes Δ and small quantities, for telling what holds to first order.
    """

    def __init__(
        self,
        document: DocumentModel,
        statement_index: int,
        interpretation: Interpretation = Interpretation.AS_WRITTEN,
        scale: float = 1.0,
    ) -> None:
        self.document, self.statement_index, self.interpretation, self.scale = (
            document,
            statement_index,
            interpretation,
            scale,
        )
        self.overrides: dict[Key, Array] = {}
        self.cache: dict[Key, Array] = {}
        self.leaves: dict[Key, Array] = {}
        self.active: list[Any] = []
        self.complex_depth = 0
        self.leaf_keys: set[Key] = set()
        self.work = self.depth = self.derivatives = 0

    def key(self, node: Node, numbers: Mapping[str, int]) -> Key:
        """The letter of a symbol and the numbers of its indices."""
        if node.kind != "symbol":
            raise UndecidedError("a symbol is expected here", node)
        concrete = tuple(sorted((r, self.whole(a, numbers)) for r, a in zip(node.roles, node.args, strict=True)))
        if len(set(node.roles)) < len(node.roles):  # w_{ij}: the order counts
            concrete = tuple((r, self.whole(a, numbers)) for r, a in zip(node.roles, node.args, strict=True))
        return node.base, concrete

    def whole(self, node: Node, numbers: Mapping[str, int]) -> int:
        """The value of an index."""
        letter, offset = linear(node)
        if letter is None:
            return offset
        if letter in numbers:
            return numbers[letter] + offset
        if letter in self.document.indices.sizes:
            return self.document.indices.sizes[letter] + offset
        if node.kind in ("add", "multiply", "group", "negate", "divide") or letter == "?":
            value = self.value(node, numbers)
            first = float(np.real(np.ravel(value)[0]))
            if first == int(first) and abs(first) < 1e6:
                return int(first)
        raise UndecidedError(f"the index {letter} has no value", node)

    def symbol(self, node: Node, numbers: Mapping[str, int]) -> Array:
        """The value of a symbol."""
        if not node.args:
            if node.base in self.document.assumed and (node.base, ()) not in self.overrides:
                return np.full(POINTS, self.document.assumed[node.base])
            if node.base in self.document.indices.sizes and not self.document.definitions.get(("symbol", node.base)):
                return np.full(POINTS, float(self.document.indices.sizes[node.base]))
            if node.base == "\\pi":
                return np.full(POINTS, np.pi)
            if node.base == "\\infty":
                raise UndecidedError("∞ is no number", node)
        return self.of_key(self.key(node, numbers), node, numbers)

    def of_key(self, key: Key, node: Node, numbers: Mapping[str, int]) -> Array:
        """The value for a key: put in its place, defined, an element of a vector, or a random number."""
        if self.document.shapes.has_matrices:
            key, node = self.canonical(key, node, numbers)
        if key in self.overrides:
            return self.overrides[key]
        if key in self.cache:
            return self.cache[key]
        plain = not self.overrides and not self.complex_depth and not self.active
        mark = ("value", self.statement_index, self.interpretation, self.scale, key)
        known: Any = self.document.memo.get(mark) if plain else None
        if known is not None:
            self.cache[key] = known[0]
            self.leaf_keys |= known[1]
            self.leaves.update(known[2])
            return np.asarray(known[0])
        before = set(self.leaf_keys)
        self.leaf_keys.clear()
        value = self.defined(node, key, numbers)
        if value is None:
            value = self.element(key, node, numbers)
        if value is None:
            value = self.leaf(key)
            self.leaf_keys.add(key)
        elif value.ndim == 3:
            value = self.patched(key, value)
        if key[0] in self.document.letters.constants and not self.complex_free(value):
            value = value.real.astype(float)
        self.cache[key] = value
        if plain:
            held = {k: self.leaves[k] for k in self.leaf_keys if k in self.leaves}
            self.document.memo[mark] = value, frozenset(self.leaf_keys), held
        self.leaf_keys |= before
        return value

    def canonical(self, key: Key, node: Node, numbers: Mapping[str, int]) -> tuple[Key, Node]:
        """``z^{[1]}`` as ``z^{[1](1)}`` where the document speaks of samples: any one of them is meant."""
        if any(r == "paren" for r, _ in key[1]) or node.kind != "symbol":
            return key, node
        found = self.find(node, key, numbers)
        sampled = self.is_sampled(key) if found is None else "paren" in found[0].target.roles
        if not sampled:
            return key, node
        full: Key = (key[0], tuple(sorted((*key[1], ("paren", 1)))))
        return full, _symbol_of(full)

    def complex_free(self, value: Array) -> bool:
        """Whether a value has no tangent."""
        return not np.iscomplexobj(value)

    def find(self, node: Node, key: Key, numbers: Mapping[str, int]) -> tuple[Definition, dict[str, int]] | None:
        """The definition of a symbol that serves its indices, and the numbers of the letters in it."""
        if key[0] in self.document.letters.ignored:
            return None
        found = self.document.definitions.get(
            (node.kind, node.base if node.kind == "symbol" else node.args[0].base), ()
        )
        concrete = dict(key[1])
        general: tuple[Definition, dict[str, int]] | None = None
        for definition in self.document.by_nearness(found, self.statement_index):
            target = definition.target if definition.target.kind == "symbol" else definition.target.args[0]
            if (
                self.document.shapes.has_matrices
                and "paren" in target.roles
                and "paren" not in concrete
                and node.kind == "symbol"
            ):
                # z^{[1]} where the document speaks of z^{[1](i)}: any one sample.
                sample = target.index("paren")
                if (
                    sample is not None
                    and sample.kind == "symbol"
                    and sample.base in ("i", "j")
                    and sorted(target.roles) == sorted([*concrete, "paren"])
                ):
                    bound = bind(target, None, tuple(concrete.get(r, 1) for r in target.roles), self.document.indices)
                    if bound is not None:
                        return definition, bound
            if sorted(target.roles) != sorted(r for r, _ in key[1]):
                continue
            wanted = (
                tuple(n for _, n in key[1])
                if len(set(target.roles)) < len(target.roles)
                else tuple(concrete[r] for r in target.roles)
            )
            bound = bind(target, None, wanted, self.document.indices)
            if bound is not None:
                # C^{(m)} is meant for the last layer rather than C^{(l)}, which is for those below.
                if self.names_layer(target):
                    return definition, bound
                general = general or (definition, bound)
        return general

    def names_layer(self, target: Node) -> bool:
        """Whether a definition is for one layer, or for a letter that has none."""
        layers = [linear(a)[0] for r, a in zip(target.roles, target.args, strict=True) if r in ("paren", "bracket")]
        return all(
            x is None or (x in self.document.indices.sizes and x not in self.document.indices.ranges) for x in layers
        )

    def defined(self, node: Node, key: Key, numbers: Mapping[str, int]) -> Array | None:
        """The value of a symbol by its definition; None if it has none."""
        found = self.find(node, key, numbers)
        lifted: dict[str, int] = {}
        if (
            found is None
            and self.interpretation is Interpretation.PER_SAMPLE
            and any(r in ("sub", "paren") for r, _ in key[1])
        ):
            for role in ("sub", "paren"):
                outer = tuple((r, n) for r, n in key[1] if r != role)
                if len(outer) != len(key[1]) - 1:
                    continue
                keep = [(r, a) for r, a in zip(node.roles, node.args, strict=True) if r != role]
                bare = Node("symbol", tuple(a for _, a in keep), (node.base, tuple(r for r, _ in keep)))
                found = self.find(bare, (key[0], outer), numbers)
                if found is not None:
                    lifted = {role: dict(key[1])[role]}
                    break
        if found is None:
            return None
        definition, bound = found
        mark = (definition, key)
        if mark in self.active or len(self.active) > DEEPEST:
            return None
        self.active.append(mark)
        try:
            if lifted:
                return self.lifted(definition, bound, lifted)
            return self.value(definition.body, bound)
        finally:
            self.active.pop()

    def lifted(self, definition: Definition, bound: dict[str, int], lifted: dict[str, int]) -> Array:
        """A definition without sample index, for one sample: what varies by sample gets the index."""
        ((role, sample),) = lifted.items()
        inner = type(self)(self.document, self.statement_index, self.interpretation, self.scale)
        inner.overrides, inner.leaves, inner.leaf_keys = dict(self.overrides), self.leaves, self.leaf_keys
        inner.complex_depth, inner.active, inner.depth = self.complex_depth, self.active, self.depth
        for part in symbols(definition.body):
            if part.base in self.document.letters.sampled and role not in part.roles:
                plain = inner.key(part, bound)
                with_sample = tuple(sorted((*plain[1], (role, sample))))
                index = Node("number", (), str(sample))
                fuller = Node("symbol", (*part.args, index), (part.base, (*part.roles, role)))
                inner.overrides[plain] = self.of_key((part.base, with_sample), fuller, bound)
        return inner.value(definition.body, bound)

    def element(self, key: Key, node: Node, numbers: Mapping[str, int]) -> Array | None:
        """An element of a symbol that is a vector or matrix."""
        subs = [n for r, n in key[1] if r == "sub"]
        if not subs or not self.document.shapes.has_matrices:
            return None
        outer = tuple((r, n) for r, n in key[1] if r != "sub")
        whole: Key = (key[0], outer)
        if whole in self.overrides:
            array = self.overrides[whole]
        else:
            keep = [(r, a) for r, a in zip(node.roles, node.args, strict=True) if r != "sub"]
            bare = Node("symbol", tuple(a for _, a in keep), (node.base, tuple(r for r, _ in keep)))
            if self.find(bare, whole, numbers) is None:
                capital = node.base.upper()  # a_{ij} is an element of A
                bare = Node("symbol", bare.args, (capital, bare.roles))
                known = self.find(bare, (capital, outer), numbers) or self.document.shapes.find((capital, outer))
                if capital == node.base or known is None:
                    return None
            array = self.symbol(bare, numbers)
        if array.ndim != 3:
            return None
        row, column = (subs[0], subs[1]) if len(subs) > 1 else (subs[0], 1)
        if len(subs) == 1 and array.shape[1] == 1:
            row, column = 1, subs[0]
        if not (1 <= row <= array.shape[1] and 1 <= column <= array.shape[2]):
            return None
        return array[:, row - 1, column - 1]

    def patched(self, key: Key, value: Array) -> Array:
        """A vector whose elements were put in their place one by one."""
        for other, given in self.overrides.items():
            subs = [n for r, n in other[1] if r == "sub"]
            if (
                other[0] == key[0]
                and subs
                and tuple((r, n) for r, n in other[1] if r != "sub") == key[1]
                and given.ndim == 1
            ):
                row, column = (subs[0], subs[1]) if len(subs) > 1 else (subs[0], 1)
                if len(subs) == 1 and value.shape[1] == 1:
                    row, column = 1, subs[0]
                if 1 <= row <= value.shape[1] and 1 <= column <= value.shape[2]:
                    value = value.astype(np.result_type(value, given))
                    value[:, row - 1, column - 1] = given
        return value

    def leaf(self, key: Key) -> Array:
        """Random numbers that belong to a key, the same whoever asks."""
        if key in self.leaves:
            return self.leaves[key]
        shape = self.document.shapes.find(key)
        if key[0] == "\\mathbf{1}":
            if shape is None:
                raise UndecidedError("the shape of this vector of ones is not known", _symbol_of(key))
            return np.ones((POINTS, *shape))
        if shape is not None:
            cells = []
            for row in range(shape[0]):
                for column in range(shape[1]):
                    subs = [("sub", row + 1), ("sub", column + 1)]
                    subs = subs[:1] if shape[1] == 1 else subs[1:] if shape[0] == 1 else subs
                    cell: Key = (key[0], tuple(sorted((*key[1], *subs)) if len(subs) < 2 else (*key[1], *subs)))
                    cells.append(self.overrides[cell] if cell in self.overrides else self.leaf(cell))
            if any(cell.ndim != 1 for cell in cells):
                raise UndecidedError(f"an element of {key[0]} is no number", _symbol_of(key))
            value = np.stack(cells, axis=-1).reshape(POINTS, *shape)
        elif key[0] in self.document.letters.simplex and key[1]:
            value = self.share(key)
        elif key[0] in self.document.indices.classes:
            many = self.document.indices.range_of(self.document.indices.classes[key[0]])
            value = np.floor(np.abs(random_numbers((key[0] + "#", key[1]))) * 97) % many + 1
        elif (
            not key[1]
            and self.document.dependencies_of(key[0], self.statement_index)
            and (key, "generic") not in self.active
        ):
            self.active.append((key, "generic"))
            parts = [self.value(node, {}) for node in self.document.dependencies_of(key[0], self.statement_index)]
            self.active.pop()
            return smooth(key[0], [p if p.ndim == 1 else p.sum(axis=(1, 2)) for p in parts])
        else:
            value = random_numbers(key)
            if key[0].startswith("\\Delta ") or (key[0] in SMALL and not key[1] and self.scale != 1.0):
                value = value * self.scale
        if shape is None:
            self.leaves[key] = value
        return value

    def is_sampled(self, key: Key) -> bool:
        """Whether the document has this letter with the index of a sample too: x is then any x^{(i)}."""
        roles = sorted([*dict(key[1]), "paren"])
        return (
            any(sorted(r) == roles for r in self.document.indices.roles.get(key[0], set()))
            and key[0] in self.document.letters.sampled
        )

    def share(self, key: Key) -> Array:
        """An element of numbers that sum to 1 over the last index."""
        role, number = key[1][-1]
        shape = self.document.shapes.find((key[0], key[1][:-1]))
        many = max(max(shape) if shape is not None else self.document.indices.ranges.get("k", 3), number)
        parts = [np.abs(random_numbers((key[0] + "#", (*key[1][:-1], (role, n))))) + 0.1 for n in range(1, many + 1)]
        return np.asarray(parts[number - 1] / sum(parts))

    def together(self, operation: Any, left: Array, right: Array, node: Node) -> Array:
        """An operation on each element; a number goes with everything, a column with the columns of a matrix."""
        if left.ndim == right.ndim == 1:
            return np.asarray(operation(left, right))
        if left.ndim == 1:
            return np.asarray(operation(left[:, None, None], right))
        if right.ndim == 1:
            return np.asarray(operation(left, right[:, None, None]))
        one, other = left.shape[1:], right.shape[1:]
        if one != other:
            small, large = sorted((one, other), key=lambda s: s[0] * s[1])
            bias = (small[0] == large[0] and small[1] == 1) or (small[1] == large[1] and small[0] == 1)
            if not bias:
                raise ShapeClashError(f"{one[0]}×{one[1]} and {other[0]}×{other[1]} do not fit", node)
        return np.asarray(operation(left, right))

    @abstractmethod
    def value(self, node: Node, numbers: Mapping[str, int]) -> Array:
        """The value of a tree."""

    def inner(self, values: Mapping[Key, Array]) -> Self:
        """An evaluator in which some symbols have other values."""
        inner = type(self)(self.document, self.statement_index, self.interpretation, self.scale)
        inner.overrides = {**self.overrides, **values}
        inner.leaves, inner.leaf_keys, inner.active = self.leaves, self.leaf_keys, self.active
        inner.complex_depth, inner.work = self.complex_depth, self.work + 20
        inner.depth, inner.derivatives = self.depth, self.derivatives
        return inner


def _symbol_of(key: Key) -> Node:
    """A symbol with these indices."""
    return Node("symbol", tuple(number(n) for _, n in key[1]), (key[0], tuple(r for r, _ in key[1])))


@lru_cache(maxsize=4096)
def random_numbers(key: Key) -> Array:
    """Numbers that belong to a key: half of them of either sign, half between 0 and 1, where logarithms live."""
    seed = zlib.crc32(repr(key).encode())
    rng = np.random.default_rng(seed)
    wide = rng.uniform(0.15, 1.6, POINTS // 2) * rng.choice([-1.0, 1.0], POINTS // 2)
    narrow = rng.uniform(0.1, 0.9, POINTS - POINTS // 2)
    value = np.concatenate([wide, narrow])
    if key[0].startswith("\\Delta "):
        value = value * 0.5
    elif key[0] in RATES:
        value = np.abs(value)
    value.flags.writeable = False  # it is kept, and given to everybody
    return value
