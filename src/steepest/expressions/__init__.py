"""Expressions, the table of operations, and how both are written."""

from steepest.expressions import activations as activations  # with these modules, the table is whole
from steepest.expressions import elementary as elementary
from steepest.expressions import error_functions as error_functions
