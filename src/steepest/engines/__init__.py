"""Engines run programs of primitives; the reference engine defines the primitives."""

from __future__ import annotations

from steepest.engines.choosing import DTYPES as DTYPES
from steepest.engines.choosing import ENGINES as ENGINES
from steepest.engines.choosing import Engine as Engine
from steepest.engines.choosing import choose as choose
from steepest.engines.evaluation import evaluate as evaluate
from steepest.engines.stepwise import Compiler as Compiler
from steepest.engines.stepwise import Runnable as Runnable
