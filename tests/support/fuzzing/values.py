"""Hostile values: names, texts, numbers and JSON, drawn from a seed."""

from __future__ import annotations

from random import Random
from typing import Any

NAMES = (
    "x", "y", "w", "a b", "x^2", "x₁", "π", "~", "y ~ x", "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>', "]]>", "-->", "${x}", "{{x}}", "\\input{/etc/passwd}", "\\write18{id}", "$x$",
    "%", "&amp;", "#", "_", "__import__", "'; DROP TABLE x; --", "\x1b[31mred\x1b[0m", "\x1b]8;;http://a\x1b\\link",
    "\u202eabc", "a\u200bb", "é", "名前", "🙂", "x" * 300, "long name " * 40, "int", "main", "return", "for", "exp",
    "sum", "X", "prediction", "target", "NaN", "inf", "-1", "0", "1e5", "None", "True", "x.y", "x/y", "a,b", "a;b",
    "a\tb", "a\nb", "\\", "/dev/zero", "../x", "-o", "--help", "*", "^x$", "?", "[0]", "(weight)", "α_1", "x_{1}",
    "α1", "E", "I", "%s%n", "{0}", "\u0301", "\ufeff", "\u2028",
)  # fmt: skip

FORMULAS = (
    "y ~ x*w", "y ~ a*x + b", "y ~ sigmoid(x*w + b)", "y ~ exp(x*w)", "y ~ x^w", "y ~ w", "y ~ x", "x ~ y*w", "y ~",
    "~", "y ~ x*w ~ 3", "y = x*w", "x*w", "sum(w*w)", "y ~ x/0*w", "y ~ log(x*w)", "y ~ sqrt(-x*w)",
    "y ~ where(x > 1, w, b)", "y ~ tanh(" * 60 + "x*w" + ")" * 60, "y ~ " + "(" * 4000, "y ~ x*w" + "+ x*w" * 3000,
    "y ~ x^" * 30 + "w", "y ~ w^w^w^w^w", "y ~ exp(exp(exp(exp(x*w))))", "y ~ x*w*1e308*1e308", "y ~ 1e999*w",
    "y ~ x*w + 0x10", "y ~ __import__('os')*w", "y ~ w*w'", "y ~ sum(w*w')*x", "y ~ sum(X @ w)", "y ~ X @ w",
    "y ~ dot(w, w)*x", "y ~ one_hot(x, 1000000)", "y ~ mean(x)*w", "y ~ softmax(x*w)", "y ~ q; q = x*w",
    "q = x*w; y ~ q", "y ~ max(x*w, b, c)", "y ~ x₁*w", "", " ", ";", "y ~ \x00", "y ~ π*w", "y ~ x*w^10000000000",
    "y ~ x*w^-9999", "y ~ (x*w)^0.5", "y ~ abs(x*w)", "y ~ relu(x*w)", "y ~ clip(x*w, 0, 1)",
)  # fmt: skip

TEXTS = (
    "", " ", "a", "0", "1", "-1", "3", "0.5", "1e-300", "1e308", "1e400", "nan", "inf", "-inf", "1,2", "2,3,1",
    "w=1", "w=1,b=2", "w=", "=1", "w=nan", "w=1e400", "w=0:1", "0:1", "1:0", "a:b", ":", ",", "auto", "None",
    "true", "[]", "{}", "/dev/null", "/dev/zero", "..", ".", "/", "in.csv", "x" * 5000, "\x1b[31m", "\u202e", "é",
    "x;y", "-", "--", "0x10", "1_000", "²", "١", "1/2", "adam", "adam:0.1", "lbfgs", "sgd", "momentum:2", "tanh",
    "tanh,relu", "mse", "huber", "(prediction - target)^4", "prediction", "step:3", "cosine", "warm-up:2+cosine",
    "step:x", "plateau:0:0", "he", "normal(1)",
)  # fmt: skip

NUMBERS = (
    -1, 0, 1, 2, 3, 7, 100, 2**31, 2**63, 10**18, 10**400, -(10**18), 0.0, -0.0, 0.5, 1e-320, 1e308, -1e308, 1e9,
    1.5,
)  # fmt: skip


def nested(depth: int) -> Any:
    """Return lists in lists."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def any_json(rng: Random) -> Any:
    """Return a value that JSON can hold, and that nobody expects."""
    kind = rng.randrange(9)
    if kind < 3:
        return rng.choice(NUMBERS)
    if kind < 6:
        return rng.choice((*TEXTS, *NAMES, *FORMULAS))
    if kind == 6:
        return rng.choice((None, True, False, float("nan"), float("inf")))
    many = {"x": [100_000, 100_000]}
    return rng.choice(([], {}, [1, 2], [[]], {"x": 1}, [None], ["x", 3], nested(30), many, [-1], [0]))


def mutated(rng: Random, tree: Any) -> Any:
    """Return a copy of a JSON value with something in it replaced, removed, doubled or renamed."""
    if isinstance(tree, dict) and tree and rng.random() < 0.9:
        key = rng.choice(sorted(tree))
        copy = dict(tree)
        action = rng.random()
        if action < 0.1:
            del copy[key]
        elif action < 0.2:
            copy[rng.choice(NAMES)] = copy.pop(key)
        elif action < 0.3:
            copy[rng.choice(NAMES)] = any_json(rng)
        else:
            copy[key] = mutated(rng, tree[key])
        return copy
    if isinstance(tree, list) and tree and rng.random() < 0.8:
        place = rng.randrange(len(tree))
        return [*tree[:place], mutated(rng, tree[place]), *tree[place + rng.choice((0, 1, 1)) :]]
    return any_json(rng)


def damaged(rng: Random, content: bytes) -> bytes:
    """Return a content with bytes changed, cut out, put in, or cut off."""
    made = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 8, 50))):
        place = rng.randrange(len(made) + 1)
        action = rng.randrange(6)
        if action < 2 and made:
            made[min(place, len(made) - 1)] = rng.randrange(256)
        elif action == 2:
            del made[place : place + rng.choice((1, 2, 8, 100))]
        elif action == 3:
            made[place:place] = rng.randbytes(rng.choice((1, 4, 64)))
        elif action == 4:
            made[place : place + 8] = rng.choice((b"\xff" * 8, bytes(8), b"\0\0\0\0\0\0\0\x7f"))
        else:
            del made[place:]
    return bytes(made)
