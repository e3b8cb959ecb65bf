"""The tool that records AlexNet's first filters."""

import dataclasses

import alexnet_filters
import keras
import numpy as np

import cnnlib
from cnnlib.records import measurements


def network(filters):
    """One that begins with these filters (side, side, 3, count)."""
    side, _, _, count = filters.shape
    image = keras.Input((side, side, 3))
    model = keras.Model(image, keras.layers.Conv2D(count, side, name="conv1")(image))
    model.get_layer("conv1").kernel.assign(filters)
    return model


def test_grey_filters_have_no_colour_and_opposed_ones_nothing_else():
    grey = np.random.default_rng(0).normal(size=(5, 5, 1, 1)) * np.ones(3)[:, None]
    opposed = grey * np.array([1, -1, 0])[:, None]
    found = alexnet_filters.measure(network(np.concatenate([grey, opposed, grey + opposed], axis=-1)))
    assert found["side"] == 5
    # 3 g^2 against 2 g^2.
    np.testing.assert_allclose(found["colour"], [0, 1, 2 / 5], atol=1e-6)
    np.testing.assert_allclose(found["energy"], np.sum(grey**2) * np.array([1, 2 / 3, 5 / 3]), rtol=1e-5)


def test_two_thirds_of_random_weights_are_colour_and_the_pixels_are_the_filters():
    filters = np.random.default_rng(1).normal(size=(11, 11, 3, 40))
    found = alexnet_filters.measure(network(filters))
    # A share of 121 such triples; the deviation of their mean is about .02.
    assert abs(np.mean(found["colour"]) - 2 / 3) < 5 * 0.025 / np.sqrt(40)
    pixels = np.frombuffer(bytes.fromhex(found["pixels"]), "uint8").reshape(40, 11, 11, 3)
    for number, picture in enumerate(pixels):
        assert picture.min() == 0 and picture.max() == 255
        assert np.corrcoef(picture.ravel(), filters[..., number].ravel())[0, 1] > 0.999


def test_the_tool_records_first_filters(monkeypatch, tmp_path):
    """On few digits, after a few iterations; the filters are those of the run."""
    recipe = dataclasses.replace(
        cnnlib.recipes.KRIZHEVSKY2012_REDUCED, name="t", iterations=4, batch_size=8, train_size=16
    )
    monkeypatch.setitem(cnnlib.recipes.RECIPES, "t", recipe)
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path))
    digits = cnnlib.data.load("digits", size=67, channels=3)
    monkeypatch.setattr(cnnlib.data, "load", lambda *arguments, **options: digits)
    command = ["alexnet-reduced", "--recipe", "t", "--data", "digits", "--directory", str(tmp_path / "runs")]
    assert alexnet_filters.main(command) == 0
    (found,) = measurements.select("first-filters", network="alexnet-reduced", options={})
    trained = cnnlib.run("alexnet-reduced", digits, recipe, seed=0, verbose=0)
    expected = alexnet_filters.measure(trained.model)
    assert found.values["pixels"] == expected["pixels"] and found.values["side"] == 11
    np.testing.assert_allclose(found.values["colour"], expected["colour"], rtol=1e-4)
    assert alexnet_filters.main(["lenet5", "--recipe", "lenet5-mnist", "--data", "nothing"]) == 2
