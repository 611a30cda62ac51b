"""The specification of a model: a formula ``target ~ prediction``, a cost, and their columns."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.calculus.layers import find_layers
from steepest.calculus.prepared import PreparedCost
from steepest.engines import evaluate
from steepest.errors import FormulaError, ModelError, TableWarning
from steepest.expressions.expression import DATA, Expression, leaves, substitute
from steepest.language.columns import notes_on_spellings
from steepest.language.formula import LIMITS, Formula, Limits, names_in, parse_formula
from steepest.messages.hints import nearest
from steepest.messages.sentences import counted
from steepest.messages.vocabulary import takes_aliases
from steepest.objectives.classes import target_name, unfit_for
from steepest.objectives.costs import WEIGHT, Cost, Objective, check_targets
from steepest.objectives.diagnostics import notes_on_names, refuse_flat
from steepest.objectives.metrics import classification, regression
from steepest.objectives.scaled import Scaled
from steepest.objectives.scaling import obstacle, scales_of
from steepest.tables.feature_groups import Features, feature_shape, resolve, spelt_out, with_blocks
from steepest.tables.labels import labelled, labels_in, say_classes
from steepest.tables.parts import is_read_in_parts
from steepest.tables.sample_weights import ClassWeight, check_class_weight, sample_weights
from steepest.tables.samples import Samples
from steepest.tables.standardised import standardised
from steepest.tables.table import Table, open_table


class Specification(Scaled):
    """A formula with a cost, and the table columns that it needs; :class:`steepest.Model` fits it."""

    @takes_aliases
    def __init__(
        self, formula: str, cost: str | Cost = "mse", data: Sequence[str] | Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None, limits: Limits = LIMITS, *, features: Features | None = None,
        weights: str | None = None, class_weight: ClassWeight | None = None, l1: float = 0.0, l2: float = 0.0,
        scale: str | None = None,
    ) -> None:  # fmt: skip
        check_class_weight(class_weight)
        if weights is not None and not isinstance(weights, str):
            raise ModelError(f"weights is the name of a column, not {type(weights).__name__}")
        self.weights, self.class_weight = weights, class_weight
        super().__init__(scale)
        self.objective = Objective(cost, weights is not None or class_weight is not None, l1, l2)
        self._features, self._blocks = spelt_out(features), dict[str, tuple[str, ...]]()
        self._text = formula
        self._shapes = dict(params or {})
        self._parsed: Formula | None = None
        self._limits = limits
        self.names = names_in(formula, limits, data or ())
        self.params: dict[str, Any] = {}
        self.settings: dict[str, Any] = {}
        self.fitted: dict[str, Any] = {}
        self.run: Any = None  # a Descent, which this layer cannot import
        self.notes: list[str] = []
        self.classes: tuple[Any, ...] = ()
        self._prepared: PreparedCost | None = None
        if data is not None:
            self._bind(data, complete=False)

    def _bind(self, data: Sequence[str] | Mapping[str, Any], known: Sequence[str] = (), complete: bool = True) -> None:
        """Parse the formula with these names as columns, and those of the target, unless ``complete``."""
        columns = data if isinstance(data, Mapping) else dict.fromkeys(data, ())
        self.names = names_in(self._text, self._limits, columns)
        shapes = {name: self._shapes.get(name, ()) for name in self.names if name not in columns}
        parsed = parse_formula(self._text, columns, shapes, self._limits)
        if parsed.target is None:
            raise FormulaError("a model is written 'target ~ prediction'; this formula has no '~'")
        unnamed = [name for name in parsed.target.parameters if name not in self._shapes]
        if unnamed and not complete:  # left of '~' all names are columns
            self._bind({**columns, **dict.fromkeys(unnamed, ())}, known)
            return
        if parsed.target.parameters:
            raise ModelError(
                f"the target {parsed.target} contains {parsed.target.parameters[0]!r}, which is not a column (left of "
                f"'~' all names are columns){nearest(parsed.target.parameters[0], known)}"
            )
        self._parsed = parsed

    @property
    def _formula(self) -> Formula:
        if self._parsed is None:
            raise ModelError(
                "the model does not know yet which names are columns: fit it to a table, or give data=['x', …]"
            )
        return self._parsed

    @property
    def formula(self) -> str:
        """The formula as it was written."""
        return self._text

    @property
    def is_bound(self) -> bool:
        """Whether it is known which names are columns, hence what prediction and cost are."""
        return self._parsed is not None

    @property
    def prediction(self) -> Expression:
        """The right side of the formula."""
        return self._formula.expression

    @property
    def target(self) -> Expression:
        """The left side of the formula."""
        target = self._formula.target
        assert target is not None  # _bind refuses a formula without one
        return target

    @property
    def cost(self) -> Expression:
        """The cost of the prediction for the target."""
        return self.objective.of(self.prediction, self.target)

    @property
    def cost_name(self) -> str:
        """The name or formula of the cost, or the name of its function."""
        return self.objective.name

    @property
    def layers(self) -> tuple[Expression, ...]:
        """The activations from the data to the prediction a⁽ᵐ⁾, which is the last: a⁽¹⁾, …, a⁽ᵐ⁾."""
        found = tuple(layer.output for layer in find_layers(self.prediction))
        return found if found[-1:] == (self.prediction,) else (*found, self.prediction)

    @property
    def data(self) -> tuple[str, ...]:
        """The names of the columns in the formula, those of the prediction first."""
        return tuple(dict.fromkeys([*self.prediction.data, *self.target.data]))

    @property
    def features(self) -> dict[str, tuple[str, ...]]:
        """The columns or patterns of each feature group, as they were given."""
        return dict(self._features)

    @property
    def blocks(self) -> dict[str, tuple[str, ...]]:
        """The columns of each feature group in the first table; empty before that."""
        return dict(self._blocks)

    def name_columns(self, features: Mapping[str, Sequence[str]]) -> None:
        """Set the names of the columns in feature groups; a table may then have these columns by themselves."""
        self._features = {name: tuple(columns) for name, columns in features.items()}
        self.restore_blocks()

    def restore_blocks(self) -> None:
        """Set the columns of the feature groups to the given features, as a saved model needs."""
        self._blocks = dict(self._features)

    def is_read_in_parts(self, opened: Table) -> bool:
        """Return whether a table is too large to be read at once.

        Raises:
            ModelError: it is, and the samples have weights, whose mean needs all of them.
        """
        width = sum(prod(node.shape) for node in leaves([self.prediction, self.target]) if node.operation is DATA)
        large = is_read_in_parts(opened, width)
        if large and self.objective.weighted:
            raise ModelError(
                f"{opened.source} is too large to be read at once, but weights are divided by their mean over the "
                "table; leave weights and class_weight out, or write weights into the formula of the cost"
            )
        return large

    def replacing(self, replaced: Mapping[Expression, Expression]) -> Self:
        """Return the same model, not fitted, with expressions in place of some parameters."""
        found = copy(self)
        found._parsed = replace(self._formula, expression=substitute(self.prediction, replaced))
        found._prepared, found.notes, found.params = None, [], {}
        return found

    @property
    def prepared(self) -> PreparedCost:
        """The cost, prepared once: check, descent and papers share its gradient and program."""
        if self._prepared is None or self._prepared.cost is not self.cost:
            self._prepared = PreparedCost(self.cost)
        return self._prepared

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_prepared": None}  # derived again after unpickling, which is faster than pickling it

    def held_out(self, table: Any, na: str = "error") -> Samples:
        """Return the samples of a table of validation rows.

        Raises:
            ModelError: the cost is not defined for a target.
        """
        samples = self.samples(table, na)
        self.refuse_targets(samples.arrays)
        return samples

    def use(self, table: Any) -> Table:
        """Open a table; its columns and feature groups become the data, unless those are known already."""
        opened, blocks = self._open(table)
        target = target_name(self._text, self._limits)
        found = self.classes or labels_in(opened, target) if self._parsed is None else ()
        if self._parsed is None:
            opened = labelled(opened, target, found) if found else opened
            present = [name for name in self.names if name in opened.names]
            self._bind({name: feature_shape(opened, name) for name in present}, opened.names)
            if why := unfit_for(self.prediction, found):
                self._parsed = None
                raise ModelError(why)
            self.classes = found
            say_classes(target, found)
            for note in notes_on_spellings(self._text, present, self._limits):
                warnings.warn(note, TableWarning, stacklevel=2)
        missing = [name for name in self.data if name not in opened.names]
        if missing:
            opened.select(missing)  # raises an error that suggests the nearest column
        for node in leaves([self.prediction, self.target]):
            if node.name in blocks and node.shape != (len(blocks[node.name]),):
                raise ModelError(
                    f"the block {node.name!r} has {counted(len(blocks[node.name]), 'column')} of {opened.source}, but "
                    f"the model needs the shape {node.shape}; change features or the model's sizes"
                )
        for name in self.target.data:
            if any(name in block for block in blocks.values()):
                raise ModelError(f"the target {name!r} is among the features; leave it out of them")
        self._blocks = blocks
        if self.scale is not None and not self.scales:
            self.scales = scales_of(self.prediction, self.target, self.objective, opened)
            if self.class_weight is not None:
                self.scales.pop(self.target.name, None)  # the classes that have weights are values of the target
        self.notes = []
        if self.scales and (why := obstacle(self.prediction, self.target, self.scales)):
            self.notes.append(f"with standardised columns this is another formula: {why}")
        inside = {*self.data, *(column for block in blocks.values() for column in block), self.weights}
        self.notes += notes_on_names(self.prediction, [name for name in opened.names if name not in inside])
        return standardised(opened, self.scales)

    def _open(self, table: Any) -> tuple[Table, dict[str, tuple[str, ...]]]:
        """Return a table with the feature groups of this model, and their columns, fixed by the first table."""
        opened = table if isinstance(table, Table) else open_table(table)
        if self._parsed is None:
            self.names = names_in(self._text, self._limits, opened.names)
        if self.classes and self._parsed is not None:
            opened = labelled(opened, str(self.target.name), self.classes)
        blocks = self._blocks
        if self._features and not blocks:
            blocks = resolve(self._features, opened, self.names, {*self.names, self.weights or ""})
        return standardised(with_blocks(opened, blocks), self.scales), blocks

    def samples(self, table: Any, na: str = "error") -> Samples:
        """Return the columns of the cost: those of the formula and the sample weights, if there are any.

        Samples that this method has returned are not read again, so that a fit, its check and its report share the
        same arrays.

        Args:
            table: a dict of arrays, a DataFrame, a path, a built-in name, or samples of this model.
            na: ``"drop"`` leaves out rows with missing values.

        Raises:
            TableError: a column is missing or has values other than finite numbers.
            ModelError: a weight is negative or not finite, or all are 0.
        """
        if isinstance(table, Samples):
            return table.select([*self.data, *[WEIGHT] * self.objective.weighted])
        return self.read(self.use(table), na)

    def read(self, opened: Table, na: str = "error") -> Samples:
        """Return the columns of the cost from a table that :meth:`use` has opened; see :meth:`samples`."""
        if not self.objective.weighted:
            return opened.select(self.data, na)
        if WEIGHT in opened.names:  # columns that this method returned before
            return opened.select([*self.data, WEIGHT], na)
        own = [] if self.weights is None else [self.weights]
        columns = opened.select([*self.data, *own], na)
        column = (self.weights, columns.arrays[self.weights]) if self.weights is not None else None
        target = self._targets(columns.arrays)
        weights = sample_weights(columns.rows, column, self.class_weight, (str(self.target), target))
        arrays = {**{name: columns.arrays[name] for name in self.data}, WEIGHT: weights}
        return replace(columns, arrays=arrays, weight_mean=1.0 if column is None else float(np.mean(column[1])))

    def refuse_targets(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Raise if the cost is not defined for these targets.

        Raises:
            ModelError: a target of a cross-entropy is not a probability or class number, or a count is negative.
        """
        targets = self._targets(arrays)
        cost = self.cost_name if isinstance(self.objective.cost, str) else "the cost"
        check_targets(self.prediction, targets, str(self.target), cost)

    def _targets(self, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Return the values of the target, ``(n,)`` or ``(n, k)``; standardised if it has a scale."""
        name = self.target.name
        return np.asarray(arrays[name] if name else evaluate(self.target, arrays))

    def refuse_flat(self) -> None:
        """Raise if the gradient of the cost is 0 everywhere.

        Raises:
            ModelError: every partial derivative is 0 by the rules of its operations.
        """
        # A penalty has a gradient even where the cost has none.
        plain = replace(self.objective, l1=0.0, l2=0.0)
        refuse_flat(self.prepared if plain == self.objective else PreparedCost(plain.of(self.prediction, self.target)))

    def inputs(self, table: Any, na: str = "error") -> Samples:
        """Return the columns of the prediction, with groups of columns stacked.

        Args:
            table: a dict of arrays, a DataFrame, a path or a built-in name.
            na: ``"drop"`` leaves out rows with missing values.

        Raises:
            TableError: the table lacks a column.
        """
        if isinstance(table, Samples):
            return table.select(self.prediction.data)
        return self._open(table)[0].select(self.prediction.data, na=na)

    def predict(self, table: Any, params: Mapping[str, ArrayLike] | None = None, na: str = "error") -> NDArray[Any]:
        """Return the prediction for every row of a table, which needs no target.

        Args:
            table: a dict of arrays, a DataFrame, a path or a built-in name.
            params: parameters to use instead of the fitted ones.
            na: ``"drop"`` leaves out rows with missing values.

        Returns:
            ``(n,)``, or ``(n, k)`` for a prediction of several outputs.

        Raises:
            ModelError: the model is not fitted.
            TableError: the table lacks a column.
        """
        given = dict(self.params if params is None else params)
        if self._parsed is None:
            opened, _ = self._open(table)
            present = {name: feature_shape(opened, name) for name in self.names if name in opened.names}
            left = names_in(self._text.partition("~")[0], columns=opened.names)
            absent = [name for name in left if name not in present]
            once = Specification(
                self._text, "mse", {**present, **dict.fromkeys(absent, ())}, self._shapes, self._limits
            )
            return once.predict(opened, given, na)
        missing = [name for name in self.prediction.parameters if name not in given]
        if missing:
            raise ModelError(f"the parameter {missing[0]!r} has no value yet; fit the model, or give params={{…}}")
        columns = self.inputs(table, na)
        if not self.prediction.per_sample:
            return np.full(columns.rows, self.in_own_units(evaluate(self.prediction, given)))
        found: NDArray[Any] = self.in_own_units(evaluate(self.prediction, {**columns.arrays, **given}))
        return found[:, 0] if self.prediction.shape == (1,) else found

    def evaluate(self, table: Any, na: str = "error") -> dict[str, Any]:
        """Return measures of the predictions for a table with targets.

        Args:
            table: a dict of arrays, a DataFrame, a path or a built-in name.
            na: ``"drop"`` leaves out rows with missing values.

        Returns:
            ``rows``, ``dropped``, ``cost``; for class probabilities ``accuracy``, ``log_loss``, ``precision``,
            ``recall``, ``f1``, ``roc_auc``, ``brier``, ``calibration_error``, ``calibration``, ``classes`` and
            ``confusion`` (rows are the true classes), for other predictions ``r2``, ``mse``, ``rmse`` and ``mae``.

        Raises:
            ModelError: the model is not fitted, or its cost is not defined for a target.
            TableError: the table lacks a column.

        >>> from steepest import Model
        >>> model = Model("z ~ sigmoid(x*w1 + y*w2 + b)", "cross_entropy").fit("nand", rate=1.0)
        >>> model.evaluate("nand")["accuracy"]
        1.0
        """
        samples = self.held_out(table, na)
        found, target = self.predict(samples), self.in_own_units(self._targets(samples.arrays))
        cost = float(evaluate(self.cost, {**samples.arrays, **self.params}))
        about = {"rows": samples.rows, "dropped": samples.dropped, "cost": cost}
        row = self.prediction.operation.name
        chance = row == "sigmoid" or (self.cost_name == "cross_entropy" and found.min() >= 0 and found.max() <= 1)
        classes = found.shape[1] if row == "softmax" else 2 if chance and found.ndim == 1 else 0
        if classes and target.ndim == 1 and np.isin(target, np.arange(classes)).all():
            return about | classification(target, found, self.classes)
        return about | regression(target, found)
