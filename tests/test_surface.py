"""The error surface: directions after the paper, surfaces known in closed form, files that come back."""

import dataclasses
import json
import re

import error_surface
import keras
import killable
import numpy as np
import pytest
from keras import layers

from cnnlib import __main__ as command_line
from cnnlib import recipes, records, surface, training
from cnnlib.layers import RadialBasis
from cnnlib.records import surfaces
from cnnlib.training import checkpoints
from cnnlib.training.optimizer import is_kernel


def values(variables):
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def network():
    """Convolution, batch normalisation, dropout, dense; statistics and biases as training leaves them."""
    keras.utils.set_random_seed(1)
    model = killable.network()
    generator = np.random.default_rng(2)
    for variable in model.weights:
        if not is_kernel(variable):
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return model


def pictures(size=30):
    data = killable.images()
    return (data.x_train[:size] / 255).astype("float32"), data.y_train[:size]


def linear(weights, bias=(0.0, 0.0)):
    """Scores x w_k + b_k of images of one pixel x: a filter is one weight, so a direction is +w_k or -w_k."""
    image = keras.Input((1, 1, 1))
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(image)), name="linear")
    model.set_weights([np.array([weights], "float32"), np.array(bias, "float32")])
    return model


def pixels(*x):
    return np.array(x, "float32").reshape(-1, 1, 1, 1)


# ---------------------------------------------------------------------------------- directions


def test_each_filter_of_a_direction_has_the_norm_of_the_networks_and_the_rest_is_zero():
    model = network()
    found = surface.direction(model, seed=4)
    assert [d.shape for d in found] == [v.shape for v in model.trainable_variables]
    kernels = 0
    for part, variable, weights in zip(found, model.trainable_variables, values(model.trainable_variables)):
        if not is_kernel(variable):
            assert np.any(weights) and not np.any(part), variable.path
            continue
        kernels += 1
        norms, wanted = (np.linalg.norm(w.reshape(-1, w.shape[-1]), axis=0) for w in (part, weights))
        assert norms == pytest.approx(wanted, rel=1e-5)
        # Random otherwise: not the weights themselves, nor one filter like the other.
        assert np.abs(np.corrcoef(part.ravel(), weights.ravel())[0, 1]) < 0.5
        assert part.dtype == weights.dtype and np.ptp(wanted) > 0
    assert kernels == 2


def test_a_direction_is_its_seeds():
    model = network()
    first, again, other = (surface.direction(model, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not np.array_equal(first[0], other[0])


# ------------------------------------------------------------------------------------ surfaces


def test_the_surface_of_a_linear_network_is_the_known_one():
    model, (x, labels) = linear((1.5, -0.5), (0.1, 0.2)), (np.array([1, -2, 0.5, 3]), np.array([0, 1, 0, 1]))
    found = surface.surface(model, pixels(*x), labels, steps=5, radius=2.0, seeds=(3, 5), batch_size=3)
    assert found.coordinates.tolist() == [-2, -1, 0, 1, 2]
    first, second = (np.sign(surface.direction(model, s)[0][0] / [1.5, -0.5]) for s in (3, 5))
    assert not np.array_equal(first, second), "other seeds, or a and b could stand in each other's place"
    for i, a in enumerate(found.coordinates):
        for j, b in enumerate(found.coordinates):
            w = np.array([1.5, -0.5]) * (1 + a * first + b * second)
            margin = (x * (w[0] - w[1]) + 0.1 - 0.2) * np.where(labels == 0, 1, -1)
            assert found.loss[i, j] == pytest.approx(np.log1p(np.exp(-margin)).mean(), rel=1e-5)
            assert found.error[i, j] == pytest.approx(100 * np.mean(margin < 0))
    assert len(np.unique(found.error)) > 2


def test_a_section_is_the_surfaces_row_in_the_middle():
    model, (images, labels) = network(), pictures()
    whole = surface.surface(model, images, labels, steps=3, radius=0.7, seeds=(0, 1))
    along_a = surface.surface(model, images, labels, steps=3, radius=0.7, seeds=(0,))
    along_b = surface.surface(model, images, labels, steps=3, radius=0.7, seeds=(1,))
    assert along_a.loss.shape == (3,) and whole.loss.shape == whole.error.shape == (3, 3)
    assert along_a.loss == pytest.approx(whole.loss[:, 1], rel=1e-5)
    assert along_b.loss == pytest.approx(whole.loss[1, :], rel=1e-5)
    assert np.ptp(along_a.loss) > 0.01 and not np.allclose(along_a.loss, along_b.loss)


@pytest.mark.parametrize("radius", [1.0, 0.3, 1 / 3])
def test_the_centre_is_the_network_itself(radius):
    model, (images, labels) = network(), pictures()
    training.compile_model(model, killable.RECIPE)
    loss, error = surface.loss_and_error(model, images, labels, batch_size=16)
    found = surface.surface(model, images, labels, steps=7, radius=radius, seeds=(0,), batch_size=16)
    assert found.coordinates[3] == 0
    assert found.coordinates[[0, -1]] == pytest.approx([-radius, radius])
    assert (found.loss[3], found.error[3]) == (loss, error)  # exactly
    evaluated = model.evaluate(images, labels, batch_size=16, verbose=0, return_dict=True)
    assert found.loss[3] == pytest.approx(evaluated["loss"], rel=1e-5)
    assert found.error[3] == pytest.approx(evaluated["error"], rel=1e-5)


def test_the_weights_are_put_back():
    model, (images, labels) = network(), pictures()
    before = values(model.variables)
    surface.surface(model, images, labels, steps=3)
    assert all(np.array_equal(a, b) for a, b in zip(values(model.variables), before))


def test_the_weights_are_put_back_when_something_fails(monkeypatch):
    model, (images, labels) = network(), pictures()
    before = values(model.variables)
    moved = []

    def fail(images):
        moved.append(not np.array_equal(values(model.trainable_variables)[0], before[0]))
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "predict_on_batch", fail)
    with pytest.raises(KeyboardInterrupt):
        surface.surface(model, images, labels, steps=3)
    assert moved == [True]
    assert all(np.array_equal(a, b) for a, b in zip(values(model.variables), before))


def test_the_network_is_compiled_once_not_for_each_point():
    traces = []

    class Counting(layers.Layer):
        def call(self, x):
            traces.append(1)
            return x

    image = keras.Input((1, 1, 1))
    model = keras.Model(image, layers.Dense(2)(Counting()(layers.Flatten()(image))))
    traces.clear()
    surface.surface(model, pixels(1, 2, 3), np.array([0, 1, 0]), steps=5, batch_size=2)
    # Batches of two and of one image; 25 points.
    assert 1 <= len(traces) <= 4


def test_scores_that_overflow_are_wrong_and_have_no_loss():
    model = linear((2.0, 1.0))
    found = surface.surface(model, pixels(1e38), np.array([0]), steps=3, radius=1.0, seeds=(0,))
    assert found.loss[1] == 0 and found.error[1] == 0
    far = 2 if surface.direction(model, 0)[0][0, 0] > 0 else 0
    assert np.isnan(found.loss[far]) and found.error[far] == 100


# ------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 4}, "steps: expected an odd number of at least 3, got 4"),
        ({"steps": 1}, "steps: expected an odd number of at least 3, got 1"),
        ({"radius": 0.0}, "radius: expected a number above 0, got 0.0"),
        ({"radius": np.nan}, "radius: .* got nan"),
        ({"seeds": ()}, r"seeds: expected one seed, or two different ones, got \(\)"),
        ({"seeds": (0, 1, 2)}, r"seeds: .* got \(0, 1, 2\)"),
        ({"seeds": (1, 1)}, r"seeds: .* got \(1, 1\)"),
        ({"images": np.zeros((2, 1, 1, 1), "uint8")}, r"images: expected float, .*got uint8"),
        ({"images": np.zeros((2, 2, 1, 1))}, r"images: .*1, 1, 1.*got float64, \(2, 2, 1, 1\)"),
        ({"images": np.zeros((2, 1, 1))}, r"images: .*got float64, \(2, 1, 1\)"),
        ({"labels": np.array([0, 1, 1])}, "labels: expected 2 whole numbers, one an image"),
        ({"labels": np.array([0.0, 1.0])}, "labels: expected 2 whole numbers.* got float64"),
        ({"labels": np.array([0, 2])}, "labels: expected 0 to 1, got 0 to 2"),
        ({"labels": np.array([-1, 1])}, "labels: expected 0 to 1, got -1 to 1"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    arguments = {"images": pixels(1, 2), "labels": np.array([0, 1]), **changes}
    with pytest.raises(ValueError, match=message):
        surface.surface(linear((1.0, 2.0)), **arguments)


@pytest.mark.parametrize(
    "end",
    [
        lambda x: layers.Softmax()(x),
        lambda x: keras.ops.softmax(x),
        lambda x: RadialBasis(np.ones((2, 2)))(x),
    ],
)
def test_outputs_that_are_no_scores_are_refused(end):
    image = keras.Input((1, 1, 2))
    model = keras.Model(image, end(layers.Flatten()(image)))
    with pytest.raises(ValueError, match=r"expected scores, got (prob|dist).*; classifier_activation=None"):
        surface.surface(model, np.zeros((1, 1, 1, 2)), np.array([0]))


def test_other_models_are_refused():
    with pytest.raises(TypeError, match="model: expected a Keras model, got Dense"):
        surface.surface(layers.Dense(2), pixels(1), np.array([0]))

    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match=r"expected one output \(batch, classes\), got \[\]"):
        surface.surface(Own(), pixels(1), np.array([0]))
    model = linear((1.0, 2.0))
    two = keras.Model(model.inputs, [model.output, model.output], name="heads")
    with pytest.raises(ValueError, match=r"model heads: expected one output \(batch, classes\), got \["):
        surface.surface(two, pixels(1), np.array([0]))


# --------------------------------------------------------------------------------------- files


FOUND = surface.Surface(
    coordinates=np.array([-1.0, 0.0, 1.0]),
    loss=np.array([[123456.789, 2.0, np.nan], [1.0, 0.0123456789, 1.5], [np.inf, 3.0, 4.0]]),
    error=np.array([[90.0, 50.0, 100.0], [33.333333333, 1.5, 40.0], [100.0, 60.0, 70.0]]),
    seeds=(0, 1),
)


def write(directory, found=FOUND, **changes):
    arguments = {
        "network": "cifar-plain-8",
        "options": {"widths": (8, 16, 32)},
        "recipe": killable.RECIPE,
        "data": killable.images(),
        "seed": 3,
        "images": "first 100 training images",
        "test_error": 12.5,
        "directory": directory,
    }
    return surfaces.write(found, **{**arguments, **changes})


def test_what_is_written_comes_back(tmp_path):
    path = write(tmp_path)
    assert path.name == "cifar-plain-8-widths=-8-16-32--tiny--rows--seed3--directions-0-1.json"
    found = surfaces.read(path)
    assert found.coordinates.tolist() == [-1, 0, 1] and found.seeds == (0, 1)
    wanted = [[123460.0, 2.0, np.nan], [1.0, 0.012346, 1.5], [np.nan, 3.0, 4.0]]
    np.testing.assert_array_equal(found.loss, wanted)
    np.testing.assert_array_equal(found.error, [[90, 50, 100], [33.333, 1.5, 40], [100, 60, 70]])
    origin = found.origin
    assert (origin["network"], origin["options"]) == ("cifar-plain-8", {"widths": [8, 16, 32]})
    assert (origin["recipe"], origin["seed"], origin["test_error"]) == ("tiny", 3, 12.5)
    assert origin["data"] == records.data_summary(killable.images())
    assert origin["images"] == "first 100 training images"
    assert origin["versions"]["keras"] == keras.__version__ and origin["code"] and origin["date"]

    # Real JSON, without NaN; a line for each row.
    text = path.read_text()
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert "\n    [1.0, 0.012346, 1.5],\n" in text and "null" in text


def test_a_section_is_written_and_comes_back(tmp_path):
    line = dataclasses.replace(FOUND, loss=FOUND.loss[1], error=FOUND.error[1], seeds=(7,))
    write(tmp_path, line)
    write(tmp_path)
    first, second = surfaces.load(tmp_path)
    assert (first.seeds, second.seeds) == ((0, 1), (7,))
    assert second.loss.tolist() == [1.0, 0.012346, 1.5]


def test_the_folder_is_beside_the_records(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path))
    assert write(None).parent == tmp_path / "error_surfaces"
    assert len(surfaces.load()) == 1 and records.load() == []
    monkeypatch.delenv("CNNLIB_RECORDS")
    assert surfaces.folder() == records.folder().parent / "error_surfaces"


def test_a_surface_that_is_none_is_not_written(tmp_path):
    wrong = dataclasses.replace(FOUND, loss=FOUND.loss[:2])
    with pytest.raises(ValueError, match=r"loss must be numbers of shape \(3, 3\), got \(2, 3\)"):
        write(tmp_path, wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", surfaces.KINDS)
def test_a_missing_field_is_named(tmp_path, name):
    path = write(tmp_path)
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != name}))
    with pytest.raises(ValueError, match=f"surface {re.escape(path.name)}: field '{name}' is missing"):
        surfaces.read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        # What both kinds of records have to hold is tested with the runs.
        (lambda f: f.update(format=2), "format 2 is newer than this cnnlib, which reads format 1"),
        (lambda f: f["data"].pop("checksum"), "data: field 'checksum' is missing"),
        (lambda f: f.update(seeds=[0, 1, 2]), r"seeds must be of one or two directions, got \[0, 1, 2\]"),
        (lambda f: f.update(seeds=[0]), r"loss must be numbers of shape \(3,\), got \(3, 3\)"),
        (lambda f: f["loss"].pop(), r"loss must be numbers of shape \(3, 3\), got \(2, 3\)"),
        (lambda f: f["loss"][0].pop(), r"loss must be numbers of shape \(3, 3\) \("),
        (lambda f: f["loss"][0].__setitem__(0, "much"), r"loss must be numbers of shape \(3, 3\) \("),
        (lambda f: f["error"][0].__setitem__(0, 101), "error: .* numbers from 0 to 100, got 101"),
        (lambda f: f["error"][0].__setitem__(0, None), "error must be numbers, got null"),
        (lambda f: f["coordinates"].reverse(), "coordinates must be increasing numbers"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, change, message):
    path = write(tmp_path)
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(ValueError, match=f"surface {re.escape(path.name)}: {message}"):
        surfaces.load(tmp_path)


def test_the_packages_own_surfaces_are_valid():
    """Each is read, is finite in the centre, and has the name that its fields give."""
    paths = sorted(surfaces.folder().glob("*.json"))
    assert paths
    for path in paths:
        found = surfaces.read(path)
        origin = found.origin
        fields = (origin["network"], origin["options"], origin["recipe"], origin["data"]["name"])
        name = records.file_name(*fields, origin["seed"]).removesuffix(".json")
        assert path.name == f"{name}--directions-{'-'.join(map(str, found.seeds))}.json"
        centre = (len(found.coordinates) // 2,) * len(found.seeds)
        assert found.coordinates[centre[0]] == 0 and np.isfinite(found.loss[centre])


# ------------------------------------------------------------------------------------- the tool


RUN = ["lenet5-modern", "--data", "digits", "--recipe", "lenet5-modern-mnist", "--iterations", "3"]


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path / "records"))
    monkeypatch.chdir(tmp_path)


def test_the_tool_records_the_surface_of_a_finished_run(elsewhere, capsys):
    option = ["--option", "pooling=average"]
    assert command_line.main(["train", *RUN, *option, "--seeds", "2", "--directory", "kept"]) == 0
    arguments = [*RUN, *option, "--seed", "2", "--directory", "kept", "--steps", "3", "--images", "40"]
    assert error_surface.main([*arguments, "--radius", "0.5"]) == 0
    (found,) = surfaces.load()
    assert found.coordinates.tolist() == [-0.5, 0, 0.5] and found.loss.shape == (3, 3)
    assert found.origin["recipe"] == "lenet5-modern-mnist-shortened-3"
    assert found.origin["options"] == {"pooling": "average"} and found.origin["seed"] == 2
    assert found.origin["images"] == "first 40 training images"

    # The centre is the trained network, not one that was only built.
    from cnnlib import data
    from cnnlib.training import inputs

    digits = data.load("digits")
    recipe = recipes.get("lenet5-modern-mnist").shortened(iterations=3)
    trained = training.run("lenet5-modern", digits, recipe, seed=2, options={"pooling": "average"}, verbose=0)
    images = inputs.pixel_mapping(recipe, digits)(digits.x_train[:40])
    loss, error = surface.loss_and_error(trained.model, images, digits.y_train[:40])
    assert found.loss[1, 1] == pytest.approx(loss, rel=1e-4)
    assert found.error[1, 1] == pytest.approx(error, rel=1e-4)
    assert found.origin["test_error"] == pytest.approx(trained.history.test_error[-1], rel=1e-4)


@pytest.mark.parametrize("iterations", [None, 2])
def test_the_tool_refuses_to_train(elsewhere, capsys, monkeypatch, tmp_path, iterations):
    if iterations:
        run = tmp_path / "runs/lenet5-modern--lenet5-modern-mnist-shortened-3--digits--seed0"
        run.mkdir(parents=True)
        state = {"identity": {}, "progress": {"iteration": [1, iterations]}}
        np.savez(run / checkpoints.FILE, state=json.dumps(state))
    monkeypatch.setattr(training, "run", lambda *arguments, **named: pytest.fail("it trained"))
    assert error_surface.main(RUN) == 2
    assert f"no finished run: {iterations or 0} of 3 iterations" in capsys.readouterr().err
    assert surfaces.load() == []


def test_the_tool_refuses_what_it_cannot_draw(elsewhere, capsys):
    assert error_surface.main(["lenet5", "--data", "digits", "--recipe", "lenet5-mnist"]) == 2
    assert "its loss is lecun1998-map, not softmax-cross-entropy" in capsys.readouterr().err
    assert error_surface.main([*RUN, "--images", "5000"]) == 2
    assert "--images: expected 1 to" in capsys.readouterr().err
