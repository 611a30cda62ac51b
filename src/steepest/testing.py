"""Assertions for tests of gradients, and programs as functions.

>>> import numpy as np
>>> assert_gradient(lambda x: np.sum(x**3), lambda x: 3 * x**2, at=np.array([1.0, 2.0]))
"""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from steepest.checking.gradient_check import check
from steepest.errors import GradientError

__all__ = ["Program", "assert_gradient"]


def assert_gradient(
    cost: Any, gradient: Any = None, at: Any = None, *, allow: Collection[str] = (), **options: Any
) -> None:
    """Assert that a gradient is right; in a test, the report of the check is the message.

    Args:
        cost: an expression, or a function of arrays; see :func:`steepest.check`.
        gradient: the gradient under test.
        at: the point.
        allow: verdicts that are accepted besides "correct", such as ``("kink",)``.
        options: other arguments of :func:`steepest.check`.

    Raises:
        AssertionError: a verdict is another.

    >>> from steepest import params
    >>> w = params("w")
    >>> assert_gradient(w**3, {"w": 3 * w**2}, at={"w": 2.0})
    >>> assert_gradient(w**3, {"w": 4 * w**2}, at={"w": 2.0})
    Traceback (most recent call last):
    AssertionError: w  wrong ...
    """
    report = check(cost, gradient=gradient, at=at, **options)
    if not all(row.ok or row.verdict in allow for row in report):
        raise AssertionError(str(report))


class Program:
    """A program that reads numbers and prints numbers, as a function of an array.

    The elements of the array are written to its standard input, one in a line, with all their digits. What it prints
    are numbers, separated by white space: the value, or the elements of a gradient.

    Args:
        command: the program and its arguments.
        seconds: the longest that a run may take.

    Example:
        ``st.check(Program(["./cost"]), Program(["./gradient"]), at=np.array([1.0, 2.0]))``
    """

    def __init__(self, command: Sequence[str], seconds: float = 60.0) -> None:
        self.command, self.seconds = list(command), seconds

    def __call__(self, x: Any) -> Any:
        """Run the program.

        Raises:
            GradientError: it fails, takes too long, or prints something that is not a number.
        """
        text = "".join(f"{float(number)!r}\n" for number in np.ravel(x))
        name = self.command[0]
        try:
            done = subprocess.run(self.command, input=text, capture_output=True, text=True, timeout=self.seconds)
        except OSError as error:
            raise GradientError(f"{name} cannot be run: {error.strerror or error}") from error
        except subprocess.TimeoutExpired as error:
            raise GradientError(f"{name} took more than {self.seconds:g} s; give it more by seconds=") from error
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise GradientError(f"{name} ended with status {done.returncode}{': ' + said[-1] if said else ''}")
        found = []
        for word in done.stdout.split():
            try:
                found.append(float(word))
            except ValueError:
                raise GradientError(f"{name} printed {word!r}, which is not a number") from None
        if not found:
            raise GradientError(f"{name} printed nothing; it must print numbers")
        return np.array(found) if len(found) > 1 else found[0]
