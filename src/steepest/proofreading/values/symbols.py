"""Looks symbols up: by the document's definitions, as elements of vectors, or as random numbers of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from steepest.proofreading.meaning.document_model import SMALL, Definition, Key, bind, linear
from steepest.proofreading.reading.tree import Node, number, symbols
from steepest.proofreading.values.arrays import POINTS, Array, UndecidedError, random_numbers, stacked
from steepest.proofreading.values.functions import random_function
from steepest.proofreading.values.scope import MAX_DEFINITIONS, Interpretation, ScopedEvaluator

Bound = tuple[Definition, dict[str, int]]
"""A definition with the values of its index letters."""


class SymbolLookup:
    """Finds the values of symbols; it has no state but the scope of its evaluator."""

    def __init__(self, evaluator: ScopedEvaluator) -> None:
        self.evaluator, self.scope, self.document = evaluator, evaluator.scope, evaluator.scope.document

    def key(self, node: Node, numbers: Mapping[str, int]) -> Key:
        """Return the letter of a symbol and the numbers of its indices."""
        if node.kind != "symbol":
            raise UndecidedError("a symbol is expected here")
        concrete = tuple(sorted((r, self.index_value(a, numbers)) for r, a in node.indices))
        if len(set(node.roles)) < len(node.roles):  # w_{ij}: the order counts
            concrete = tuple((r, self.index_value(a, numbers)) for r, a in node.indices)
        return node.base, concrete

    def index_value(self, node: Node, numbers: Mapping[str, int]) -> int:
        """Return the value of an index."""
        letter, offset = linear(node)
        if letter is None:
            return offset
        if letter in numbers:
            return numbers[letter] + offset
        if letter in self.document.indices.sizes:
            return self.document.indices.sizes[letter] + offset
        if node.kind in ("add", "multiply", "group", "negate", "divide") or letter == "?":
            value = self.evaluator.value(node, numbers)
            first = float(np.real(np.ravel(value)[0]))
            if first == int(first) and abs(first) < 1e6:
                return int(first)
        raise UndecidedError(f"the index {letter} has no value")

    def symbol(self, node: Node, numbers: Mapping[str, int]) -> Array:
        """Return the value of a symbol."""
        if not node.args:
            if node.base in self.document.assumed and (node.base, ()) not in self.scope.overrides:
                return np.full(POINTS, self.document.assumed[node.base])
            if node.base in self.document.indices.sizes and not self.document.definitions.get(("symbol", node.base)):
                return np.full(POINTS, float(self.document.indices.sizes[node.base]))
            if node.base == "\\pi":
                return np.full(POINTS, np.pi)
            if node.base == "\\infty":
                raise UndecidedError("∞ is not a number")
        return self.of_key(self.key(node, numbers), node, numbers)

    def of_key(self, key: Key, node: Node, numbers: Mapping[str, int]) -> Array:
        """Return the value for a key: given, defined, an element of a vector, or a random number."""
        if self.document.shapes.has_matrices:
            key, node = self.canonical(key, node)
        if key in self.scope.overrides:
            return self.scope.overrides[key]
        recorded = self.scope.cache.get(key)
        plain = not self.scope.overrides and not self.scope.complex_depth and not self.scope.active
        mark = ("value", self.scope.statement_index, self.scope.interpretation, self.scope.scale, key)
        if recorded is None and plain:
            recorded = self.document.memo.get(mark)
        if recorded is None:
            recorded = self.scope.record(lambda: self._found(key, node, numbers))
            if plain:
                self.document.memo[mark] = recorded
        self.scope.cache[key] = recorded
        return self.scope.use(recorded)

    def _found(self, key: Key, node: Node, numbers: Mapping[str, int]) -> Array:
        """Return the value by a definition, as an element, or a random number; without its tangent if constant."""
        value = self.defined(node, key)
        if value is None:
            value = self.element(key, node, numbers)
        if value is None:
            value = self.leaf(key)
            self.scope.leaf_keys.add(key)
        elif value.ndim == 3:
            value = self.patched(key, value)
        constant = key[0] in self.document.letters.constants and np.iscomplexobj(value)
        return value.real.astype(float) if constant else value

    def canonical(self, key: Key, node: Node) -> tuple[Key, Node]:
        """Return ``z^{[1](1)}`` for ``z^{[1]}`` where the document has samples, since any sample may be meant."""
        if any(r == "paren" for r, _ in key[1]) or node.kind != "symbol":
            return key, node
        found = self.find(node, key)
        sampled = self.is_sampled(key) if found is None else "paren" in found[0].target.roles
        if not sampled:
            return key, node
        full: Key = (key[0], tuple(sorted((*key[1], ("paren", 1)))))
        return full, symbol_of(full)

    def find(self, node: Node, key: Key) -> Bound | None:
        """Return the definition of a symbol with these indices, and the values of its index letters."""
        if key[0] in self.document.letters.ignored:
            return None
        found = self.document.definitions.get((node.kind, node.base or node.args[0].base), ())
        concrete = dict(key[1])
        matrices = self.document.shapes.has_matrices and node.kind == "symbol"
        general: Bound | None = None
        for definition in self.document.by_nearness(found, self.scope.statement_index):
            target = definition.target if definition.target.kind == "symbol" else definition.target.args[0]
            sample = target.index("paren") if matrices and "paren" not in concrete else None
            any_sample = sample is not None and sample.base in ("i", "j")
            if any_sample and sorted(target.roles) == sorted([*concrete, "paren"]):
                # z^{[1]} where the document speaks of z^{[1](i)}: any one sample.
                bound = bind(target, None, tuple(concrete.get(r, 1) for r in target.roles), self.document.indices)
                if bound is not None:
                    return definition, bound
            if sorted(target.roles) != sorted(r for r, _ in key[1]):
                continue
            repeated = len(set(target.roles)) < len(target.roles)
            wanted = tuple(n for _, n in key[1]) if repeated else tuple(concrete[r] for r in target.roles)
            bound = bind(target, None, wanted, self.document.indices)
            if bound is not None:
                # C^{(m)} is meant for the last layer rather than C^{(l)}, which is for those below.
                if self.names_layer(target):
                    return definition, bound
                general = general or (definition, bound)
        return general

    def names_layer(self, target: Node) -> bool:
        """Return whether a definition is for one layer, or for a letter without layers."""
        layers = [linear(a)[0] for r, a in target.indices if r in ("paren", "bracket")]
        return all(x is None or self.document.indices.is_size(x) for x in layers)

    def defined(self, node: Node, key: Key) -> Array | None:
        """Return the value of a symbol by its definition; None if it has none."""
        found = self.find(node, key)
        sample: tuple[str, int] | None = None
        if found is None and self.scope.interpretation is Interpretation.PER_SAMPLE:
            for role in ("sub", "paren"):
                outer = tuple((r, n) for r, n in key[1] if r != role)
                if len(outer) != len(key[1]) - 1:
                    continue
                found = self.find(node.without(role), (key[0], outer))
                if found is not None:
                    sample = role, dict(key[1])[role]
                    break
        if found is None:
            return None
        definition, bound = found
        mark = (definition, key)
        if mark in self.scope.active or len(self.scope.active) > MAX_DEFINITIONS:
            return None
        with self.scope.entered(mark):
            if sample is not None:
                return self._for_sample(definition, bound, *sample)
            return self.evaluator.value(definition.body, bound)

    def _for_sample(self, definition: Definition, bound: dict[str, int], role: str, sample: int) -> Array:
        """Return the value of a definition without sample index for one sample: sampled letters get the index."""
        overrides: dict[Key, Array] = {}
        for part in symbols(definition.body):
            if part.base in self.document.letters.sampled and role not in part.roles:
                plain = self.key(part, bound)
                with_sample = tuple(sorted((*plain[1], (role, sample))))
                index = Node("number", (), str(sample))
                fuller = Node("symbol", (*part.args, index), (part.base, (*part.roles, role)))
                overrides[plain] = self.of_key((part.base, with_sample), fuller, bound)
        return self.evaluator.within(self.scope.inner(overrides)).value(definition.body, bound)

    def element(self, key: Key, node: Node, numbers: Mapping[str, int]) -> Array | None:
        """Return an element of a symbol that is a vector or matrix; None if it is neither."""
        subs = [n for r, n in key[1] if r == "sub"]
        if not subs or not self.document.shapes.has_matrices:
            return None
        outer = tuple((r, n) for r, n in key[1] if r != "sub")
        whole: Key = (key[0], outer)
        if whole in self.scope.overrides:
            array = self.scope.overrides[whole]
        else:
            bare = node.without("sub")
            if self.find(bare, whole) is None:
                capital = node.base.upper()  # a_{ij} is an element of A
                bare = Node("symbol", bare.args, (capital, bare.roles))
                known = self.find(bare, (capital, outer)) or self.document.shapes.find((capital, outer))
                if capital == node.base or known is None:
                    return None
            array = self.symbol(bare, numbers)
        cell = _cell(subs, array) if array.ndim == 3 else None
        return None if cell is None else array[cell]

    def patched(self, key: Key, value: Array) -> Array:
        """Return a vector with the elements replaced that have values of their own."""
        for other, given in self.scope.overrides.items():
            subs = [n for r, n in other[1] if r == "sub"]
            outer = tuple((r, n) for r, n in other[1] if r != "sub")
            cell = _cell(subs, value) if subs and (other[0], outer) == key and given.ndim == 1 else None
            if cell is not None:
                value = value.astype(np.result_type(value, given))
                value[cell] = given
        return value

    def leaf(self, key: Key) -> Array:
        """Return the random numbers of a key; equal keys have equal numbers."""
        if key in self.scope.leaves:
            return self.scope.leaves[key]
        shape = self.document.shapes.find(key)
        variables = self.document.dependencies_of(key[0], self.scope.statement_index)
        if key[0] == "\\mathbf{1}":
            if shape is None:
                raise UndecidedError("the shape of this vector of ones is not known")
            return np.ones((POINTS, *shape))
        if shape is not None:
            cells = []
            for row, column in np.ndindex(shape):
                subs = [("sub", row + 1), ("sub", column + 1)]
                subs = subs[:1] if shape[1] == 1 else subs[1:] if shape[0] == 1 else subs
                cell: Key = (key[0], tuple(sorted((*key[1], *subs)) if len(subs) < 2 else (*key[1], *subs)))
                cells.append(self.scope.overrides[cell] if cell in self.scope.overrides else self.leaf(cell))
            trouble = f"an element of {key[0]} is not a number"
            value = stacked(cells, trouble).reshape(POINTS, *shape)
        elif key[0] in self.document.letters.simplex and key[1]:
            value = self.share(key)
        elif key[0] in self.document.indices.classes:
            many = self.document.indices.range_of(self.document.indices.classes[key[0]])
            value = np.floor(np.abs(random_numbers((key[0] + "#", key[1]))) * 97) % many + 1
        elif not key[1] and variables and (key, "generic") not in self.scope.active:
            self.scope.active.append((key, "generic"))
            try:
                parts = [self.evaluator.value(node, {}) for node in variables]
            finally:
                self.scope.active.pop()
            return random_function(key[0], [p if p.ndim == 1 else p.sum(axis=(1, 2)) for p in parts])
        else:
            value = random_numbers(key)
            if key[0].startswith("\\Delta ") or (key[0] in SMALL and not key[1] and self.scope.scale != 1.0):
                value = value * self.scope.scale
        if shape is None:
            self.scope.leaves[key] = value
        return value

    def is_sampled(self, key: Key) -> bool:
        """Return whether the document also has this letter with a sample index; x is then any x^{(i)}."""
        roles = sorted([*dict(key[1]), "paren"])
        known = self.document.indices.roles.get(key[0], ())
        return key[0] in self.document.letters.sampled and any(sorted(r) == roles for r in known)

    def share(self, key: Key) -> Array:
        """Return an element of numbers that sum to 1 over the last index."""
        role, number = key[1][-1]
        shape = self.document.shapes.find((key[0], key[1][:-1]))
        many = max(max(shape) if shape is not None else self.document.indices.ranges.get("k", 3), number)
        parts = [np.abs(random_numbers((key[0] + "#", (*key[1][:-1], (role, n))))) + 0.1 for n in range(1, many + 1)]
        return np.asarray(parts[number - 1] / sum(parts))


def _cell(subs: Sequence[int], array: Array) -> tuple[slice, int, int] | None:
    """Return what selects the element of a vector or matrix that subscripts name; None if there is no such element."""
    row, column = subs[:2] if len(subs) > 1 else (1, subs[0]) if array.shape[1] == 1 else (subs[0], 1)
    inside = 1 <= row <= array.shape[1] and 1 <= column <= array.shape[2]
    return (slice(None), row - 1, column - 1) if inside else None


def symbol_of(key: Key) -> Node:
    """Return a symbol with these indices."""
    return Node("symbol", tuple(number(n) for _, n in key[1]), (key[0], tuple(r for r, _ in key[1])))
