"""Compiled passes: batches, weights and history are those of ``fit``; what cannot be is refused by name."""

import dataclasses
import json
import warnings

import keras
import killable
import numpy as np
import pytest
from keras import layers

from cnnlib import __main__ as command_line
from cnnlib import records, training
from cnnlib.recipes import PIXELS
from cnnlib.training import checkpoints, compiled, inputs, runs

pytestmark = pytest.mark.filterwarnings("ignore:compiled passes are for a GPU")
on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="compiled passes are of the JAX backend")
# Three passes of 13, 13 and 4 iterations.
RECIPE = dataclasses.replace(killable.RECIPE, iterations=30, drops=((20, 0.01),))


@pytest.fixture(scope="module")
def images():
    return killable.images()


class Watched(keras.Model):
    """A network that keeps the batches it is trained with, and how often its step was traced."""

    def train_step(self, state, data):
        import jax

        self.traced += 1
        jax.debug.callback(lambda *batch: self.seen.append(batch), *data, ordered=True)
        return super().train_step(state, data)


def watched(side=8):
    image = keras.Input((side, side, 1))
    model = Watched(image, layers.Dense(3)(layers.Flatten()(image)))
    model.traced, model.seen = 0, []
    return model


def values(model):
    return [keras.ops.convert_to_numpy(variable) for variable in model.variables]


# ---- the same as fit -------------------------------------------------------------------------------


BATCHES = [
    ("none", "lecun1998", None),
    ("none", "unit", 90),
    ("crop", "standardized", None),
    ("crop-and-mirror", "per-pixel-mean", 90),
]


@on_jax
@pytest.mark.parametrize(("augmentation", "pixels", "train_size"), BATCHES)
def test_the_batches_are_those_of_training_batches(images, augmentation, pixels, train_size):
    """In their order, across the ends of passes: labels exactly, pixels up to a float's last digits."""
    import jax

    recipe = dataclasses.replace(RECIPE, augmentation=augmentation, pixels=pixels, train_size=train_size)
    model = watched(side=32 if pixels == "lecun1998" else 8)
    training.train(model, images, recipe, seed=5, compiled=True)
    jax.effects_barrier()
    expected = inputs.TrainingBatches(recipe, images, inputs.pixel_mapping(recipe, images), 5, 0, 30)
    assert len(model.seen) == 30
    for number, (x, labels) in enumerate(model.seen):
        wanted, wanted_labels = expected[number]
        np.testing.assert_array_equal(labels, wanted_labels)
        assert x.dtype == wanted.dtype and labels.dtype == wanted_labels.dtype
        # XLA may multiply and subtract with one rounding, NumPy rounds twice: 2.4e-7 was the most.
        np.testing.assert_allclose(x, wanted, rtol=0, atol=1e-6)


def test_every_augmentation_and_mapping_is_tried():
    assert {augmentation for augmentation, *_ in BATCHES} == set(compiled.AUGMENTATIONS)
    assert {pixels for _, pixels, _ in BATCHES} == set(PIXELS)


@on_jax
def test_two_programs_are_compiled_for_all_passes(images):
    """One for the full passes, one for the last, which is shorter."""
    model = watched()
    history = training.train(model, images, dataclasses.replace(RECIPE, iterations=56), compiled=True)
    assert history.iteration == [13, 26, 39, 52, 56]
    assert model.traced == 2


def two_heads():
    flat = layers.Flatten()(image := keras.Input((8, 8, 1)))
    return keras.Model(image, [layers.Dense(3, name=name)(flat) for name in ("main", "auxiliary")])


def trained(build, data, recipe, **options):
    keras.utils.set_random_seed(3)
    model = build()
    return model, training.train(model, data, recipe, **{"seed": 3, **options})


@on_jax
@pytest.mark.parametrize(
    ("build", "changes"),
    [
        (killable.network, {}),  # batch normalisation, dropout, decay, a drop of the rate
        (two_heads, {"loss_weights": (1.0, 0.3), "clip_norm": 0.5, "schedule": "cosine", "drops": ()}),
    ],
)
def test_training_is_that_of_fit(build, changes):
    # 299 test images are no number of whole batches.
    data, recipe = killable.images(test_size=299), dataclasses.replace(RECIPE, **changes)
    model, history = trained(build, data, recipe)
    same, found = trained(build, data, recipe, compiled=True)
    other, _ = trained(build, data, recipe, seed=4, compiled=True)
    for name, one, two in zip((v.path for v in model.variables), values(model), values(same), strict=True):
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-5, err_msg=name)  # measured: 5.2e-7
    # Another order of the same images is far from that: 0.97 and 0.13.
    assert max(np.abs(a - b).max() for a, b in zip(values(model), values(other))) > 1e-2
    assert found.iteration == history.iteration == [13, 26, 30]
    for name, expected in history.lists().items():
        if name != "seconds":
            assert getattr(found, name) == pytest.approx(expected, rel=1e-5), name
    assert set(found.final) == set(history.final)
    for name, expected in history.final.items():
        assert found.final[name] == (expected and pytest.approx(expected, rel=1e-5)), name
    assert found.provenance["device"] == history.provenance["device"] + ", whole passes compiled"


@on_jax
def test_a_run_that_was_stopped_goes_on_bit_for_bit(images, tmp_path, monkeypatch):
    whole, expected = trained(killable.network, images, RECIPE, compiled=True)
    begin = runs.Keeper.on_epoch_begin

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    keeping = {"directory": tmp_path, "checkpoint_seconds": 0, "compiled": True}
    with monkeypatch.context() as patch:
        patch.setattr(runs.Keeper, "on_epoch_begin", on_epoch_begin)
        with pytest.raises(KeyboardInterrupt):
            trained(killable.network, images, RECIPE, **keeping)
    with np.load(tmp_path / checkpoints.FILE) as file:
        assert json.loads(str(file["state"]))["progress"]["iteration"] == [13]
    with pytest.raises(ValueError, match="compiled is True there and None here"):
        trained(killable.network, images, RECIPE, directory=tmp_path)
    model, history = trained(killable.network, images, RECIPE, **keeping)
    for one, two in zip(values(model), values(whole), strict=True):
        np.testing.assert_array_equal(one, two)
    assert {**history.lists(), "seconds": 0} == {**expected.lists(), "seconds": 0}
    assert history.final == expected.final
    # A finished run is only loaded.
    monkeypatch.setattr(compiled, "Passes", lambda *arguments: pytest.fail("it went on"))
    assert trained(killable.network, images, RECIPE, **keeping)[1] == history


@on_jax
@pytest.mark.parametrize("whole", [True, False])
def test_a_loss_that_is_not_finite_stops_at_its_iteration(images, whole):
    message = r"training loss is not finite at iteration 17 \(epoch 2, learning rate 0.05\)"
    with pytest.raises(FloatingPointError, match=message):
        training.train(killable.explosive(17), images, RECIPE, compiled=whole)


@on_jax
def test_a_line_an_epoch_also_in_place_of_a_bar(images, capsys):
    training.train(watched(), images, RECIPE, verbose=1, compiled=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]


TRAIN = ["train", "lenet5-modern", "--data", "digits", "--recipe", "lenet5-modern-mnist", "--iterations", "3"]
TRAIN += ["--compiled", "--record"]


@on_jax
def test_a_recorded_run_says_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNNLIB_RECORDS", "records")
    assert command_line.main(TRAIN) == 0
    (record,) = records.load()
    assert record.device.endswith(", whole passes compiled")
    assert ", whole passes compiled, jax " in record.provenance


# ---- what is refused -------------------------------------------------------------------------------


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="of the other backends")
def test_another_backend_is_refused(images, capsys, tmp_path, monkeypatch):
    message = f"compiled passes need the JAX backend (KERAS_BACKEND=jax), this is {keras.backend.backend()}"
    with pytest.raises(ValueError) as reason:
        training.train(killable.network(), images, RECIPE, compiled=True)
    assert str(reason.value) == message
    monkeypatch.chdir(tmp_path)
    assert command_line.main(TRAIN) == 2
    assert capsys.readouterr().err == f"cnnlib: error: {message}\n"


@on_jax
def test_another_augmentation_is_refused(images):
    recipe = dataclasses.replace(RECIPE, augmentation="affine-distortion")
    message = (
        "recipe tiny: compiled passes take the augmentations none, crop, crop-and-mirror, "
        "got affine-distortion"
    )
    with pytest.raises(ValueError, match=message):
        training.train(killable.network(), images, recipe, compiled=True)


@on_jax
def test_a_cpu_is_warned_of(monkeypatch):
    import jax

    with pytest.warns(UserWarning, match="compiled passes are for a GPU: on a CPU, JAX"):
        monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
        compiled.check(True, RECIPE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled.check(False, RECIPE)
        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
        compiled.check(True, RECIPE)


@on_jax
def test_several_devices_are_refused(monkeypatch):
    monkeypatch.setattr(compiled.devices, "number", lambda: 4)
    with pytest.raises(ValueError, match="compiled passes are computed on one device, got 4"):
        compiled.check(True, RECIPE)
    compiled.check(False, RECIPE)


def test_what_is_neither_yes_nor_no_is_refused(images):
    with pytest.raises(TypeError, match="compiled: expected True or False, got 'yes'"):
        training.train(killable.network(), images, RECIPE, compiled="yes")
