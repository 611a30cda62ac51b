"""The test files that ``pytest -m quick`` runs: some of every package, none that compiles much or starts processes."""

from __future__ import annotations

QUICK = {
    "bench": ["test_bench.py"],
    "calculus": ["test_cross_entropy_slope.py", "test_gradient_cost.py", "test_simplify.py"],
    "checking": ["test_checking_faults.py", "test_differences.py"],
    "cli": ["test_cli_errors.py"],
    "derivations": ["test_nodewise.py", "test_layered.py"],
    "diagrams": ["test_diagrams.py"],
    "display": ["test_braille.py", "test_mathml.py", "test_showing.py"],
    "documents": ["test_documents.py"],
    "engines": ["test_engines.py"],
    "export": ["test_export.py"],
    "expressions": ["test_strategies.py"],
    "language": ["test_formula_errors.py"],
    "messages": ["test_messages.py"],
    "models": ["test_builders.py", "test_models.py"],
    "objectives": ["test_costs.py"],
    "papers": ["test_paper.py"],
    "pictures": ["test_pictures_kinds.py"],
    "proofreading": ["test_proofreading_reading.py"],
    "storage": ["test_storage.py"],
    "tables": ["test_csv.py", "test_table.py", "test_weights.py"],
    "training": ["test_initial.py", "test_schedules.py"],
    "whole": ["test_imports.py", "test_quick.py"],
}
"""By the folder of the tests, which has the name of its package."""
