r"""Small changes that may make a wrong line right, in the order in which people make mistakes.

Each repair puts one part of the wrong side into the place of another: a sign turned, a factor dropped, an index
changed, a letter exchanged. Which of them is the mistake is decided by computing: the first that makes the line
right at all points is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from steepest.proofreading.reading.tree import (
    Node,
    bound,
    make,
    number,
    same,
    signature,
    symbols,
    times,
    transform,
    walk,
)

_MOST_PARTS = 24


@dataclass(frozen=True, eq=False)
class Repair:
    """A change of one part.

    Attributes:
        cause: of the mistake, one of ``findings.CAUSES``.
        old: the part that is wrong.
        new: what stands there instead.
        kind: what is wrong with it, for the sentence.
    """

    cause: str
    old: Node
    new: Node
    kind: str


@dataclass(frozen=True)
class Surroundings:
    """From where repairs take their letters, factors and terms.

    Attributes:
        letters: symbols of the lines around.
        factors: what may have been left out of a product.
        terms: what may have been left out of a sum.
        indices: index letters of the lines around.
        outputs: symbols that an activation made, ``a`` of ``a = σ(z)``.
        inputs: symbols on which an activation acts, with what it makes of them.
        matrices: whether transposes matter.
    """

    letters: tuple[Node, ...] = ()
    factors: tuple[Node, ...] = ()
    terms: tuple[Node, ...] = ()
    indices: tuple[str, ...] = ()
    outputs: tuple[Node, ...] = ()
    inputs: tuple[Node, ...] = ()
    matrices: bool = False


def distinct(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Nodes without those that are written alike."""
    seen, found = set(), []
    for node in nodes:
        mark = signature(node)
        if mark not in seen:
            seen.add(mark)
            found.append(node)
    return tuple(found)


def parts_of(nodes: Sequence[Node]) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """Factors and terms that occur in some trees."""
    factors: list[Node] = []
    terms: list[Node] = []
    sums: list[Node] = []
    for node in nodes:
        for part in walk(node):
            if part.kind == "multiply":
                factors += [a for a in part.args if a.depth < 9]
            elif part.kind in ("derivative", "power", "iverson", "change", "call") and part.depth < 8:
                factors.append(part)
            elif part.kind == "add":
                terms += [a for a in part.args if a.depth < 9]
                if part.depth < 6:
                    sums.append(make("group", (part,), "("))
        factors += symbols(node)
    kept = [f for f in distinct([*factors, *sums]) if f.kind not in ("number", "sum", "words", "multiply")]
    return tuple(kept[:_MOST_PARTS]), distinct(terms)[:_MOST_PARTS]


def candidates(root: Node, around: Surroundings) -> Iterator[Repair]:
    """The repairs of a side, likeliest first."""
    inner = _shown(root)
    yield from _indices(inner, root, around)
    if around.matrices:
        yield from _transposes(inner)
    yield from other_letters(inner, around)
    yield from _scaled(inner)
    yield from _dropped(inner)
    yield from _exponents(inner)
    yield from _functions(inner)
    yield from _inserted(inner, root, around)
    if around.matrices:
        yield from _letters_transposed(inner, around)


def likely(root: Node, around: Surroundings) -> Iterator[Repair]:
    """The repairs that are tried before anything else: activations, conditions of cases, signs."""
    inner = _shown(root)
    yield from _activations(inner, around)
    yield from in_conditions(inner, around)
    yield from _signs(inner)


def parts(root: Node) -> list[Node]:
    """The parts that repairs change."""
    return _shown(root)


def _shown(root: Node) -> list[Node]:
    """The parts of a tree that are no indices, limits of sums or variables of derivatives."""
    found: list[Node] = []
    stack = [root]
    while stack:
        part = stack.pop()
        found.append(part)
        if part.kind == "symbol":
            continue
        args = part.args[:1] if part.kind in ("sum", "product", "derivative") else part.args
        if part.kind == "call":
            args = part.args[1:]
        stack.extend(reversed(args))
    return found


# -- derivatives of activations ------------------------------------------------------------------------------


def _complement(node: Node) -> Node | None:
    """The u of ``(1 - u)``; of ``(1 - u^2)`` the power."""
    inner = node.args[0] if node.kind == "group" else node
    if (
        inner.kind == "add"
        and inner.value == (1, -1)
        and inner.args[0].kind == "number"
        and float(inner.args[0].value) == 1
    ):
        return inner.args[1]
    return None


def one_minus(node: Node) -> Node:
    """``(1 - u)``"""
    return make("group", (make("add", (number(1), node), (1, -1)),), "(")


def squared(node: Node) -> Node:
    """``u^2``"""
    return make("power", (node, number(2)))


def _activations(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "multiply":
            for k, one in enumerate(part.args):
                for j, other in enumerate(part.args):
                    inside = _complement(other)
                    if j == k or inside is None or not same(inside, one):
                        continue
                    yield from _instead(part, (k, j), one, around, "sigmoid")
        alone = part.kind == "add" and not any(p.kind == "group" and p.args[0] is part for p in parts)
        inside = _complement(part) if part.kind == "group" or alone else None
        if (
            inside is not None
            and inside.kind == "power"
            and inside.args[1].kind == "number"
            and float(inside.args[1].value) == 2
        ):
            base = inside.args[0]
            base = base.args[0] if base.kind == "group" else base
            for new in (
                times(base, one_minus(base)),
                *_others(base, around, "tanh"),
                *_steps(base, around),
                number(1),
                base,
            ):
                yield Repair("activation", part, new, "activation")
        if part.kind == "call" and part.args[0].kind == "function" and part.args[0].value in _RELATED:
            for name in _RELATED[part.args[0].value]:
                function = make("function", (), name)
                yield Repair("activation", part, make("call", (function, *part.args[1:]), part.value), "activation")
        if part.kind in ("iverson", "cases"):
            for output in around.outputs:
                yield Repair("activation", part, times(output, one_minus(output)), "activation")
                yield Repair("activation", part, one_minus(squared(output)), "activation")


_RELATED = {"tanh": ("sigmoid",), "sigmoid": ("tanh",), "relu": ("sigmoid", "tanh")}


def _instead(part: Node, pair: tuple[int, int], base: Node, around: Surroundings, kind: str) -> Iterator[Repair]:
    """Other derivatives in the place of the two factors of σ′ = u(1 − u)."""
    for new in (one_minus(squared(base)), *_others(base, around, kind), *_steps(base, around)):
        yield Repair("activation", part, _with_factors(part, pair, new), "activation")


def _others(base: Node, around: Surroundings, kind: str) -> list[Node]:
    """The same derivative of another letter, where a pre-activation stands for the activation."""
    if not any(same(base, i) for i in around.inputs):
        return []
    if kind == "sigmoid":
        return [times(o, one_minus(o)) for o in around.outputs if not same(o, base)] + [
            one_minus(squared(o)) for o in around.outputs
        ]
    return [one_minus(squared(o)) for o in around.outputs if not same(o, base)]


def _steps(base: Node, around: Surroundings) -> list[Node]:
    return [make("iverson", (make("compare", (z, number(0)), ">"),)) for z in around.inputs[:4]]


def _with_factors(part: Node, places: tuple[int, int], new: Node) -> Node:
    """A product with two of its factors replaced by others."""
    first, _second = sorted(places)
    kept = [a for k, a in enumerate(part.args) if k not in places]
    signs = [s for k, s in enumerate(part.value) if k + 1 != max(places)]
    added = list(new.args) if new.kind == "multiply" else [new]
    kept[first:first] = added
    while len(signs) < len(kept) - 1:
        signs.insert(first, "")
    return kept[0] if len(kept) == 1 else make("multiply", tuple(kept), tuple(signs[: len(kept) - 1]))


# -- signs ---------------------------------------------------------------------------------------------------


def _signs(parts: Sequence[Node]) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "add":
            for k in range(len(part.args)):
                signs = tuple(-s if j == k else s for j, s in enumerate(part.value))
                yield Repair("sign", part, make("add", part.args, signs), "sign")
        elif part.kind == "negate":
            yield Repair("sign", part, part.args[0], "sign")
        elif part.kind == "call" and part.args[0].kind in ("function", "symbol"):
            for k, argument in enumerate(part.args[1:], start=1):
                if argument.kind not in ("number", "negate"):
                    new = (*part.args[:k], make("negate", (argument,)), *part.args[k + 1 :])
                    yield Repair("sign", part, make("call", new, part.value), "sign")


# -- indices -------------------------------------------------------------------------------------------------


def _indices(parts: Sequence[Node], root: Node, around: Surroundings) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "sum":
            yield Repair("index", part, part.args[0], "sum")
    letters = list(dict.fromkeys([*around.indices, *bound(root)]))
    for part in parts:
        if part.kind != "symbol":
            continue
        for k, (role, index) in enumerate(zip(part.roles, part.args, strict=True)):
            for other in _other_indices(role, index, letters):
                yield Repair("index", part, _reindexed(part, k, other), "index")
        if len(part.args) == 2 and part.roles[0] == part.roles[1]:
            yield Repair("index", part, replace(part, args=part.args[::-1], start=-1, end=-1), "index")
        for like in around.letters:
            if like.base == part.base and like.roles != part.roles:
                missing = [(r, a) for r, a in zip(like.roles, like.args, strict=True) if r not in part.roles]
                if len(missing) == 1 and len(like.roles) == len(part.roles) + 1:
                    node = make("symbol", (*part.args, missing[0][1]), (part.base, (*part.roles, missing[0][0])))
                    yield Repair("index", part, node, "index-missing")
                    for letter in letters:
                        index = make("symbol", (), (letter, ()))
                        yield Repair("index", part, make("symbol", (*part.args, index), node.value), "index-missing")
        for k, role in enumerate(part.roles):
            args = part.args[:k] + part.args[k + 1 :]
            roles = part.roles[:k] + part.roles[k + 1 :]
            if any(like.base == part.base and like.roles == roles for like in around.letters):
                yield Repair("index", part, make("symbol", args, (part.base, roles)), "index-extra")
            del role
    for part in parts:
        if part.kind == "sum" and len(part.args) == 1:
            for letter in letters:
                if letter != part.value:
                    yield Repair("index", part, make("sum", part.args, letter), "index")


def _other_indices(role: str, index: Node, letters: Sequence[str]) -> Iterator[Node]:
    if index.kind == "number" and float(index.value) == int(float(index.value)):
        value = int(float(index.value))
        for other in (value - 1, value + 1, *(k for k in (1, 2, 3) if abs(k - value) > 1)):
            if other >= 0:
                yield number(other)
        for letter in letters:
            yield make("symbol", (), (letter, ()))
    if role != "sub" and index.kind == "symbol":
        for sign in (-1, 1):
            yield make("add", (index, number(1)), (1, sign))
    if index.kind == "add" and index.args[0].kind == "symbol":
        yield index.args[0]
        yield make("add", index.args, tuple(-s if k else s for k, s in enumerate(index.value)))
    if index.kind == "symbol":
        for letter in letters:
            if letter != index.base:
                yield make("symbol", (), (letter, ()))


def _reindexed(part: Node, place: int, index: Node) -> Node:
    return make("symbol", (*part.args[:place], index, *part.args[place + 1 :]), part.value)


# -- letters, transposes -------------------------------------------------------------------------------------


def in_conditions(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    """Another letter in all conditions of some cases at once."""
    for part in parts:
        if part.kind in ("cases", "iverson"):
            for old in distinct([s for c in walk(part) if c.kind == "compare" for s in symbols(c)]):
                for like in distinct([*around.inputs, *around.letters]):
                    if not same(like, old):
                        yield Repair("variable", part, exchanged(part, old, like), "variable")


def other_letters(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    """One letter in the place of another."""
    seen = set()
    for part in parts:
        if part.kind != "symbol":
            continue
        for like in around.letters:
            new = like
            if like.base == part.base and like.roles == part.roles:
                continue
            if sorted(like.roles) == sorted(part.roles) and part.args:
                new = make("symbol", part.args, (like.base, part.roles))
            mark = (id(part), signature(new))
            if mark not in seen and not same(new, part):
                seen.add(mark)
                yield Repair("variable", part, new, "variable")
    for part in parts:
        if part.kind in ("compare", "cases", "iverson", "derivative"):
            continue
        if part.kind == "multiply":  # all of one letter at once, as z(1 - z) for a(1 - a)
            for old in distinct(list(symbols(part))):
                if sum(same(s, old) for s in symbols(part)) > 1:
                    for like in around.letters:
                        if not same(like, old):
                            yield Repair("variable", part, exchanged(part, old, like), "variable")


def exchanged(root: Node, old: Node, new: Node) -> Node:
    """A tree with every symbol like one replaced by another."""
    changed = transform(root, lambda n: new if n.kind == "symbol" and same(n, old) else None)
    return replace(changed, start=-1, end=-1) if changed is not root else changed


def _transposed(node: Node) -> Node:
    return node.args[0] if node.kind == "transpose" else make("transpose", (node,))


def _transposes(parts: Sequence[Node]) -> Iterator[Repair]:
    for part in parts:
        if part.kind in ("symbol", "cost_gradient", "transpose"):
            yield Repair("transpose", part, _transposed(part), "transpose")
    for part in parts:
        if part.kind == "multiply":
            for k in range(len(part.args) - 1):
                if part.value[k] not in ("*",):
                    args = list(part.args)
                    args[k], args[k + 1] = args[k + 1], args[k]
                    yield Repair("transpose", part, make("multiply", tuple(args), part.value), "order")
            for k, sign in enumerate(part.value):
                if sign in ("", "dot", "*"):
                    other = "*" if sign != "*" else ""
                    signs = tuple(other if j == k else s for j, s in enumerate(part.value))
                    yield Repair("transpose", part, make("multiply", part.args, signs), "product")
    for part in parts:
        if part.kind == "multiply":
            for k in range(len(part.args) - 1):
                args = list(part.args)
                args[k], args[k + 1] = _transposed(args[k + 1]), args[k]
                yield Repair("transpose", part, make("multiply", tuple(args), part.value), "order")
                args = list(part.args)
                args[k], args[k + 1] = args[k + 1], _transposed(args[k])
                yield Repair("transpose", part, make("multiply", tuple(args), part.value), "order")
        if part.kind == "array_sum" and part.value is not None:
            yield Repair("transpose", part, make("array_sum", part.args, 1 - int(part.value)), "axis")
    for part in parts:
        if part.kind in ("cost_gradient", "symbol"):
            yield Repair("transpose", part, make("array_sum", (part,), 1), "axis")


def _letters_transposed(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "symbol":
            for like in around.letters:
                if not same(like, part):
                    yield Repair("variable", part, make("transpose", (like,)), "variable")


# -- factors and terms ---------------------------------------------------------------------------------------


def _dropped(parts: Sequence[Node]) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "multiply" and len(part.args) > 1:
            for k, factor in enumerate(part.args):
                kept = part.args[:k] + part.args[k + 1 :]
                signs = part.value[1:] if k == 0 else part.value[: k - 1] + part.value[k:]
                new = kept[0] if len(kept) == 1 else make("multiply", kept, signs)
                plain = all(n.kind in ("number", "divide", "group", "negate") for n in walk(factor))
                yield Repair("factor" if plain else "term", part, new, "extra-factor")
        elif part.kind == "add":
            for k in range(len(part.args)):
                kept = part.args[:k] + part.args[k + 1 :]
                signs = part.value[:k] + part.value[k + 1 :]
                new = (
                    make("negate", kept) if signs == (-1,) else kept[0] if len(kept) == 1 else make("add", kept, signs)
                )
                yield Repair("term", part, new, "extra-term")
        elif part.kind == "divide":
            yield Repair("term", part, part.args[0], "extra-factor")


def _exponents(parts: Sequence[Node]) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "power" and part.args[1].kind == "number":
            value = int(float(part.args[1].value))
            for other in (value - 1, value + 1):
                if other > 1:
                    yield Repair("term", part, make("power", (part.args[0], number(other))), "exponent")
                elif other == 1:
                    yield Repair("term", part, part.args[0], "exponent")
        elif part.kind == "power" and part.args[1].kind in ("add", "symbol"):
            base, exponent = part.args
            one = make("add", (exponent, number(1)), (1, -1))
            yield Repair("term", part, make("power", (base, one)), "exponent")
            if exponent.kind == "add":
                yield Repair("term", part, make("power", (base, exponent.args[0])), "exponent")


def _scaled(parts: Sequence[Node]) -> Iterator[Repair]:
    """Twice or half of one term of a sum."""
    for part in parts:
        if part.kind == "call" and len(part.args) == 2 and part.args[1].kind != "number":
            for factor in (number(2), make("divide", (number(1), number(2)))):
                yield Repair(
                    "factor", part, make("call", (part.args[0], times(factor, part.args[1])), part.value), "scaled"
                )
        if part.kind != "add":
            continue
        for k, term in enumerate(part.args):
            if term.kind == "number":
                continue
            inner = term.args if term.kind == "multiply" else (term,)
            signs = term.value if term.kind == "multiply" else ()
            for factor in (number(2), make("divide", (number(1), number(2)))):
                new = make("multiply", (factor, *inner), ("", *signs))
                args = (*part.args[:k], new, *part.args[k + 1 :])
                yield Repair("factor", part, make("add", args, part.value), "scaled")
            if inner[0].kind == "number" and float(inner[0].value) == 2 and len(inner) > 1:
                rest = inner[1] if len(inner) == 2 else make("multiply", inner[1:], signs[1:])
                args = (*part.args[:k], rest, *part.args[k + 1 :])
                yield Repair("factor", part, make("add", args, part.value), "scaled")


_SWAPPED = {
    "sin": "cos",
    "cos": "sin",
    "exp": "log",
    "log": "exp",
    "sinh": "cosh",
    "cosh": "sinh",
    "max": "min",
    "min": "max",
}


def _functions(parts: Sequence[Node]) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "call" and part.args[0].kind == "function" and part.args[0].value in _SWAPPED:
            function = make("function", (), _SWAPPED[part.args[0].value])
            yield Repair("activation", part, make("call", (function, *part.args[1:]), part.value), "activation")


_SUMMABLE = ("add", "multiply", "symbol", "call", "power", "divide", "negate", "number")


def _inserted(parts: Sequence[Node], root: Node, around: Surroundings) -> Iterator[Repair]:
    places = [p for p in parts if p.kind in ("multiply", "symbol", "group", "call", "power", "derivative") or p is root]
    outer = [p for p in places if not any(q.kind == "multiply" and any(a is p for a in q.args) for q in parts)]
    for factor in around.factors:
        for part in outer:
            if part.kind == "sum":
                continue
            if same(part, factor):
                yield Repair("term", part, squared(part), "missing-factor")
                continue
            base = make("group", (part,), "(") if part.kind == "add" else part
            if part.kind == "multiply" and part.args[0].kind == "number":
                args = (part.args[0], factor, *part.args[1:])
                yield Repair("term", part, make("multiply", args, ("", *part.value)), "missing-factor")
            else:
                yield Repair("term", part, times(*_flat(base), factor), "missing-factor")
    ones = [
        p.args[0] for p in parts if p.kind == "divide" and p.args[0].kind == "number" and float(p.args[0].value) == 1
    ]
    for one in ones:
        for factor in around.factors:
            yield Repair("term", one, factor, "missing-factor")
    for factor in around.factors:
        for part in outer:
            if part.kind != "sum":
                yield Repair("term", part, make("divide", (part, factor)), "missing-divisor")
    whole = {id(a) for q in parts if q.kind in ("divide", "group", "sqrt", "call", "sum", "negate") for a in q.args}
    for part in [p for p in parts if p.kind in _SUMMABLE]:
        inside = any(q.kind == "add" and any(a is part for a in q.args) for q in parts)
        if inside or (id(part) not in whole and part is not root and part.kind != "add"):
            continue
        for term in (*around.terms, number(1)):
            for sign in (1, -1):
                args, signs = (part.args, part.value) if part.kind == "add" else ((part,), (1,))
                yield Repair("term", part, make("add", (*args, term), (*signs, sign)), "missing-term")
                if term.kind == "number" and part.kind != "add":
                    yield Repair("term", part, make("add", (term, part), (1, sign)), "missing-term")


def _flat(node: Node) -> tuple[Node, ...]:
    return node.args if node.kind == "multiply" and set(node.value) <= {""} else (node,)
