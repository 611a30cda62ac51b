"""``Model``: a formula with a cost, its parameters, and methods to fit, check, derive, draw, save and export it."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from steepest.checking.gradient_check import Report
from steepest.checking.gradient_check import check as check_gradient
from steepest.derivations.line_by_line import Derivation
from steepest.derivations.line_by_line import derive as derive_by_rules
from steepest.display.summaries import ReprMixin, Summary, facts_table, values_table
from steepest.errors import ModelError, SteepestError, SteepestWarning, StorageError
from steepest.expressions.expression import DATA, OPERATIONS, PARAMETER, leaves
from steepest.expressions.showing import shown
from steepest.language.formula import LIMITS, Limits
from steepest.messages.vocabulary import ours, translated
from steepest.objectives.costs import COSTS
from steepest.objectives.diagnostics import rows_left_out
from steepest.objectives.specification import Specification
from steepest.storage import tensors as storage
from steepest.tables.samples import Samples
from steepest.training.descent import Descent, descend
from steepest.training.initialisers import initial
from steepest.training.optimisers import Optimiser
from steepest.version import __version__

if TYPE_CHECKING:
    from steepest.derivations.layered import LayeredDerivation
    from steepest.diagrams.network import Diagram
    from steepest.papers import Paper

_MOST_CHECKED = 1000  # rows of a check; a wrong derivative shows on few rows, too
_SETTINGS = tuple(name for name in inspect.signature(descend).parameters if name not in ("cost", "table"))


class Model(Specification, ReprMixin):
    """A formula with a cost, fitted to tables.

    Which names of the formula are data follows from the table of the first fit, or from ``data``.

    Args:
        formula: ``"target ~ prediction"``.
        cost: ``"mse"``, ``"cross_entropy"``, ``"mae"``, ``"huber"``, ``"poisson"``, a formula in ``prediction`` and
            ``target`` for the loss of a sample, such as ``"(prediction - target)^4"``, or a function of the two.
        data: the names that are columns, or a mapping to their feature shapes; those of the target may be left out.
        params: shapes of array parameters, by name.
        limits: how long and how nested the formula may be.
        features: groups of columns that the formula uses under one name: a pattern such as ``"pixel_*"`` or a list for
            the name X, or a dict from names to these. Patterns keep the table's order and skip columns that the
            formula uses by themselves.
        weights: the column of sample weights; the cost is the mean of weight times loss, the weights divided by
            their mean over the table.
        class_weight: the weight of each class of the target, or ``"balanced"`` for n/(k·n_c) with n_c of n samples
            in one of k classes; multiplied by the sample weights.
        l1, l2: add l1·Σ|w| + l2/2·Σw² over the weights, i.e. all parameters except additive biases.

    Attributes:
        params: the fitted parameters by name; empty before a fit. May be set by hand.
        run: the last Descent, or None.
        settings: the settings of a fit by the command line; saved with the model.
        fitted: the settings of the last :meth:`fit`, with the start; empty before.
        notes: sentences about the last fit: rows dropped, a parameter that looks like a column.

    >>> model = Model("z ~ sigmoid(x*w1 + y*w2 + b)")
    >>> model = model.fit("nand", start={"w1": 0.3, "w2": 0.6, "b": 0.1})
    >>> round(float(model.params["b"]), 4)
    2.7718
    """

    run: Descent | None

    def fit(
        self, table: Any, *, start: Mapping[str, ArrayLike] | None = None, na: str = "error", **settings: Any
    ) -> Model:
        """Fit the parameters to a table by descent.

        Args:
            table: a dict of arrays, a DataFrame, a path or a built-in name.
            start: parameters to start from; those left out are drawn from the seed.
            na: ``"drop"`` leaves out rows with missing values.
            settings: as for :func:`steepest.descend`.

        Returns:
            The model itself; its ``run`` is the Descent.

        Raises:
            ModelError: no parameter has a gradient, as in a threshold unit.
            TableError: the table cannot be read or lacks a column.
        """
        for word in settings:
            if (ours("setting", word) or word) == "cost":
                raise TypeError(f"fit() has no setting {word!r}; the cost is part of the model: Model(formula, cost=…)")
        settings = translated("fit", settings, _SETTINGS)
        if start is None:
            start = settings.pop("start", None)
        given = {**settings, **({} if start is None else {"start": start})}
        source = table if isinstance(table, Samples) else self.use(table)
        self.refuse_flat()
        if isinstance(source, Samples) or settings.get("batch") is None or not self.is_read_in_parts(source):
            source = self.samples(source, na) if isinstance(source, Samples) else self.read(source, na)
            self.refuse_targets(source.arrays)
            if source.dropped:
                self.notes.append(rows_left_out(source.dropped, source.rows + source.dropped))
        validation = settings.get("validate")
        if validation is not None and not isinstance(validation, float):
            settings["validate"] = self.held_out(validation, na)
        self.run = descend(self.prepared, source, start, na=na, **settings)
        self.params, self.fitted = dict(self.run.params), given
        if self.run.diverged:
            warnings.warn(self.run.message, SteepestWarning, stacklevel=2)
        return self

    def check(
        self, table: Any, at: Mapping[str, ArrayLike] | None = None, method: str = "backprop", seed: int = 0
    ) -> Report:
        """Check the gradient of the cost on (at most the first 1000 rows of) a table.

        Args:
            table: the data.
            at: parameters at which to check; the fitted ones, or those drawn from the seed, if left out.
            method: ``"backprop"`` or ``"layerwise"``.
            seed: the seed of the parameters that are drawn.
        """
        samples = self.samples(table).head(_MOST_CHECKED)
        point = initial(self.cost, {**self.params, **(at or {})}, seed, "at")
        return check_gradient(self.prepared, {**samples.arrays, **point}, method=method)

    def derive(self, wrt: str, level: str = "terse") -> Derivation:
        """Derive the partial derivative of the cost line by line."""
        return derive_by_rules(self.cost, wrt, level)

    def derivation(self, symbolic: bool | None = None) -> LayeredDerivation:
        """Derive the gradient of a model of layers by indices, in vectors and in matrices.

        Args:
            symbolic: whether to write one layer for any l; if left out, for four or more similar layers.

        Raises:
            DerivationError: the model is not made of layers.
        """
        from steepest.derivations.layered import derive_layers

        return derive_layers(self, symbolic)

    def paper(self, table: Any = None, **settings: Any) -> Paper:
        """Write a paper about the model: picture, cost, derivation, check, training, times, surface.

        Args:
            table: the data; without data the paper ends with the derivation.
            settings: ``start``; ``symbolic``, for one layer written for any l; ``title``; ``na``; ``compare=False``,
                which skips timing; and settings of :func:`steepest.descend` such as ``rate`` and ``epochs``. Without
                these a fitted model shows its own training.

        Returns:
            A Paper; ``save("paper.tex")``, ``.html``, ``.md`` or ``.ipynb`` writes it.
        """
        from steepest.papers import write_paper  # imported here because few sessions need it

        return write_paper(self, table, **settings)

    def diagram(self) -> Diagram:
        """Return a diagram of the model: neurons, weights, biases, activations, inputs and the target.

        The edges of a fitted model show the weights by number, colour and width, before a fit by name. A formula
        without layers is drawn as one box.

        Raises:
            ModelError: the model does not know yet which names are columns.

        >>> diagram = Model("z ~ sigmoid(x*w1 + y*w2 + b)", data=["x", "y", "z"]).diagram()
        >>> diagram.save("neuron.svg")  # doctest: +SKIP

        Source: rows B1, D1 and D3 of the notes.
        """
        from steepest.diagrams.network import Diagram  # imported here because few sessions need it

        return Diagram(self.prediction, self.target, self.params, self.blocks)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save formula, cost, shapes and parameters; :func:`load` reads them back.

        Raises:
            ModelError: the model is not fitted, or its cost is a function of your own.
            StorageError: the file cannot be written.
        """
        if not self.params:
            raise ModelError("the model has no parameters to save yet; fit it first")
        if self.run is not None and self.run.diverged and self.params == self.run.params:
            raise ModelError(f"nothing is saved: {self.run.message}")
        if not isinstance(self.objective.cost, str):
            known = ", ".join(COSTS)
            raise ModelError(f"only a model with a named cost can be saved: {known}, or a formula of a cost")
        about: dict[str, Any] = {"version": __version__, "formula": self.formula, "cost": self.cost_name}
        nodes = leaves([self.target, self.prediction])
        for kind in ("data", "parameter"):
            about[kind] = {node.name: list(node.shape) for node in nodes if node.operation is OPERATIONS[kind]}
        about |= self._options()
        if self.settings:
            about["settings"] = self.settings
        if self.run is not None:
            about["run"] = {"cost": self.run.cost, "epochs": self.run.epochs, "reason": self.run.reason}
        missing = [name for name in self.cost.parameters if name not in self.params]
        if missing:
            raise ModelError(f"the parameter {missing[0]!r} has no value yet; fit the model first")
        storage.save(path, initial(self.cost, self.params, what="params"), about)

    def _options(self) -> dict[str, Any]:
        """Return the arguments that differ from their defaults, in a form that JSON can hold."""
        classes = self.class_weight
        pairs = classes if isinstance(classes, str) else [[float(k), float(w)] for k, w in (classes or {}).items()]
        blocks = {name: list(columns) for name, columns in (self.blocks or self.features).items()}
        l1, l2 = float(self.objective.l1), float(self.objective.l2)
        options = {"features": blocks, "weights": self.weights, "class_weight": pairs, "l1": l1, "l2": l2}
        return {name: value for name, value in options.items() if value}

    def export(
        self, path: str | os.PathLike[str], to: str | None = None, dtype: str = "float64",
        optimiser: str | Optimiser | None = None,
    ) -> None:  # fmt: skip
        """Write the fitted model to a file that runs without steepest.

        Args:
            path: the file; its name becomes that of functions in C.
            to: ``"onnx"``, ``"c"`` (C99 that predicts), ``"c-train"`` (C99 that also trains) or ``"numpy"``; if left
                out, by the path's ending: ``.onnx``, ``.c`` or ``.py``.
            dtype: ``"float64"`` or ``"float32"``.
            optimiser: the update rule for ``"c-train"``; plain gradient descent if left out.

        Raises:
            ModelError: the model is not fitted, or its prediction needs all samples at once.
            StorageError: the file cannot be written.
        """
        from steepest.export import export_model

        export_model(self, path, to, dtype, optimiser)

    def card(self) -> Summary:
        """Return a summary: formula, cost, parameters, and the last descent if there was one."""
        cost = f"{self.cost_name}, C = {shown(self.cost)}" if self.is_bound else self.cost_name
        tables = [facts_table("Model", [("formula", self.formula), ("cost", cost)])]
        if self.params:
            tables.append(values_table("Parameters", self.params))
        title = f"{self.formula}, {'fitted' if self.params else 'not fitted yet'}"
        run = self.run
        if run is None:
            return Summary(title, tuple(tables), None, tuple(self.notes))
        tables.append(facts_table("Last descent", [("cost", f"{run.cost:.10g}"), ("epochs", f"{run.epochs:,}")]))
        return Summary(title, tuple(tables), run.cost_plot(), (*self.notes, *run.warnings))

    def __repr__(self) -> str:
        return f"Model({self.formula!r}, cost={self.cost_name!r})"


def load(path: str | os.PathLike[str], limits: Limits = LIMITS) -> Model:
    """Load a model that :meth:`Model.save` wrote.

    Args:
        path: the file.
        limits: how long and how nested its formula may be; raise them for a very large model.

    Raises:
        StorageError: the file is missing, damaged, not a model, or from a newer version.
    """
    params, about = storage.load(path)
    try:
        data = {str(name): tuple(int(d) for d in shape) for name, shape in about["data"].items()}
        shapes = {str(name): tuple(int(d) for d in shape) for name, shape in about["parameter"].items()}
        options: dict[str, Any] = {name: about[name] for name in ("features", "weights", "l1", "l2") if name in about}
        classes = about.get("class_weight")
        if classes is not None:
            options["class_weight"] = classes if isinstance(classes, str) else dict(classes)
        model = Model(about["formula"], about["cost"], data, shapes, limits, **options)
        model.restore_blocks()
        nodes = leaves([model.target, model.prediction])
        expected = {leaf.name: leaf.shape for leaf in nodes if leaf.operation is PARAMETER}
        columns = {leaf.name: leaf.shape for leaf in nodes if leaf.operation is DATA}
        found = {name: array.shape for name, array in params.items()}
        unlike = not expected == shapes == found or columns != data
        if unlike or any(len(s) > 2 or min(s, default=1) < 1 for s in data.values()):
            raise StorageError("its parameters or shapes do not fit its formula")
        model.params = {name: params[name][()] for name in expected}
        model.settings = dict(about.get("settings", {}))
    except (SteepestError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = str(error) if isinstance(error, SteepestError) else "its metadata is incomplete"
        raise StorageError(f"{os.fspath(path)} is not a usable model: {reason}") from None
    return model
