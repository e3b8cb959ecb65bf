"""Training: steps against arithmetic by hand, what is measured and shown, runs by name, two backends."""

import dataclasses
import json
import math
import os
import subprocess
import sys

import keras
import killable
import numpy as np
import pytest
from keras import layers

from cnnlib import models, training
from cnnlib.recipes import HE2015_CIFAR, Recipe
from cnnlib.training import checkpoints, inputs, losses, optimizer, runs

PLAIN = Recipe(name="plain", batch_size=16, iterations=26, learning_rate=0.05)


@pytest.fixture(scope="module")
def images():
    return killable.images()


def linear(*names):
    """Softmax regression, with a head for each name."""
    flat = layers.Flatten()(image := keras.Input((8, 8, 1)))
    heads = [layers.Dense(3, name=name)(flat) for name in names or ("scores",)]
    return keras.Model(image, heads if names else heads[0], name="linear")


def plain_weights(model):
    return [np.asarray(w, "float64") for w in model.get_weights()]


# ---- the step, against arithmetic by hand ------------------------------------------------------


def steps_by_hand(weights, gradients, rates, momentum, decay):
    """SGD of He et al. 2015 in Caffe's form; ``decay`` has one number a weight."""
    weights = [w.copy() for w in weights]
    velocity = [np.zeros_like(w) for w in weights]
    for step, rate in enumerate(rates):
        for i, d in enumerate(decay):
            velocity[i] = momentum * velocity[i] - rate * (gradients[step][i] + d * weights[i])
            weights[i] = weights[i] + velocity[i]
    return weights


def test_a_step_is_the_one_by_hand():
    """Decay in the gradient, on kernels only; the rate inside the velocity, across a drop."""
    recipe = Recipe(
        name="drop", batch_size=1, iterations=4, learning_rate=0.5, drops=((2, 0.05),), weight_decay=0.1
    )
    generator = np.random.default_rng(1)
    layer = layers.Dense(2)
    layer.build((None, 3))
    normalization = layers.BatchNormalization()
    normalization.build((None, 2))
    variables = [*layer.trainable_variables, *normalization.trainable_variables]
    assert [v.name for v in variables] == ["kernel", "bias", "gamma", "beta"]
    for variable in variables:
        variable.assign(generator.normal(size=variable.shape))
    before = [keras.ops.convert_to_numpy(v).astype("float64") for v in variables]
    gradients = [[generator.normal(size=v.shape).astype("float32") for v in variables] for _ in range(4)]

    step = optimizer.optimizer(recipe)
    step.build(variables)
    for gradient in gradients:
        step.apply([keras.ops.convert_to_tensor(g) for g in gradient], variables)

    expected = steps_by_hand(before, gradients, [0.5, 0.5, 0.05, 0.05], 0.9, [0.1, 0, 0, 0])
    for variable, value in zip(variables, expected):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), value, rtol=1e-5, atol=1e-6)
    # The rate outside the velocity, as PyTorch has it, parts from this after the drop.
    outside = [w.copy() for w in before]
    velocity = [np.zeros_like(w) for w in before]
    for gradient, rate in zip(gradients, [0.5, 0.5, 0.05, 0.05]):
        for i, d in enumerate([0.1, 0, 0, 0]):
            velocity[i] = 0.9 * velocity[i] + gradient[i] + d * outside[i]
            outside[i] = outside[i] - rate * velocity[i]
    assert not np.allclose(outside[0], expected[0], atol=1e-3)


def test_keras_own_weight_decay_is_something_else():
    """Decoupled, outside the momentum, and on every variable. Ours is not that."""
    kernel = keras.Variable(np.ones(2, "float32"), name="kernel")
    bias = keras.Variable(np.ones(2, "float32"), name="bias")
    keras_sgd = keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.1)
    ours = optimizer.SGD(0.1, momentum=0.9, kernel_decay=0.1)
    result = {}
    for name, step in (("keras", keras_sgd), ("ours", ours)):
        kernel.assign(np.ones(2)), bias.assign(np.ones(2))
        step.build([kernel, bias])
        for _ in range(2):
            step.apply([keras.ops.zeros(2), keras.ops.zeros(2)], [kernel, bias])
        result[name] = float(np.asarray(kernel)[0]), float(np.asarray(bias)[0])
    # w <- w (1 - rate d), twice, on both.
    assert result["keras"] == pytest.approx((0.99**2, 0.99**2))
    # v = -.01, w = .99; v = -.009 - .1 * .1 * .99, w = .99 + v; the bias stays.
    assert result["ours"] == pytest.approx((0.99 - 0.009 - 0.0099, 1.0))


def test_decay_is_the_l2_regulariser_of_half_its_size():
    """1e-4 in the gradient is keras.regularizers.L2(5e-5), the gradient of l w^2 being 2 l w."""
    w = keras.Variable(np.array([2.0, -3.0], "float32"), name="kernel")
    penalty = keras.regularizers.L2(5e-5)
    h = 1e-2
    slope = [(penalty(x + h) - penalty(x - h)) / (2 * h) for x in np.asarray(w)]
    np.testing.assert_allclose([float(s) for s in slope], 1e-4 * np.asarray(w), rtol=1e-2)


@pytest.mark.parametrize("clip_norm", [None, 0.2])
def test_whole_training_is_the_one_by_hand(images, clip_norm):
    """Softmax regression over one and a half epochs, fit and callbacks and inputs included."""
    recipe = dataclasses.replace(
        PLAIN,
        clip_norm=clip_norm,
        iterations=20,
        drops=((8, 0.01),),
        weight_decay=0.05,
        augmentation="crop",
        pad=1,
    )
    keras.utils.set_random_seed(0)
    model = linear()
    kernel, bias = plain_weights(model)
    history = training.train(model, images, recipe, seed=4)

    batches = inputs.TrainingBatches(recipe, images, inputs.pixel_mapping(recipe, images), 4, 0, 20)
    velocity, means, errors, clipped = [0, 0], [], [], set()

    def shortened(gradient):
        norm = np.linalg.norm(gradient)
        clipped.add(norm > (clip_norm or np.inf))
        return gradient * min(1, (clip_norm or np.inf) / norm)

    for i in range(20):
        x, labels = batches[i]
        x = x.reshape(16, -1).astype("float64")
        scores = x @ kernel + bias
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        target = np.eye(3)[labels]
        means.append(-(target * np.log(p)).sum(axis=1).mean())
        errors.append(100 * (scores.argmax(axis=1) != labels).mean())
        slope = (p - target) / 16
        rate = 0.05 if i < 8 else 0.01
        velocity[0] = 0.9 * velocity[0] - rate * (shortened(x.T @ slope) + 0.05 * kernel)
        velocity[1] = 0.9 * velocity[1] - rate * shortened(slope.sum(axis=0))
        kernel, bias = kernel + velocity[0], bias + velocity[1]
    for ours, value in zip(plain_weights(model), (kernel, bias)):
        np.testing.assert_allclose(ours, value, rtol=1e-4, atol=1e-5)
    assert clipped == ({False} if clip_norm is None else {True, False})

    assert history.iteration == [13, 20]
    assert history.learning_rate == [0.01, 0.01]
    assert history.train_loss == pytest.approx([np.mean(means[:13]), np.mean(means[13:])], rel=1e-4)
    assert history.train_error == pytest.approx([np.mean(errors[:13]), np.mean(errors[13:])], rel=1e-4)
    scores = images.x_test.reshape(50, -1) / 255 @ kernel + bias
    assert history.test_error[-1] == pytest.approx(100 * (scores.argmax(axis=1) != images.y_test).mean())


def test_batch_normalisation_keeps_the_network_s_constants(images):
    """The moving variance is the biased one. A recipe may state the same constants, or none."""
    image = keras.Input((8, 8, 1))
    x = layers.BatchNormalization(momentum=0.8, epsilon=1e-4, name="normalization")(image)
    model = keras.Model(image, layers.Dense(3)(layers.Flatten()(x)))
    normalization = model.get_layer("normalization")
    recipe = dataclasses.replace(PLAIN, iterations=1, batch_norm_momentum=0.8)
    training.train(model, images, recipe, seed=1)
    assert (normalization.momentum, normalization.epsilon) == (0.8, 1e-4)

    x, _ = inputs.TrainingBatches(recipe, images, inputs.pixel_mapping(recipe, images), 1, 0, 1)[0]
    moving_mean, moving_variance = normalization.non_trainable_variables
    np.testing.assert_allclose(keras.ops.convert_to_numpy(moving_mean), 0.2 * x.mean(), rtol=1e-4)
    variance = x.astype("float64").var(ddof=0)
    moved = 0.8 + 0.2 * variance
    np.testing.assert_allclose(keras.ops.convert_to_numpy(moving_variance), moved, rtol=1e-5)
    # The unbiased variance would be seen at this tolerance.
    assert abs(variance - x.astype("float64").var(ddof=1)) * 0.2 > 1e-6


@pytest.mark.parametrize(("constant", "found"), [("momentum", 0.9), ("epsilon", 1e-5)])
def test_two_owners_of_a_constant_are_refused(images, constant, found):
    recipe = dataclasses.replace(PLAIN, **{f"batch_norm_{constant}": 0.5})
    message = (
        f"layer normalization of model tiny has the {constant} {found}, recipe plain states "
        f"batch_norm_{constant} 0.5: build the network with {constant}=0.5, or take a recipe"
    )
    model = killable.network()
    with pytest.raises(ValueError, match=message):
        training.train(model, images, recipe)
    assert getattr(model.get_layer("normalization"), constant) == found


def test_dropout_drops_in_training_and_not_in_the_test(images):
    """fit passes training=True. At a rate of next to nothing the weights stay what they are."""
    recipe = dataclasses.replace(PLAIN, iterations=13, learning_rate=1e-12)
    histories, start = [], killable.network().get_weights()
    for dropout in (0.0, 0.8):
        model = killable.network(dropout=dropout)
        model.set_weights(start)
        histories.append(training.train(model, images, recipe))
    without, dropped = histories
    assert dropped.test_loss == pytest.approx(without.test_loss, rel=1e-5)
    assert abs(dropped.train_loss[0] - without.train_loss[0]) > 0.01


def test_the_loss_from_scores():
    scores = np.array([[2.0, -1.0, 0.5], [100.0, 0.0, -100.0]], "float32")
    labels = np.array([2, 0])
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)(labels, scores)
    found = losses.loss(PLAIN)(labels, keras.ops.convert_to_tensor(scores))
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-5)


def test_heads_are_weighted_and_the_first_one_predicts(images):
    """GoogLeNet's auxiliary classifiers: their losses count 0.3."""
    recipe = dataclasses.replace(PLAIN, loss_weights=(1.0, 0.3), iterations=13)
    heads = np.array([[[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]], [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]], "float32")
    labels = np.array([2, 0])
    first, second = (losses.loss(PLAIN)(labels, keras.ops.convert_to_tensor(heads[:, i])) for i in (0, 1))
    found = losses.loss(recipe)(labels, keras.ops.convert_to_tensor(heads))
    expected = keras.ops.convert_to_numpy(first) + 0.3 * keras.ops.convert_to_numpy(second)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected, rtol=1e-6)
    metric = losses.error(recipe)
    metric.update_state(labels, heads)
    assert float(metric.result()) == 50.0

    model = linear("main", "auxiliary")
    before = model.get_weights()
    history = training.train(model, images, recipe)
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(before, model.get_weights()))
    scores, _ = model.predict(images.x_test / np.float32(255), verbose=0)
    assert history.test_error[-1] == pytest.approx(100 * (scores.argmax(axis=1) != images.y_test).mean())


def test_distances_are_predicted_by_the_smallest():
    outputs = np.array([[3.0, 1.0, 2.0], [0.5, 0.1, 0.9]], "float32")
    for loss, wrong in (("softmax-cross-entropy", 50.0), ("lecun1998-map", 100.0)):
        error = losses.error(dataclasses.replace(PLAIN, loss=loss))
        error.update_state(np.array([0, 0]), outputs)
        assert float(error.result()) == wrong


def test_the_optimiser_survives_serialisation():
    step = optimizer.optimizer(HE2015_CIFAR)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(step))
    assert isinstance(again, optimizer.SGD)
    assert again.get_config() == step.get_config()
    assert again.kernel_decay == 1e-4


# ---- what is measured at the end -----------------------------------------------------------------


def measured(model, data, recipe):
    """``measure`` of the model as it is; and that it leaves every variable as it was."""
    network = runs.one_output(model)
    training.compile_model(network, recipe)
    before = [keras.ops.convert_to_numpy(v).copy() for v in model.variables]
    final = training.measure(network, data, recipe)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value, err_msg=variable.path)
    return final


def loss_and_error(scores, labels):
    wrong = 100 * (scores.argmax(axis=1) != labels).mean()
    return (np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(labels)), labels]).mean(), wrong


def test_what_a_network_without_normalisation_is_measured_to_have(images):
    """On the images that the recipe uses, as they are: neither cropped nor mirrored."""
    recipe = dataclasses.replace(
        PLAIN, train_size=70, augmentation="crop-and-mirror", pixels="per-pixel-mean"
    )
    model = linear()
    final = measured(model, images, recipe)
    mapping = inputs.pixel_mapping(recipe, images)
    kernel, bias = plain_weights(model)
    used = inputs.chosen(recipe, 200)
    for part, x, labels in (
        ("train", images.x_train[used], images.y_train[used]),
        ("test", images.x_test, images.y_test),
    ):
        loss, error = loss_and_error(mapping(x).reshape(len(x), -1) @ kernel + bias, labels)
        assert final[f"{part}_loss"] == pytest.approx(loss, rel=1e-4)
        assert final[f"{part}_error"] == pytest.approx(error, abs=1e-3)
    assert final["train_error_batch_statistics"] is None


def with_normalisation(dropout=0.0):
    """The middle column of pixels, normalised: moving statistics far from those of the batches."""
    image = keras.Input((8, 8, 1))
    x = layers.BatchNormalization(momentum=0.5, epsilon=1e-5, name="normalization")(image)
    x = layers.Dropout(dropout, seed=1)(layers.Flatten()(x))
    model = keras.Model(image, layers.Dense(3, name="scores")(x))
    generator = np.random.default_rng(3)
    model.get_layer("scores").set_weights([generator.normal(size=(64, 3)), np.zeros(3)])
    model.get_layer("normalization").set_weights([np.array([v]) for v in (1.3, -0.2, 0.9, 2.0)])
    return model


def test_the_error_with_batch_statistics_is_the_one_by_hand(images):
    """One batch holds all images, so that its order does not matter; inference mode gives another error."""
    recipe = dataclasses.replace(PLAIN, batch_size=200, iterations=1)
    model = with_normalisation()
    final = measured(model, images, recipe)
    x, (kernel, bias) = images.x_train / 255, model.get_layer("scores").get_weights()
    errors = []
    for mean, variance in ((0.9, 2.0), (x.mean(), x.var())):
        normalised = 1.3 * (x - mean) / np.sqrt(variance + 1e-5) - 0.2
        errors.append(loss_and_error(normalised.reshape(200, -1) @ kernel + bias, images.y_train)[1])
    assert final["train_error"] == pytest.approx(errors[0], abs=1e-3)
    assert final["train_error_batch_statistics"] == pytest.approx(errors[1], abs=1e-3)
    assert abs(errors[0] - errors[1]) > 1


def test_dropout_is_in_the_error_with_batch_statistics_alone(images):
    recipe = dataclasses.replace(PLAIN, batch_size=200, iterations=1)
    without, dropped = (measured(with_normalisation(dropout), images, recipe) for dropout in (0.0, 0.7))
    batch = "train_error_batch_statistics"
    assert abs(without.pop(batch) - dropped.pop(batch)) > 1
    assert without == pytest.approx(dropped)


def test_the_first_head_s_errors_are_measured_and_all_heads_losses(images):
    recipe = dataclasses.replace(PLAIN, loss_weights=(1.0, 0.3))
    model = linear("main", "auxiliary")
    final = measured(model, images, recipe)
    x = images.x_test.reshape(50, -1) / 255
    (main, wrong), (auxiliary, _) = (
        loss_and_error(x @ kernel + bias, images.y_test)
        for kernel, bias in (plain_weights(model.get_layer(name)) for name in ("main", "auxiliary"))
    )
    assert final["test_loss"] == pytest.approx(main + 0.3 * auxiliary, rel=1e-4)
    assert final["test_error"] == pytest.approx(wrong, abs=1e-3)


# ---- stopping and showing ----------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_at_its_iteration(images, tmp_path):
    """The scores become infinite at iteration 17 = 13 + 4, in the second epoch."""
    recipe = dataclasses.replace(PLAIN, iterations=39)
    with pytest.raises(FloatingPointError, match=r"training loss is not finite at iteration 17 \(epoch 2,"):
        training.train(killable.explosive(17), images, recipe, directory=tmp_path, checkpoint_seconds=0)
    with np.load(tmp_path / checkpoints.FILE) as file:
        assert json.loads(str(file["state"]))["progress"]["iteration"] == [13]


def test_a_rate_that_is_too_high_stops_the_run(images):
    recipe = dataclasses.replace(PLAIN, learning_rate=1e38)
    with pytest.raises(FloatingPointError, match=r"not finite at iteration [0-9]+ "):
        training.train(linear(), images, recipe)


def test_a_line_an_epoch_a_bar_or_nothing(images, capsys, monkeypatch):
    def shown(verbose):
        training.train(linear(), images, PLAIN, verbose=verbose)
        return capsys.readouterr().out

    assert shown("auto") == ""
    lines = shown(2).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  iteration 13  training loss ")
    assert "Epoch 2/2" in shown(1) and "val_error" in shown(1)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert runs._verbosity("auto") == 2
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert runs._verbosity("auto") == 1


# ---- run, and the two backends -----------------------------------------------------------------

SMALL = {"pooling": "average", "widths": (2, 4, 8, 84), "table": None, "output": "dense"}
THREE = dataclasses.replace(PLAIN, name="three", iterations=3, pixels="lecun1998")
DIGITS = {"side": 32, "class_names": tuple("0123456789")}


def test_run_seeds_builds_trains_and_records_and_replaces_nothing_unasked(tmp_path, monkeypatch):
    data = killable.images(**DIGITS)
    options = {"options": SMALL, "record": True, "records_directory": tmp_path}
    done = [
        training.run("lenet5", data, THREE, seed=seed, overwrite=overwrite, **options)
        for seed, overwrite in ((0, False), (0, True), (1, False))
    ]
    assert done[0].record == done[1].record != done[2].record
    assert done[0].history.train_loss == done[1].history.train_loss != done[2].history.train_loss
    names = {done[0].record.name, done[2].record.name}
    assert {path.name for path in tmp_path.iterdir()} == names
    monkeypatch.setattr(models, "build", lambda *a, **k: pytest.fail("built"))
    with pytest.raises(FileExistsError, match="already recorded"):
        training.run("lenet5", data, THREE, seed=1, **options)


@pytest.mark.parametrize(
    ("network", "recipe", "place", "error", "message"),
    [
        ("lenet5", THREE, "file", OSError, "file"),
        ("lenet5", dataclasses.replace(THREE, name="lenet5-mnist"), "new", ValueError, "lenet5-mnist"),
        ("lenet", THREE, "new", ValueError, "unknown network 'lenet'"),
        ("lenet5", "lenet5-mnist", "new", TypeError, "recipe: expected a cnnlib.recipes.Recipe, got str"),
    ],
)
def test_a_run_that_cannot_be_recorded_is_not_begun(
    tmp_path, monkeypatch, network, recipe, place, error, message
):
    data = killable.images(**DIGITS)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(models, "build", lambda *a, **k: pytest.fail("built"))
    with pytest.raises(error, match=message):
        training.run(network, data, recipe, record=True, records_directory=tmp_path / place)


def test_mixed_precision_is_the_network_s(images):
    recipe = dataclasses.replace(PLAIN, precision="mixed_bfloat16", iterations=13)
    with pytest.raises(ValueError, match="wants precision mixed_bfloat16, model tiny was built with float32"):
        training.train(killable.network(), images, recipe)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = killable.network()
    finally:
        keras.config.set_dtype_policy("float32")
    with pytest.raises(ValueError, match="wants precision float32"):
        training.train(model, images, PLAIN)
    history = training.train(model, images, recipe)
    assert math.isfinite(history.train_loss[0])


def test_the_backends_agree(tmp_path):
    """The same recipe, weights and seed for 15 steps, on TensorFlow and on JAX; and what is measured then."""
    pytest.importorskip("jax", reason="JAX is not installed: pip install -r requirements-jax.txt")
    keras.utils.set_random_seed(1)
    np.savez(tmp_path / "start.npz", *killable.network().get_weights())
    here = keras.backend.backend()
    other = {"tensorflow": "jax", "jax": "tensorflow"}[here]
    command = [sys.executable, killable.__file__, tmp_path / "start.npz", tmp_path / f"{other}.npz"]
    environment = {**os.environ, "KERAS_BACKEND": other}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert result.returncode == 0, result.stderr
    killable.compute(tmp_path / "start.npz", tmp_path / f"{here}.npz")
    found = {}
    for backend in (here, other):
        with np.load(tmp_path / f"{backend}.npz") as file:
            found[backend] = {name: file[name] for name in file.files}
    for name, value in found[here].items():
        np.testing.assert_allclose(found[other][name], value, rtol=2e-3, atol=2e-4, err_msg=name)
