"""Shape rules of the operations on vectors, matrices and samples: the feature shape of a result, or a ShapeError."""

from __future__ import annotations

from typing import Any

from steepest.errors import ShapeError
from steepest.expressions.expression import Expression, Operation, Shape


def matmul_shape(operation: Operation, args: tuple[Expression, ...], attributes: tuple[Any, ...]) -> Shape:
    a, b = args[0].shape, args[1].shape
    if not a or not b:
        raise ShapeError(
            f"@ multiplies vectors and matrices, not the shapes {a} and {b}; write * for a number, and dense(X, 1) for "
            "X @ w + b with parameters of the shapes that X needs"
        )
    if a[-1] != b[0]:
        raise ShapeError(
            f"@ cannot multiply the shapes {a} and {b}: the last length of the first must be the first of "
            f"the second ({a[-1]} is not {b[0]}); transpose one, or give the parameter another shape"
        )
    return a[:-1] + b[1:]


def of_rank(rank: int, result: Any) -> Any:
    """Return the shape rule of an operation on vectors (rank 1) or matrices (rank 2)."""

    def shape(operation: Operation, args: tuple[Expression, ...], attributes: tuple[Any, ...]) -> Shape:
        for arg in args:
            if len(arg.shape) != rank:
                raise ShapeError(
                    f"{operation.name} takes {('a vector', 'a matrix')[rank - 1]}, not the shape {arg.shape}; "
                    f"give its argument {('one length', 'two lengths')[rank - 1]} by shape="
                )
        found: Shape = result(*(arg.shape for arg in args))
        return found

    return shape


def dot_shape(operation: Operation, args: tuple[Expression, ...], attributes: tuple[Any, ...]) -> Shape:
    a, b = args[0].shape, args[1].shape
    if len(a) != 1 or a != b:
        raise ShapeError(f"dot takes two vectors of one length, not the shapes {a} and {b}; use @ for matrices")
    return ()


def sum_shape(operation: Operation, args: tuple[Expression, ...], attributes: tuple[Any, ...]) -> Shape:
    if not args[0].shape:
        raise ShapeError(
            f"{operation.name} reduces the features of a sample, but its argument has the shape (); "
            "to sum over the samples use total or mean"
        )
    return ()


def expand_shape(operation: Operation, args: tuple[Expression, ...], attributes: tuple[Any, ...]) -> Shape:
    if args[0].shape:
        raise ShapeError(f"expand broadcasts a number, not the shape {args[0].shape}; take a sum first")
    if not 1 <= len(attributes) <= 2 or any(not isinstance(d, int) or d < 1 for d in attributes):
        raise ShapeError(f"expand takes one or two lengths, positive integers, not {attributes}")
    return attributes


def one_hot_shape(operation: Operation, args: tuple[Expression, ...], attributes: tuple[Any, ...]) -> Shape:
    if args[0].shape or len(attributes) != 1 or not isinstance(attributes[0], int) or attributes[0] < 1:
        raise ShapeError(
            f"one_hot takes a number per sample and the number of classes, not the shape {args[0].shape} and "
            f"{attributes}; give it a column of class numbers"
        )
    return attributes


def samples_shape(operation: Operation, args: tuple[Expression, ...], attributes: tuple[Any, ...]) -> Shape:
    if not args[0].per_sample:
        raise ShapeError(
            f"{operation.name} reduces the samples, but its argument has no data column, only parameters and "
            f"numbers; leave {operation.name} out, declare a name as data, or use sum for the features"
        )
    return args[0].shape


def total_outer_shape(operation: Operation, args: tuple[Expression, ...], attributes: tuple[Any, ...]) -> Shape:
    for arg in args:
        if len(arg.shape) != 1 or not arg.per_sample:
            raise ShapeError(
                f"total_outer takes two vectors of data, not the shape {arg.shape}; use total(outer(x, y))"
            )
    return args[0].shape + args[1].shape
