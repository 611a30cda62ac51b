"""The content of a vector's lanes: samples, copies of the model, or both.

A per-sample value has ``samples × copies`` lanes; lane s·copies + c is sample s in copy c of the model. A shared value
has a lane for each copy; with a single copy it is kept in as many lanes as there are samples, all equal, so that it
never has to be broadcast.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from steepest.engines.native.llvm.code import I1, I32, Code, Value, i64


@dataclass(frozen=True)
class Lanes:
    """The numbers of samples and of copies of the model in a vector; both are powers of two."""

    samples: int
    copies: int = 1

    @property
    def sampled(self) -> int:
        """Lanes of a per-sample value."""
        return self.samples * self.copies

    @property
    def shared(self) -> int:
        """Lanes of a shared value."""
        return self.copies if self.copies > 1 else self.samples

    def width(self, per_sample: bool) -> int:
        """Return the lanes of a value."""
        return self.sampled if per_sample else self.shared

    def spread(self, code: Code, shared: Value) -> Value:
        """Broadcast a shared value to the lanes of per-sample values."""
        if self.samples == 1 or self.copies == 1:
            return shared
        return code.shuffle(shared, [c for _ in range(self.samples) for c in range(self.copies)])

    def repeat(self, code: Code, column: Value) -> Value:
        """Repeat a vector of samples for every copy."""
        if self.copies == 1:
            return column
        return code.shuffle(column, [s for s in range(self.samples) for _ in range(self.copies)])

    def total(self, code: Code, sampled: Value) -> Value:
        """Write the sum over the samples, as a shared value.

        Halves are added until one sample is left; with a single copy in a butterfly, which leaves the sum in all lanes.
        The order of additions depends on the number of lanes only.
        """
        if self.copies == 1:
            distance = self.samples // 2
            while distance:
                partner = code.shuffle(sampled, [k ^ distance for k in range(self.samples)])
                sampled = code.builder.fadd(sampled, partner)
                distance //= 2
            return sampled
        return add_halves(code, sampled, self.sampled, self.copies)

    def present(self, code: Code, rows: Value | int, first: Value | int = 0) -> Value | None:
        """Return which lanes carry one of the samples from ``first`` to ``rows``; None if all do at compile time."""
        index = [s for s in range(self.samples) for _ in range(self.copies)]
        if isinstance(rows, int) and isinstance(first, int):
            if rows - first >= self.samples:
                return None
            return ir.Constant(ir.VectorType(I1, len(index)), [int(s < rows - first) for s in index])
        left, most = code.builder.sub(rows, first), i64(self.samples)
        left = code.builder.select(code.builder.icmp_signed("<", left, most), left, most)
        left = code.builder.trunc(left, I32)
        numbers = ir.Constant(ir.VectorType(I32, len(index)), index)
        return code.builder.icmp_signed("<", numbers, code.broadcast(left, len(index)))


def add_halves(code: Code, vector: Value, width: int, until: int) -> Value:
    """Add the halves of a vector until so many lanes are left."""
    while width > until:
        width //= 2
        low = code.shuffle(vector, list(range(width)))
        high = code.shuffle(vector, list(range(width, 2 * width)))
        vector = code.builder.fadd(low, high)
    return vector
