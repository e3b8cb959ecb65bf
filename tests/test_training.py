"""Training: steps against arithmetic by hand, resuming bit for bit, errors that name what is wrong."""

import dataclasses
import json
import math
import os
import pathlib
import random
import subprocess
import sys

import keras
import killable
import numpy as np
import pytest
from keras import layers

from cnnlib import files, training
from cnnlib.recipes import HE2015_CIFAR, Recipe
from cnnlib.training import checkpoints, inputs, losses, optimizer, runs

HERE = pathlib.Path(__file__).parent
PLAIN = Recipe(name="plain", batch_size=16, iterations=26, learning_rate=0.05)


@pytest.fixture(scope="module")
def images():
    return killable.Images()


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
    """errata F3, F4: decay in the gradient, on kernels only; the rate inside the velocity, across a drop."""
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
    """errata F3: decoupled, outside the momentum, and on every variable. Ours is not that."""
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
    """errata F3: 1e-4 in the gradient is keras.regularizers.L2(5e-5), the gradient of l w^2 being 2 l w."""
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
        label_smoothing=0.1,
        augmentation="crop",
        pad=1,
    )
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, layers.Dense(3, name="scores")(layers.Flatten()(image)))
    kernel, bias = plain_weights(model)
    history = training.train(model, images, recipe, seed=4)

    batches = inputs.TrainingBatches(recipe, images, inputs.pixel_mapping(recipe, images), 4, 0, 20)
    velocity, losses, errors, clipped = [0, 0], [], [], set()

    def shortened(gradient):
        norm = np.linalg.norm(gradient)
        clipped.add(norm > (clip_norm or np.inf))
        return gradient * min(1, (clip_norm or np.inf) / norm)

    for i in range(20):
        x, labels = batches[i]
        x = x.reshape(16, -1).astype("float64")
        scores = x @ kernel + bias
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        target = 0.9 * np.eye(3)[labels] + 0.1 / 3
        losses.append(-(target * np.log(p)).sum(axis=1).mean())
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
    assert history.train_loss == pytest.approx([np.mean(losses[:13]), np.mean(losses[13:])], rel=1e-4)
    assert history.train_error == pytest.approx([np.mean(errors[:13]), np.mean(errors[13:])], rel=1e-4)
    scores = images.x_test.reshape(50, -1) / 255 @ kernel + bias
    assert history.test_error[-1] == pytest.approx(100 * (scores.argmax(axis=1) != images.y_test).mean())


def test_batch_normalisation_takes_the_recipe_s_settings(images):
    """errata F2: Keras' .99 and 1e-3 are replaced; the moving variance is the biased one."""
    recipe = dataclasses.replace(PLAIN, iterations=1, batch_norm_momentum=0.8, batch_norm_epsilon=1e-4)
    image = keras.Input((8, 8, 1))
    x = layers.BatchNormalization(name="normalization")(image)
    model = keras.Model(image, layers.Dense(3)(layers.Flatten()(x)))
    normalization = model.get_layer("normalization")
    assert (normalization.momentum, normalization.epsilon) == (0.99, 1e-3)
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


def test_dropout_drops_in_training_and_not_in_the_test(images):
    """errata F8: fit passes training=True. At a rate of next to nothing the weights stay what they are."""
    recipe = dataclasses.replace(PLAIN, iterations=13, learning_rate=1e-12)
    histories, start = [], killable.network().get_weights()
    for dropout in (0.0, 0.8):
        model = killable.network(dropout=dropout)
        model.set_weights(start)
        histories.append(training.train(model, images, recipe))
    without, dropped = histories
    assert dropped.test_loss == pytest.approx(without.test_loss, rel=1e-5)
    assert abs(dropped.train_loss[0] - without.train_loss[0]) > 0.01


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_from_scores(smoothing):
    recipe = dataclasses.replace(PLAIN, label_smoothing=smoothing)
    scores = np.array([[2.0, -1.0, 0.5], [100.0, 0.0, -100.0]], "float32")
    labels = np.array([2, 0])
    targets = (1 - smoothing) * np.eye(3)[labels] + smoothing / 3
    expected = keras.losses.CategoricalCrossentropy(from_logits=True, reduction=None)(targets, scores)
    found = losses.loss(recipe)(labels, keras.ops.convert_to_tensor(scores))
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

    flat = layers.Flatten()(image := keras.Input((8, 8, 1)))
    names = ("main", "auxiliary")
    model = keras.Model(image, [layers.Dense(3, name=name)(flat) for name in names])
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


# ---- inputs ------------------------------------------------------------------------------------


def crop_by_hand(image, row, column, pad):
    height, width, channels = image.shape
    padded = np.zeros((height + 2 * pad, width + 2 * pad, channels), image.dtype)
    padded[pad:-pad, pad:-pad] = image
    return padded[row : row + height, column : column + width]


def test_each_image_is_cropped_at_its_own_place():
    """errata F6: keras.layers.RandomCrop would crop a whole batch at one place."""
    generator = np.random.default_rng(0)
    pictures = generator.normal(size=(81, 5, 6, 3)).astype("float32")
    offsets = np.stack(np.meshgrid(range(9), range(9)), -1).reshape(-1, 2)
    cropped = inputs.crop(pictures, offsets, 4)
    for picture, (row, column), result in zip(pictures, offsets, cropped):
        np.testing.assert_array_equal(result, crop_by_hand(picture, row, column, 4))
    np.testing.assert_array_equal(inputs.crop(pictures, np.full((81, 2), 4), 4), pictures)


def test_augmented_batches_are_crops_and_mirrors_of_their_own(images):
    """Padding happens after the pixel mapping: it is zero there, the mean of the data."""
    recipe = dataclasses.replace(
        HE2015_CIFAR, batch_size=50, iterations=4, drops=(), pad=2, augmentation="crop-and-mirror"
    )
    mapping = inputs.pixel_mapping(recipe, images)
    x, _ = zip(*(inputs.TrainingBatches(recipe, images, mapping, 9, 0, 4)[i] for i in range(4)))
    plain = dataclasses.replace(recipe, augmentation="none")
    y, _ = zip(*(inputs.TrainingBatches(plain, images, mapping, 9, 0, 4)[i] for i in range(4)))
    places, mirrors = set(), 0
    for augmented, original in zip(np.concatenate(x), np.concatenate(y)):
        found = [
            (row, column, mirrored)
            for row in range(5)
            for column in range(5)
            for mirrored in (False, True)
            if np.array_equal(crop_by_hand(original, row, column, 2)[:, :: -1 if mirrored else 1], augmented)
        ]
        assert len(found) == 1
        places.add(found[0][:2])
        mirrors += found[0][2]
    assert len(places) == 25
    assert 60 < mirrors < 140


@pytest.mark.parametrize("train_size", [None, 90])
def test_every_image_is_seen_once_a_pass(images, train_size):
    recipe = dataclasses.replace(PLAIN, batch_size=64, iterations=500, train_size=train_size)
    size = train_size or 200
    indices = inputs.chosen(recipe, 200)
    assert len(set(indices)) == size and max(indices) < 200
    numbered = dataclasses.make_dataclass("Numbered", ["x_train", "y_train"])(images.x_train, np.arange(200))
    batches = inputs.TrainingBatches(recipe, numbered, lambda x: x, 0, 0, 40)
    stream = np.concatenate([batches[i][1] for i in range(40)])
    assert len(stream) == 40 * 64
    orders = [tuple(stream[start : start + size]) for start in range(0, len(stream) - size + 1, size)]
    assert all(sorted(order) == sorted(indices) for order in orders)
    assert len(set(orders)) == len(orders)


def test_a_batch_depends_on_seed_and_iteration_alone(images):
    recipe = dataclasses.replace(PLAIN, augmentation="crop-and-mirror", pad=1)
    mapping = inputs.pixel_mapping(recipe, images)
    whole = inputs.TrainingBatches(recipe, images, mapping, 7, 0, 40)
    later = inputs.TrainingBatches(recipe, images, mapping, 7, 25, 15)
    other = inputs.TrainingBatches(recipe, images, mapping, 8, 25, 15)
    for i in (14, 3, 0):
        np.testing.assert_array_equal(later[i][0], whole[25 + i][0])
        np.testing.assert_array_equal(later[i][1], whole[25 + i][1])
        assert not np.array_equal(later[i][0], other[i][0])


def test_the_chosen_images_of_a_sorted_set_have_all_classes():
    recipe = dataclasses.replace(PLAIN, train_size=20)
    labels = np.repeat(np.arange(10), 100)
    assert set(labels[inputs.chosen(recipe, 1000)]) == set(range(10))


def test_pixel_mappings():
    generator = np.random.default_rng(0)
    data = dataclasses.make_dataclass("Data", ["x_train"])(
        generator.integers(0, 256, (4100, 3, 4, 2)).astype("uint8")
    )
    x = data.x_train / 255

    def mapped(name, **changes):
        result = inputs.pixel_mapping(dataclasses.replace(PLAIN, pixels=name, **changes), data)(data.x_train)
        assert result.dtype == np.float32
        return result

    np.testing.assert_allclose(mapped("unit"), x, atol=1e-6)
    np.testing.assert_allclose(mapped("per-pixel-mean"), x - x.mean(axis=0), atol=1e-6)
    mean, deviation = x.mean(axis=(0, 1, 2)), x.std(axis=(0, 1, 2))
    np.testing.assert_allclose(mapped("standardized"), (x - mean) / deviation, atol=1e-5)
    # Of the images that are trained on, not of all.
    half = x[inputs.chosen(dataclasses.replace(PLAIN, train_size=100), 4100)]
    np.testing.assert_allclose(mapped("per-pixel-mean", train_size=100), x - half.mean(axis=0), atol=1e-6)


def test_pixels_of_1998():
    """errata B3: 28x28 extended by background, which becomes -.1; the ink becomes 1.175."""
    data = dataclasses.make_dataclass("Data", ["x_train"])(np.zeros((1, 28, 28, 1), "uint8"))
    recipe = dataclasses.replace(PLAIN, pixels="lecun1998")
    picture = np.full((1, 28, 28, 1), 255, "uint8")
    result = inputs.pixel_mapping(recipe, data)(picture)
    assert result.shape == (1, 32, 32, 1) and result.dtype == np.float32
    assert inputs.input_shape(recipe, data) == (32, 32, 1)
    np.testing.assert_allclose(result[0, 2:30, 2:30], 1.175, rtol=1e-6)
    result[0, 2:30, 2:30] = -0.1
    np.testing.assert_allclose(result, -0.1, rtol=1e-6)
    with pytest.raises(ValueError, match="at most 32x32 pixels expected, got 40x40"):
        inputs.pixel_mapping(recipe, data)(np.zeros((1, 40, 40, 1), "uint8"))


def test_all_test_images_count_once(images):
    for size in (50, 17, 1):
        part = dataclasses.make_dataclass("Part", ["x_test", "y_test"])(
            images.x_test[:size], images.y_test[:size]
        )
        batches = inputs.TestBatches(part, lambda x: x, batch_size=16)
        x, y = zip(*(batches[i] for i in range(batches.num_batches)))
        np.testing.assert_array_equal(np.concatenate(x), part.x_test)
        np.testing.assert_array_equal(np.concatenate(y), part.y_test)


# ---- resuming ----------------------------------------------------------------------------------


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
    command = [sys.executable, HERE / "killable.py", *(f"{folder / k}:{v}" for k, v in kills.items())]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
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
        results.append((model.get_weights(), history.train_loss, history.test_loss))
    for one, two in zip(results[0][0], results[1][0], strict=True):
        np.testing.assert_array_equal(one, two)
    assert results[0][1:] == results[1][1:]


def test_a_finished_run_is_only_loaded(images, tmp_path, monkeypatch):
    model = killable.network()
    history = training.train(model, images, PLAIN, directory=tmp_path)
    monkeypatch.setattr(keras.Model, "fit", lambda *a, **k: pytest.fail("trained again"))
    other = killable.network()
    again = training.train(other, images, PLAIN, directory=tmp_path)
    assert again == history
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"recipe": dataclasses.replace(PLAIN, learning_rate=0.1)},
            "recipe learning_rate is 0.05 there and 0.1 here",
        ),
        (
            {"recipe": dataclasses.replace(PLAIN, name="p", momentum=0.8)},
            "recipe momentum.*; recipe name is 'plain'",
        ),
        ({"seed": 2}, "seed is 0 there and 2 here"),
        ({"versions": {"keras": "9"}}, r"versions keras is '.*' there and '9' here"),
        ({"data": "checksum"}, "data checksum is '0123' there and 'other' here"),
        ({"data": "name"}, "data name is 'rows' there and 'other' here"),
        ({"model": {"dropout": 0.5}}, "network layers is"),
        ({"model": {"name": "other"}}, "network name is 'tiny' there and 'other' here"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_by_name(images, tmp_path, monkeypatch, change, message):
    training.train(killable.network(), images, PLAIN, directory=tmp_path)
    before = (tmp_path / checkpoints.FILE).read_bytes()
    data = images
    if "data" in change:
        data = killable.Images()
        setattr(data, change["data"], "other")
    options = dict(change.get("model", {}))
    name = options.pop("name", None)
    if "versions" in change:
        monkeypatch.setattr(runs.provenance, "backend_versions", lambda: change["versions"])
    model = killable.network(**options)
    if name:
        model = keras.Model(model.input, model.output, name=name)
    with pytest.raises(ValueError, match=message):
        training.train(
            model, data, change.get("recipe", PLAIN), seed=change.get("seed", 0), directory=tmp_path
        )
    assert (tmp_path / checkpoints.FILE).read_bytes() == before


def test_code_that_changed_on_the_way_is_told(images, tmp_path, monkeypatch):
    recipe = dataclasses.replace(PLAIN, iterations=39)

    with monkeypatch.context() as patch:
        patch.setattr(runs.Keeper, "on_epoch_begin", stop_at(1))
        patch.setattr(runs.provenance, "code_version", lambda: {"commit": "a", "clean": True})
        with pytest.raises(KeyboardInterrupt):
            training.train(killable.network(), images, recipe, directory=tmp_path, checkpoint_seconds=0)
    monkeypatch.setattr(runs.provenance, "code_version", lambda: {"commit": "b", "clean": True})
    history = training.train(killable.network(), images, recipe, directory=tmp_path)
    resumed = {"commit": "b", "clean": True}
    assert history.provenance["code"] == {"commit": "a", "clean": True, "resumed_with": resumed}


def stop_at(stop):
    begin = runs.Keeper.on_epoch_begin

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == stop:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    return on_epoch_begin


def test_a_full_disk_leaves_the_older_checkpoint(images, tmp_path, monkeypatch):
    recipe, full = dataclasses.replace(PLAIN, iterations=39), []

    def fsync(file):
        full.append(file)
        if len(full) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        training.train(killable.network(), images, recipe, directory=tmp_path, checkpoint_seconds=0)
    assert [path.name for path in tmp_path.iterdir()] == [checkpoints.FILE]
    history = training.train(killable.network(), images, recipe, directory=tmp_path)
    assert history.iteration == [13, 26, 39]


def test_a_damaged_checkpoint_is_named(images, tmp_path):
    training.train(killable.network(), images, PLAIN, directory=tmp_path)
    path = tmp_path / checkpoints.FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"checkpoint.npz is not a readable checkpoint.*remove it"):
        training.train(killable.network(), images, PLAIN, directory=tmp_path)


# ---- stopping and showing ----------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_at_its_iteration(images, tmp_path):
    """The scores become infinite at iteration 17 = 13 + 4, in the second epoch."""

    @keras.saving.register_keras_serializable("tests")
    class Bomb(layers.Layer):
        def build(self, shape):
            self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="seen")

        def call(self, x, training=False):
            if training:
                self.seen.assign_add(1.0)
            return x * keras.ops.where(keras.ops.equal(self.seen, 18.0), float("inf"), 1.0)

    image = keras.Input((8, 8, 1))
    model = keras.Model(image, Bomb()(layers.Dense(3)(layers.Flatten()(image))))
    recipe = dataclasses.replace(PLAIN, iterations=39)
    with pytest.raises(FloatingPointError, match=r"training loss is not finite at iteration 17 \(epoch 2,"):
        training.train(model, images, recipe, directory=tmp_path, checkpoint_seconds=0)
    with np.load(tmp_path / checkpoints.FILE) as file:
        assert json.loads(str(file["state"]))["progress"]["iteration"] == [13]


def test_a_rate_that_is_too_high_stops_the_run(images):
    recipe = dataclasses.replace(PLAIN, learning_rate=1e38)
    with pytest.raises(FloatingPointError, match=r"not finite at iteration [0-9]+ "):
        training.train(killable.network(), images, recipe)


def test_the_warm_up_ends_by_the_rule(images):
    """errata D and the paper: the low rate until the training error is below the bound, then the schedule."""
    recipe = dataclasses.replace(killable.RECIPE, iterations=100, drops=(), warm_up_until=40.0)
    keras.utils.set_random_seed(3)
    model = killable.network()
    history = training.train(model, images, recipe, seed=3)
    end = history.warm_up_end
    assert end is not None and end % 13 == 0  # looked at where an epoch of 13 iterations is whole
    epochs = end // 13
    assert history.learning_rate == [0.01] * (epochs - 1) + [0.05] * (8 - epochs + 1)
    assert history.train_error[epochs - 1] < 40 <= min(history.train_error[: epochs - 1], default=40)
    assert int(np.asarray(model.optimizer.warm_up_end)) == end


def test_the_warm_up_s_rate_is_the_one_used():
    kernel = keras.Variable(np.zeros(1, "float32"), name="kernel")
    step = optimizer.SGD(0.1, momentum=0.0, warm_up_rate=0.01)
    step.build([kernel])
    step.apply([keras.ops.ones(1)], [kernel])
    assert float(np.asarray(kernel)[0]) == pytest.approx(-0.01)
    step.warm_up_end.assign(1)
    step.apply([keras.ops.ones(1)], [kernel])
    assert float(np.asarray(kernel)[0]) == pytest.approx(-0.11)


def test_a_line_an_epoch_a_bar_or_nothing(images, capsys, monkeypatch):
    def shown(verbose):
        training.train(killable.network(), images, PLAIN, verbose=verbose)
        return capsys.readouterr().out

    assert shown(0) == "" == shown("auto")
    lines = shown(2).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2  iteration 13  training loss ")
    assert "Epoch 2/2" in shown(1) and "val_error" in shown(1)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert shown("auto").startswith("epoch 1/2")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "Epoch 1/2" in shown("auto")


# ---- run, and the two backends -----------------------------------------------------------------


def test_run_seeds_builds_trains_and_records(tmp_path):
    data = killable.Images(side=32)
    data.class_names = tuple("0123456789")
    recipe = dataclasses.replace(PLAIN, iterations=3, pixels="lecun1998")
    options = {"pooling": "average", "widths": (2, 4, 8, 84), "table": None, "output": "dense"}
    runs = [
        training.run(
            "lenet5", data, recipe, seed=seed, options=options, record=True, records_directory=tmp_path
        )
        for seed in (0, 0, 1)
    ]
    assert runs[0].record == runs[1].record != runs[2].record
    assert runs[0].history.train_loss == runs[1].history.train_loss != runs[2].history.train_loss
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {runs[0].record.name, runs[2].record.name}
    )


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


OTHER_BACKEND = """
import sys, numpy as np, keras
import killable
from cnnlib import files, training
with np.load(sys.argv[1]) as file:
    weights = [file[f"w{i}"] for i in range(len(file.files))]
model = killable.network(dropout=0.0)
model.set_weights(weights)
recipe = killable.RECIPE.shortened(iterations=15)
history = training.train(model, killable.Images(), recipe, seed=2)
np.savez(sys.argv[2], *model.get_weights(), history=[history.train_loss, history.test_loss])
print(keras.backend.backend())
"""


def test_the_backends_agree(tmp_path):
    """The same recipe, weights and seed for 15 steps, on TensorFlow and on JAX."""
    pytest.importorskip("jax", reason="JAX is not installed: pip install -r requirements-jax.txt")
    keras.utils.set_random_seed(1)
    np.savez(tmp_path / "start.npz", **{f"w{i}": w for i, w in enumerate(killable.network().get_weights())})
    found = {}
    for backend in ("tensorflow", "jax"):
        environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(HERE)}
        command = [sys.executable, "-c", OTHER_BACKEND, tmp_path / "start.npz", tmp_path / f"{backend}.npz"]
        result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
        assert result.stdout.strip() == backend, result.stderr
        with np.load(tmp_path / f"{backend}.npz") as file:
            found[backend] = {name: file[name] for name in file.files}
    for name, value in found["tensorflow"].items():
        np.testing.assert_allclose(found["jax"][name], value, rtol=2e-3, atol=2e-4, err_msg=name)


# ---- bad input ---------------------------------------------------------------------------------


def with_changes(**changes):
    data = killable.Images()
    for name, value in changes.items():
        setattr(data, name, value)
    return data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": {"batch_size": 201}}, "a batch of 201 is larger than the 200 training images"),
        ({"recipe": {"train_size": 10}}, "a batch of 16 is larger than the 10 training images"),
        ({"recipe": {"image_size": 16}}, "images of 16x16 pixels, rows has 8x8: load it with size=16"),
        ({"recipe": {"pixels": "lecun1998"}}, r"takes images \(8, 8, 1\), .* give \(32, 32, 1\)"),
        ({"data": {"y_train": np.full(200, 3)}}, "labels of y_train must be from 0 to 2, got 3 to 3"),
        ({"data": {"y_test": np.full(50, -1)}}, "labels of y_test must be from 0 to 2, got -1 to -1"),
        ({"data": {"y_test": np.zeros((50, 1), int)}}, r"50 whole numbers, got int64 of shape \(50, 1\)"),
        ({"data": {"y_train": np.zeros(200)}}, "y_train must be 200 whole numbers, got float64"),
        ({"data": {"y_train": np.zeros(3, int)}}, "y_train must be 200 whole numbers"),
        ({"data": {"x_train": np.zeros((200, 8, 8, 1))}}, "x_train must be uint8 images .* got float64"),
        ({"data": {"x_test": np.zeros((50, 8, 8), "uint8")}}, r"must be uint8 images .* shape \(50, 8, 8\)"),
        (
            {"model": {"classes": 10}},
            r"model tiny has an output of shape \(None, 10\), but rows has 3 classes",
        ),
        ({"recipe": {"loss_weights": (1, 0.3)}}, "model tiny has 1 output.*loss_weights"),
        ({"model": {"side": 16}}, r"model tiny takes images \(16, 16, 1\)"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
        ({"verbose": 3}, "verbose: expected 'auto', 0, 1 or 2, got 3"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    arguments = {
        **changes,
        "model": killable.network(**changes.get("model", {})),
        "recipe": dataclasses.replace(PLAIN, **changes.get("recipe", {})),
        "data": with_changes(**changes.get("data", {})),
    }
    with pytest.raises(ValueError, match=message):
        training.train(**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "he2015-cifar"}, r"recipe: expected a cnnlib.recipes.Recipe, got str"),
        ({"model": "resnet"}, "model: expected a Keras model, got str"),
        ({"seed": 1.5}, "seed: expected a whole number, got 1.5"),
    ],
)
def test_wrong_kinds_are_named(images, changes, message):
    with pytest.raises(TypeError, match=message):
        training.train(**{"model": killable.network(), "data": images, "recipe": PLAIN, **changes})


def test_a_model_that_ends_in_softmax_is_refused(images):
    image = keras.Input((8, 8, 1))
    for output in (layers.Dense(3, activation="softmax"), layers.Softmax()):
        x = (
            layers.Dense(3)(layers.Flatten()(image))
            if isinstance(output, layers.Softmax)
            else layers.Flatten()(image)
        )
        with pytest.raises(ValueError, match=r"ends in softmax.*classifier_activation=None"):
            training.train(keras.Model(image, output(x)), images, PLAIN)


def test_a_model_that_was_never_built_is_refused(images):
    with pytest.raises(ValueError, match="expected a built functional model"):
        training.train(keras.Sequential([layers.Flatten(), layers.Dense(3)]), images, PLAIN)
