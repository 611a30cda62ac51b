"""Write the contents of a paper, section by section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.calculus.layers import decompose
from steepest.derivations.layers import dense_layers
from steepest.derivations.lines import formula
from steepest.derivations.notation import HAT, SAMPLE, element, index, over_samples, symbol
from steepest.derivations.problem import TARGET, in_indices, problem_of
from steepest.diagrams.network import Diagram
from steepest.documents import document as doc
from steepest.errors import MissingLibraryError
from steepest.expressions.expression import PARAMETER, Expression, leaves, transform, with_args
from steepest.expressions.notation import current_notation
from steepest.objectives.costs import COSTS
from steepest.papers.course import surface_of, training_of
from steepest.papers.errors import errors_of
from steepest.papers.results import check_of, comparison_of, limit_of
from steepest.papers.words import cost_letter, count, name_of, number, parameters_of, remarks_of

if TYPE_CHECKING:
    from steepest.objectives.specification import Specification
    from steepest.papers.experiment import Experiment

_FEW = 40  # numbers that are written out in a program
_LINE = 80  # signs of its lines
_NAMED = 8  # columns of a block that are named
_SOURCES = {
    "mse": "the mean squared error (Legendre 1805)",
    "mae": "the mean absolute error (Boscovich 1757)",
    "huber": "Huber's loss, quadratic near 0 and linear far away (Huber 1964)",
    "cross_entropy": "the cross-entropy of targets and predicted probabilities (Bishop 2006, eqs 4.90 and 4.108)",
    "poisson": "the Poisson loss (McCullagh and Nelder 1989)",
}


def document_of(
    experiment: Experiment, derived: list[doc.Block], symbolic: bool | None, title: str | None
) -> doc.Document:
    """Return the document that reports an experiment and a derivation."""
    model = experiment.model
    blocks = [*_model(experiment), *_cost(model), *limit_of(experiment), *derived]
    if experiment.run is not None:
        try:
            for section in (check_of, training_of, errors_of, comparison_of, surface_of):
                blocks += section(experiment)
        except MissingLibraryError as error:  # the extra of papers brings what their pictures need
            raise MissingLibraryError(error.what, error.library, "paper") from None
    blocks += _again(experiment)
    shown = model.formula if len(model.formula) <= 80 else model.formula[:79] + "…"
    if title is None:
        return doc.Document((f"{kind_of(model, symbolic)}: {shown}",), tuple(blocks))
    return doc.Document((title,), tuple(blocks), (shown,))


def kind_of(model: Specification, symbolic: bool | None = None) -> str:
    """Return what a model is called in a title."""
    structure = decompose(model.prediction)
    if structure is None:
        return "A model"
    neurons = sum(layer.size for layer in structure.layers)
    if neurons == 1:
        top = structure.layers[-1]
        return "A line" if top.is_linear else "One neuron"
    layers = dense_layers(model.prediction)
    if layers is None:
        hidden = structure.layers[:-1]
        return f"A network of {neurons} neurons" if all(n.output.operation.activation for n in hidden) else "A model"
    if all(layer.inputs == layer.size == 1 for layer in layers):
        return f"A chain of {'m' if symbolic else len(layers)} neurons"
    sizes = [layers[0].inputs, *(layer.size for layer in layers)]
    return f"A network {'-'.join(map(str, sizes))}"


def hatted(model: Specification) -> str:
    """Return the name of the prediction: that of the target with a hat."""
    return f"{model.target.name or 'y'}{HAT}"


def _model(experiment: Experiment) -> list[doc.Block]:
    model = experiment.model
    inputs = [node for node in leaves([model.prediction]) if node.operation is not PARAMETER]
    several = len(inputs) > 1 or bool(inputs and inputs[0].shape)
    shown: list[doc.Inlines] = [(formula(node), _row(experiment, node)) for node in inputs]
    has: doc.Inlines = (f" has the input{'s' if several else ''} ", *_listed(shown)) if inputs else (" has no inputs",)
    hat = formula(symbol(hatted(model), "", model.prediction.shape, per_sample=True))
    picture = Diagram(model.prediction, model.target, None, model.blocks)  # with names, as the equations have them
    said = remarks_of(model)
    return [
        doc.Heading(("The model",)),
        *([doc.Paragraph(said)] if said else []),
        *([doc.Paragraph(_scales(model))] if model.scales else []),
        doc.Paragraph((
            "Sample ", formula(index(SAMPLE)), *has, " and the target ", formula(model.target), ". The model predicts",
        )),
        doc.Equations((doc.Equation(hat, formula(model.prediction), "", "model"),)),
        doc.Paragraph((
            f"with {count(experiment.numbers, 'parameter')}: ",
            *_listed([_parameter(node) for node in parameters_of(model.prediction)]), ".",
        )),
        doc.Figure(
            picture.svg(), picture.tikz(), picture.description,
            ("The model as neurons, weights and activations." if dense_layers(model.prediction) else "The model.",),
            "picture",
        ),
    ]  # fmt: skip


def _scales(model: Specification) -> doc.Inlines:
    """State that columns are standardised, and by which means and deviations if they are few."""
    parts: list[Any] = []
    for name, scale in model.scales.items():
        if scale.mean.ndim:
            parts.append(("each column of ", name_of(name)))
        else:
            values = (number(float(scale.mean), 6), " and ", number(float(scale.deviation), 6))
            parts.append(("of ", name_of(name), " they are ", *values))
    listed = [each for k, part in enumerate(parts[:_NAMED]) for each in ((", ", *part) if k else part)]
    more = f", and of {len(parts) - _NAMED} further columns" if len(parts) > _NAMED else ""
    return (
        "The columns are standardised: their mean is subtracted, and they are divided by their standard deviation (",
        *listed, f"{more}). The names below are the standardised columns; residual deviations and bands are in the "
        "units of the table.",
    )  # fmt: skip


def _row(experiment: Experiment, node: Expression) -> str:
    """Return the number of features of an input, and their columns in the table if they are few."""
    if not node.shape:
        return ""
    block = experiment.model.blocks.get(node.name, ())
    names = f" ({', '.join(block)})" if 0 < len(block) <= _NAMED else ""
    return f", a row of {count(node.shape[0], 'number')}{names},"


def _parameter(node: Expression) -> doc.Inlines:
    """Return a parameter with its shape."""
    if not node.shape:
        return (formula(node),)
    latex, text = (sign.join(map(str, node.shape)) for sign in (r" \times ", "×"))
    return (formula(node), " of shape ", doc.Formula(latex, text))


def _listed(parts: list[doc.Inlines]) -> doc.Inlines:
    """Join parts as a, b and c."""
    found: list[Any] = []
    for k, part in enumerate(parts):
        if k:
            found.append(" and " if k == len(parts) - 1 else ", ")
        found += part
    return tuple(found)


def _cost(model: Specification) -> list[doc.Block]:
    named = isinstance(model.objective.cost, str) and model.objective.cost in COSTS
    what = _SOURCES[model.cost_name] if named else "the loss of a sample, on average"
    letter, rate, objective = cost_letter(model), _rate(model), model.objective
    said: list[str | doc.Formula] = ["where ", name_of(current_notation().count), " is the number of samples."]
    if objective.weighted:
        i = formula(index(SAMPLE))
        said += [" Sample ", i, " weighs ", doc.Formula(rf"\omega_{{{i.latex}}}", f"ω_{i.text}"), ", on average 1."]
    if objective.l1 or objective.l2:
        said.append(" The last terms penalise large weights.")
    said += [" Learning means lowering ", letter, " by repeated steps against its gradient:"]
    name = formula(parameters_of(model.cost)[0])
    step = doc.Formula(
        rf"{name.latex} - {rate.latex} \frac{{\partial {letter.latex}}}{{\partial {name.latex}}}",
        f"{name.text} − {rate.text} ∂{letter.text}/∂{name.text}",
    )
    return [
        doc.Heading(("The cost",)),
        doc.Paragraph((f"The error of the predictions is measured by {what},",)),
        doc.Equations((doc.Equation(letter, _short_cost(model), "", "cost"),)),
        doc.Paragraph(tuple(said)),
        doc.Equations((doc.Equation(name, step, "", "update", ":="),)),
        doc.Paragraph(("and likewise for every parameter, all at once, with a small rate ", rate, ".")),
    ]


def _rate(model: Specification) -> doc.Formula:
    """Return α, or η where α is a name in the model."""
    named = {"alpha", "α"} & {*model.cost.data, *model.cost.parameters}
    return doc.Formula(r"\eta", "η") if named else doc.Formula(r"\alpha", "α")


def _short_cost(model: Specification) -> doc.Formula:
    """Return the cost; for a network in terms of its prediction ŷ, not of the whole formula."""
    problem = problem_of(model, symbolic=False)
    short = None if problem is None or len(problem.layers) < 2 or problem.has_penalty else in_indices(problem, "j")
    if problem is None or short is None:
        return formula(model.cost)
    hats = {symbol("a", problem.top): symbol(hatted(model)), symbol(TARGET): symbol(model.target.name or TARGET)}

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        return hats[node] if node in hats else with_args(node, args) if node.args else node

    found = formula(over_samples(transform([short], visit)[short]))
    if not problem.has_classes:
        return found
    target, i = formula(element(symbol(model.target.name or TARGET), SAMPLE)), formula(index(SAMPLE)).text
    return doc.Formula(
        rf"{found.latex}, \quad t_{{{i}j}} = [{target.latex} = j]",
        f"{found.text}, where t_{i}j is 1 if j is the class of sample {i}, else 0",
    )


def _again(experiment: Experiment) -> list[doc.Block]:
    """Return the section with the program that repeats the experiment."""
    model = experiment.model
    nodes = leaves([model.prediction, model.target])
    data = {node.name: node.shape for node in nodes if node.operation is not PARAMETER}
    shapes = {node.name: node.shape for node in nodes if node.operation is PARAMETER and node.shape}
    given = [repr(model.formula)]
    given += [f"cost={model.cost_name!r}"] if model.cost_name != "mse" else []
    given += [] if model.features else [f"data={data!r}" if any(data.values()) else f"data={list(data)!r}"]
    given += [f"params={shapes!r}"] if shapes else []
    if model.features:
        blocks = {name: list(columns) for name, columns in (model.blocks or model.features).items()}
        given.append(f"features={blocks!r}")
    extras: dict[str, Any] = {"weights": model.weights, "class_weight": model.class_weight}
    extras |= {"l1": model.objective.l1, "l2": model.objective.l2, "scale": model.scale}
    given += [f"{name}={value!r}" for name, value in extras.items() if value]
    lines = ["import steepest as st", "", *_call("model = st.Model", given)]
    if experiment.run is None:
        return [doc.Heading(("The same in Python",)), doc.Code("\n".join([*lines, "print(model.cost)"]))]
    how = dict(experiment.settings)
    if ", as " in experiment.run.optimiser:  # chosen by the cost, with other starts where the first leads nowhere
        how |= {"optimiser": "auto"}
        how.pop("rate", None)
    elif how.get("optimiser") is None:
        how.setdefault("rate", 0.1)  # of st.descend, as fit alone would choose an optimiser
    settings = [f"{name}={value!r}" for name, value in how.items()]
    if experiment.na != "error":
        settings.append(f"na={experiment.na!r}")
    if experiment.begun and experiment.numbers <= _FEW:
        begin = {name: np.asarray(value).tolist() for name, value in experiment.start.items()}
        settings.insert(0, f"start={begin!r}")
    elif not experiment.begun:
        lines.append("# The starting parameters are drawn from the seed.")
    lines += _call("model.fit", [_table(experiment), *settings])
    return [doc.Heading(("The same in Python",)), doc.Code("\n".join([*lines, "print(model.run)"]))]


def _call(function: str, arguments: list[str]) -> list[str]:
    """Write a call in one line, or with a line for each argument."""
    line = f"{function}({', '.join(arguments)})"
    return [line] if len(line) <= _LINE else [f"{function}(", *(f"    {each}," for each in arguments), ")"]


def _rounded(array: Any) -> Any:
    """Return numbers as lists, without the digits that rounding made when a scale was undone."""
    return [_rounded(each) for each in array] if np.ndim(array) else float(f"{array:.14g}")


def _table(experiment: Experiment) -> str:
    """Write the table in Python: a built-in one, a file, or its columns if they are few."""
    if experiment.source.startswith("the built-in table "):
        return repr(experiment.source.removeprefix("the built-in table "))
    if experiment.place != "the table":
        return repr(experiment.source)
    size = sum(array.size for array in experiment.columns.values())
    if size <= _FEW:
        columns, scales = experiment.model.columns_in_own_units(experiment.columns), experiment.model.scales
        return repr({name: _rounded(array) if name in scales else array.tolist() for name, array in columns.items()})
    return "table"
