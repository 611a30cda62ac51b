"""Fuzzing of the formula reader: ``python tests/fuzz_formula.py -runs=200000``; needs the extra ``fuzz``.

The property is that of test_formula.py: a text gives a formula whose text reads back as the same object, or a
FormulaError. The coverage of the library and of Lark guides the search.
"""

from __future__ import annotations

import math
import sys


def main() -> None:
    import atheris

    with atheris.instrument_imports(include=["steepest", "lark"]):
        import lark  # noqa: F401  (loaded here so that its coverage counts, too)

        from steepest.errors import FormulaError
        from steepest.expressions.operations import TABLE
        from steepest.language.formula import Limits, names_in, parse, parse_formula

    pieces = [*"xyz019.()()(),;=~^*/+-@<>!` \n_eσ·√²⁻₁≤π−", "**", "==", "1e", "inf", "nan", "__1", "a = ", "; "]
    pieces += [f"{name}(" for row in TABLE for name in (row.name, *row.aliases)]
    columns = {"x": (), "y": 2, "z": (2, 2)}
    raised = Limits(10**7, 10**5, math.inf, 10**9)

    def one(data: bytes) -> None:
        provider = atheris.FuzzedDataProvider(data)
        if provider.ConsumeBool():
            text = provider.ConsumeUnicodeNoSurrogates(400)
        else:
            count = provider.ConsumeIntInRange(0, 60)
            text = "".join(pieces[provider.ConsumeIntInRange(0, len(pieces) - 1)] for _ in range(count))
        try:
            names_in(text)
            found = parse_formula(text, columns)
        except FormulaError as error:
            if not str(error):
                raise AssertionError(f"an error without words for {text!r}") from error
            return
        for root in (found.target, found.expression):
            if root is not None and parse(str(root), columns, limits=raised) is not root:
                raise AssertionError(f"{text!r} reads back as another formula")

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
