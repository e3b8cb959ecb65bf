"""The tool that records what each branch of an inception module is used for."""

import dataclasses
import types

import inception_branches
import keras
import numpy as np
import pytest
from keras import layers

import cnnlib
from cnnlib.models import build
from cnnlib.records import measurements

TABLE = {"3a": (2, 2, 3, 1, 1, 2), "pool3": (3, 2), "4a": (2, 1, 2, 1, 2, 2)}
OPTIONS = {"stem": ((3, 1, 4), (4, 5)), "table": TABLE}


def network(**options):
    return build("googlenet-reduced", **{**OPTIONS, **options})


def pictures(count=40):
    return np.random.default_rng(0).normal(size=(count, 16, 16, 3)).astype("float32")


def test_weights_are_those_with_which_a_module_is_read():
    model = network(auxiliary=("4a",), auxiliary_widths=(2, 3), input_shape=(20, 20, 3))
    # 3a is read by four 1x1 convolutions, one of them behind a pool; 4a by the scores, the classifier beside
    # them left out.
    parts = ("1x1", "3x3_reduce", "5x5_reduce", "pool_proj")
    first = [layer.name for layer in inception_branches.readers(model, "inception_3a")]
    assert sorted(first) == [f"inception_4a_{part}" for part in parts]
    assert [layer.name for layer in inception_branches.readers(model, "inception_4a")] == ["linear"]
    for layer in model.layers:
        if layer.weights:
            layer.kernel.assign(np.ones(layer.kernel.shape))
    for name in first:
        kernel = np.ones(model.get_layer(name).kernel.shape)
        kernel[:, :, 5] = 3  # the one map of the 5x5: (2 + 3) before it
        model.get_layer(name).kernel.assign(kernel)
    shares, last = inception_branches.weights(model)
    np.testing.assert_allclose(shares, np.array([2, 3, 9, 2]) / 16, rtol=1e-6)
    np.testing.assert_allclose(last, np.array([2, 2, 2, 2]) / 8, rtol=1e-6)


def test_a_contribution_is_a_share_of_what_moves_the_next_units():
    keras.utils.set_random_seed(0)
    model, images = network(), pictures()
    before = np.array(inception_branches.contributions(model, images))
    np.testing.assert_allclose(before.sum(axis=1), 1)
    # By hand, of the scores, which read the mean of each map: (2, 3, 1, 2) maps here are (2, 2, 2, 2).
    means = keras.Model(model.input, model.get_layer("linear").input).predict(images, verbose=0)
    kernel = model.get_layer("linear").get_weights()[0]
    parts = [means[:, n : n + 2] @ kernel[n : n + 2] for n in (0, 2, 4, 6)]
    variances = np.array([part.var(axis=0) for part in parts])
    np.testing.assert_allclose(
        before[1], (variances / variances.sum(axis=0)).mean(axis=1), rtol=1e-4, atol=1e-6
    )
    # A branch ten times as loud, read with a tenth: another share of weights, the same contribution.
    weights = np.array(inception_branches.weights(model))
    loud = model.get_layer("inception_4a_5x5")
    loud.set_weights([10 * values for values in loud.get_weights()])
    kernel[4:6] /= 10
    model.get_layer("linear").kernel.assign(kernel)
    assert abs(np.array(inception_branches.weights(model)) - weights)[1, 2] > 0.05
    np.testing.assert_allclose(inception_branches.contributions(model, images), before, rtol=1e-4, atol=1e-6)


def test_a_silenced_branch_has_its_mean_and_the_network_stays_as_it_was(monkeypatch):
    monkeypatch.setattr(inception_branches, "DRAWS", 8)
    keras.utils.set_random_seed(0)
    model, images = network(), pictures()
    before = model.get_weights()
    # The labels are what the network says, but for what depends on one branch: all else silenced must not
    # matter there.
    linear = model.get_layer("linear")
    kernel = np.zeros(linear.kernel.shape)
    kernel[4:6] = np.random.default_rng(1).normal(size=(2, 10))  # of 4a the maps of its 5x5 alone
    linear.set_weights([kernel, np.zeros(10)])
    linear.set_weights([kernel, -model.predict(images, verbose=0).mean(0)])
    labels = model.predict(images, verbose=0).argmax(-1)
    assert len(set(labels)) > 1
    found = inception_branches.measure(model, images, labels)
    assert found["intact"] == 0 and found["images"] == 40
    assert found["test_error"][1][0] == found["test_error"][1][1] == found["test_error"][1][3] == 0
    # Its mean is one picture for all: the scores are then the same for all images.
    constant = 100 * min(np.mean(labels != label) for label in set(labels))
    assert found["test_error"][1][2] == found["all_modules"][2] >= constant - 1e-6
    random = np.array(found["random_maps"])
    assert random.shape == (4, 8) and len(set(random[0])) > 1 and random.max() <= 100
    with monkeypatch.context() as patch:  # a draw that leaves the branch's own maps where they are
        patch.setattr(np.random, "default_rng", lambda seed: types.SimpleNamespace(permutation=np.copy))
        drawn = inception_branches.measure(model, images, labels)
    assert drawn["random_maps"] == [[error] * 8 for error in drawn["all_modules"]]
    assert found["maps"] == [[0.25, 0.375, 0.125, 0.25], [0.25] * 4]
    np.testing.assert_allclose(np.sum(found["activity"], axis=1), 1)
    maps = keras.Model(model.input, model.get_layer("inception_3a").output).predict(images, verbose=0)
    squares = np.square(maps.astype("float64")).sum((0, 1, 2))
    shares = np.array([squares[:2].sum(), squares[2:5].sum(), squares[5], squares[6:].sum()]) / squares.sum()
    np.testing.assert_allclose(found["activity"][0], shares, rtol=1e-5)
    after = model.get_weights()
    after[-2:] = before[-2:]
    assert all(np.array_equal(a, b) for a, b in zip(before, after))


def test_a_network_without_modules_is_refused():
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, layers.Concatenate()([image, image]))
    with pytest.raises(ValueError, match="expected inception modules"):
        inception_branches.modules(model)


def test_the_tool_records_branches(monkeypatch, tmp_path):
    recipe = dataclasses.replace(
        cnnlib.recipes.SZEGEDY2014_CIFAR_FIT, name="t", iterations=3, batch_size=8, train_size=16
    )
    monkeypatch.setitem(cnnlib.recipes.RECIPES, "t", recipe)
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path))
    digits = cnnlib.data.load("digits", size=16, channels=3)
    monkeypatch.setattr(cnnlib.data, "load", lambda *arguments, **options: digits)
    monkeypatch.setattr(inception_branches, "DRAWS", 2)
    command = [
        "googlenet-reduced",
        "--recipe",
        "t",
        "--data",
        "digits",
        "--directory",
        str(tmp_path / "runs"),
    ]
    command += [f"--option={name}={value!r}" for name, value in OPTIONS.items()]
    assert inception_branches.main(command) == 0
    (found,) = measurements.select("branches", network="googlenet-reduced")
    # He's weights at the start: a branch is read with a weight of about its share of the maps.
    np.testing.assert_allclose(found.values["weights_at_start"][0], [0.25, 0.375, 0.125, 0.25], atol=0.25)
    trained = cnnlib.run("googlenet-reduced", digits, recipe, seed=0, options=OPTIONS, verbose=0)
    np.testing.assert_allclose(found.values["weights"], inception_branches.weights(trained.model), rtol=1e-3)
    assert np.shape(found.values["test_error"]) == (2, 4) and found.values["images"] == 360
    # Three branches are no module of four.
    assert inception_branches.main([*command[:-1], "--option=table={'3a': (2, 2, 3, 1, 1, 0)}"]) == 2
