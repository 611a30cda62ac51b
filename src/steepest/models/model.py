"""A model: a specification with parameters, and what is done with it."""

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
from steepest.display.cards import ReprMixin, Summary, facts_sheet, values_sheet
from steepest.errors import SteepestWarning
from steepest.expressions.showing import shown
from steepest.language.formula import LIMITS, Limits
from steepest.messages.vocabulary import translated
from steepest.models import model_file as saved
from steepest.objectives.diagnostics import rows_left_out
from steepest.objectives.specification import Specification
from steepest.tables.samples import Samples
from steepest.training.descent import Descent, descend
from steepest.training.initialisers import initial
from steepest.training.optimisers import Optimiser

if TYPE_CHECKING:
    from steepest.derivations.layered import LayeredDerivation
    from steepest.diagrams.network import Diagram
    from steepest.papers import Paper

_MOST_CHECKED = 1000  # rows of a check: a wrong derivative is wrong on few rows, too
_SETTINGS = tuple(inspect.signature(descend).parameters)


class Model(Specification, ReprMixin):
    """A formula with a cost, fitted to tables.

    Which names of the formula are data follows from the table of the first fit, or from ``data``.

    Args:
        formula: ``"target ~ prediction"``.
        cost: ``"mse"``, ``"cross_entropy"``, ``"mae"``, ``"huber"``, ``"poisson"``, a formula in ``prediction`` and
            ``target`` whose mean is taken, as ``"(prediction - target)^4"``, or a function of the two.
        data: the names that are columns, or a mapping to their feature shapes; those of the target may be left out.
        params: shapes of the parameters that are not numbers, by name.
        limits: how long and how nested the formula may be.
        features: columns that are one name of the formula together: a pattern such as ``"pixel_*"`` or a list for the
            block X, or a dict from names of blocks to these. Patterns take the table's order and leave out
            columns that the formula names.
        weights: the column of the samples' weights; the cost is the mean of weight times loss, the weights
            divided by their mean over the table.
        class_weight: the weight of each class of the target, or ``"balanced"`` for n/(k·n_c) with n_c of n samples
            in one of k classes; multiplied with the samples' own.
        l1, l2: adds l1·Σ|w| + l2/2·Σw² over the weights, which are the parameters that do more than be added.

    Attributes:
        params: the fitted parameters by name; empty before a fit. May be set by hand.
        run: the last Descent, or None.
        settings: how it was fitted, as the command line was told; saved with the model.
        fitted: what the last :meth:`fit` was told, the start included; empty before.
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
        apart = settings.get("validate")
        if apart is not None and not isinstance(apart, float):
            settings["validate"] = self.held_out(apart, na)
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
            seed: of the parameters that are drawn.
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
            symbolic: whether to write the layers for any l; left out, from four layers on that are alike.

        Raises:
            DerivationError: the model is not made of layers.
        """
        from steepest.derivations.layered import derive_layers

        return derive_layers(self, symbolic)

    def paper(self, table: Any = None, **settings: Any) -> Paper:
        """The model's story as a document: picture, cost, derivation, check, training, times, surface.

        Args:
            table: the data; without any the paper ends with the derivation.
            settings: ``start``; ``symbolic``, for layers written for any l; ``title``; ``na``; ``compare=False``, which
                times nothing; and those of the training, as ``rate`` and ``epochs`` of :func:`steepest.descend`. Left
                out, a fitted model shows its own training.

        Returns:
            A Paper; ``save("paper.tex")``, ``.html``, ``.md`` or ``.ipynb`` writes it.
        """
        from steepest.papers import write_paper  # for most users write nothing

        return write_paper(self, table, **settings)

    def diagram(self) -> Diagram:
        """A picture of the model: neurons, weights, biases, activations, inputs and the target.

        Of a fitted model the edges show the weights by number, colour and width, of any other by name. A formula that
        is not made of layers is drawn as one box.

        Raises:
            ModelError: the model does not know yet which names are columns.

        >>> diagram = Model("z ~ sigmoid(x*w1 + y*w2 + b)", data=["x", "y", "z"]).diagram()
        >>> diagram.save("neuron.svg")  # doctest: +SKIP

        Source: rows B1, D1 and D3 of the notes.
        """
        from steepest.diagrams.network import Diagram  # for most users draw nothing

        return Diagram(self.prediction, self.target, self.params, self.blocks)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save formula, cost, shapes and parameters; :func:`load` reads them back.

        Raises:
            ModelError: the model is not fitted, or its cost is a function of your own.
            StorageError: the file cannot be written.
        """
        saved.write(self, path)

    def export(
        self, path: str | os.PathLike[str], to: str | None = None, dtype: str = "float64",
        optimiser: str | Optimiser | None = None,
    ) -> None:  # fmt: skip
        """Write the fitted model to a file that is used without steepest.

        Args:
            path: the file; functions in C are called after its name.
            to: ``"onnx"``, ``"c"`` (C99 that predicts), ``"c-train"`` (C99 that trains, too) or ``"numpy"``; if left
                out, what the path's ending says: ``.onnx``, ``.c`` or ``.py``.
            dtype: ``"float64"`` or ``"float32"``.
            optimiser: for ``"c-train"``, how its parameters move; plain gradient descent if left out.

        Raises:
            ModelError: the model is not fitted, or its prediction needs all samples at once.
            StorageError: the file cannot be written.
        """
        from steepest.export import export_model

        export_model(self, path, to, dtype, optimiser)

    def card(self) -> Summary:
        """Formula, cost, parameters, and the last descent if there was one."""
        return model_card(self)

    def __repr__(self) -> str:
        return f"Model({self.formula!r}, cost={self.cost_name!r})"


def load(path: str | os.PathLike[str], limits: Limits = LIMITS) -> Model:
    """Load a model that :meth:`Model.save` wrote.

    Args:
        path: the file.
        limits: how long and how nested its formula may be; raise them for a model built beyond the usual ones.

    Raises:
        StorageError: the file is missing, damaged, not a model, or of a newer version.
    """
    return saved.read(Model, path, limits)


def model_card(model: Model) -> Summary:
    """What a model shows of itself: formula, cost, parameters, and the last descent if there was one."""
    cost = f"{model.cost_name}, C = {shown(model.cost)}" if model.is_bound else model.cost_name
    sheets = [facts_sheet("Model", [("formula", model.formula), ("cost", cost)])]
    if model.params:
        sheets.append(values_sheet("Parameters", model.params))
    title = f"{model.formula}, {'fitted' if model.params else 'not fitted yet'}"
    run = model.run
    if run is None:
        return Summary(title, tuple(sheets), None, tuple(model.notes))
    sheets.append(facts_sheet("Last descent", [("cost", f"{run.cost:.10g}"), ("epochs", f"{run.epochs:,}")]))
    return Summary(title, tuple(sheets), run.cost_plot(), (*model.notes, *run.warnings))
