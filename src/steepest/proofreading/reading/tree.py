"""The syntax tree of a formula as it is written, with places in the text.

It is not an :class:`~steepest.Expression`: a formula on paper has indices, sums over them, primes and derivatives that
are asked for and not yet taken. The parser bounds its depth, so that recursions over it are safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

DERIVATIVES = ("derivative", "gradient", "cost_gradient")
"""The kinds of nodes that are derivatives, apart from calls with primes."""

MAX_DEPTH = 60
"""The largest depth of a tree: recursions over trees then stay far below Python's limit of 1000 calls."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    r"""A part of a formula.

    ======== ============================================= ==========================================
    kind     value                                         args
    ======== ============================================= ==========================================
    number   the text of the number
    symbol   base and roles of its indices ``("a", ("sub", "paren"))``  the indices
    add      signs of its terms, ``+1`` or ``-1``          the terms
    negate                                                 one
    multiply signs between the factors                     the factors
    divide                                                 numerator, denominator
    power                                                  base, exponent
    call     primes                                        the function, its arguments
    function the name of a function that needs no definition
    prime    how many                                      the operand
    derivative ``partial``, ``total`` or ``prime``         the operand, the variables
    sum      the index; ``product`` alike                  body, lower, upper (either may be absent)
    limit    the variable                                  body, target
    gradient                                               the operand, perhaps the variable
    change   (Δ)                                           the symbol
    cost_gradient ``d`` (``dW``) or ``partial``            the variable
    transpose, norm, abs, sqrt, iverson                    one
    matrix   number of columns                             the cells, row by row
    cases                                                  value, condition, value, condition, …
    compare  the sign                                      left, right
    tuple                                                  the parts
    array_sum axis of ``np.sum``                           one
    words    a text in a formula
    else     the condition ``otherwise``
    dots     an ellipsis
    ======== ============================================= ==========================================
    """

    kind: str
    args: tuple[Node, ...] = ()
    value: Any = None
    start: int = -1
    end: int = -1
    depth: int = 0

    @property
    def base(self) -> str:
        """The letter of a symbol, with accents and label; an empty text for anything else."""
        return str(self.value[0]) if self.kind == "symbol" else ""

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of a symbol's indices: ``sub``, ``paren`` (``a^{(l)}``) or ``bracket`` (``a^{[l]}``)."""
        return tuple(self.value[1]) if self.kind == "symbol" else ()

    @property
    def indices(self) -> tuple[tuple[str, Node], ...]:
        """The indices of a symbol, each with its role."""
        return tuple(zip(self.roles, self.args, strict=False))

    def without(self, role: str) -> Node:
        """Return a symbol without its indices in a role."""
        kept = [(r, a) for r, a in self.indices if r != role]
        return Node("symbol", tuple(a for _, a in kept), (self.base, tuple(r for r, _ in kept)))

    def index(self, role: str) -> Node | None:
        """Return the first index of a symbol in this role; None if it has none."""
        return next((a for r, a in self.indices if r == role), None)


def make(kind: str, args: tuple[Node, ...] = (), value: Any = None, start: int = -1, end: int = -1) -> Node:
    """Return a node with its depth."""
    return Node(kind, args, value, start, end, 1 + max((a.depth for a in args), default=0))


def number(value: int | float | str, at: Node | None = None) -> Node:
    """Return a number."""
    start, end = (at.start, at.end) if at else (-1, -1)
    return make("number", (), str(value), start, end)


def symbol(base: str, *indices: tuple[str, Node]) -> Node:
    """Return a symbol with indices, given as pairs of role and node."""
    return make("symbol", tuple(i for _, i in indices), (base, tuple(r for r, _ in indices)))


def times(*factors: Node) -> Node:
    """Return a product."""
    flat: list[Node] = []
    for factor in factors:
        flat += factor.args if factor.kind == "multiply" and set(factor.value) <= {""} else [factor]
    return flat[0] if len(flat) == 1 else make("multiply", tuple(flat), ("",) * (len(flat) - 1))


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and all its parts, from the left."""
    stack = [node]
    while stack:
        part = stack.pop()
        yield part
        stack.extend(reversed(part.args))


def is_derivative(node: Node) -> bool:
    """Return whether a node asks for a derivative: a fraction, a gradient, or a call with primes."""
    return node.kind in DERIVATIVES or (node.kind == "call" and bool(node.value))


def ungrouped(node: Node) -> Node:
    """Return what is inside a bracket, and any other node as it is."""
    return node.args[0] if node.kind == "group" else node


def is_of_symbols(node: Node) -> bool:
    """Return whether a node is the derivative of one symbol with respect to another."""
    return node.kind == "derivative" and len(node.args) == 2 and all(a.kind == "symbol" for a in node.args)


def function_name(function: Node) -> str:
    """Return the name of a function that needs no definition, ``sigmoid`` for σ; an empty text for any other."""
    return str(function.value) if function.kind == "function" else "sigmoid" if function.base == "\\sigma" else ""


_LONG, _FEW = 8, 3  # three terms show a wrong index as well as many do


def end_of_sum(node: Node, first: int, last: int) -> int:
    """Return the last value of a sum's index; of long sums over elements only the first terms are summed.

    A sum in which the letter itself is a number, Σ k, keeps its length.
    """
    if last - first < _LONG:
        return last
    letter, indexes = str(node.value), False
    stack = [node.args[0]]
    while stack:
        part = stack.pop()
        if part.kind == "symbol":
            if part.base == letter and not part.args:
                return last
            indexes = indexes or any(s.kind == "symbol" and s.base == letter for a in part.args for s in walk(a))
            continue
        stack.extend(part.args)
    return first + _FEW - 1 if indexes else last


def transform(node: Node, change: Callable[[Node], Node | None]) -> Node:
    """Return the tree with parts replaced; ``change`` returns a replacement, or None to go on inside the part."""
    new = change(node)
    if new is not None:
        return new
    args = tuple(transform(a, change) for a in node.args)
    if all(a is b for a, b in zip(args, node.args, strict=True)):
        return node
    return replace(node, args=args, depth=1 + max((a.depth for a in args), default=0))


def swap(root: Node, old: Node, new: Node) -> Node:
    """Return the tree with one of its nodes, the very object, replaced."""
    return transform(root, lambda n: new if n is old else None)


def signature(node: Node) -> tuple[Any, ...]:
    """Return a value that is equal for trees that are written alike."""
    value = float(node.value) if node.kind == "number" else node.value
    return (node.kind, value, *(signature(a) for a in node.args))


def same(one: Node, other: Node) -> bool:
    """Return whether two trees are written alike."""
    return one is other or signature(one) == signature(other)


def is_of_indices(node: Node) -> bool:
    """Return whether a condition compares index letters, ``[p = k]``, and not values, ``[z > 0]``."""
    if node.kind != "iverson" or node.args[0].kind != "compare" or node.args[0].value not in ("==", "!="):
        return False
    sides = node.args[0].args
    plain = any(a.kind == "symbol" and not a.args and len(a.base) == 1 and a.base in "ijklmnpqrstuvc" for a in sides)
    return plain and all(a.kind in ("symbol", "number") for a in sides)


def symbols(node: Node) -> list[Node]:
    """Return the symbols in a tree from the left, without those in indices."""
    found: list[Node] = []
    stack = [node]
    while stack:
        part = stack.pop()
        if part.kind == "symbol":
            found.append(part)
        elif part.kind in ("sum", "product"):
            stack.append(part.args[0])
        elif not is_of_indices(part):
            stack.extend(reversed(part.args))
    return found


def letters_in_indices(node: Node) -> dict[str, str]:
    """Return the letters in indices, with one role of each."""
    found: dict[str, str] = {}
    for part in walk(node):
        for role, index in (("sub", part),) if is_of_indices(part) else part.indices:
            for letter in walk(index):
                if letter.kind == "symbol" and not letter.args:
                    found.setdefault(letter.base, role)
    return found


def bound(node: Node) -> set[str]:
    """Return the index letters of sums and products in a tree."""
    return {str(part.value) for part in walk(node) if part.kind in ("sum", "product")}


def free_letters(node: Node) -> dict[str, str]:
    """Return the index letters outside every sum over them, with one role of each."""
    found: dict[str, str] = {}
    stack: list[tuple[Node, frozenset[str]]] = [(node, frozenset())]
    while stack:
        part, inside = stack.pop()
        if part.kind in ("sum", "product"):
            stack.append((part.args[0], inside | {str(part.value)}))
            continue
        if part.kind == "symbol" or is_of_indices(part):
            for letter, role in letters_in_indices(make(part.kind, part.args, part.value)).items():
                if letter not in inside:
                    found.setdefault(letter, role)
            continue
        stack.extend((a, inside) for a in part.args)
    return found


def rename(node: Node, names: Mapping[str, Node]) -> Node:
    """Return the tree with letters in indices replaced, outside the sums that bind them."""
    if not names:
        return node

    def change(part: Node) -> Node | None:
        if part.kind in ("sum", "product") and part.value in names:
            return rename(part, {k: v for k, v in names.items() if k != part.value})
        if (part.kind == "symbol" or is_of_indices(part)) and part.args:
            return replace(part, args=tuple(transform(a, new_name) for a in part.args))
        return None

    def new_name(part: Node) -> Node | None:
        return names.get(part.base) if part.kind == "symbol" and not part.args else None

    return transform(node, change)
