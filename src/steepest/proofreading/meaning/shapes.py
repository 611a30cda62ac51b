"""Infers the shapes of vectors and matrices from the lines that define them.

Rows and columns are unknowns that products and sums make equal (unification); each class of equal unknowns gets a
small size of its own, so that shapes that do not fit in general do not fit here either.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from steepest.proofreading.meaning import document_model as model
from steepest.proofreading.reading.tree import Node, walk

_Dims = tuple[int, int]
_SIZES = (2, 3, 4, 5, 6, 7)  # all different; further classes have the size 2
_MAX_PASSES = 6  # shapes travel one definition a pass; networks here have three layers
_MATRICES = frozenset("WXZAYHUVPDGQSBTEOR")


class _Finder:
    """Applies what sums, products and definitions imply to the unknowns, numbers of rows and columns."""

    def __init__(self, document: model.DocumentModel, rows: bool) -> None:
        self.document, self.rows = document, rows
        self.parents = [0]  # of each unknown an equal one, or itself
        self.one = 0  # the unknown that is 1
        self.dims: dict[model.ShapeKey, _Dims] = {}
        self.changed = False

    def new(self) -> int:
        """Return one more unknown."""
        self.parents.append(len(self.parents))
        return len(self.parents) - 1

    def root(self, one: int) -> int:
        """Return the representative of a class of equal unknowns."""
        while self.parents[one] != one:
            one = self.parents[one]
        return one

    def join(self, one: int, other: int) -> None:
        """Make two unknowns equal; the lower one stays."""
        a, b = sorted((self.root(one), self.root(other)))
        self.parents[b] = a

    def key(self, node: Node, layers: dict[str, int]) -> model.ShapeKey:
        """Return the key of a symbol, in which the numbers of samples are left open."""
        found: list[tuple[str, int | None]] = []
        for role, index in node.indices:
            letter, offset = model.linear(index)
            if letter is None:
                found.append((role, offset))
            elif letter in layers:
                found.append((role, layers[letter] + offset))
            else:
                counts = self.document.indices.is_size(letter) and role != "sub"
                found.append((role, self.document.indices.sizes[letter] + offset if counts else None))
        return node.base, tuple(sorted(found, key=repr))

    def is_matrix(self, node: Node) -> bool:
        """Return whether a letter is a matrix by convention."""
        return node.base in _MATRICES - model.COSTS - self.document.indices.sizes.keys() and not _is_element(node)

    def may_be_vector(self, node: Node) -> bool:
        """Return whether a letter may turn out to be a vector."""
        number = node.base in model.RATES | model.COSTS or node.base in self.document.indices.sizes
        return node.kind == "symbol" and not number and not _is_element(node)

    def of_symbol(self, node: Node, layers: dict[str, int]) -> _Dims | None:
        """Return rows and columns of a symbol; None if they are not known."""
        key = self.key(node, layers)
        if key not in self.dims and self.is_matrix(node):
            self.dims[key] = (self.new(), self.new())
            self.changed = True
        return self.dims.get(key)

    def assign(self, node: Node, dims: _Dims, layers: dict[str, int]) -> None:
        """Give a tree a shape, and its parts as far as that determines theirs."""
        while node.kind in ("group", "negate") or (node.kind == "call" and len(node.args) == 2):
            node = node.args[-1]
        if node.kind == "transpose":
            self.assign(node.args[0], dims[::-1], layers)
        elif node.kind == "symbol" and self.may_be_vector(node):
            known = self.of_symbol(node, layers)
            if known is None:
                self.dims[self.key(node, layers)] = dims
                self.changed = True
            else:
                self.equal(known, dims)
        elif node.kind == "add":
            for term in node.args:
                if self.shape(term, layers) is None:
                    self.assign(term, dims, layers)

    def equal(self, one: _Dims, other: _Dims) -> None:
        """Make two shapes equal."""
        for a, b in zip(one, other, strict=True):
            if self.root(a) != self.root(b):
                self.join(a, b)
                self.changed = True

    def shape(self, node: Node, layers: dict[str, int]) -> _Dims | None:
        """Return the shape of a tree; None if it is not known, and for numbers."""
        if node.kind == "symbol":
            return self.of_symbol(node, layers)
        if node.kind in ("group", "negate", "power", "prime", "stopped", "divide"):
            return self.shape(node.args[0], layers)
        if node.kind == "transpose":
            inner = self.shape(node.args[0], layers)
            return None if inner is None else inner[::-1]
        if node.kind == "call":
            found = [self.shape(a, layers) for a in node.args[1:]]
            return next((f for f in found if f is not None), None)
        if node.kind == "add":
            return self._sum(node, layers)
        if node.kind == "multiply":
            return self._product(node, layers)
        if node.kind == "array_sum" and node.value is not None:
            inner = self.shape(node.args[0], layers)
            if inner is not None:
                return (inner[0], self.one) if node.value == 1 else (self.one, inner[1])
        return None

    def _sum(self, node: Node, layers: dict[str, int]) -> _Dims | None:
        known = [(t, self.shape(t, layers)) for t in node.args]
        shapes = [s for _, s in known if s is not None]
        if not shapes:
            return None
        widest = next((s for s in shapes if self.one not in map(self.root, s)), shapes[0])
        for term, shape in known:
            if shape is None and term.kind in ("symbol", "group", "call"):
                letter = len(term.base) == 1 and term.base.islower()
                bias = letter and self.one not in map(self.root, widest)
                dims = ((self.one, widest[1]) if self.rows else (widest[0], self.one)) if bias else widest
                self.assign(term, dims, layers)
            elif shape is not None and not self._is_bias(shape, widest):
                self.equal(shape, widest)
        return widest

    def _is_bias(self, shape: _Dims, full: _Dims) -> bool:
        one_sided = (self.root(a) == self.one != self.root(b) for a, b in zip(shape, full, strict=True))
        return shape != full and any(one_sided)

    def _product(self, node: Node, layers: dict[str, int]) -> _Dims | None:
        total = self.shape(node.args[0], layers)
        first = node.args[0]
        for sign, factor in zip(node.value, node.args[1:], strict=True):
            shape = self.shape(factor, layers)
            if total is None and shape is not None:
                inner = first.args[0] if first.kind == "transpose" else first
                row = self.may_be_vector(first) and sign in ("", "times", "dot") and factor.kind != "transpose"
                if (row or first.kind == "transpose") and self.is_data(inner):
                    self.assign(first, (self.one, shape[0]), layers)
                    total = (self.one, shape[1])
                else:
                    total = shape
            elif total is not None and shape is None and self.may_be_vector(factor) and sign != "*":
                if self.is_data(factor):
                    self.assign(factor, (total[1], self.one), layers)
                    total = (total[0], self.one)
            elif total is not None and shape is not None:
                if sign == "*":
                    self.equal(total, shape)
                else:
                    self.equal((total[1], total[1]), (shape[0], shape[0]))
                    total = (total[0], shape[1])
        return total

    def is_data(self, node: Node) -> bool:
        """Return whether a letter next to a matrix is a vector rather than a number."""
        if node.base == "\\mathbf{1}":
            return True
        plain = node.kind == "symbol" and len(node.base) == 1 and node.base.islower()
        number = node.base in "cek" or node.base in model.RATES or node.base in self.document.indices.sizes
        return plain and not number


def find_shapes(document: model.DocumentModel, lines: Sequence[Node], heads: Sequence[Node]) -> model.Shapes:
    """Return the shapes of all symbols; a document without transposes and matrix products has only numbers.

    The lines are all sides of its equations, the heads the left sides with which its chains begin.
    """
    parts = [part for line in lines for part in walk(line)]
    marks = any(p.kind == "transpose" or (p.kind == "array_sum" and p.value is not None) for p in parts)
    products = [pair for p in parts if p.kind == "multiply" for pair in itertools.pairwise(p.args)]
    if not (marks or any(_is_layer_product(a, b) for a, b in products)):
        return model.Shapes()
    rows = any(a.base in ("X", "A", "H") and b.base == "W" for a, b in products)
    finder = _Finder(document, rows)
    definitions = [d for d in document.all_definitions() if d.target.kind == "symbol" and not d.formals]
    for _ in range(_MAX_PASSES):
        finder.changed = False
        for definition in definitions:
            for layers in _layers(definition):
                shape = finder.shape(definition.body, layers)
                if shape is not None:
                    finder.assign(definition.target, shape, layers)
                known = finder.of_symbol(definition.target, layers)
                if known is not None and shape is not None:
                    finder.equal(known, shape)
                elif known is not None:
                    finder.assign(definition.body, known, layers)
        for part in parts if rows else ():
            _one_column(finder, part)
        for line in heads:
            finder.shape(line, {})
        for part in parts:
            if part.kind == "add" and all(a.kind == "symbol" for a in part.args):
                finder.shape(part, {})
        if not finder.changed:
            break
    return model.Shapes(_give_sizes(document, finder), True, rows)


def _is_element(node: Node) -> bool:
    """Return whether a subscript selects an element; a number such as that of ``W_1`` is part of the name."""
    return any(r == "sub" and a.kind != "number" for r, a in node.indices)


def _one_column(finder: _Finder, node: Node) -> None:
    """Give a matrix A of rows one column where an element of it is written ``a_i``."""
    if node.kind != "symbol" or node.roles.count("sub") != 1 or not node.base.islower() or len(node.base) != 1:
        return
    bare = node.without("sub")
    key = finder.key(Node("symbol", bare.args, (node.base.upper(), bare.roles)), {})
    if key in finder.dims:
        finder.join(finder.dims[key][1], finder.one)


def _is_layer_product(left: Node, right: Node) -> bool:
    return left.base == "W" and right.base in ("x", "a", "X", "A", "h", "z") and "sub" not in left.roles + right.roles


def _layers(definition: model.Definition) -> list[dict[str, int]]:
    """Return the values of the layer letters for which a definition is examined."""
    above = {model.linear(index)[0] for role, index in definition.target.indices if role in ("paren", "bracket")}
    letters = above & {"l", "\\ell", "k"}
    return [{str(letter): layer for letter in letters} for layer in range(1, model.LAYERS + 1)] if letters else [{}]


def _give_sizes(document: model.DocumentModel, finder: _Finder) -> dict[model.ShapeKey, tuple[int, int]]:
    """Return shapes with a size for each class: 1, the number of samples if it is known, or a small number."""
    shapes: dict[model.ShapeKey, tuple[int, int]] = {}
    sizes: dict[int, int] = {finder.one: 1}
    samples = [dims[0 if finder.rows else 1] for key, dims in finder.dims.items() if key[0] == "X"]
    count = next((c for c in ("m", "n", "N", "B") if c in document.indices.sizes), None)
    if count is not None:
        for one in samples:
            sizes.setdefault(finder.root(one), document.indices.sizes[count])
    left = [s for s in _SIZES if s not in sizes.values()]
    for key, dims in finder.dims.items():
        for root in map(finder.root, dims):
            if root not in sizes:
                sizes[root] = left.pop(0) if left else 2
        shapes[key] = (sizes[finder.root(dims[0])], sizes[finder.root(dims[1])])
    return shapes
