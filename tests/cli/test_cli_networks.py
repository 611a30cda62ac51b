"""Networks, batches, checkpoints, evaluation, export and configuration from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as oracle
from sklearn.datasets import load_diabetes, load_digits

import steepest as st
from command_line import Steepest, steepest
from steepest.objectives.metrics import classification, regression

__all__ = ["steepest"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of digits and of diabetes."""
    place = tmp_path_factory.mktemp("tables")
    inputs, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    columns = {f"pixel_{k}": inputs[order, k] / 16 for k in range(64)} | {"digit": labels[order]}
    frame = pl.DataFrame(columns)
    frame[:600].write_csv(place / "train.csv")
    frame[600:900].write_parquet(place / "test.parquet")
    inputs, target = load_diabetes(return_X_y=True, as_frame=True)
    pl.from_pandas(inputs.assign(target=target / 100)).write_csv(place / "diabetes.csv")
    return place


@pytest.fixture
def folder(steepest: Steepest, tables: Path, tmp_path: Path) -> Path:
    """A working directory with these tables."""
    for path in tables.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path


ADAM = ("--optimiser", "adam", "--rate", "0.01", "--batch", "32", "--seed", "3")


@pytest.mark.usefixtures("folder")
def test_digits_from_table_to_prediction(steepest: Steepest) -> None:
    said = steepest(
        "fit", "train.csv", "digit", "--layers", "24", *ADAM, "--epochs", "40", "--validate", "test.parquet",
        "--patience", "10", "--save", "digits.safetensors",
    )  # fmt: skip
    assert said.status == 0
    assert "digit ~ softmax(tanh(X @ W1 + b1) @ W2 + b2)" in said.out
    assert "validation cost" in said.out
    found = json.loads(steepest("evaluate", "digits.safetensors", "test.parquet", "--json").out)
    assert found["accuracy"] > 0.93
    model = st.load("digits.safetensors")
    assert model.settings["optimiser"] == "adam"
    assert model.settings["layers"] == [24]
    assert model.settings["engine"] == "native"
    table = pl.read_parquet("test.parquet")
    chances, labels = model.predict(table), table["digit"].to_numpy()
    assert found["accuracy"] == pytest.approx(oracle.accuracy_score(labels, chances.argmax(axis=1)), abs=1e-12)
    assert found["log_loss"] == pytest.approx(oracle.log_loss(labels, chances, labels=range(10)), rel=1e-9)
    assert found["confusion"] == oracle.confusion_matrix(labels, chances.argmax(axis=1)).tolist()
    lines = steepest("predict", "digits.safetensors", "test.parquet").out.splitlines()
    assert lines[0] == ",".join([*(f"prediction_{k}" for k in range(10)), "class"])
    np.testing.assert_array_equal([int(line.split(",")[-1]) for line in lines[1:]], chances.argmax(axis=1))
    np.testing.assert_array_equal([float(line.split(",")[3]) for line in lines[1:]], chances[:, 3])
    assert steepest("predict", "digits.safetensors", "test.parquet", "--json").json["class"][0] == chances[0].argmax()
    shown = steepest("evaluate", "digits.safetensors", "test.parquet").out
    assert "accuracy" in shown
    assert "class" in shown


@pytest.mark.usefixtures("folder")
def test_a_regression_is_evaluated(steepest: Steepest) -> None:
    steepest("fit", "diabetes.csv", "target", "--layers", "4", *ADAM, "--epochs", "30", "--save", "m.safetensors")
    found = json.loads(steepest("evaluate", "m.safetensors", "diabetes.csv", "--json").out)
    table = pl.read_csv("diabetes.csv")
    predicted, target = st.load("m.safetensors").predict(table), table["target"].to_numpy()
    assert st.load("m.safetensors").formula.startswith("target ~ tanh(X @ W1 + b1) @ W2")
    assert found["r2"] == pytest.approx(oracle.r2_score(target, predicted), rel=1e-9)
    assert found["mse"] == pytest.approx(oracle.mean_squared_error(target, predicted), rel=1e-9)
    assert found["mae"] == pytest.approx(oracle.mean_absolute_error(target, predicted), rel=1e-9)


def test_metrics_of_several_outputs_and_of_two_classes() -> None:
    rng = np.random.default_rng(0)
    target, predicted = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    target[:, 2] = 1.0
    varying = oracle.r2_score(target[:, :2], predicted[:, :2])
    assert regression(target, predicted)["r2"] == pytest.approx(varying, rel=1e-12)
    labels, chances = np.array([0.0, 1, 1, 0, 1]), np.array([0.0, 1.0, 0.3, 0.6, 0.0])
    found = classification(labels, chances)
    assert found["accuracy"] == oracle.accuracy_score(labels, chances > 0.5)
    assert found["log_loss"] == pytest.approx(oracle.log_loss(labels, chances), rel=1e-9)
    assert found["confusion"] == oracle.confusion_matrix(labels, chances > 0.5).tolist()


@pytest.mark.usefixtures("folder")
def test_a_fit_goes_on_from_its_checkpoint(steepest: Steepest) -> None:
    words = ("fit", "train.csv", "digit", "--layers", "8", *ADAM, "--no-check", "--dtype", "float32")
    assert steepest(*words, "--epochs", "12", "--save", "whole.safetensors").status == 0
    assert steepest(*words, "--epochs", "5", "--checkpoint", "c.safetensors", "--checkpoint-every", "2").status == 0
    said = steepest(
        *words, "--epochs", "12", "--checkpoint", "c.safetensors", "--resume", "--save", "parts.safetensors"
    )
    assert said.status == 0
    whole, parts = st.load("whole.safetensors"), st.load("parts.safetensors")
    for name, value in whole.params.items():
        np.testing.assert_array_equal(parts.params[name], value)
    other = steepest(*words, "--epochs", "12", "--rate", "0.02", "--checkpoint", "c.safetensors", "--resume")
    assert other.status == 2
    assert "is a checkpoint of another descent" in other.err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("medium", "ending"), [("onnx", ".onnx"), ("c", ".c"), ("c-train", ".c"), ("numpy", ".py")])
def test_export(steepest: Steepest, medium: str, ending: str) -> None:
    steepest("fit", "train.csv", "digit", "--layers", "4", *ADAM, "--epochs", "1", "--save", "m.safetensors",
             *["--scale", "none"] * (medium == "c-train"))  # fmt: skip
    said = steepest("export", "m.safetensors", "--to", medium, "-o", f"out{ending}")
    assert (said.status, said.out, said.err) == (0, "", f"written to out{ending}\n")
    assert Path(f"out{ending}").stat().st_size > 1000
    if medium == "numpy":
        space: dict[str, object] = {}
        exec(Path("out.py").read_text(), space)
        pixels = pl.read_parquet("test.parquet").drop("digit").to_numpy()
        predict = space["predict"]
        assert callable(predict)
        np.testing.assert_allclose(predict(pixels), st.load("m.safetensors").predict({"X": pixels}), rtol=1e-12)


@pytest.mark.parametrize(("flag", "value"), [("--activation", "relu"), ("--output", "softmax"), ("--activation", "no")])
def test_options_of_networks_are_refused_without_layers(steepest: Steepest, flag: str, value: str) -> None:
    said = steepest("fit", "nand", flag, value)
    assert (said.status, said.out) == (2, "")
    assert f"{flag} is for networks; give --layers as well, or leave {flag} out" in said.err
    assert steepest("fit", "nand", flag, "linear", "--layers", "2", "--epochs", "1").status == 0


def test_a_network_on_a_built_in_table_needs_no_target(steepest: Steepest) -> None:
    words = ("--layers", "2", "--epochs", "3", "--json")
    found, wanted = (json.loads(steepest("fit", "nand", *target, *words).out) for target in ((), ("z",)))
    assert (found["params"], found["formula"]) == (wanted["params"], wanted["formula"])


def test_a_table_that_is_not_there_is_named_first(steepest: Steepest) -> None:
    assert "nnad: there is no such file (did you mean 'nand'?)" in steepest("fit", "nnad").err
    Path("t.csv").write_text("x,y\n1,2\n")
    assert 'a formula is needed, as "y ~ a*x + b"; only the built-in' in steepest("fit", "t.csv").err
    assert "the name of the target is needed, as FORMULA; only" in steepest("fit", "t.csv", "--layers", "2").err


def test_the_model_is_saved_before_anything_is_printed(steepest: Steepest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of a pipe may leave, as ``head`` does."""

    def leave(*given: object) -> None:
        raise SystemExit(1)

    monkeypatch.setattr("steepest.cli.fit.show_fit", leave)
    assert steepest("fit", "nand", "--epochs", "2", "--save", "m.safetensors").status == 128 + 13
    assert st.load("m.safetensors").formula == "z ~ sigmoid(x*w1 + y*w2 + b)"


@pytest.mark.usefixtures("folder")
def test_a_configuration_file_gives_options(steepest: Steepest) -> None:
    Path("steepest.toml").write_text('[fit]\nlayers = [5]\noptimiser = "adam"\nrate = 0.01\nbatch = 16\nepochs = 2\n')
    found = json.loads(steepest("fit", "train.csv", "digit", "--batch", "32", "--json").out)
    assert found["epochs"] == 2
    assert np.shape(found["params"]["W1"]) == (64, 5)
    assert found["settings"]["batch"] == 32  # what is typed goes first
    assert found["settings"]["optimiser"] == "adam"
    Path("steepest.toml").write_text("[fit]\nstart = { w1 = 0.3, w2 = 0.6, b = 0.1 }\n")
    found = json.loads(steepest("fit", "nand", "--json").out)
    assert found["start"] == {"w1": 0.3, "w2": 0.6, "b": 0.1}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[fit]\nlayer = [5]\n", "has 'layer' in [fit], which is not an option of it; did you mean 'layers'?"),
        ("[fitt]\nrate = 1\n", "steepest.toml has 'fitt', which is not the name of a command"),
        ("rate = 1\n", "steepest.toml has 'rate', which is not the name of a command"),
        ("[fit\n", "steepest.toml cannot be read"),
        ('[fit]\nrate = "fast"\n', "'fast' is neither a number nor auto"),
        ("[fit]\nrate = [1]\n", "[1] is neither a number nor auto"),
        ("[fit]\nlayers = [[4]]\n", "[[4]] is not of the form 32,16"),
        ("[fit]\nlayers = [1.5]\n", "[1.5] is not of the form 32,16"),
        ("[fit]\nvalidate = [1, 2]\n", "[1, 2]: there is no such file"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_one_sentence(steepest: Steepest, text: str, says: str) -> None:
    Path("steepest.toml").write_text(text)
    said = steepest("fit", "nand")
    assert said.status == 2
    assert says in said.err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["digits"], "there is no column 'digits' (did you mean 'digit'?)"),
        (["digit ~ X"], "with --layers, FORMULA is the name of the target alone"),
        (["digit", "--optimiser", "adm"], "there is no optimiser 'adm'; did you mean 'adam'?"),
        (["digit", "--layers", "a"], "'a' is not of the form 32,16"),
        (["digit", "--layers", "0"], "sizes are the numbers of inputs, hidden neurons and outputs"),
        (["digit", "--activation", "foo"], "there is no activation 'foo'"),
        (["digit", "--batch", "0"], "batch is a whole number from 1, not 0"),
        (["digit", "--rate", "auto", "--schedule", "cosine"], "--rate auto finds its own learning rates"),
        (["digit", "--schedule", "cosin"], "there is no schedule 'cosin'; did you mean 'cosine'?"),
        (["digit", "--features", "pixels*"], "no column matches 'pixels*'"),
        (["digit", "--resume"], "resume and checkpoint_every need a checkpoint"),
        (["digit", "--checkpoint", "nowhere/c"], "there is no directory nowhere"),
        (["digit", "--patience", "3"], "patience counts epochs without a lower validation cost"),
        (["digit", "--validate", "7"], "validate is a share of the rows between 0 and 1, or a table"),
        (["digit", "--validate", "none.csv"], "none.csv: there is no such file"),
        (["digit", "--initial", "gloro"], "gloro"),
        (["digit", "--weights", "pixel"], "there is no column 'pixel'"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(steepest: Steepest, words: list[str], says: str) -> None:
    said = steepest("fit", "train.csv", *words, *([] if "--layers" in words else ["--layers", "3"]))
    assert said.status == 2
    assert says in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.usefixtures("folder")
def test_weights_and_lists_of_columns_and_activations(steepest: Steepest) -> None:
    """The weight of a row is its column divided by the mean; the result is that of the library."""
    words = ("--layers", "4,3", "--activation", "relu,sin", "--features", "pixel_20,pixel_30", "--weights", "pixel_36")
    said = steepest("fit", "train.csv", "digit", *words, "--epochs", "3", "--rate", "0.05", "--save", "m.safetensors")
    assert said.status == 0
    assert "2 columns: 'pixel_20', 'pixel_30'" in said.out
    features = ["pixel_20", "pixel_30"]
    model = st.models.network(
        [2, 4, 3, 10],
        ["relu", "sin"],
        "softmax",
        target="digit",
        features=features,
        weights="pixel_36",
        scale="standard",
        l2=0.003,
    ).fit("train.csv", epochs=3, rate=0.05)
    for name, value in st.load("m.safetensors").params.items():
        np.testing.assert_allclose(value, model.params[name], rtol=1e-12)


@pytest.mark.usefixtures("folder")
def test_probabilities_are_compared_with_indicators(steepest: Steepest) -> None:
    """Under a squared error, too: never with the number of the class."""
    words = ("--layers", "16", *ADAM, "--epochs", "60", "--cost", "mse", "--no-check", "--save", "m.safetensors")
    assert steepest("fit", "train.csv", "digit", *words).status == 0
    found = steepest("evaluate", "m.safetensors", "test.parquet", "--json").json
    assert found["accuracy"] > 0.85
    table = pl.read_parquet("test.parquet")
    chances, labels = st.load("m.safetensors").predict(table), table["digit"].to_numpy()
    assert found["cost"] == pytest.approx(float(np.mean((chances - np.eye(10)[labels]) ** 2)), rel=1e-9)
    assert st.load("m.safetensors").settings["cost"] == "mse"


@pytest.mark.usefixtures("folder")
def test_a_checkpoint_is_not_overwritten_unasked(steepest: Steepest) -> None:
    words = ("fit", "nand", "--epochs", "20", "--checkpoint", "c.safetensors")
    assert steepest(*words).status == 0
    kept = Path("c.safetensors").read_bytes()
    said = steepest(*words)
    assert said.status == 2
    assert "already exists; continue from it with --resume" in said.err
    assert Path("c.safetensors").read_bytes() == kept
    assert "note: resumed from epoch 20" in steepest(*words, "--resume").err


def test_a_checkpoint_that_cannot_be_written_loses_nothing() -> None:
    """A full disk, as a device that takes nothing."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no device that is always full here")
    run = st.descend(st.params("w") ** 2, start={"w": 1.0}, epochs=5, checkpoint=full)
    assert any("a checkpoint could not be written" in sentence for sentence in run.warnings)
    assert run.epochs == 5
    assert full.is_char_device()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["digit", "--features", "digit,pixel_3"], "the target 'digit' is among the features"),
        (["digit", "--layers", "3,2", "--activation", "relu,tanh,sin"], "but 3 activations"),
        (["pixel_3", "--layers", "2", "--output", "softmax", "--cost", "mse"], "class numbers"),
    ],
)  # fmt: skip
def test_mistakes_with_features_and_classes(steepest: Steepest, words: list[str], says: str) -> None:
    said = steepest("fit", "train.csv", *words, *([] if "--layers" in words else ["--layers", "3"]))
    assert said.status == 2
    assert says in said.err


@pytest.mark.usefixtures("folder")
def test_whole_numbers_that_leave_some_out_are_a_quantity_and_it_says_so(steepest: Steepest) -> None:
    frame = pl.read_csv("train.csv")
    frame.with_columns(digit=pl.col("digit") + 1).write_csv("from_one.csv")
    said = steepest("fit", "from_one.csv", "digit", "--layers", "2", "--epochs", "1", "--no-check")
    assert "note: digit is treated as a quantity; to make 1, 2, 3" in said.err
    assert "number them from 0" in said.err
    frame[:12].write_csv("few.csv")  # a few whole numbers are no sign of classes
    assert "taken as" not in steepest("fit", "few.csv", "pixel_3", "--layers", "2", "--epochs", "1", "--no-check").err


def test_a_device_is_written_to_and_not_replaced(steepest: Steepest) -> None:
    null = Path("/dev/null")
    if not null.is_char_device():
        pytest.skip("there is no such device here")
    assert steepest("fit", "nand", "--epochs", "1", "--save", str(null)).status == 0
    assert null.is_char_device()


@pytest.mark.parametrize("text", ["[fit]\nepochs = 7.5\n", "[fit]\ntolerance = true\n", '[fit]\nmaximise = "yes"\n'])
def test_a_configuration_has_the_kinds_of_its_options(steepest: Steepest, text: str) -> None:
    Path("steepest.toml").write_text(text)
    said = steepest("fit", "nand")
    assert said.status == 2
    assert "; write " in said.err


@pytest.mark.usefixtures("folder")
def test_rows_that_were_held_out_are_counted_apart(steepest: Steepest) -> None:
    words = ("--layers", "8", *ADAM, "--epochs", "20", "--validate", "0.25", "--no-check", "--save", "m.safetensors")
    said = steepest("fit", "train.csv", "digit", *words)
    table = pl.read_csv("train.csv")
    chances, labels = st.load("m.safetensors").predict(table), table["digit"].to_numpy()
    apart = np.sort(np.random.default_rng([3, 600]).permutation(600)[:150])  # the share's rows, as descend draws them
    right = chances.argmax(axis=1) == labels
    for name, rows in (("validation: ", right[apart]), ("training:   ", np.delete(right, apart))):
        assert f"{name}accuracy {100 * rows.mean():.3g} % ({rows.sum()} of {len(rows)} rows)" in said.out
