"""LeNet-5 held against LeCun et al. 1998, section II.B, and its layers and loss against slow references."""

import dataclasses
import pathlib

import keras
import lenet5_probes
import nbformat
import numpy as np
import pytest

import cnnlib
from cnnlib.layers import scaled_tanh
from cnnlib.models.lenet5 import BITMAPS, C3_TABLE, digit_codes, map_loss
from cnnlib.records import measurements

# The paper's text, layer by layer: output shape, trainable parameters, connections.
PAPER = {
    "c1": ((28, 28, 6), 156, 122_304),
    "s2": ((14, 14, 6), 12, 5_880),
    "c3": ((10, 10, 16), 1_516, 151_600),
    "s4": ((5, 5, 16), 32, 2_000),
    "c5": ((1, 1, 120), 48_120, 48_120),
    "f6": ((84,), 10_164, 10_164),
    "output": ((10,), 0, 840),
}


@pytest.fixture(scope="module")
def network():
    return cnnlib.models.build("lenet5")


@pytest.mark.parametrize("name", PAPER)
def test_layer_is_the_papers(network, name):
    shape, parameters, connections = PAPER[name]
    layer = network.get_layer(name)
    assert layer.output.shape[1:] == shape
    assert sum(int(np.prod(w.shape)) for w in layer.trainable_weights) == parameters
    row = next(row for row in cnnlib.account(network).rows if row.name == name)
    assert row.parameters == parameters
    assert row.connections == connections


def test_totals(network):
    account = cnnlib.account(network)
    assert account.parameters == 60_000
    assert account.connections == 340_908
    assert cnnlib.account(cnnlib.models.build("lenet5-modern")).parameters == 61_706


def test_a_copy_of_a_layer_is_accounted_like_the_original():
    """The chapter defines the layers anew, so that a reader can edit them."""
    import inspect

    space = vars(cnnlib.layers).copy()
    exec(inspect.getsource(cnnlib.layers.Subsampling), space)
    assert space["Subsampling"] is not cnnlib.layers.Subsampling
    maps = keras.Input((8, 8, 3))
    row = cnnlib.account(keras.Model(maps, space["Subsampling"]()(maps))).rows[-1]
    assert (row.receptive_field, row.stride, row.connections) == (2, 2, 4 * 4 * 3 * 5)
    keras.saving.register_keras_serializable("cnnlib")(cnnlib.layers.Subsampling)


def test_c3_table_has_the_papers_sixty_links():
    columns = ["".join(column) for column in zip(*C3_TABLE)]
    assert [c.count("X") for c in columns] == [3] * 6 + [4] * 9 + [6]
    assert len(set(columns)) == 16  # no two maps see the same inputs
    # Maps 0-5 see three, 6-11 four neighbours on a ring of the six maps of S2.
    for first in range(6):
        ring = [C3_TABLE[(first + step) % 6] for step in range(6)]
        assert [row[first] for row in ring] == list("XXX...")
        assert [row[6 + first] for row in ring] == list("XXXX..")


def test_every_bitmap_is_7_by_12_and_no_two_are_alike():
    lines = BITMAPS.strip().splitlines()
    assert len(lines) == 12 and all(len(d) == 7 for line in lines for d in line.split())
    codes = np.array(digit_codes())
    assert codes.shape == (10, 84) and set(codes.flat) == {-1, 1}
    apart = (codes[:, None] != codes).sum(axis=-1) + 84 * np.eye(10, dtype=int)
    assert apart.min() >= 9


def test_the_chapter_draws_the_librarys_bitmaps():
    """Its first half has them as text that a reader can change."""
    path = pathlib.Path(__file__).parents[1] / "book" / "02-lenet5.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    (source,) = [cell.source for cell in cells if cell.source.startswith("drawings = ")]
    names = {"np": np}
    exec(source, names)
    np.testing.assert_array_equal(names["codes"], digit_codes())


def test_scaled_tanh_fixes_plus_and_minus_one():
    values = keras.ops.convert_to_numpy(scaled_tanh(np.array([-1.0, 0.0, 1.0], "float32")))
    np.testing.assert_allclose(values, [-1, 0, 1], atol=2e-5)


def test_map_loss_by_hand():
    distances = np.array([[1.0, 3.0, 0.5], [2.0, 7.0, 9.0]], "float32")
    j = 1.5
    expected = [
        y[d] + np.log(np.exp(-j) + np.exp(-y[0]) + np.exp(-y[1]) + np.exp(-y[2]))
        for y, d in zip(distances.astype(float), (2, 0))
    ]
    for labels in (np.array([2, 0]), np.array([[2.0], [0.0]])):
        found = keras.ops.convert_to_numpy(map_loss(labels, distances, j))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_map_loss_does_not_overflow_at_large_distances():
    found = keras.ops.convert_to_numpy(map_loss(np.array([0]), np.array([[500.0, 900.0]], "float32"), 1.0))
    np.testing.assert_allclose(found, [499.0])


# ---- the tool that measures trained networks -----------------------------------------------------


def test_a_moved_image_has_background_behind_it():
    images = np.random.default_rng(0).normal(size=(2, 6, 7, 1)).astype("float32")
    images[:, 0, 0] = -0.1
    found = lenet5_probes.moved(images, -2, 1)
    expected = np.full_like(images, -0.1)
    for row in range(4):
        for column in range(1, 7):
            expected[:, row, column] = images[:, row + 2, column - 1]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(lenet5_probes.moved(images, 0, 0), images)


@pytest.mark.parametrize("output", ["rbf", "dense"])
def test_doubt_is_least_where_the_network_is_sure(output):
    """Of distances the smallest one decides, of scores the largest."""
    chosen = np.array([[0.0, 5, 9], [2, 3, 9], [8, 7, 9]], "float32")
    outputs = chosen if output == "rbf" else -chosen
    first = keras.Input((3,))
    last = keras.layers.Rescaling(1.0)
    last.gives = "distances" if output == "rbf" else "scores"
    read, doubts = lenet5_probes.answers(keras.Model(first, last(first)), outputs)
    assert list(read) == [0, 0, 1]
    assert list(doubts["second less first"]) == [-5, -1, -1]
    name = "smallest distance" if output == "rbf" else "largest score"
    assert list(doubts[name]) == [0, 2, 7]
    if output == "dense":
        probability = np.exp(-chosen.min(axis=1)) / np.exp(-chosen).sum(axis=1)
        expected = np.log(1 / probability - 1)
        np.testing.assert_allclose(doubts["largest probability"], expected, rtol=1e-4)


def test_what_rejection_costs(monkeypatch):
    """A hundred digits of doubts 0 to 99, those above 89 misread; pictures of doubts 50 to 149."""
    labels = np.zeros(100, int)
    images = np.arange(100, dtype="float32").reshape(100, 1, 1, 1)  # a digit is its doubt

    def answers(_, pictures):
        doubts = pictures.ravel()
        return doubts.astype(int) // 90, {"doubt": doubts, "none": np.zeros(len(doubts))}

    monkeypatch.setattr(lenet5_probes, "answers", answers)
    monkeypatch.setattr(lenet5_probes, "no_digits", lambda images, _: {"kind": images + 50})
    found = lenet5_probes.rejection(None, images, labels)
    # 95 of the pictures have a doubt of 55 or more (54, the quantile below, takes one more), 46 digits too.
    assert found["rejected"] == {"kind": {"doubt": 46, "none": 100}}
    assert found["confused"]["doubt"] == pytest.approx(10)
    # Of half as many pictures, made of that half: doubts of 50 to 99, above all of the first fifty digits.
    assert found["halves"] == [{"kind": {"doubt": 0, "none": 100}}] * 2


def test_a_half_is_judged_by_its_own_pictures_alone(monkeypatch):
    """What is no digit is as doubtful as the digits in the first half, and far more so in the second."""
    images = np.arange(100, dtype="float32").reshape(100, 1, 1, 1)
    monkeypatch.setattr(lenet5_probes, "answers", lambda _, x: (np.zeros(len(x), int), {"doubt": x.ravel()}))
    monkeypatch.setattr(
        lenet5_probes, "no_digits", lambda x, _: {"kind": x if x[0, 0, 0, 0] == 0 else x + 500}
    )
    first, second = lenet5_probes.rejection(None, images, np.zeros(100, int))["halves"]
    assert first == {"kind": {"doubt": 96}} and second == {"kind": {"doubt": 0}}


def test_the_tool_records_shift_and_rejection(monkeypatch, tmp_path):
    """On few digits, after a few iterations; unmoved, the error is that of the run."""
    recipe = dataclasses.replace(cnnlib.recipes.LENET5_MNIST, name="t", iterations=20)
    monkeypatch.setitem(cnnlib.recipes.RECIPES, "t", recipe)
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path))
    command = ["lenet5", "--recipe", "t", "--data", "digits", "--directory", str(tmp_path / "runs")]
    assert lenet5_probes.main(command) == 0
    (shifts,) = measurements.select("shift", network="lenet5", options={})
    (rejections,) = measurements.select("rejection", network="lenet5", options={})
    data = cnnlib.data.load("digits")
    trained = cnnlib.run("lenet5", data, recipe, seed=0, verbose=0)
    assert set(shifts.values["test_error"]) == {"right", "left", "down", "up"}
    for errors in shifts.values["test_error"].values():
        assert len(errors) == 6
        assert errors[0] == pytest.approx(trained.history.test_error[-1], abs=1e-3)
    kinds = rejections.values["rejected"]
    assert len(kinds) == 5 and set(kinds) == set(rejections.values["images"])
    for rejected in (kinds, *rejections.values["halves"]):
        assert set(rejected) == set(kinds)
        assert all(0 <= share <= 100 for shares in rejected.values() for share in shares.values())
    assert len(rejections.values["halves"]) == 2
    assert lenet5_probes.main(["lenet5", "--recipe", "he2015-cifar", "--data", "digits"]) == 2
