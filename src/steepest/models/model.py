"""``Model``: a formula with a cost, its parameters, and methods to fit, check, derive, draw, save and export it."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from steepest.checking.checker import MOST_UNITS
from steepest.checking.gradient_check import check as check_gradient
from steepest.checking.report import Report
from steepest.derivations.line_by_line import Derivation
from steepest.derivations.line_by_line import derive as derive_by_rules
from steepest.display.summaries import ReprMixin, Summary, facts_table, values_table
from steepest.errors import ModelError, SteepestError, SteepestWarning, StorageError
from steepest.expressions.notation import COST_LETTERS, notation_of
from steepest.expressions.showing import shown
from steepest.inference import uncertainty_of
from steepest.language.formula import LIMITS, Limits
from steepest.messages.vocabulary import ours, translated
from steepest.models.attempts import fitted
from steepest.models.estimated import Estimated
from steepest.models.metadata import (
    classes_in,
    errors_in,
    metadata_of,
    record_in,
    record_of,
    refuse_other_shapes,
    shapes_in,
)
from steepest.models.restricted import Restricted
from steepest.objectives.costs import COSTS
from steepest.objectives.diagnostics import rows_left_out
from steepest.objectives.scaling import slopes_of_unscaled, unscaled
from steepest.storage import tensors as storage
from steepest.tables.built_in import BUILT_IN
from steepest.tables.samples import Samples
from steepest.training.choice import choose_optimiser
from steepest.training.descent import Descent, descend
from steepest.training.initialisers import initial
from steepest.training.optimisers import Optimiser

if TYPE_CHECKING:
    from steepest.derivations.layered import LayeredDerivation
    from steepest.diagrams.network import Diagram
    from steepest.papers import Paper

_MOST_CHECKED = 1000  # rows of a check; a wrong derivative shows on few rows, too
_OF_ONE_DESCENT = ("restarts", "on_epoch", "checkpoint", "validate", "memory")
_OF_PLAIN_DESCENT = ("rate", "gradient", "step", "scheme", "memory", "engine")
_SETTINGS = tuple(name for name in inspect.signature(descend).parameters if name not in ("cost", "table"))


class Model(Estimated, ReprMixin):
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
        scale: ``"standard"`` standardises the inputs to (x − mean) / standard deviation of the first table, and a
            numeric target of ``mse``, ``mae`` or ``huber`` if the prediction is a sum such as H @ W + b. The names in
            the formula are then the standardised columns, for the cost, the gradient and the parameters; tables and
            predictions keep their units, in exported files too. :meth:`unscaled` undoes it.

    Attributes:
        scales: the mean and the standard deviation of each standardised column by name; empty before a fit.
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
        self, table: Any, *, start: Mapping[str, Any] | None = None, na: str = "error",
        fixed: Mapping[str, float] | None = None, tied: Mapping[str, str] | None = None, **settings: Any,
    ) -> Model:  # fmt: skip
        """Fit the parameters to a table by descent.

        Args:
            table: a dict of arrays, a DataFrame, a path or a built-in name.
            start: parameters to start from, or ranges (low, high) from which the seed draws them, as for
                :func:`steepest.descend`; those left out are drawn, too.
            na: ``"drop"`` leaves out rows with missing values.
            fixed: parameters that keep a number, by name; the others are fitted.
            tied: parameters that are expressions of others, by name: ``{"k2": "2*k1"}``. They are replaced before the
                cost is derived; penalties count free parameters only. The result has their values, and their standard
                errors by the delta method.
            settings: as for :func:`steepest.descend`. Unless a rate is given or the table is a built-in one, the
                default is ``optimiser="auto"``: Levenberg–Marquardt for sums of squares, Newton's method or L-BFGS
                for other costs, Adam for networks and batches. ``run.optimiser`` says what was taken.

        Returns:
            The model itself; its ``run`` is the Descent.

        Raises:
            ModelError: no parameter has a gradient, as in a threshold unit, or one cannot be fixed or tied so.
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
        if fixed or tied:
            restricted = Restricted(self, fixed, tied)
            restricted.refuse(start, settings.get("bounds"), ("start", "bounds"))
            others = restricted.others.fit(source, start=start, na=na, **settings)
            assert others.run is not None  # fit has just set it
            self.run, self.fitted = restricted.completed(others.run), {**others.fitted, **restricted.given}
            self.params, self.known_errors, self.tied = dict(self.run.params), None, restricted.tied
            self.record = record_of(source)
            return self
        settings, why = self._chosen(settings, table, source)
        if why:
            given |= {"optimiser": settings["optimiser"].name, "rate": settings["rate"]}
        self.run = fitted(self, source, start, {**settings, "na": na})
        if why:
            self.run = replace(self.run, optimiser=why)
        if isinstance(source, Samples) and self.run.held_out is None:
            self.run = replace(self.run, uncertain=partial(uncertainty_of, self, source, bounds=settings.get("bounds")))
        self.params, self.fitted, self.known_errors, self.tied = dict(self.run.params), given, None, {}
        self.record = record_of(source)
        if self.run.diverged:
            warnings.warn(self.run.message, SteepestWarning, stacklevel=2)
        return self

    def _chosen(self, settings: dict[str, Any], table: Any, source: Any) -> tuple[dict[str, Any], str]:
        """Return the settings with the optimiser for ``"auto"``, and which it is and why; no text if it was named.

        It is the default, except for the built-in tables, whose descents are those of the notes, and for settings that
        belong to gradient descent.
        """
        optimiser = settings.get("optimiser")
        if optimiser is None and not (isinstance(table, str) and table in BUILT_IN):
            plain = [name for name in _OF_PLAIN_DESCENT if settings.get(name) is not None]
            optimiser = None if plain else "auto"
        if optimiser != "auto":
            return settings, ""
        rows = source.rows if isinstance(source, Samples) else 0
        batch, maximise = settings.get("batch"), bool(settings.get("maximise"))
        choice = choose_optimiser(self.prepared, rows, batch, maximise)
        return {**settings, "rate": choice.rate, "optimiser": choice.optimiser}, choice.why

    def unscaled(self) -> Model:
        """Return the fitted model with parameters for columns in their own units; it predicts the same.

        A weight w of a column with the mean μ and the standard deviation σ becomes w/σ, and μ·w/σ is taken from the
        bias; for a target with mean m and standard deviation s, the last weights and bias are multiplied by s and m is
        added to the bias. The covariance of the parameters is transformed likewise, which is exact, as the
        transformation is linear; ``model.unscaled().parameter_errors`` has it, or says why there is none.

        Returns:
            A model without a scale; a copy if this one has none. Restrictions of the fit do not hold for it.

        Raises:
            ModelError: the model is not fitted, or its formula is not a weighted sum in each column with a scale.

        >>> table = {"x": [100.0, 200.0, 300.0], "y": [5.0, 7.0, 9.0]}
        >>> model = Model("y ~ a*x + b", scale="standard").fit(table)
        >>> {name: round(float(value), 9) for name, value in model.unscaled().params.items()}
        {'a': 0.02, 'b': 3.0}
        """
        if not self.params:
            raise ModelError("the model has no parameters yet; fit it first")
        found = copy(self)
        found.params = unscaled(self.prediction, self.target, self.scales, self.params)
        errors = self.parameter_errors
        if errors.refusal is None and self.scales:
            slopes = slopes_of_unscaled(self.prediction, self.target, self.scales)
            errors = errors.transformed(self, slopes)
        found.known_errors = (dict(found.params), errors)
        found.scale, found.scales, found._prepared, found.run, found.tied = None, {}, None, None, {}
        return found

    def check(
        self, table: Any, at: Mapping[str, ArrayLike] | None = None, method: str = "backprop", seed: int = 0,
        directions: int | None = None, units: int = MOST_UNITS,
    ) -> Report:  # fmt: skip
        """Check the gradient of the cost on (at most the first 1000 rows of) a table.

        Args:
            table: the data.
            at: parameters at which to check; the fitted ones, or those drawn from the seed, if left out.
            method: ``"backprop"`` or ``"layerwise"``.
            seed: the seed of the parameters that are drawn.
            directions, units: as of :func:`steepest.check`.
        """
        samples = self.samples(table).head(_MOST_CHECKED)
        point = initial(self.cost, {**self.params, **(at or {})}, seed, "at")
        return check_gradient(
            self.prepared, {**samples.arrays, **point}, method=method, directions=directions, units=units
        )

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
        missing = [name for name in self.cost.parameters if name not in self.params]
        if missing:
            raise ModelError(f"the parameter {missing[0]!r} has no value yet; fit the model first")
        about = metadata_of(self, self.parameter_errors)
        storage.save(path, initial(self.cost, self.params, what="params"), about)

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

    def _diverged(self) -> bool:
        """Return whether the parameters are those of a fit that diverged, not others that were set by hand."""
        run = self.run
        kept = run is not None and self.params.keys() == run.params.keys()
        return run is not None and run.diverged and kept and all(v is run.params[k] for k, v in self.params.items())

    def card(self) -> Summary:
        """Return a summary: formula, cost, parameters, and the last descent if there was one."""
        cost = self.cost_name
        if self.is_bound:
            cost = f"{cost}, {notation_of([self.cost]).free(COST_LETTERS)} = {shown(self.cost)}"
        facts = [("formula", self.formula), ("cost", cost)]
        if self.scales:
            facts.append(("standardised", ", ".join(self.scales)))
        tables = [facts_table("Model", facts)]
        if self.params:
            tables.append(values_table("Parameters", self.params))
        run = self.run
        state = "diverged" if self._diverged() else "fitted" if self.params else "not fitted yet"
        title = f"{self.formula}, {state}"
        if run is None:
            return Summary(title, tuple(tables), None, tuple(self.notes))
        tables.append(
            facts_table(
                "Last descent", [("cost", f"{run.cost:.10g}"), ("epochs", f"{run.epochs:,}"), ("stopped", run.message)]
            )
        )
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
        data, shapes = shapes_in(about, "data"), shapes_in(about, "parameter")
        options: dict[str, Any] = {name: about[name] for name in ("features", "weights", "l1", "l2") if name in about}
        classes = about.get("class_weight")
        if classes is not None:
            options["class_weight"] = classes if isinstance(classes, str) else dict(classes)
        model = Model(about["formula"], about["cost"], data, shapes, limits, **options)
        model.restore_blocks()
        model.classes = classes_in(about)
        model.restore_scales(about.get("scales", {}))
        refuse_other_shapes(model, params, about)
        model.params = {name: params[name][()] for name in shapes}
        model.settings = dict(about.get("settings", {}))
        model.tied, model.record = Restricted(model, None, about.get("tied")).tied, record_in(about)
        model.known_errors = (dict(model.params), errors_in(about, model))
    except (SteepestError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = str(error) if isinstance(error, SteepestError) else "its metadata is incomplete"
        raise StorageError(f"{os.fspath(path)} is not a usable model: {reason}") from None
    return model
