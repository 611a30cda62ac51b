"""The expression graph: one object for equal expressions, unchangeable, with sentences for errors, at any depth."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import subprocess
import sys
import threading
import weakref
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sampling import sampled
from steepest.calculus.gradient import gradient
from steepest.engines import evaluate
from steepest.errors import ShapeError
from steepest.expressions import operations as op
from steepest.expressions.expression import (
    Expression,
    Operation,
    constant,
    data,
    leaf,
    params,
    substitute,
    toposort,
    transform,
    tree_size,
)
from steepest.language.formula import parse

x, y = data("x", "y")
w, b = params("w", "b")

# -- one object ----------------------------------------------------------------------------------------------


def test_equal_expressions_are_one_object() -> None:
    assert x * w + b is x * w + b
    assert data("x") is x
    assert constant(2) is constant(2.0)
    assert x**2 is x ** np.float64(2)
    assert op.expand(w, attributes=(3,)) is op.expand(w, attributes=(3,))
    assert constant(math.nan) is constant(-math.nan)


def test_different_expressions_are_different_objects() -> None:
    different = [
        x, y, w, data("x", shape=3), data("x", shape=(3, 1)), params("x"), x * w, w * x, x + w, x - w, w - x,
        op.expand(w, attributes=(3,)), op.expand(w, attributes=(2,)), constant(0.0), constant(-0.0), constant(1),
        constant(math.nextafter(1, 2)), constant(math.inf), constant(-math.inf), constant(math.nan),
    ]  # fmt: skip
    assert len({id(node) for node in different}) == len(different)
    assert len(set(different)) == len(different)


def test_minus_zero_keeps_its_sign() -> None:
    assert math.copysign(1, constant(-0.0).value) == -1
    assert math.copysign(1, constant(0.0).value) == 1
    assert evaluate(1 / (w * constant(-0.0)), {"w": 1.0}) == -math.inf
    assert str(constant(-0.0)) == "-0"


def test_interning_across_threads() -> None:
    start = threading.Barrier(8)
    built: list[list[Expression]] = []

    def build() -> None:
        start.wait()
        nodes = [params("threads")]
        for k in range(2000):
            nodes.append(op.sin(nodes[-1]) + k)
        built.append(nodes)

    threads = [threading.Thread(target=build) for _ in range(8)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(switch)
    assert len(built) == 8
    for nodes in built[1:]:
        assert all(a is b for a, b in zip(nodes, built[0], strict=True))


def test_dropped_expressions_are_freed() -> None:
    node = op.tanh(params("short_lived") * 3)
    inner = weakref.ref(node.args[0])
    outer = weakref.ref(node)
    del node
    gc.collect()
    assert outer() is None
    assert inner() is None
    assert str(op.tanh(params("short_lived") * 3)) == "tanh(short_lived*3)"


def test_arguments_are_older_than_what_uses_them() -> None:
    root = op.mean((op.sigmoid(x * w + b) - y) ** 2)
    order = toposort([root])
    assert order[-1] is root
    assert len(order) == len(set(order)) == 11
    place = {node: k for k, node in enumerate(order)}
    assert all(place[arg] < place[node] for node in order for arg in node.args)


# -- nothing changes it --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["args", "shape", "operation", "uid", "attributes", "colour"])
def test_attributes_cannot_be_set_or_deleted(name: str) -> None:
    with pytest.raises(AttributeError, match="an expression is immutable; build another"):
        setattr(x, name, ())
    with pytest.raises(AttributeError, match="an expression is immutable; build another"):
        delattr(x, name)


def test_operations_are_frozen_and_expressions_are_not_built_by_their_class() -> None:
    with pytest.raises(AttributeError):
        op.sin.meaning = "cosine"  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"made by st\.data, st\.params, st\.parse"):
        Expression()


def test_copies_are_the_object_itself() -> None:
    root = op.sin(x * w)
    assert copy.copy(root) is root
    assert copy.deepcopy({"key": [root]})["key"][0] is root


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_gives_the_object_itself(protocol: int) -> None:
    for root in (
        x,
        constant(-0.0),
        op.mean((op.sigmoid(x * w + b) - y) ** 2),
        op.expand(w, attributes=(2, 3)) @ data("X", shape=3),
        op.count() * w,
    ):
        assert pickle.loads(pickle.dumps(root, protocol)) is root
    assert pickle.loads(pickle.dumps(op.sin, protocol)) is op.sin


def test_pickle_is_read_in_another_process() -> None:
    root = op.mean((op.sigmoid(x * w + b) - y) ** 2)
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer))"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(root), capture_output=True, check=False)
    assert done.stdout.decode().strip() == "mean((sigmoid(x*w + b) - y)^2)", done.stderr.decode()


# -- operators -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("two", [2, 2.0, np.float64(2), np.float32(2), np.int64(2), np.array(2.0), Fraction(2)])
def test_operators_take_every_kind_of_number_on_both_sides(two: Any) -> None:
    number = constant(2)
    pairs = [
        (x + two, op.add(x, number)), (two + x, op.add(number, x)),
        (x - two, op.subtract(x, number)), (two - x, op.subtract(number, x)),
        (x * two, op.multiply(x, number)), (two * x, op.multiply(number, x)),
        (x / two, op.divide(x, number)), (two / x, op.divide(number, x)),
        (x**two, op.power(x, number)), (two**x, op.power(number, x)),
        (x < two, op.less(x, number)), (x <= two, op.less_equal(x, number)),
        (x > two, op.greater(x, number)), (x >= two, op.greater_equal(x, number)),
        (two < x, op.greater(x, number)), (two >= x, op.less_equal(x, number)),
    ]  # fmt: skip
    for k, (found, expected) in enumerate(pairs):
        assert found is expected, k


def test_operators_are_what_they_say() -> None:
    values = {"x": 5.0, "w": 3.0}
    assert evaluate(x - w, values) == 2
    assert evaluate(x / w, values) == 5 / 3
    assert evaluate(x**w, values) == 125
    assert evaluate(abs(-x), values) == 5
    assert +x is x
    assert -constant(2) is constant(-2)
    assert [evaluate(c, values) for c in (x < w, x <= w, x > w, x >= w, x < x, x <= x)] == [0, 0, 1, 1, 0, 1]
    m = params("M", shape=(2, 3))
    assert m.T is op.transpose(m)
    assert (m.T @ m).shape == (3, 3)


@pytest.mark.parametrize("array", [np.array([1.0, 2.0]), np.zeros((1, 1)), np.array([1])])
def test_arrays_are_turned_away_with_a_sentence(array: np.ndarray) -> None:
    for build in (lambda: x * array, lambda: array * x, lambda: array - x, lambda: op.maximum(x, array)):
        with pytest.raises(TypeError, match=r"got an array; name it with st\.data or st\.params"):
            build()


@pytest.mark.parametrize("thing", ["2", b"2", None, [1], {}, 1j, object()])
def test_other_things_are_turned_away(thing: Any) -> None:
    with pytest.raises(TypeError, match=r"takes expressions and numbers, not|is real"):
        x * thing


def test_decimal_is_a_number() -> None:
    assert x * Decimal("0.5") is x * 0.5


def test_wrong_number_of_arguments() -> None:
    with pytest.raises(TypeError, match=r"^sin takes 1 argument, not 2$"):
        op.sin(x, y)
    with pytest.raises(TypeError, match=r"^maximum takes 2 arguments, not 1$"):
        op.maximum(x)


def test_an_expression_is_neither_true_nor_false() -> None:
    with pytest.raises(TypeError, match=r"neither true nor false until it is evaluated; .*write where\("):
        bool(x > 0)
    with pytest.raises(TypeError, match="neither true nor false"):
        sorted([x, y])
    with pytest.raises(TypeError, match="cannot be taken apart; use sum, dot or @"):
        list(x)


# -- leaves --------------------------------------------------------------------------------------------------


def test_leaves_know_their_shapes() -> None:
    assert [leaf_.shape for leaf_ in params("p", "q", shape=3)] == [(3,), (3,)]
    assert data("X", shape=[2, 5]).shape == (2, 5)
    assert isinstance(data("x"), Expression)
    assert (x.per_sample, w.per_sample, (x * w).per_sample, op.mean(x).per_sample) == (True, False, True, False)
    assert (x.name, (x + 1).name, constant(2).value) == ("x", "", 2)
    assert math.isnan(x.value)
    assert [n.is_leaf for n in (x, w, constant(1), x + 1, op.count())] == [True, True, True, False, False]


@pytest.mark.parametrize("make", [data, params])
def test_arguments_of_leaves_are_checked(make: Any) -> None:
    for shape in (0, -1, (2, 0), (1, 2, 3), 2.5, True, "3"):
        with pytest.raises(ShapeError, match=r"a feature shape is \(\), d or \(d, h\)"):
            make("x", shape=shape)
    with pytest.raises(TypeError, match=rf"st\.{make.__name__} needs at least one name"):
        make()
    for name in ("", "a`b", "a\nb", 3, None, "a\u200bb"):
        with pytest.raises(ValueError, match="a name is a printable text without backticks, not"):
            make(name)


def test_names_stand_in_the_order_of_reading() -> None:
    z, a, k = params("z", "a", "k")
    root = op.sin(z * a) + k**z + data("q") * data("p")
    assert root.parameters == ("z", "a", "k")
    assert root.data == ("q", "p")
    assert constant(1).parameters == ()


def test_shape_errors_name_both_shapes_and_a_remedy() -> None:
    u, v = params("u", shape=2), params("v", shape=3)
    with pytest.raises(ShapeError, match=r"^add acts element by element .* \(2,\) and \(3,\); make them equal"):
        u + v
    with pytest.raises(ShapeError, match=r"^@ cannot multiply the shapes \(2,\) and \(3,\): .*\(2 is not 3\); "):
        u @ v
    with pytest.raises(ShapeError, match=r"not the shapes \(2,\) and \(\); write \* for a number, and dense"):
        u @ w
    assert (u * w).shape == (2,)


# -- walks ---------------------------------------------------------------------------------------------------


def test_transform_and_substitute() -> None:
    root = op.sin(x * w) + x
    assert substitute(root, {x: y}) is op.sin(y * w) + y
    assert substitute(root, {x * w: b}) is op.sin(b) + x
    assert substitute(root, {}) is root
    renamed = transform([root], lambda node, args: leaf(node.operation, node.name * 2) if node.name else node)
    assert renamed[x].name == "xx"
    assert list(renamed) == toposort([root])


def test_tree_size_counts_shared_parts_each_time() -> None:
    q = x
    for _ in range(10):
        q = q + q
    assert tree_size(q) == 2**11 - 1
    assert len(toposort([q])) == 11


# -- depth and size ------------------------------------------------------------------------------------------


def long_sum(terms: int) -> Expression:
    root = w
    for k in range(1, terms):
        root = root + w * (k + 1.0)
    return root


def chain(depth: int, row: Operation = op.sin) -> Expression:
    root: Expression = w
    for _ in range(depth):
        root = row(root)
    return root


@pytest.mark.parametrize("terms", sampled([20_000, 100_000], 2))
def test_a_sum_of_many_terms(terms: int) -> None:
    root = long_sum(terms)
    slope = terms * (terms + 1) / 2
    text = str(root)
    assert text.count("+") == terms - 1
    assert text.startswith("w + w*2 + w*3")
    assert evaluate(root, {"w": 0.5}) == 0.5 * slope
    assert evaluate(gradient(root)["w"], {"w": 0.5}) == slope
    assert pickle.loads(pickle.dumps(root)) is root
    assert len(repr(root)) < 300


@pytest.mark.parametrize("depth", sampled([10_000, 50_000], 2))
def test_a_deep_chain(depth: int) -> None:
    root = chain(depth)
    value, slope = 0.5, 1.0
    for _ in range(depth):
        slope *= math.cos(value)
        value = math.sin(value)
    assert str(root) == "sin(" * depth + "w" + ")" * depth
    assert evaluate(root, {"w": 0.5}) == pytest.approx(value, rel=1e-9)
    assert evaluate(gradient(root)["w"], {"w": 0.5}) == pytest.approx(slope, rel=1e-9)
    assert pickle.loads(pickle.dumps(root)) is root
    assert copy.deepcopy(root) is root
    assert substitute(root, {w: b}).parameters == ("b",)


def test_a_deep_graph_is_freed_without_recursion() -> None:
    middle = chain(200_000, op.cos)
    gone = weakref.ref(middle.args[0].args[0])
    del middle
    gc.collect()
    assert gone() is None


def test_exponential_sharing_prints_shortly_and_reads_back() -> None:
    q = x * w
    for _ in range(200):
        q = q + q
    text = str(q)
    assert len(text) < 5000
    assert parse(text, data=["x"]) is q
    assert evaluate(q, {"x": 1.0, "w": 1.0}) == 2.0**200
    assert evaluate(gradient(op.mean(q))["w"], {"x": [3.0], "w": 1.0}) == 3 * 2.0**200
    assert tree_size(q) > 1e60
    assert len(repr(q)) < 300


def test_sharing_beyond_what_a_double_counts() -> None:
    q = w
    for _ in range(2000):
        q = q + q
    assert tree_size(q) == math.inf
    assert parse("w") is w
    assert len(str(q)) < 60_000
    assert repr(q).startswith("<Expression add of 2001 nodes")


def test_names_like_those_of_shared_parts_are_quoted() -> None:
    q = params("__1") + params("two words")
    for _ in range(13):
        q = op.sin(q) * op.cos(q)
    assert "`__1` + `two words`" in str(q)
    assert parse(str(q)) is q
