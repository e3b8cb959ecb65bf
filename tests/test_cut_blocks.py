"""The tool that records what a trained network gets wrong without one of its blocks."""

import dataclasses

import cut_blocks
import keras
import numpy as np
import pytest

import cnnlib
from cnnlib.models import build
from cnnlib.records import measurements

NAMES = [f"stage{stage}_block1" for stage in (1, 2, 3)]


def network(kind, **options):
    """Eight layers, so three blocks, with random weights and running averages as after some training."""
    keras.utils.set_random_seed(0)
    model = build(f"cifar-{kind}-8", input_shape=(8, 8, 3), widths=(4, 8, 12), **options)
    generator = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            maps = layer.gamma.shape[0]
            layer.set_weights([*generator.uniform(0.5, 1.5, (3, maps)), generator.uniform(0.5, 2, maps)])
    return model


def pictures(count=30):
    return np.random.default_rng(0).normal(size=(count, 8, 8, 3)).astype("float32")


def maps(model, *names):
    """What layers give for the pictures."""
    outputs = [model.get_layer(name).output for name in names]
    return keras.Model(model.input, outputs).predict(pictures(), verbose=0)


def rest(model, name, values):
    """The scores if the block ``name`` gives these values."""
    return keras.Model(model.get_layer(name).output, model.output).predict(values, verbose=0)


def option_a(x, maps):
    """Every second row and column, and zeros for the maps that are new."""
    return np.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, maps - x.shape[-1])))


@pytest.mark.parametrize("kind", ["plain", "resnet"])
def test_a_cut_block_hands_on_its_input(kind):
    model = network(kind)
    assert cut_blocks.blocks(model) == NAMES
    handed_on = maps(model, "conv1_relu", *NAMES)
    wanted = [handed_on[0], option_a(handed_on[1], 8), option_a(handed_on[2], 12)]
    intact = model.predict(pictures(), verbose=0)
    for name, values in zip(NAMES, wanted):
        scores = cut_blocks.without(model, name).predict(pictures(), verbose=0)
        np.testing.assert_allclose(scores, rest(model, name, values), rtol=1e-4, atol=1e-5)
        assert np.abs(scores - intact).max() > 0.01  # the branch did something
    # And the model itself is as it was.
    np.testing.assert_array_equal(model.predict(pictures(), verbose=0), intact)


def test_a_branch_that_adds_nothing_is_not_missed():
    model = network("resnet")
    intact = model.predict(pictures(), verbose=0)
    for number, name in enumerate(NAMES):
        norm = model.get_layer(f"{name}_conv2_norm")
        before = norm.get_weights()
        norm.set_weights([0 * before[0], 0 * before[1], *before[2:]])
        silent = model.predict(pictures(), verbose=0)
        assert np.abs(silent - intact).max() > 0.01
        values = cut_blocks.measure(model, test=(pictures(), silent.argmax(-1)))
        assert values["test_error"][number] == values["intact_test_error"] == 0
        scores = cut_blocks.without(model, name).predict(pictures(), verbose=0)
        np.testing.assert_allclose(scores, silent, rtol=1e-4, atol=1e-5)
        norm.set_weights(before)


def test_a_shortcut_with_weights_stays():
    """Option B: what the shortcut gives, and the ReLU behind the sum."""
    model = network("resnet", shortcut="B")
    name = NAMES[1]
    (shortcut,) = maps(model, f"{name}_shortcut_norm")[None]
    assert shortcut.min() < 0
    scores = cut_blocks.without(model, name).predict(pictures(), verbose=0)
    np.testing.assert_allclose(scores, rest(model, name, np.maximum(shortcut, 0)), rtol=1e-4, atol=1e-5)


def test_a_network_without_blocks_is_refused():
    with pytest.raises(ValueError, match="expected blocks of stages"):
        cut_blocks.blocks(build("lenet5"))
    image = keras.Input((4, 4, 3))
    odd = keras.layers.Conv2D(2, 1, name="stage1_block1")(keras.layers.ReLU()(image))
    with pytest.raises(ValueError, match=r"block stage1_block1: expected a sum or a ReLU .* got Conv2D"):
        cut_blocks.blocks(keras.Model(image, odd))


def test_the_tool_records_errors(monkeypatch, tmp_path):
    recipe = dataclasses.replace(
        cnnlib.recipes.HE2015_CIFAR_FIT, name="t", iterations=3, batch_size=8, train_size=16, drops=()
    )
    monkeypatch.setitem(cnnlib.recipes.RECIPES, "t", recipe)
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path))
    digits = cnnlib.data.load("digits", size=16, channels=3)
    monkeypatch.setattr(cnnlib.data, "load", lambda *arguments, **options: digits)
    command = ["--recipe", "t", "--data", "digits", "--directory", str(tmp_path / "runs")]
    assert cut_blocks.main(["cifar-plain-8", *command, "--option=widths=(2, 2, 3)"]) == 0
    (found,) = measurements.select("cut", network="cifar-plain-8")
    options = {"widths": (2, 2, 3)}
    run = cnnlib.run("cifar-plain-8", digits, recipe, seed=0, options=options, verbose=0)
    values = found.values
    assert values["blocks"] == NAMES and len(values["test_error"]) == len(values["train_error"]) == 3
    assert (values["test_images"], values["train_images"]) == (360, 16)
    assert values["intact_test_error"] == pytest.approx(run.history.final["test_error"], abs=0.3)
    assert values["intact_train_error"] == pytest.approx(run.history.final["train_error"], abs=0.01)
    assert cut_blocks.main(["lenet5", *command]) == 2
