"""VGG: its table, its dense layers as convolutions, and the tool that records how training starts."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import vgg_starts

import cnnlib
from cnnlib import training
from cnnlib.data import Dataset
from cnnlib.models import build, vgg
from cnnlib.recipes import SIMONYAN2014_CIFAR_START
from cnnlib.records import measurements

WIDTHS = {"widths": (2, 3, 4, 4, 4), "dense": (4, 4), "dropout": 0}


@pytest.fixture
def recorded(monkeypatch, tmp_path):
    """Run the tool on made-up images, by a recipe of four iterations; returns what it recorded."""

    def images(name="made", **size):
        generator = np.random.default_rng(5)
        x = generator.integers(0, 256, (64, 32, 32, 3), "uint8")
        return Dataset(name, x, np.arange(64) % 10, x[:10], np.arange(10), list("0123456789"))

    recipe = dataclasses.replace(SIMONYAN2014_CIFAR_START, name="t", iterations=4, batch_size=16)
    monkeypatch.setattr(cnnlib.data, "load", images)
    monkeypatch.setitem(vgg_starts.recipes.RECIPES, "t", recipe)
    monkeypatch.setattr(vgg_starts, "EVERY", 2)
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path))

    def run(network, *arguments, name="starts"):
        options = [f"--option={key}={value}".replace(" ", "") for key, value in WIDTHS.items()]
        command = [network, "--recipe", "t", "--data", "made", *options, *arguments]
        assert vgg_starts.main(command) == 0
        (found,) = measurements.select(name)
        return found, images(), recipe

    return run


def test_the_tool_records_the_losses_of_the_recipes_steps(recorded):
    found, data, recipe = recorded("vgg-a", "--option", "kernel_initializer=he_normal", "--seeds", "1")
    options = {**WIDTHS, "kernel_initializer": "he_normal"}
    run = training.run("vgg-a", data, recipe, seed=1, options=options, verbose=0)
    assert found.values["diverged"] is None and len(found.values["loss"]) == 2
    assert np.mean(found.values["loss"]) == pytest.approx(run.history.train_loss[-1], rel=1e-3)
    assert 0 < found.values["scores"] < 100 and found.values["every"] == 2


def test_the_tool_stops_at_a_loss_that_is_not_finite(recorded):
    found, *_ = recorded("vgg-a", "--deviation", "10000")
    assert found.values["scores"] is None or found.values["scores"] > 1e6
    assert found.values["diverged"] in range(4) and len(found.values["loss"]) < 2
    initial = {"class_name": "RandomNormal", "config": {"stddev": 10000.0}}
    assert found.options["kernel_initializer"] == initial


def test_the_tool_hands_the_layers_of_a_trained_column_on(recorded, monkeypatch):
    trained = []

    def keep(model, *arguments, begin=vgg_starts.begin):
        start = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
        values = begin(model, *arguments)
        trained.append((start, {layer.name: layer.get_weights() for layer in model.layers if layer.weights}))
        return values

    monkeypatch.setattr(vgg_starts, "begin", keep)
    found, *_ = recorded("vgg-e", "--from", "vgg-a", name="starts-from-vgg-a")
    assert found.network == "vgg-e"
    (_, first), (second, _) = trained
    same = {name for name in second if name in first and np.array_equal(first[name][0], second[name][0])}
    assert same == {*vgg_starts.HANDED_ON}
    # "The first four convolutional layers" of A, and all that is dense.
    model = build("vgg-a", input_shape=(32, 32, 3), **WIDTHS)
    layers = [layer.name for layer in model.layers if layer.weights]
    assert (*layers[:4], *layers[-3:]) == vgg_starts.HANDED_ON


def test_the_tool_names_what_is_wrong(recorded, capsys):
    assert vgg_starts.main(["vgg-a", "--recipe", "none", "--data", "made"]) == 2
    assert "vgg_starts: error: unknown recipe 'none'" in capsys.readouterr().err


def test_the_table_is_the_papers():
    """Table 1: 11, 11, 13, 16, 16 and 19 layers with weights, three of them dense; C's last ones are 1x1."""
    weights = {column: sum(row.count(3) + row.count(1) for row in rows) for column, rows in vgg.TABLE.items()}
    assert weights == {"a": 8, "a-lrn": 8, "b": 10, "c": 13, "d": 13, "e": 16}
    for c, d in zip(vgg.TABLE["c"], vgg.TABLE["d"]):
        assert len(c) == len(d) and c[:2] == d[:2] and set(c[2:]) <= {1}


def test_dense_layers_are_convolutions():
    """Section 3.2: with the same weights, 7x7 and 1x1 convolutions give the scores of the dense layers."""
    model = build("vgg-a", input_shape=(224, 224, 3), widths=(2, 2, 2, 2, 3), dense=(5, 4), classes=6)
    image = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype("float32")
    maps = keras.ops.convert_to_numpy(model.get_layer("pool5").output.shape[1:])
    assert tuple(maps) == (7, 7, 3) and math.prod(maps) == model.get_layer("fc6").kernel.shape[0]
    x = keras.Model(model.input, model.get_layer("pool5").output)(image)
    for name, side, activation in (("fc6", 7, "relu"), ("fc7", 1, "relu"), ("fc8", 1, None)):
        kernel, bias = model.get_layer(name).get_weights()
        layer = keras.layers.Conv2D(len(bias), side, activation=activation)
        layer.build(x.shape)
        layer.set_weights([kernel.reshape(layer.kernel.shape), bias])
        x = layer(x)
    np.testing.assert_allclose(x[0, 0, 0], model(image)[0], rtol=1e-3, atol=1e-5)
