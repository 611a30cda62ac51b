"""What the lanes of a vector carry: samples, copies of the model, or both.

A value for each sample has ``samples × copies`` lanes, lane s·copies + c being sample s in copy c of the
model. A value that all samples share has a lane for each copy; with a single copy it is kept in as many
lanes as there are samples, all equal, so that nothing has to be spread from one lane to the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from steepest.engines.native.llvm.code import I1, I32, Code, Value, i64


@dataclass(frozen=True)
class Lanes:
    """How many samples and how many copies of the model stand side by side; both are powers of two."""

    samples: int
    copies: int = 1

    @property
    def sampled(self) -> int:
        """Lanes of a value for each sample."""
        return self.samples * self.copies

    @property
    def shared(self) -> int:
        """Lanes of a value that all samples share."""
        return self.copies if self.copies > 1 else self.samples

    def width(self, per_sample: bool) -> int:
        """Lanes of a value."""
        return self.sampled if per_sample else self.shared

    def spread(self, code: Code, shared: Value) -> Value:
        """A shared value beside each sample."""
        if self.samples == 1 or self.copies == 1:
            return shared
        return code.shuffle(shared, [c for _ in range(self.samples) for c in range(self.copies)])

    def repeat(self, code: Code, column: Value) -> Value:
        """The samples of a data column, a vector of them, for every copy."""
        if self.copies == 1:
            return column
        return code.shuffle(column, [s for s in range(self.samples) for _ in range(self.copies)])

    def total(self, code: Code, sampled: Value) -> Value:
        """The sum over the samples, as a shared value.

        Halves are added until one sample is left; with a single copy by a butterfly, which leaves the sum in all
        lanes. The order of additions does not depend on anything but the number of lanes.
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
        """Which lanes carry one of the samples from ``first`` on, of ``rows``; None if all do and that is known."""
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
    """The halves of a vector added until so many lanes are left."""
    while width > until:
        width //= 2
        low = code.shuffle(vector, list(range(width)))
        high = code.shuffle(vector, list(range(width, 2 * width)))
        vector = code.builder.fadd(low, high)
    return vector
