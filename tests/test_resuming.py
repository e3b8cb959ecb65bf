"""Checkpoints: a run that is stopped goes on bit for bit, and no run goes on from another one's."""

import dataclasses
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading

import keras
import killable
import numpy as np
import pytest
from keras import layers

from cnnlib import files, models, training
from cnnlib.recipes import Recipe
from cnnlib.training import checkpoints, runs

PLAIN = Recipe(name="plain", batch_size=16, iterations=26, learning_rate=0.05)


@pytest.fixture(scope="module")
def images():
    return killable.images()


def linear(name="linear"):
    """Softmax regression, of the same initial weights each time."""
    keras.utils.set_random_seed(1)
    flat = layers.Flatten()(image := keras.Input((8, 8, 1)))
    return keras.Model(image, layers.Dense(3)(flat), name=name)


def fail(*arguments, **options):
    pytest.fail("it went on")


# ---- killed, stopped, started again ----------------------------------------------------------------


@pytest.fixture(scope="module")
def lives(tmp_path_factory):
    """The same run three times: never killed, killed around its writes, killed at random points."""
    folder = tmp_path_factory.mktemp("killed")
    seed = random.randrange(10**6)
    generator = random.Random(seed)
    kills = {
        "uninterrupted": "never",
        "writes": "writing,renaming,renamed,never",
        "random": ",".join([*(f"{generator.uniform(0, 1.5):.3f}" for _ in range(4)), "never"]),
    }
    command = [sys.executable, killable.__file__, *(f"{folder / k}:{v}" for k, v in kills.items())]
    # JAX need not compile the same steps again in each life.
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    environment = {**os.environ, **cache}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert result.returncode == 0, result.stderr
    lived = {name: [] for name in kills}
    for line in result.stdout.splitlines():
        life = json.loads(line)
        lived[pathlib.Path(life.pop("directory")).name].append(life)
    results = {}
    for name in kills:
        assert lived[name][-1]["signal"] == 0, (seed, lived[name], result.stderr)
        with np.load(folder / name / "result.npz") as file:
            results[name] = {key: file[key] for key in file.files}
    return seed, lived, results


def assert_same(found, expected, context):
    assert sorted(found) == sorted(expected)
    assert json.loads(str(found["history"])) == json.loads(str(expected["history"])), context
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=f"{name} {context}")


def test_killed_while_a_checkpoint_is_written(lives):
    _, lived, results = lives
    assert [life["signal"] for life in lived["writes"]] == [9, 9, 9, 0]
    # Before the rename the older checkpoint stands, and what was written of the new one does not count.
    assert [life["epochs"] for life in lived["writes"]] == [1, 2, 4, 12]
    assert [len(life["left"]) for life in lived["writes"]] == [2, 2, 1, 1]
    assert_same(results["writes"], results["uninterrupted"], lived["writes"])


def test_killed_at_random_points(lives):
    seed, lived, results = lives
    assert_same(results["random"], results["uninterrupted"], (seed, lived["random"]))


def test_the_same_start_gives_the_same_run(images, tmp_path):
    results = []
    for directory in (None, tmp_path):
        keras.utils.set_random_seed(3)
        model = killable.network()
        history = training.train(model, images, PLAIN, seed=1, directory=directory)
        results.append((model.get_weights(), history.train_loss, history.test_loss, history.final))
    for one, two in zip(results[0][0], results[1][0], strict=True):
        np.testing.assert_array_equal(one, two)
    assert results[0][1:] == results[1][1:]


@pytest.fixture(scope="module")
def finished(images, tmp_path_factory):
    """The folder of a finished run, the model and its history."""
    folder, model = tmp_path_factory.mktemp("finished"), linear()
    return folder, model, training.train(model, images, PLAIN, directory=folder)


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of that folder, for tests that damage it."""
    return shutil.copytree(finished[0], tmp_path / "run")


def test_a_finished_run_is_only_loaded(images, finished, monkeypatch):
    """Neither trained nor measured again."""
    folder, model, history = finished
    monkeypatch.setattr(keras.Model, "fit", fail)
    monkeypatch.setattr(runs, "measure", fail)
    other = linear()
    assert training.train(other, images, PLAIN, directory=folder) == history
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_run_that_was_not_measured_is(images, finished, folder, monkeypatch):
    """Killed between its last step and the measurement."""
    state = {}
    monkeypatch.setattr(runs, "measure", lambda *arguments: state)
    short = dataclasses.replace(PLAIN, iterations=13)
    training.train(linear(), images, short, directory=folder / "new")
    monkeypatch.undo()
    history = training.train(linear(), images, short, directory=folder / "new")
    assert sorted(history.final) == sorted(finished[2].final)


# ---- whose checkpoint it is ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": {"learning_rate": 0.1}}, "recipe learning_rate is 0.05 there and 0.1 here"),
        ({"recipe": {"name": "p", "momentum": 0.8}}, "recipe momentum.*; recipe name is 'plain'"),
        ({"seed": 2}, "seed is 0 there and 2 here"),
        ({"versions": {"keras": "9"}}, r"versions keras is '.*' there and '9' here"),
        ({"data": {"y_train": np.zeros(200, int)}}, "data checksum is"),
        ({"data": {"name": "other"}}, "data name is 'rows' there and 'other' here"),
        ({"network": killable.network}, "network configuration is"),
        ({"network": lambda: linear("other")}, "network name is 'linear' there and 'other' here"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_by_name(images, finished, monkeypatch, change, message):
    path = finished[0] / checkpoints.FILE
    before = path.read_bytes()
    if "versions" in change:
        monkeypatch.setattr(runs.provenance, "backend_versions", lambda: change["versions"])
    data = dataclasses.replace(images, **change.get("data", {}))
    recipe = dataclasses.replace(PLAIN, **change.get("recipe", {}))
    model = change.get("network", linear)()
    with pytest.raises(ValueError, match=message):
        training.train(model, data, recipe, seed=change.get("seed", 0), directory=path.parent)
    assert path.read_bytes() == before


def chain(last="first"):
    """Three layers one after another, and the sum of the third with another one of them."""
    image = keras.Input((8, 8, 1))
    first = layers.Dense(3)(layers.Flatten()(image))
    second = layers.Dense(3)(first)
    third = layers.Dense(3)(second)
    return keras.Model(image, layers.Add()([third, {"first": first, "second": second}[last]]))


def with_function(function):
    image = keras.Input((8, 8, 1))
    x = layers.Dense(3, activation=function)(layers.Flatten()(image))
    return keras.Model(image, layers.Lambda(function)(x))


def with_constant(value):
    image = keras.Input((8, 8, 1))
    start = keras.initializers.Constant(value)
    return keras.Model(image, layers.Dense(3, bias_initializer=start)(layers.Flatten()(image)))


def times(factor):
    return lambda x: factor * x


BUILDS = {
    "resnet": lambda: models.build("cifar-resnet-8", widths=(2, 2, 2)),
    "zero gamma": lambda: models.build("cifar-resnet-8", widths=(2, 2, 2), zero_last_gamma=True),
    "initialiser": lambda: models.build(
        "cifar-resnet-8", widths=(2, 2, 2), kernel_initializer="glorot_normal"
    ),
    "third + first": chain,
    "third + second": lambda: chain("second"),
    "constant 1": lambda: with_constant(1.0),
    "constant 2": lambda: with_constant(2.0),
    "double": lambda: with_function(lambda x: 2 * x),
    "triple": lambda: with_function(lambda x: 3 * x),
    "enclosed 2": lambda: with_function(times(2)),
    "enclosed 3": lambda: with_function(times(3)),
}


def test_networks_that_differ_only_in_start_connection_or_function_are_told_apart():
    """And the same one is known again, whatever number Keras gives it and its layers."""
    first, again = ({name: build() for name, build in BUILDS.items()} for _ in range(2))
    assert first["third + first"].name != again["third + first"].name
    found = {name: checkpoints.network_identity(model) for name, model in first.items()}
    assert found == {name: checkpoints.network_identity(model) for name, model in again.items()}
    assert len({identity["configuration"] for identity in found.values()}) == len(BUILDS)


def test_a_rerun_cell_with_an_unnamed_model_goes_on(images, tmp_path, monkeypatch):
    def cell():
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)])
        return model, training.train(model, images, PLAIN, directory=tmp_path)

    model, history = cell()
    monkeypatch.setattr(keras.Model, "fit", fail)
    other, again = cell()
    assert other.name != model.name and again == history


def test_options_that_change_only_the_start_make_another_run(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "_fit", lambda *arguments: None)
    monkeypatch.setattr(runs, "measure", lambda *arguments: {"test_error": 90.0})
    data = killable.images(side=32, class_names=tuple("0123456789"))
    recipe = dataclasses.replace(PLAIN, iterations=3, pixels="lecun1998")
    small = {"pooling": "average", "widths": (2, 4, 8, 84), "table": None, "output": "dense"}
    training.run("lenet5", data, recipe, options=small, directory=tmp_path)
    other = {**small, "kernel_initializer": "he_normal"}
    message = "built options kernel_initializer is None there and 'he_normal' here"
    with pytest.raises(ValueError, match=message):
        training.run("lenet5", data, recipe, options=other, directory=tmp_path)


def test_other_initial_weights_go_on_from_the_checkpoint_with_a_warning(images, finished):
    """A script without a seed would otherwise never go on; but nothing is replaced in silence."""
    folder, trained, history = finished
    model = linear()
    model.layers[-1].kernel.assign(keras.ops.ones((64, 3)))
    with pytest.warns(UserWarning, match=r"checkpoint.npz: the run there began with other weights"):
        assert training.train(model, images, PLAIN, directory=folder) == history
    np.testing.assert_array_equal(model.get_weights()[0], trained.get_weights()[0])


def test_a_layer_that_does_not_say_its_configuration_is_named(images, tmp_path):
    class Secret(layers.Layer):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def call(self, x):
            return self.factor * x

    image = keras.Input((8, 8, 1))
    scores = layers.Dense(3)(layers.Flatten()(image))
    model = keras.Model(image, Secret(np.array([2.0]))(scores), name="quiet")
    with pytest.raises(ValueError, match=r"(?s)model quiet: a checkpoint needs a configuration.*Secret"):
        training.train(model, images, PLAIN, directory=tmp_path)


def test_code_that_changed_on_the_way_is_told(images, tmp_path, monkeypatch):
    recipe = dataclasses.replace(PLAIN, iterations=39)

    with monkeypatch.context() as patch:
        patch.setattr(runs.Keeper, "on_epoch_begin", stop_at(1))
        patch.setattr(runs.provenance, "code_version", lambda: {"commit": "a", "clean": True})
        with pytest.raises(KeyboardInterrupt):
            training.train(linear(), images, recipe, directory=tmp_path, checkpoint_seconds=0)
    monkeypatch.setattr(runs.provenance, "code_version", lambda: {"commit": "b", "clean": True})
    history = training.train(linear(), images, recipe, directory=tmp_path)
    resumed = {"commit": "b", "clean": True}
    assert history.provenance["code"] == {"commit": "a", "clean": True, "resumed_with": resumed}


def stop_at(stop):
    begin = runs.Keeper.on_epoch_begin

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == stop:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    return on_epoch_begin


# ---- folders and files -----------------------------------------------------------------------------


def test_a_full_disk_leaves_the_older_checkpoint_and_is_named(images, tmp_path, monkeypatch):
    recipe, full = dataclasses.replace(PLAIN, iterations=39), []

    def fsync(file):
        full.append(file)
        if len(full) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fsync)
    with pytest.raises(OSError, match=r"No space left on device: '.*checkpoint.npz'"):
        training.train(linear(), images, recipe, directory=tmp_path, checkpoint_seconds=0)
    assert [path.name for path in tmp_path.iterdir()] == [checkpoints.FILE]
    history = training.train(linear(), images, recipe, directory=tmp_path)
    assert history.iteration == [13, 26, 39]


@pytest.mark.parametrize(
    ("directory", "error", "message"),
    [
        ("", ValueError, "directory: expected a folder's path or None, got an empty text"),
        (3, TypeError, "directory: expected a folder's path or None, got 3"),
        ("file/run", NotADirectoryError, "file/run"),
        ("file", FileExistsError, "file"),
        ("x" * 300, OSError, "x" * 300),
    ],
)
def test_a_folder_that_cannot_be_written_shows_before_training(
    images, tmp_path, monkeypatch, directory, error, message
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keras.Model, "fit", fail)
    with pytest.raises(error, match=message):
        training.train(linear(), images, PLAIN, directory=directory)


def test_a_folder_that_takes_no_files_shows_before_training(images, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.Model, "fit", fail)

    def touch(path, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(pathlib.Path, "touch", touch)
    with pytest.raises(PermissionError, match=f"'{tmp_path}'$"):
        training.train(linear(), images, PLAIN, directory=tmp_path)


def test_two_runs_at_once_in_one_folder_are_refused(images, tmp_path):
    """With two seeds each would replace the other's checkpoint; and neither removes what the other writes."""
    writing = tmp_path / f".{checkpoints.FILE}.1f.tmp"
    with checkpoints.claimed(tmp_path):
        writing.touch()
        with pytest.raises(BlockingIOError, match=f"in use by another process: '{tmp_path}'"):
            training.train(linear(), images, PLAIN, seed=1, directory=tmp_path)
        assert writing.exists()
    training.train(linear(), images, PLAIN, seed=1, directory=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [checkpoints.FILE]


def test_files_are_whole_whoever_writes_them_at_once(tmp_path):
    """Threads of one process have one process id: each still has its own temporary file."""
    path, size, errors = tmp_path / "file", 200_000, []

    def write(letter):
        try:
            for _ in range(20):
                files.write_atomically(path, lambda file: [file.write(letter * 20_000) for _ in range(10)])
        except OSError as reason:
            errors.append(reason)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert path.read_bytes() in (b"a" * size, b"b" * size, b"c" * size)
    assert files.leftovers(path) == [] and [path] == list(tmp_path.iterdir())


# ---- damage ----------------------------------------------------------------------------------------


def variables():
    generator = np.random.default_rng(0)
    found = [keras.Variable(generator.normal(size=shape).astype("float32")) for shape in ((3, 2), (2,), ())]
    return [*found, keras.Variable(7, dtype="int32")]


def zeros():
    found = variables()
    for variable in found:
        variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
    return found


def values(found):
    return [keras.ops.convert_to_numpy(variable).copy() for variable in found]


def assert_refused(path, message):
    """The error names the file, and no variable has changed."""
    found = zeros()
    with pytest.raises(ValueError, match=f"{path.name} is {message}.*remove it"):
        checkpoints.load(path.parent, {"seed": 1}, "start", found)
    assert not any(np.any(value) for value in values(found))


def test_each_flipped_bit_is_named_or_changes_nothing(tmp_path):
    checkpoints.save(tmp_path, {"seed": 1}, "start", variables(), {"iteration": [1]})
    path, expected = tmp_path / checkpoints.FILE, values(variables())
    whole, generator = path.read_bytes(), random.Random(0)
    found = zeros()
    refused, places = 0, range(generator.randrange(4), len(whole), 4)
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << generator.randrange(8)
        path.write_bytes(flipped)
        try:
            assert checkpoints.load(tmp_path, {"seed": 1}, "start", found) == ("start", {"iteration": [1]})
        except ValueError as reason:
            assert str(path) in str(reason), (place, reason)
            assert not any(np.any(value) for value in values(found)), place
            refused += 1
        else:
            assert all(map(np.array_equal, values(found), expected)), place
            found = zeros()
    assert refused > len(places) / 2


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("variable_00002"),
        lambda arrays: arrays.update(variable_00004=np.zeros(2)),
        lambda arrays: arrays.update(variable_00001=np.zeros(3, "float32")),
        lambda arrays: arrays.update(variable_00001=np.zeros(2, "float64")),
    ],
)
def test_a_checkpoint_of_other_variables_is_damaged(tmp_path, change):
    checkpoints.save(tmp_path, {"seed": 1}, "start", variables(), {})
    path = tmp_path / checkpoints.FILE
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)
    assert_refused(path, "damaged")


@pytest.mark.parametrize("damage", [lambda whole: whole[:-100], lambda whole: b"", lambda whole: b"[]" * 99])
def test_a_damaged_checkpoint_is_named(tmp_path, damage):
    checkpoints.save(tmp_path, {"seed": 1}, "start", variables(), {})
    path = tmp_path / checkpoints.FILE
    path.write_bytes(damage(path.read_bytes()))
    assert_refused(path, "not a readable checkpoint")
