"""The tests that ``pytest -m quick`` runs: of each package the files that neither compile much nor start processes."""

from __future__ import annotations

QUICK = {
    "bench": ["test_bench.py"],
    "calculus": ["test_cross_entropy_slope.py", "test_simplify.py"],
    "checking": ["test_checking.py", "test_tangent.py"],
    "cli": ["test_cli_errors.py"],
    "derivations": ["test_derivation.py"],
    "diagrams": ["test_graphs.py"],
    "display": ["test_braille.py", "test_mathml.py", "test_showing.py"],
    "documents": ["test_documents.py"],
    "engines": ["test_engines.py", "test_grid_evaluator.py"],
    "export": ["test_export.py"],
    "expressions": ["test_operations.py"],
    "inference": ["test_distributions.py", "test_refusals.py"],
    "language": ["test_formula.py", "test_formula_errors.py"],
    "messages": ["test_messages.py"],
    "models": ["test_builders.py", "test_models.py", "test_networks.py"],
    "objectives": ["test_costs.py"],
    "papers": ["test_paper.py"],
    "pictures": ["test_pictures_kinds.py"],
    "proofreading": ["test_proofreading_notes.py", "test_proofreading_reading.py"],
    "storage": ["test_storage.py", "test_temporary_files.py"],
    "tables": ["test_csv.py", "test_table.py", "test_weights.py"],
    "training": ["test_descent.py", "test_initial.py"],
    "whole": ["test_imports.py", "test_quick.py"],
}
"""Files by the folder of the tests, which has the name of its package."""

LONG_FIXTURES = {"papers"}
"""Fixtures that take seconds: tests that ask for them are not quick."""

LONG = {
    "test_a_kill_in_the_middle_leaves_the_old_file_whole",
    "test_any_name_reads_back",
    "test_c_predicts_what_the_reference_engine_does",
    "test_complex_step_through_operations_that_mix_elements",
    "test_derivatives",
    "test_every_peer_ends_at_the_known_cost",
    "test_every_step_of_random_formulas",
    "test_every_way_of_writing_the_c_ends_at_the_known_cost",
    "test_large_arrays_are_sampled",
    "test_no_peer_is_loaded_until_it_is_asked_for",
    "test_other_models_have_papers_too",
    "test_programs_keep_blocks_of_columns_and_dropped_rows",
    "test_programs_keep_weights_penalties_and_settings",
    "test_random_arithmetic_is_what_python_makes_of_it",
    "test_random_formulas_raise_no_false_alarm",
    "test_text_of_a_random_formula_reads_back_as_the_same_object",
    "test_the_native_engine_does_all_epochs",
    "test_what_the_limits_let_through",
}
"""Tests of those files that take seconds."""
