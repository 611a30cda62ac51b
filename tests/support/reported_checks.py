"""Public reports of gradients, and of checks of gradients, that were wrong, as formulas with the right verdicts.

The mathematics of each report is written as a cost of this library, with a point and the gradient in question. What is
right follows from the mathematics alone: tests/checking/test_reported_checks.py computes it with many digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, log, nan
from typing import Any

import numpy as np

import steepest as st
from steepest.expressions.expression import Expression


@dataclass(frozen=True)
class Reported:
    """A report.

    Attributes:
        report: the repository and the number of the issue or pull request.
        happened: what happened.
        cost: the formula.
        values: the point.
        given: the partial derivative in question: a formula, a number or an array; None for the one that is derived.
        verdict: "correct", "wrong" or "kink".
        name: the parameter.
        data, shapes: the columns and the parameters that are arrays, with their shapes.
        derived: whether the rules of calculus, branch by branch and in double precision, give the true derivative.
    """

    report: str
    happened: str
    cost: str
    values: Mapping[str, Any]
    given: str | float | list[float] | None
    verdict: str
    name: str = "w"
    data: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    derived: bool = True

    @property
    def address(self) -> str:
        """The address of the report; the host leads from issues to pull requests."""
        return "https://github.com/" + self.report.replace("#", "/issues/")

    def expression(self, text: str) -> Expression:
        """Return a formula as an expression."""
        names = {name: self.shapes.get(name, ()) for name in self.values if name not in self.data}
        return st.parse(text, data=self.data, params=names)

    @property
    def rows(self) -> int:
        """The number of samples."""
        return max([len(self.values[name]) for name in self.data], default=1)


AT_0 = {"w": 0.0}
NORM = "sqrt(sum(W^2))"
VECTOR = {"name": "W", "shapes": {"W": (2,)}}

AT_KINKS = [
    Reported("pytorch/pytorch#114234", "A check fails for relu at 0, where the slope 1 is one of the right ones.",
             "relu(w)", AT_0, 1.0, "kink"),
    Reported("HomericIntelligence/Odyssey#2077", "A check finds 0.5 for relu at 0 and calls the slope 0 wrong.",
             "relu(w)", AT_0, 0.0, "kink"),
    Reported("BVLC/caffe#1334", "A check should accept what lies between the slopes to the left and to the right.",
             "abs(w)", AT_0, 0.5, "kink"),
    Reported("BVLC/caffe#1334", "The same for a number that does not lie between the slopes.",
             "abs(w)", AT_0, 1.5, "wrong"),
    Reported("jax-ml/jax#37821", "The slope of max(x, 0) at 0 is 0.5 and that of the same function by where is 0.",
             "max(w, 0)", AT_0, 0.5, "kink"),
    Reported("jax-ml/jax#37820", "The slope of abs at 0 is 1, though sign(0) is 0.",
             "abs(w)", AT_0, 1.0, "kink"),
    Reported("pytorch/pytorch#184572", "The slope of a clamp at its lower bound is 1, that of relu is 0.",
             "min(max(w, 0), 6)", AT_0, 1.0, "kink"),
    Reported("deeplearning4j/deeplearning4j#1280", "Checks of relu and hard tanh fail now and then at their corners.",
             "max(min(w, 1), -1)", {"w": 1.0}, 0.0, "kink"),
    Reported("HIPS/autograd#212", "The slopes of max(x, y) at equal arguments are 1 and 0, which is not symmetric.",
             "max(w, v)", {"w": 1.0, "v": 1.0}, 1.0, "kink"),
    Reported("pytorch/pytorch#56734", "The slopes of the larger of two equal tensors are not shared evenly.",
             "max(w, v)", {"w": 2.0, "v": 2.0}, 0.5, "kink"),
    Reported("scipy/scipy#12487", "A forward difference of -|x + 1| at -1 is 1, as it steps backward.",
             "-abs(w + 1)", {"w": -1.0}, 1.0, "kink"),
    Reported("scipy/scipy#12487", "The slope to the right in the same place is the one that was expected.",
             "-abs(w + 1)", {"w": -1.0}, -1.0, "kink"),
    Reported("pytorch/pytorch#2421", "The gradient of a norm at 0 is NaN, where 0 is one of the right slopes.",
             NORM, {"W": [0.0, 0.0]}, [0.0, 0.0], "kink", **VECTOR),
    Reported("JuliaDiff/ForwardDiff.jl#171", "The derivative of sqrt(x^2) at 0 is NaN.",
             "sqrt(w^2)", AT_0, 0.0, "kink"),
    Reported("JuliaGeometry/Rotations.jl#96", "The derivative of a rotation's angle at 0 is NaN; no slope is above 1.",
             "sqrt(w*w + v*v)", {"w": 0.0, "v": 0.0}, 1.25, "wrong"),
    Reported("pytorch/pytorch#4320", "The gradient of a standard deviation of equal numbers is NaN.",
             "sqrt(sum((W - sum(W)/2)^2)/2)", {"W": [1.0, 1.0]}, [0.0, 0.0], "kink", **VECTOR),
    Reported("jax-ml/jax#11716", "The same; 0.5 and -0.5 were expected, the slopes to the sides.",
             "sqrt(sum((W - sum(W)/2)^2)/2)", {"W": [1.0, 1.0]}, [-0.5, 0.5], "kink", **VECTOR),
    Reported("jax-ml/jax#29111", "A check of a power of a sum of sizes, one of which is 0, fails.",
             "(abs(v) + abs(w))^4 + exp(w)", {"v": 1.0, "w": 0.0}, 5.0, "kink"),
    Reported("jax-ml/jax#29111", "The partial derivative by the other number is a derivative.",
             "(abs(v) + abs(w))^4 + exp(w)", {"v": 1.0, "w": 0.0}, 4.0, "correct", name="v"),
]  # fmt: skip

TIES = [
    Reported("Theano/Theano#6470", "The slope of the smaller of two equal numbers is counted twice.",
             "min(w, w)", {"w": 1.3}, 2.0, "wrong"),
    Reported("HIPS/autograd#141", "The slope of the largest of two copies of a number is counted twice.",
             "max(3*w, 3*w)", {"w": 0.7}, 6.0, "wrong"),
    Reported("Theano/Theano#4568", "The gradient of the largest element is 1 for each of two equal ones.",
             "mean(largest(w*X))", {"w": 2.0, "X": [[1.0, 1.0]]}, 2.0, "wrong", data={"X": (2,)}),
    Reported("Theano/Theano#633", "The slope of a clip with the number itself as upper bound is 0 instead of 1.",
             "min(max(w, 0), w)", {"w": 5.0}, 0.0, "wrong"),
    Reported("pytorch/pytorch#76898", "relu(x) - relu(-x) is x, but has the slope 0 at 0, whatever relu has there.",
             "relu(w) - relu(-w)", AT_0, 0.0, "wrong", derived=False),
    Reported("stan-dev/math#3031", "The distance of a point to itself has an infinite gradient.",
             "((w - w)^2)^0.5", {"w": 1.5}, 0.0, "correct"),
]  # fmt: skip

NOT_TAKEN = [
    Reported("jax-ml/jax#5798", "The derivative at 0 is NaN, as that of the root that is not taken is infinite.",
             "where(w < 1, w, sqrt(w))", AT_0, 1.0, "correct"),
    Reported("tensorflow/tensorflow#2540", "The derivative is NaN, as the exponential that is not taken overflows.",
             "where(w > 0, 0, exp(w))", {"w": 1e10}, 0.0, "correct"),
    Reported("tensorflow/tensorflow#20355", "The derivative at 1 is NaN: the quotient that is not taken divides by 0.",
             "where(w < 0, 1/(1 - w), log(w + 1))", {"w": 1.0}, 0.5, "correct"),
    Reported("tensorflow/tensorflow#20355", "The derivative at -1 is NaN: the logarithm that is not taken is one of 0.",
             "where(w < 0, 1/(1 - w), log(w + 1))", {"w": -1.0}, 0.25, "correct"),
    Reported("tensorflow/tensorflow#38349", "The derivative is NaN, as the power that is not taken overflows.",
             "where(w < 15, w, 10^exp(w))", {"w": 10.0}, 1.0, "correct"),
    Reported("tensorflow/tensorflow#118674", "The derivative of a guarded root at -1 is NaN if compiled.",
             "where(w > 0, sqrt(w), 0)", {"w": -1.0}, 0.0, "correct"),
    Reported("tensorflow/tensorflow#27684", "Logarithms of negative numbers that are not taken make the gradient NaN.",
             "mean(where(x >= 0, w*log(x), 0))", {"w": 1.0, "x": [-0.5, 2.0, 1.0]}, log(2) / 3, "correct",
             data={"x": ()}),
    Reported("tensorflow/tensorflow#20091", "The gradient of a guarded quotient is NaN where the divisor is 0.",
             "where(v != 0, w/v, 0)", {"w": 2.0, "v": 0.0}, 0.0, "correct"),
    Reported("jax-ml/jax#347", "The gradient of a norm that is replaced by 1 below 0.5 is NaN at 0.",
             f"where({NORM} > 0.5, {NORM}, 1)", {"W": [0.0, 0.0]}, [0.0, 0.0], "correct", **VECTOR),
    Reported("pytorch/pytorch#156212", "The derivative is NaN, as the exponential that is not taken overflows.",
             "where(w <= 10, exp(w), 1)", {"w": 1e10}, 0.0, "correct"),
    Reported("ml-explore/mlx#3692", "The gradient of a radius that is replaced by 1e-10 is NaN at 0.",
             "max(sqrt(w*w + v*v), 1e-10)", {"w": 0.0, "v": 0.0}, 0.0, "correct"),
    Reported("pytorch/pytorch#187297", "The gradient is NaN for negative numbers, of which no root is taken.",
             "sum(where(W > 0, sqrt(W), W))", {"W": [-1.0, -4.0]}, [1.0, 1.0], "correct", **VECTOR),
    Reported("jax-ml/jax#1722", "The derivative of sin(x)/x, which is 1 at 0, is NaN there.",
             "where(w == 0, 1, sin(w)/w)", AT_0, 0.0, "correct"),
    Reported("jax-ml/jax#34139", "The derivative of sin(x)/x is 0 or far off for small numbers, as terms cancel.",
             "where(w == 0, 1, sin(w)/w)", {"w": 1e-4}, 0.0, "wrong", derived=False),
    Reported("jax-ml/jax#23842", "The gradient of a masked log-sum-exp is NaN for the number that is masked.",
             "log(where(v < 1, exp(v), 0) + where(w < 1, exp(w), 0))", {"v": 0.0, "w": 1000.0}, 0.0, "correct"),
    Reported("tensorflow/tensorflow#119869", "The derivative of x log(y), masked where x is 0, is 0 there.",
             "where(w == 0, 0, w*log(2))", AT_0, 0.0, "wrong", derived=False),
]  # fmt: skip

AT_ZERO = [
    Reported("jax-ml/jax#21723", "The derivative of a squared norm at 0 is NaN.",
             "sqrt(w^2)^2", AT_0, 0.0, "correct"),
    Reported("jax-ml/jax#4177", "The gradient of the squared norm of a vector of zeros is NaN.",
             f"{NORM}^2", {"W": [0.0, 0.0]}, [0.0, 0.0], "correct", **VECTOR),
    Reported("HIPS/autograd#183", "The gradient of exp(-norm^2) at 0 is NaN.",
             f"exp(-{NORM}^2)", {"W": [0.0, 0.0]}, [0.0, 0.0], "correct", **VECTOR),
    Reported("JuliaDiff/ForwardDiff.jl#243", "The gradient of a function of a squared norm at 0 is NaN.",
             f"(1 + {NORM}^2)^-0.5", {"W": [0.0, 0.0]}, [0.0, 0.0], "correct", **VECTOR),
    Reported("HIPS/autograd#617", "The gradient of a squared norm at 0 is NaN; NaN is never right where 0 is.",
             f"{NORM}^2", {"W": [0.0, 0.0]}, [nan, nan], "wrong", **VECTOR),
    Reported("jax-ml/jax#26248", "The derivative of the norm of a multiple of the zero vector is NaN.",
             "mean(sqrt(sum((w*X)^2)))", {"w": 1.3, "X": [[0.0, 0.0]]}, 0.0, "correct", data={"X": (2,)}),
    Reported("jax-ml/jax#2377", "The derivative of (sqrt((x w)^2) - 1)^2 is NaN where x is 0.",
             "mean((sqrt((x*w)^2) - 1)^2)", {"w": 1.0, "x": [0.0]}, 0.0, "correct", data={"x": ()}),
    Reported("JuliaDiff/ChainRules.jl#576", "The derivative of a root is NaN where it is multiplied by 0.",
             "mean(sqrt(max(x*w, 0)))", {"w": 1.0, "x": [0.0]}, 0.0, "correct", data={"x": ()}),
    Reported("pytorch/pytorch#27134", "The derivative of a^b by b is NaN where a is 0, instead of 0.",
             "v^w", {"v": 0.0, "w": 1.0}, 0.0, "correct"),
    Reported("tensorflow/tfjs#346", "The derivative of 0^x at 2 is NaN.",
             "v^w", {"v": 0.0, "w": 2.0}, 0.0, "correct"),
    Reported("FluxML/Zygote.jl#1101", "The derivative of sqrt(0^t) by t is NaN.",
             "mean(sqrt(x^w))", {"w": 4.0, "x": [0.0, 3.0]}, "mean(where(x > 0, sqrt(x^w)*log(x)/2, 0))", "correct",
             data={"x": ()}),
    Reported("ekmett/ad#4", "The derivative of x^2, with an exponent that is a variable, is NaN at 0.",
             "w^v", {"w": 0.0, "v": 2.0}, 0.0, "correct"),
    Reported("JuliaDiff/TaylorDiff.jl#41", "The derivative of x^2 at 0 is NaN.",
             "w^2", AT_0, 0.0, "correct"),
    Reported("jax-ml/jax#12409", "The derivative of x^0 is NaN where x is 0.",
             "(w - 1)^v", {"w": 1.0, "v": 0.0}, 0.0, "correct"),
    Reported("RobotLocomotion/drake#23862", "A polynomial with the constant term x^0 has the slope NaN at 0.",
             "3*w^v + 2*w", {"w": 0.0, "v": 0.0}, 2.0, "correct"),
    Reported("pytorch/pytorch#80770", "The derivative of x log(y) by x is 0 where x is 0, instead of log(y).",
             "w*log(v)", {"w": 0.0, "v": 3.0}, 0.0, "wrong"),
    Reported("tensorflow/tensorflow#56873", "The derivative of x log(1 + y) by x is 0 where x is 0.",
             "w*log1p(v)", {"w": 0.0, "v": 1.0}, 0.0, "wrong"),
    Reported("jax-ml/jax#2140", "The derivative of the logarithm of the logistic function at 0 is 0, instead of 0.5.",
             "log(sigmoid(w))", AT_0, 0.0, "wrong"),
]  # fmt: skip

SATURATED = [
    Reported("tracel-ai/burn#5373", "The derivative of log(exp(x) + 1) is NaN where the exponential overflows.",
             "log(exp(w) + 1)", {"w": 1000.0}, 1.0, "correct"),
    Reported("tenstorrent/tt-metal#56397", "The derivative of softplus is 0 where the exponential overflows.",
             "softplus(w)", {"w": 800.0}, 0.0, "wrong"),
    Reported("Chemellia/AtomicGraphNets.jl#2", "The derivative of softplus at large negative numbers is NaN.",
             "softplus(w)", {"w": -100.0}, nan, "wrong"),
    Reported("huggingface/candle#1722", "The derivative of the logistic function at large negative numbers is NaN.",
             "sigmoid(w)", {"w": -548.3162}, exp(-548.3162), "correct"),
    Reported("jeshraghian/snntorch#433", "The derivative of a steep logistic function is a quotient of infinities.",
             "sigmoid(25*w)", {"w": -30.0}, nan, "wrong"),
    Reported("tensorflow/tensorflow#126747", "The derivative of tanh at 20 is 0, though it is 1.7e-17.",
             "tanh(w)", {"w": 20.0}, 0.0, "wrong"),
    Reported("tensorflow/tensorflow#126747", "The derivative without cancellation is the right one.",
             "tanh(w)", {"w": 20.0}, 4 * exp(-40.0) / (1 + exp(-40.0)) ** 2, "correct"),
    Reported("jax-ml/jax#40388", "The derivative of tanh at -9.01 is 0 in single precision, though it is 6e-8.",
             "tanh(w)", {"w": -9.010913848876953}, 0.0, "wrong"),
    Reported("pytorch/pytorch#195685", "The same; 5.96e-8 was expected.",
             "tanh(w)", {"w": -9.010913848876953}, "4*exp(2*w)/(1 + exp(2*w))^2", "correct"),
    Reported("jax-ml/jax#3324", "The derivative of log(x + 1), written by exponentials, is 1 at 1e-15, NaN at 0.",
             "log(exp(log(w)) + 1)", {"w": 1e-15}, 1.0, "correct"),
    Reported("seantalts/stanli#144", "The root of an exponential that underflows has the gradient NaN.",
             "sqrt(exp(-877.3*w))", {"w": 1.0}, -438.65 * exp(-438.65), "correct"),
]  # fmt: skip

SCALES = [
    Reported("scipy/scipy#7766", "A check returns an absolute error, which is small for a wrong small gradient.",
             "1e-10*sin(w)", {"w": 1.0}, "1.01e-10*cos(w)", "wrong"),
    Reported("NVIDIA/warp#508", "A check passes 4.84e-5 for 2.235e-4, as an absolute tolerance is added.",
             "2.235e-4*w", {"w": 0.4}, 4.84e-5, "wrong"),
    Reported("scipy/scipy#11258", "A step that should be relative is absolute, for parameters 1000 and 0.01.",
             "mean((y - (v*x + w))^2)",
             {"v": 1000.0, "w": 0.01, "x": [0.0, 1.0, 2.0, 3.0], "y": [0.1, 1005.0, 1993.0, 3015.0]},
             "-2*mean(y - (v*x + w))", "correct", data={"x": (), "y": ()}),
    Reported("climate-analytics-lab/jax-gcm#820", "A step is below the spacing of the numbers: a missing slope passes.",
             "sin(w/1e5)", {"w": 3.1e5}, 0.0, "wrong"),
    Reported("climate-analytics-lab/jax-gcm#847", "A step is far larger than the numbers, as their squares underflow.",
             "sin(w/1e-22)", {"w": 1e-22}, "cos(w/1e-22)/1e-22", "correct"),
    Reported("pasteurlabs/tesseract-core#713", "A step is too small for a number of 2e4: right gradients fail.",
             "exp(-w/5e3) + v", {"w": 2e4, "v": 1e3}, "-exp(-w/5e3)/5e3", "correct"),
    Reported("JuliaMath/Calculus.jl#131", "The step has a lower bound: the slope of log at 1e-5 is off by 16 %.",
             "log(w)", {"w": 1e-5}, 1.159e5, "wrong"),
    Reported("JuliaMath/Calculus.jl#131", "At 1e-50 the step leaves the domain.",
             "log(w)", {"w": 1e-50}, "1/w", "correct"),
    Reported("drizopoulos/JMbayes2#9", "A step that is cut off at 0 is divided by its full length: half the slope.",
             "w^2 + w", {"w": 1e-5}, 0.5055, "wrong"),
    Reported("BVLC/caffe#6814", "The gradient of squared distances to the nearest point is half the difference.",
             "min((w - 0.3521)^2, (w - 2)^2)", {"w": 0.4}, "w - 0.3521", "wrong"),
    Reported("pytorch/pytorch#5351", "A check of a linear layer in single precision fails.",
             "sum(W*V)", {"W": np.float32([0.5112, -0.3512]), "V": np.float32([-0.3512, 0.2667])},
             np.float32([-0.3512, 0.2667]).astype(float).tolist(), "correct", name="W",
             shapes={"W": (2,), "V": (2,)}),
    Reported("PaddlePaddle/Paddle#4283", "Round-off of single precision in a check is larger than what it compares.",
             "mean(x*w)", {"w": np.float32(0.35), "x": np.float32([0.417022, 0.720325])}, "mean(x)", "correct",
             data={"x": ()}),
    Reported("chainer/chainer#3046", "A check fails as the number of inputs grows from 5 to 30.",
             "tanh(sum(sin(W)))^2", {"W": np.linspace(-1, 1.4, 30)}, None, "correct", name="W", shapes={"W": (30,)}),
    Reported("jax-ml/jax#3130", "The tolerance of a check grows with the number of results, not of inputs.",
             "sum(W^2)", {"W": np.linspace(1, 2, 100)}, (2 * np.linspace(1, 2, 100) + np.eye(100)[7] * 0.01).tolist(),
             "wrong", name="W", shapes={"W": (100,)}),
]  # fmt: skip

REPORTS = [*AT_KINKS, *TIES, *NOT_TAKEN, *AT_ZERO, *SATURATED, *SCALES]
