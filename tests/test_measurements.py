"""Recorded measurements, and the first of them: signal, gradients and kernels by layer."""

import dataclasses
import json
import re

import gradients
import keras
import killable
import numpy as np
import pytest
from keras import layers

import cnnlib
from cnnlib import probes, records, training
from cnnlib.data import Dataset
from cnnlib.models import build
from cnnlib.recipes import HE2015_CIFAR_FIT
from cnnlib.records import measurements

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="uses its gradients")


def write(directory, name="lengths", values=None, **changes):
    run = {"network": "cifar-plain-8", "options": {"widths": (8, 16, 32)}, "recipe": killable.RECIPE}
    run |= {"data": killable.images(), "seed": 3, "directory": directory, **changes}
    return measurements.write(name, values or {"norms": (1.23456789, 2), "word": "x"}, **run)


def test_what_is_written_comes_back(tmp_path):
    path = write(tmp_path)
    assert path.name == "lengths--cifar-plain-8-widths=-8-16-32--tiny--rows--seed3.json"
    found = measurements.read(path)
    assert found.values == {"norms": [1.2346, 2], "word": "x"}
    assert (found.name, found.network, found.options) == ("lengths", "cifar-plain-8", {"widths": [8, 16, 32]})
    assert found.recipe["name"] == "tiny" and found.data == records.data_summary(killable.images())
    assert found.versions["keras"] == keras.__version__ and found.code and found.date
    assert '\n    "norms": [1.2346, 2],\n' in path.read_text()


def test_one_of_the_same_run_is_replaced_and_others_stay(tmp_path):
    write(tmp_path)
    write(tmp_path, values={"norms": [3]})
    write(tmp_path, seed=4)
    write(tmp_path, "others")
    assert [(one.seed, one.values) for one in measurements.select("lengths", directory=tmp_path)] == [
        (3, {"norms": [3]}), (4, {"norms": [1.2346, 2], "word": "x"}),
    ]  # fmt: skip


def test_select(tmp_path):
    write(tmp_path)
    wanted = {"network": "cifar-plain-8", "recipe": killable.RECIPE, "options": {"widths": (8, 16, 32)}}
    for key, other in (
        ("network", "lenet5"), ("options", {}), ("recipe", killable.RECIPE.at_rate(1.0)),
    ):  # fmt: skip
        assert len(measurements.select("lengths", directory=tmp_path, **wanted)) == 1
        assert not measurements.select("lengths", directory=tmp_path, **{**wanted, key: other})
    assert not measurements.select("length", directory=tmp_path)


def test_the_folder_is_beside_the_records(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path))
    assert write(None).parent == tmp_path / "measurements"
    assert records.load() == []
    monkeypatch.delenv("CNNLIB_RECORDS")
    assert measurements.folder() == records.folder().parent / "measurements"


@pytest.mark.parametrize(
    ("name", "values", "error", "message"),
    [
        ("a/b", {}, ValueError, "name: expected a word of letters, digits and hyphens, got 'a/b'"),
        ("a", {"x": [float("nan")]}, ValueError, "x: expected finite numbers, got nan"),
        ("a", {"x": np.zeros(2)}, TypeError, "not JSON serializable"),
    ],
)
def test_what_is_none_is_not_written(tmp_path, name, values, error, message):
    with pytest.raises(error, match=message):
        write(tmp_path, name, values or {"x": 1})
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_with_a_file_is_named(tmp_path):
    path = write(tmp_path)
    fields = json.loads(path.read_text())
    for change, message in (
        ({"format": 2}, "format 2 is newer"),
        ({"values": []}, "field 'values' has the wrong kind"),
        ({"data": {}}, "data: field 'name' is missing"),
        ({"recipe": {"name": "x"}}, "recipe: missing field"),
    ):
        path.write_text(json.dumps({**fields, **change}))
        with pytest.raises(ValueError, match=f"measurement {re.escape(path.name)}: {message}"):
            measurements.read(path)


def test_the_packages_own_measurements_are_valid():
    """Each is read, has the name that its fields give, and the known recipe."""
    for path in measurements.folder().glob("*.json"):
        found = measurements.read(path)
        run = records.file_name(
            found.network, found.options, found.recipe["name"], found.data["name"], found.seed
        )
        assert path.name == f"{found.name}--{run}"


# ----------------------------------------------------------------------------- signal and gradients


def two_layers():
    image = keras.Input((1, 1, 2))
    x = layers.Conv2D(2, 1, use_bias=False, name="first")(image)
    x = layers.Conv2D(2, 1, use_bias=False, name="second")(x)
    model = keras.Model(image, layers.Flatten()(x))
    model.set_weights([np.array([[[[1, 0], [0, 2]]]]), np.array([[[[1, 1], [0, 1]]]])])
    return model


@tensorflow_only
def test_a_network_whose_gradients_are_known():
    images = np.array([[[[1, 3]]], [[[2, 0]]]], "float32")
    found = probes.by_layer(two_layers(), images, np.array([1, 0]))
    # first: (1, 6), (2, 0); second: (1, 7), (2, 2). Softmax less one, over two images.
    p = np.array([1 / (1 + np.exp(6)), 0.5])
    g = np.array([[p[0], -p[0]], [p[1] - 1, 1 - p[1]]]) / 2
    before = g @ np.array([[1, 1], [0, 1]]).T
    inputs, middle = np.array([[1, 3], [2, 0]]), np.array([[1, 6], [2, 0]])
    assert found["layer"] == ["first", "second"]
    np.testing.assert_allclose(found["mean_square"], [41 / 4, 58 / 4], rtol=1e-6)
    np.testing.assert_allclose(found["gradient_energy"], [(before**2).sum(), (g**2).sum()], rtol=1e-5)
    np.testing.assert_allclose(found["kernel_norm"], [5**0.5, 3**0.5], rtol=1e-6)
    wanted = [np.linalg.norm(inputs.T @ before), np.linalg.norm(middle.T @ g)]
    np.testing.assert_allclose(found["kernel_gradient_norm"], wanted, rtol=1e-5)


@tensorflow_only
def test_the_network_stays_as_it_was():
    model = build("cifar-resnet-8", input_shape=(8, 8, 3), widths=(2, 3, 4))
    before = model.get_weights()
    images = np.random.default_rng(0).normal(size=(6, 8, 8, 3)).astype("float32")
    found = probes.by_layer(model, images, np.arange(6))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    assert len(found["layer"]) == 7
    assert found["mean_square"] != probes.by_layer(model, images, np.arange(6), training=False)["mean_square"]


@tensorflow_only
def test_a_network_without_convolutions_is_refused():
    image = keras.Input((2,))
    with pytest.raises(ValueError, match="expected at least one convolution"):
        probes.by_layer(keras.Model(image, layers.Dense(2)(image)), np.zeros((1, 2)), np.array([0]))


@tensorflow_only
def test_the_losses_of_several_outputs_are_added_with_their_weights():
    """Gradients are linear in them: of two equal outputs each gives a half."""
    one = two_layers()
    two = keras.Model(one.input, [one.output, layers.Activation("linear")(one.output)])
    images, labels = np.array([[[[1.0, 3]]], [[[2, 0]]]], "float32"), np.array([1, 0])
    alone = probes.by_layer(one, images, labels)["kernel_gradient_norm"]
    for weights, factor in (((1.0, 0.3), 1.3), ((1.0, 0.0), 1.0), ((0.0, 0.5), 0.5)):
        found = probes.by_layer(two, images, labels, loss_weights=weights)["kernel_gradient_norm"]
        np.testing.assert_allclose(found, np.multiply(factor, alone), rtol=1e-5)
    with pytest.raises(ValueError, match="loss_weights: expected 2, one an output of"):
        probes.by_layer(two, images, labels)


@tensorflow_only
def test_the_tool_records_what_training_by_the_recipe_passes_through(monkeypatch, tmp_path, capsys):
    def images(name, **size):
        generator = np.random.default_rng(5)
        x = generator.integers(0, 256, (256, 8, 8, 3), "uint8")
        return Dataset(name, x, np.arange(256) % 10, x[:10], np.arange(10), list("0123456789"))

    recipe = dataclasses.replace(HE2015_CIFAR_FIT, name="t", iterations=3, drops=(), image_size=8)
    monkeypatch.setattr(cnnlib.data, "load", images)
    monkeypatch.setitem(gradients.recipes.RECIPES, "t", recipe)
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path))
    command = ["cifar-plain-8", "--recipe", "t", "--data", "made", "--option", "widths=2,3,4"]
    assert gradients.main([*command, "--iterations", "0,3", "--seeds", "1"]) == 0
    (found,) = measurements.select("gradients")
    assert found.values["iterations"] == [0, 3] and found.values["images"] == 128
    trained = training.run(
        "cifar-plain-8", images("made"), recipe, seed=1, options={"widths": (2, 3, 4)}, verbose=0
    )
    norms = [
        np.linalg.norm(layer.kernel) for layer in trained.model.layers if isinstance(layer, layers.Conv2D)
    ]
    np.testing.assert_allclose(found.values["kernel_norm"][1], norms, rtol=1e-4)
    both = dataclasses.replace(recipe, name="b", loss_weights=(1.0, 0.3), image_size=16, batch_size=8)
    monkeypatch.setitem(gradients.recipes.RECIPES, "b", both)
    generator = np.random.default_rng(5)
    x = generator.integers(0, 256, (256, 16, 16, 3), "uint8")
    larger = Dataset("larger", x, np.arange(256) % 10, x[:10], np.arange(10), list("0123456789"))
    monkeypatch.setattr(cnnlib.data, "load", lambda *given, **size: larger)
    heads = ["googlenet-reduced", "--recipe", "b", "--data", "larger", "--iterations", "0,1"]
    heads += ["--option", "table={'3a': (2, 2, 2, 2, 2, 2), '4a': (2, 2, 2, 2, 2, 2)}"]
    heads += ["--option", "auxiliary=('3a',)", "--option", "auxiliary_dropout=0.0"]
    assert gradients.main(heads) == 0
    (found,) = measurements.select("gradients", network="googlenet-reduced")
    summed, first = (
        np.array(found.values[f"{name}kernel_gradient_norm"]) for name in ("", "first_output_")
    )
    # The loss of the extra classifier reaches what lies below it and nothing above.
    above = np.array(["_4a_" in name for name in found.values["layer"]])
    side = np.array([name.startswith("auxiliary") for name in found.values["layer"]])
    np.testing.assert_allclose(summed[:, above], first[:, above], rtol=1e-4)
    assert (first[:, side] == 0).all() and (summed[:, side] > 0).any()
    below = ~above & ~side
    reached = first[:, below] > 0  # behind a ReLU that is never on there is no gradient
    assert reached.any() and (summed[:, below] != first[:, below])[reached].all()
    monkeypatch.setattr(cnnlib.data, "load", images)
    assert gradients.main([*command, "--iterations", "0,4"]) == 2
    assert "--iterations: expected 0 to 3, got (0, 4)" in capsys.readouterr().err
