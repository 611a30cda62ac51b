"""Names from other libraries and their equivalents here: one table for Python and the command line.

A word in :data:`ALIASES` works wherever a name of its kind is accepted. A word in :data:`SENTENCES` has no exact
equivalent; the error contains its sentence. Words are compared in lower case, with ``-`` as ``_``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from steepest.messages.hints import closest, nearest

_SLIP = 0.85  # of equal letters: a slip in another library's word, which is a guess about a guess

P = ParamSpec("P")
R = TypeVar("R")

_WORDS = {
    "setting": {
        "rate": "learning_rate lr eta eta0 step_size learning_rate_init stepsize",
        "optimiser": "optimizer solver algorithm",
        "cost": "loss criterion objective loss_function loss_fn",
        "batch": "batch_size batchsize minibatch mini_batch",
        "maximise": "maximize",
        "seed": "random_state random_seed rng_seed",
        "epochs": "n_epochs num_epochs max_epochs max_iter maxiter n_iter num_iter iterations n_iterations max_nfev "
        "max_fun maxfev",
        "tolerance": "tol ftol xtol atol rtol",
        "gradient_tolerance": "gtol grad_tol gradient_tol",
        "restarts": "n_restarts num_restarts n_init multistart",
        "start": "x0 p0 init_params initial_params starting_values",
        "initial": "init initializer initialiser kernel_initializer init_scheme weight_init",
        "progress": "verbose progress_bar",
        "validate": "validation_split validation_fraction validation_data",
        "patience": "n_iter_no_change early_stopping_rounds",
        "on_epoch": "callback callbacks iter_cb",
        "max_seconds": "max_time timeout time_limit",
        "dtype": "precision",
        "class_weight": "class_weights",
        "weights": "sample_weight sample_weights",
        "activation": "activation_function act nonlinearity",
        "checkpoint": "checkpoint_path",
        "layers": "hidden hidden_layers hidden_layer_sizes hidden_sizes hidden_units",
        "schedule": "scheduler lr_schedule lr_scheduler learning_rate_schedule",
        "l2": "weight_decay ridge reg_lambda kernel_regularizer",
        "l1": "lasso",
        "step": "epsilon finite_difference_step rel_step diff_step",
        "na": "nan_policy missing na_action",
        "output": "output_activation",
        "check": "gradcheck check_gradient check_grad",
    },
    "optimiser": {
        "gradient-descent": "sgd gd gradient_descent batch_gradient_descent steepest_descent vanilla",
        "momentum": "sgd_momentum heavy_ball",
        "nesterov": "nag nesterov_momentum",
        "rmsprop": "rms_prop",
        "adagrad": "ada_grad",
        "lbfgs": "l_bfgs l_bfgs_b bfgs lbfgsb",
        "adamw": "adam_w",
        "lm": "levenberg_marquardt leastsq",
        "newton": "newton_cholesky newton_raphson irls trust_exact",
    },
    "cost": {
        "mse": "squared_error mean_squared_error squared_loss least_squares l2_loss mseloss quadratic",
        "mae": "absolute_error mean_absolute_error l1_loss l1loss",
        "huber": "smooth_l1 smooth_l1_loss huber_loss smoothl1loss",
        "cross_entropy": "bce bce_loss bceloss binary_cross_entropy binary_crossentropy log_loss logloss logistic_loss "
        "crossentropy categorical_cross_entropy categorical_crossentropy sparse_categorical_crossentropy "
        "crossentropyloss softmax_cross_entropy nll nll_loss",
        "poisson": "poisson_nll poisson_nll_loss poisson_loss",
    },
    "scheme of initial values": {
        "glorot": "xavier xavier_uniform glorot_uniform xavier_uniform_",
        "glorot_normal": "xavier_normal xavier_normal_",
        "he": "kaiming kaiming_normal he_normal kaiming_normal_",
        "lecun": "lecun_normal",
        "zeros": "zero constant",
        "normal": "randn random gaussian random_normal normal_",
    },
    "schedule": {
        "cosine": "cosine_annealing cosineannealing cosine_decay cosineannealinglr",
        "step": "step_lr steplr step_decay",
        "exponential": "exponential_decay exponentiallr",
        "plateau": "adaptive reduce_on_plateau reducelronplateau reduce_lr_on_plateau",
        "warm-up": "warmup linear_warmup",
        "constant": "constant_schedule",
    },
    "function": {
        "sigmoid": "logistic expit",
        "sign": "sgn signum",
        "step": "heaviside unit_step threshold",
        "largest": "amax reduce_max",
        "total": "sum_samples",
        "expand": "broadcast_to",
        "count": "n_samples",
        "softplus": "log1pexp",
        "leaky_relu": "leakyrelu lrelu",
        "log_softmax": "logsoftmax",
        "abs": "fabs absolute",
        "power": "pow",
        "clip": "clamp clip_by_value",
        "mod": "modulo remainder",
        "normal_pdf": "norm_pdf dnorm gaussian_pdf",
        "normal_cdf": "norm_cdf pnorm ndtr phi",
        "hard_tanh": "hardtanh",
        "hard_sigmoid": "hardsigmoid",
        "hard_swish": "hardswish",
        "arcsinh": "arsinh",
        "arccosh": "arcosh",
        "arctanh": "artanh",
    },
    "activation": {
        "linear": "identity none",
        "sigmoid": "logistic expit",
        "softplus": "log1pexp",
        "leaky_relu": "leakyrelu lrelu",
        "step": "heaviside unit_step threshold",
        "z/(1 + abs(z))": "softsign",
        "min(max(z, 0), 6)": "relu6",
        "hard_tanh": "hardtanh",
        "hard_sigmoid": "hardsigmoid",
        "hard_swish": "hardswish",
        "z - tanh(z)": "tanhshrink",
        "exp": "exponential",
    },
}
_WRITTEN = {
    "sec(x)": "1/cos(x)", "csc(x)": "1/sin(x)", "cot(x)": "cos(x)/sin(x)", "square(x)": "x^2",
    "logit(x)": "log(x/(1 - x))", "coth(x)": "1/tanh(x)", "csch(x)": "1/sinh(x)", "softsign(x)": "x/(1 + abs(x))",
}  # fmt: skip
_FLAT = "argmax argmin"
_MISSING = "gamma lgamma gammaln digamma beta bessel"
_ANSWERS: dict[str, dict[str, str]] = {
    "package": {
        "st.gradient(cost) gives all derivatives, st.derive(cost, 'w') one line by line": "backward grad jacobian "
        "value_and_grad",
        "write st.descend(cost, table), or st.Model(formula).fit(table)": "curve_fit fit minimise minimize "
        "optimize train",
        "networks are built by st.models.network([2, 3, 1])": "layers linear mlp module nn sequential",
        "write optimiser='adam', or st.optimisers.adam() with settings": "adagrad adam adamw lbfgs lion momentum optim "
        "optimizers rmsprop sgd",
        "columns are st.data('x'), parameters st.params('w')": "param parameter placeholder symbol symbols "
        "tensor var variable",
    },
    "function": {
        **{f"{call} is written {formula}": call.partition("(")[0] for call, formula in _WRITTEN.items()},
        **{f"{name} is not offered: its derivative is 0 almost everywhere": name for name in _FLAT.split()},
        **{f"{name} is not offered": name for name in _MISSING.split()},
        "the identity is written x": "identity linear",
    },
    "activation": {
        "write max(z, 0) + a*expm1(min(z/a, 0)) with a number for a": "celu",
        "its slope is a parameter; write leaky_relu, or max(0.25*z, z)": "prelu",
        "it has two inputs; write the product in the formula": "glu",
    },
    "optimiser": {
        "Nadam is not offered; adam is nearest": "nadam",
        "AdaMax is not offered; adam is nearest": "adamax",
        "Adadelta is not offered; rmsprop is nearest": "adadelta",
        "Rprop is not offered; rmsprop is nearest": "rprop",
        "conjugate gradients are not offered; lbfgs is nearest": "cg",
        "it is not offered": "adafactor adamaxw amsgrad asgd dogbox fromage lamb lars nelder_mead newton_cg "
        "noisy_sgd novograd optimistic_gradient_descent polyak_sgd powell radam sm3 tnc trf yogi",
    },
    "cost": {
        "the hinge loss of targets −1 and 1 is the formula max(1 - target*prediction, 0)": "hinge hinge_loss",
        "take mse: its root has its minimum at the same parameters": "rmse",
        "take mse: R² is highest where it is lowest": "r2",
        "accuracy has no gradient; take cross_entropy": "accuracy",
        "the squared logarithmic error is the formula (log(1 + prediction) - log(1 + target))^2": "msle",
        "log-cosh is the formula softplus(2*(prediction - target)) - (prediction - target) - "
        "log(2)": "log_cosh logcosh",
        "the relative error is the formula abs((prediction - target)/target)": "mape mean_absolute_percentage_error",
        "for targets −1 and 1 it is the formula max(1 - target*prediction, 0)^2": "squared_hinge",
        "for targets −1 and 1 it is the formula max(-target*prediction, 0)": "perceptron",
        "it is the formula 2*(sqrt(1 + (prediction - target)^2) - 1)": "soft_l1",
        "it is the formula log(1 + (prediction - target)^2)": "cauchy",
        "it is the formula arctan((prediction - target)^2)": "arctan",
        "for the quantile 0.9 it is the formula max(0.9*(target - prediction), 0.1*(prediction - target))": "quantile",
        "end the prediction with sigmoid and take cross_entropy, which is computed from the logit": "bcewithlogitsloss",
        "take mse, whose minimum is at the same parameters": "sse ssr rss",
        "it is not offered": "cosine_similarity epsilon_insensitive gamma hingeembeddingloss kld kldivloss "
        "kl_divergence likelihood linear modified_huber tweedie",
    },
    "scheme of initial values": {
        "he draws from a normal distribution of the same variance": "he_uniform kaiming_uniform",
        "lecun draws from a normal distribution of the same variance": "lecun_uniform",
        "orthogonal matrices are not offered; glorot is nearest": "orthogonal",
        "truncated distributions are not offered; write normal(0.1)": "truncated_normal",
        "write glorot, which is uniform, or normal(0.1)": "uniform",
        "equal weights stay equal under descent; write normal(0.1), or give start=": "ones",
    },
    "schedule": {
        "it is not offered; exponential:0.95 decreases the rate by 5 % an epoch": "invscaling inverse_scaling optimal",
    },
    "setting": {
        "steepest runs on the processor; engine= chooses how": "device",
        "restarts run on all cores that pay already": "n_jobs",
        "with batches each epoch takes the samples in another order, by the seed": "shuffle",
        "give patience=, with validate=": "early_stopping",
        "write optimiser='momentum', or optimisers.momentum(decay)": "momentum",
        "give a schedule, such as rate='exponential:0.95'": "decay",
        "the gradient is derived; leave jac out": "jac",
        "write optimiser= for the update rule, or gradient= for how the gradient is computed": "method",
        "write rate= for the learning rate, or l2= for the penalty": "alpha",
        "write l1= or l2= with a factor": "penalty",
        "write l2= with its inverse over the number of samples": "c",
        "write weights=, the name of a column with 1/σ²": "sigma",
        "weights= are divided by their mean": "absolute_sigma",
        "write start=run.params and memory=run.memory of the last run": "warm_start",
        "write + b in the formula, or leave it out": "fit_intercept",
        "write optimiser=optimisers.adam(beta1=…)": "beta_1 beta1",
        "write optimiser=optimisers.adam(beta2=…)": "beta_2 beta2",
        "write optimiser='nesterov'": "nesterovs_momentum nesterov",
        "model.evaluate(table) returns them": "metrics",
        "constraints are not offered; write the formula so that they hold": "constraints",
        "second derivatives are not used": "hess hessp",
        "write table=, with a column for each name of the formula": "xdata ydata",
        "write sizes of layers: models.network([inputs, …, outputs])": "units",
        "an epoch is one pass through the table; batch= is the number of samples per update": "steps_per_epoch",
        "it is not offered": "average check_finite dropout dual f_scale full_output initial_epoch intercept_scaling "
        "l1_ratio power_t tr_options tr_solver workers x_scale",
    },
}


def _by_word(words: Mapping[str, str]) -> dict[str, str]:
    return {word: meaning for meaning, each in words.items() for word in each.split()}


ALIASES: Mapping[str, Mapping[str, str]] = {kind: _by_word(words) for kind, words in _WORDS.items()}
"""For each kind of name the words that mean one of ours."""

SENTENCES: Mapping[str, Mapping[str, str]] = {kind: _by_word(words) for kind, words in _ANSWERS.items()}
"""For each kind the words without an exact equivalent, and what to write instead."""


def _key(word: str) -> str:
    return word.strip().lower().replace("-", "_")


def ours(kind: str, word: str) -> str | None:
    """Return our name for a word of a kind; None if the table does not have the word.

    >>> ours("optimiser", "SGD"), ours("setting", "learning_rate"), ours("cost", "mse")
    ('gradient-descent', 'rate', None)
    """
    return ALIASES.get(kind, {}).get(_key(word))


def hint(kind: str, word: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: a hint by meaning if possible, else by spelling.

    >>> hint("function", "cot", ["cos"]), hint("function", "tahn", ["tanh"])
    ('; cot(x) is written cos(x)/sin(x)', "; did you mean 'tanh'?")
    """
    known = list(known)  # iterated twice
    sentence = SENTENCES.get(kind, {}).get(_key(word))
    if sentence is not None:
        return f"; {sentence}"
    name = ours(kind, word)
    if name is None:
        spelt = nearest(word, known)
        if spelt:
            return spelt
        meant = closest(_key(word), ALIASES.get(kind, {}), _SLIP)
        name = None if meant is None else ours(kind, meant)
    return f"; here it is called {name!r}" if name is not None and (name in known or not known) else ""


def setting(word: str, names: Collection[str]) -> str | None:
    """Return the setting that another library's word means; None if it is not among the given names.

    >>> setting("lr", ["rate", "epochs"]), setting("hidden_layer_sizes", ["hidden"]), setting("lr", ["l1"])
    ('rate', 'hidden', None)
    """
    main = ours("setting", word) or _key(word)
    return next((name for name in (main, *_WORDS["setting"].get(main, "").split()) if name in names), None)


def translated(
    who: str, settings: Mapping[str, Any], names: Collection[str], taken: Collection[str] = (), passed_on: bool = False
) -> dict[str, Any]:
    """Return settings by our names.

    Args:
        who: the function, for messages: ``"descend"``.
        settings: values by our names or by those of other libraries.
        names: the settings of the function.
        taken: those that were given by position.
        passed_on: whether the function passes unknown settings on, to one that will refuse them.

    Raises:
        TypeError: a setting is unknown, or given twice.
    """
    given = {word: value for word, value in settings.items() if word in names}
    for word in settings:
        if word in given:
            continue
        name = setting(word, names)
        if name is None and passed_on:
            name = word
        elif name is None:
            said = hint("setting", word, names)
            if "validation_fraction" in names:  # of estimators, which have no table to validate on
                said = said.replace("validate=", "validation_fraction=")
            raise TypeError(f"{who}() has no setting {word!r}{said}")
        if name in given or name in taken:
            raise TypeError(f"{who}() has {word!r} and {name!r}, which are the same; give one of them")
        given[name] = settings[word]
    return given


def takes_aliases(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that it accepts settings by their names in other libraries."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    passed_on = bool(code.co_flags & inspect.CO_VARKEYWORDS)

    @wraps(function)
    def call(*args: P.args, **settings: P.kwargs) -> R:
        if not settings.keys() <= set(names):
            who = type(args[0]).__name__ if function.__name__ == "__init__" else function.__name__
            taken = code.co_varnames[: min(len(args), code.co_argcount)]
            return function(*args, **translated(who, settings, names, taken, passed_on))
        return function(*args, **settings)

    return call
