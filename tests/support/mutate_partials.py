"""Break every derivative of the table, one after another, and see the tests of its row fail.

``python tests/mutate_partials.py`` prints a line for each; a survivor is an error that no test would notice.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rows import check_derivatives, sample_node
from steepest.expressions.expression import Expression, Operation, params
from steepest.expressions.operations import TABLE

Derivative = Callable[..., Any]

# How a derivative is broken: what it was, and the row's first argument, to what stands in its place.
MUTATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "times 1.001": lambda right, x: right * 1.001,
    "negated": lambda right, x: -right,
    "plus 0.001·x": lambda right, x: right + 0.001 * x,
}


@dataclass(frozen=True)
class Mutant:
    """One derivative of one row, broken in one way."""

    row: Operation
    field: str
    place: int
    how: str

    def __str__(self) -> str:
        place = f"[{self.place}]" if self.field != "differential" else ""
        return f"{self.row.name}.{self.field}{place} {self.how}"

    def broken(self) -> Any:
        """The field of the row with this derivative broken."""
        kept = getattr(self.row, self.field)
        right = kept if self.field == "differential" else kept[self.place]
        # Adjoints are functions of the result's adjoint first, then of the arguments.
        first = 1 if self.field == "adjoints" else 0

        def wrong(*args: Any) -> Any:
            x = args[first + (self.place if self.field == "adjoints" else 0)]
            return MUTATIONS[self.how](right(*args), x)

        if self.field == "differential":
            return wrong
        return (*kept[: self.place], wrong, *kept[self.place + 1 :])

    def survives(self) -> bool:
        """Whether the row's tests pass in spite of it."""
        kept = getattr(self.row, self.field)
        object.__setattr__(self.row, self.field, self.broken())
        try:
            check_derivatives(self.row)
        except AssertionError:
            return False
        finally:
            object.__setattr__(self.row, self.field, kept)
        return True


def is_zero(row: Operation, field: str, derivative: Derivative) -> bool:
    """Whether it is the number 0 whatever it is given, so that only an added term changes it."""
    node = sample_node(row)
    seed = (params("seed", shape=node.shape),) if field == "adjoints" else ()
    found = derivative(*seed, *node.args, node)
    return not isinstance(found, Expression) and found == 0


def mutants() -> Iterator[Mutant]:
    """Every derivative of the table broken in every way that changes it."""
    for row in TABLE:
        for field in ("partials", "adjoints"):
            for place, derivative in enumerate(getattr(row, field)):
                for how in MUTATIONS:
                    if how.startswith("plus") or not is_zero(row, field, derivative):
                        yield Mutant(row, field, place, how)
        if row.differential is not None and not row.adjoints:
            for how in MUTATIONS:
                yield Mutant(row, "differential", 0, how)


def main() -> int:
    """Print a line a mutant and the number of survivors; 1 if there are any."""
    for row in TABLE:
        check_derivatives(row)  # unbroken rows pass, or being caught would mean nothing
    survivors = 0
    for mutant in mutants():
        survives = mutant.survives()
        survivors += survives
        print(f"{mutant!s:48} {'SURVIVES' if survives else 'caught'}")  # noqa: T201
    print(f"{survivors} survivors")  # noqa: T201
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
