"""What training is given: batches, crops and pixels; and what does not fit is refused by name."""

import dataclasses

import keras
import killable
import numpy as np
import pytest
from keras import layers, ops

from cnnlib import models, recipes, training
from cnnlib.data import Dataset
from cnnlib.layers import RadialBasis
from cnnlib.recipes import HE2015_CIFAR, Recipe
from cnnlib.training import inputs

PLAIN = Recipe(name="plain", batch_size=16, iterations=26, learning_rate=0.05)


@pytest.fixture(scope="module")
def images():
    return killable.images()


def dataset(x_train):
    """A data set of these training images, each of its own class, and one of them to test."""
    size = len(x_train)
    labels = np.arange(size)
    names = tuple(map(str, labels))
    return Dataset("numbered", x_train, labels, x_train[:1], labels[:1], class_names=names)


# ---- batches -----------------------------------------------------------------------------------


def crop_by_hand(image, row, column, pad):
    height, width, channels = image.shape
    padded = np.zeros((height + 2 * pad, width + 2 * pad, channels), image.dtype)
    padded[pad:-pad, pad:-pad] = image
    return padded[row : row + height, column : column + width]


def test_each_image_is_cropped_at_its_own_place():
    """Keras.layers.RandomCrop would crop a whole batch at one place."""
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


def test_colour_components_are_those_of_numpys_covariance():
    generator = np.random.default_rng(0)
    mixed = generator.normal(120, 25, (1500, 4, 3, 3)) @ [[1, 0.8, 0.7], [0, 0.4, 0.1], [0, 0, 0.2]]
    pictures = np.clip(mixed, 0, 255).astype("uint8")  # more than are summed at a time
    values, vectors = inputs.colour_components(pictures)
    covariance = np.cov(pictures.reshape(-1, 3).T / 255, bias=True)
    assert values[0] > values[1] > values[2] > 0
    np.testing.assert_allclose(vectors @ np.diag(values) @ vectors.T, covariance, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-12)
    assert (vectors[np.abs(vectors).argmax(axis=0), range(3)] > 0).all()
    with pytest.raises(ValueError, match=r"images: expected \(n, height, width, 3\), got \(2, 4, 3, 1\)"):
        inputs.colour_components(np.zeros((2, 4, 3, 1), "uint8"))


def test_a_colour_shift_is_the_sum_of_the_papers_section_4_1():
    values, vectors = np.array([0.2, 0.02, 0.003]), np.linalg.qr(np.arange(9.0).reshape(3, 3) ** 2)[0]
    a = np.random.default_rng(1).normal(size=(5, 3))
    for amounts, found in zip(a, inputs.colour_shifts(values, vectors, a)):
        by_hand = sum(vectors[:, i] * amounts[i] * values[i] for i in range(3))
        np.testing.assert_allclose(found, by_hand, atol=1e-12)


@pytest.mark.parametrize("pixels", ["unit", "per-pixel-mean", "standardized"])
def test_each_image_has_one_shift_of_its_colours_a_pass(pixels):
    """The same for all pixels, of the paper's size, along the data's components, besides crops."""
    generator = np.random.default_rng(2)
    grey = generator.integers(60, 190, (400, 6, 6, 1))
    data = dataset((grey + generator.integers(-30, 31, (400, 6, 6, 3))).astype("uint8"))
    recipe = dataclasses.replace(
        PLAIN, batch_size=100, iterations=8, pixels=pixels, pad=0, augmentation="crop-mirror-and-colour"
    )
    mapping = inputs.pixel_mapping(recipe, data)

    def stream(augmentation):
        batches = inputs.TrainingBatches(
            dataclasses.replace(recipe, augmentation=augmentation), data, mapping, 5, 0, 8
        )
        x, y = zip(*(batches[i] for i in range(8)))
        return np.concatenate(x), np.concatenate(y)

    (x, labels), (without, same) = stream("crop-mirror-and-colour"), stream("crop-and-mirror")
    assert x.dtype == np.float32
    np.testing.assert_array_equal(labels, same)
    shifts = x - without
    assert np.ptp(shifts, axis=(1, 2)).max() < 1e-5
    # Back to colours from 0 to 1, and along the components.
    one = np.full((1, 6, 6, 3), 255, "uint8")
    shifts = shifts[:, 0, 0] / (mapping(one) - mapping(0 * one))[0, 0, 0]
    values, vectors = inputs.colour_components(data.x_train)
    amounts = shifts @ vectors / values
    assert abs(amounts.std() / inputs.COLOUR_DEVIATION - 1) < 5 / np.sqrt(2 * amounts.size)
    assert np.abs(np.corrcoef(amounts.T) - np.eye(3)).max() < 5 / np.sqrt(len(amounts))
    first, second = (dict(zip(labels[part], amounts[part, 0])) for part in (slice(400), slice(400, 800)))
    assert not any(np.isclose(first[label], second[label]) for label in first)  # drawn anew in each pass


def ramps(side=12):
    """An image that grows by 1 a row in its first channel and by 1 a column in its second."""
    return np.moveaxis(np.indices((side, side)), 0, -1)[None].astype("float32")


def amounts(**given):
    """A row of ``inputs.distort``'s amounts, in pixels and shares, all others zero."""
    kinds = ("down", "right", "scaling", "squeezing", "shear")
    most = [inputs.DISTORTIONS[name] for name in ("translation", "translation", *kinds[2:])]
    return np.array([[given.get(kind, 0) / limit for kind, limit in zip(kinds, most)]])


def test_no_distortion_gives_the_image_back():
    pictures = np.random.default_rng(0).normal(size=(9, 7, 8, 3)).astype("float32")
    distorted = inputs.distort(pictures, np.zeros((9, 5)))
    assert distorted.dtype == np.float32
    np.testing.assert_array_equal(distorted, pictures)


def test_a_shift_by_whole_pixels_moves_the_image_and_repeats_its_border():
    picture = np.random.default_rng(0).normal(size=(1, 7, 8, 3)).astype("float32")
    moved = inputs.distort(picture, amounts(down=2, right=-1))
    padded = np.pad(picture, ((0, 0), (2, 0), (0, 1), (0, 0)), mode="edge")
    np.testing.assert_allclose(moved, padded[:, :7, 1:], atol=1e-6)


@pytest.mark.parametrize(
    ("given", "height", "width", "shear"),
    [
        ({"scaling": 0.1}, 1.1, 1.1, 0),
        ({"squeezing": 0.1}, 1 / 1.1, 1.1, 0),
        ({"squeezing": -0.1}, 1 / 0.9, 0.9, 0),
        ({"shear": 0.2}, 1, 1, 0.2),
        ({"scaling": -0.05, "shear": -0.1}, 0.95, 0.95, -0.1),
    ],
)
def test_a_ramp_is_distorted_as_a_line_is(given, height, width, shear):
    """Bilinear interpolation is exact on it. What grows to the right still does: nothing is mirrored."""
    found = inputs.distort(ramps(), amounts(**given))[0, 3:-3, 3:-3]
    row, column = (np.moveaxis(ramps()[0], -1, 0) - 5.5)[:, 3:-3, 3:-3]
    np.testing.assert_allclose(found[..., 0] - 5.5, row / height, atol=1e-5)
    np.testing.assert_allclose(found[..., 1] - 5.5, (column - shear * row) / width, atol=1e-5)


def test_distorted_batches_depend_on_seed_and_pass_alone():
    """And are distorted within the ranges: a ramp says by how much, at its centre and across it."""
    recipe = dataclasses.replace(PLAIN, augmentation="affine-distortion", batch_size=50, iterations=60)
    data = dataset(np.repeat(ramps(17).astype("uint8"), 75, axis=0))

    def batches(seed, start):
        stream = inputs.TrainingBatches(recipe, data, lambda x: x.astype("float32"), seed, start, 40)
        return lambda number: stream[number - start][0]

    whole, later, other = batches(3, 0), batches(3, 19), batches(4, 0)
    for number in (39, 20, 19):
        np.testing.assert_array_equal(whole(number), later(number))
        assert not np.allclose(whole(number), other(number))
    x = np.concatenate([whole(number) for number in range(39)])
    assert len({row.tobytes() for row in x}) == len(x)  # drawn anew in each pass
    shift = x[:, 8, 8] - 8  # of the centre, before the scaling
    assert 1.9 < np.abs(shift).max() < (2 + 2 * 0.2) * 1.1 / 0.9 + 0.01
    down, right = (x[:, 9, 8, 0] - x[:, 7, 8, 0]) / 2, (x[:, 8, 9, 1] - x[:, 8, 7, 1]) / 2
    assert 0.9 / 1.1 < down.min() < 0.85 and 1.17 < down.max() < 1.1 / 0.9
    assert 1 / 1.21 < right.min() < 0.86 and 1.17 < right.max() < 1 / 0.81


@pytest.mark.parametrize("train_size", [None, 90])
def test_every_image_is_seen_once_a_pass(images, train_size):
    recipe = dataclasses.replace(PLAIN, batch_size=64, iterations=500, train_size=train_size)
    size = train_size or 200
    indices = inputs.chosen(recipe, 200)
    assert len(set(indices)) == size and max(indices) < 200
    batches = inputs.TrainingBatches(recipe, dataset(images.x_train), lambda x: x, 0, 0, 40)
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
    data = dataset(generator.integers(0, 256, (4100, 3, 4, 2)).astype("uint8"))
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
    """28x28 extended by background, which becomes -.1; the ink becomes 1.175."""
    data = dataset(np.zeros((1, 28, 28, 1), "uint8"))
    recipe = dataclasses.replace(PLAIN, pixels="lecun1998")
    picture = np.full((1, 28, 28, 1), 255, "uint8")
    result = inputs.pixel_mapping(recipe, data)(picture)
    assert result.shape == (1, 32, 32, 1) and result.dtype == np.float32
    assert inputs.input_shape(recipe, data) == (32, 32, 1)
    np.testing.assert_allclose(result[0, 2:30, 2:30], 1.175, rtol=1e-6)
    result[0, 2:30, 2:30] = -0.1
    np.testing.assert_allclose(result, -0.1, rtol=1e-6)
    with pytest.raises(ValueError, match="at most 32x32 pixels expected, got 40x40"):
        inputs.pixel_mapping(recipe, dataset(np.zeros((1, 40, 40, 1), "uint8")))


def test_all_test_images_count_once(images):
    for size in (50, 17, 1):
        part = dataclasses.replace(images, x_test=images.x_test[:size], y_test=images.y_test[:size])
        batches = inputs.TestBatches(part, lambda x: x, batch_size=16)
        x, y = zip(*(batches[i] for i in range(batches.num_batches)))
        np.testing.assert_array_equal(np.concatenate(x), part.x_test)
        np.testing.assert_array_equal(np.concatenate(y), part.y_test)


def test_a_pipeline_gives_the_batches_in_order_and_waits_for_no_tuner(images):
    part = dataclasses.replace(images, x_test=images.x_test[:17], y_test=images.y_test[:17])
    batches = inputs.TestBatches(part, lambda x: x.astype("float32"), batch_size=16)
    wanted = [batches[number] for number in range(batches.num_batches)]
    assert [len(labels) for _, labels in wanted] == [16, 1]
    made = inputs.pipeline(batches)
    if keras.backend.backend() != "tensorflow":
        assert made is batches
        return
    assert made.options().autotune.enabled is False
    assert int(made.cardinality()) == 2
    for (x, y), (wanted_x, wanted_y) in zip(made, wanted, strict=True):
        np.testing.assert_array_equal(x, wanted_x)
        np.testing.assert_array_equal(y, wanted_y)
        assert (x.dtype, y.dtype) == (wanted_x.dtype, wanted_y.dtype)


# ---- what the outputs are ------------------------------------------------------------------------


def outputs(kind):
    """A network whose outputs are made in the way that the name says."""
    image = keras.Input((8, 8, 1))
    flat = layers.Flatten()(image)
    scores = layers.Dense(3)(flat)
    codes = np.eye(3, 5)
    inner = keras.Input((3,))
    ways = {
        "dense": lambda: scores,
        "relu": lambda: layers.ReLU()(scores),
        "logarithms": lambda: ops.log_softmax(scores),
        "activation": lambda: layers.Dense(3, activation="softmax")(flat),
        "layer": lambda: layers.Softmax()(scores),
        "operation": lambda: ops.softmax(scores),
        "reshaped": lambda: layers.Reshape((3,))(layers.Softmax()(scores)),
        "function": lambda: layers.Lambda(lambda x: ops.softmax(x))(scores),
        "by hand": lambda: ops.exp(scores) / ops.sum(ops.exp(scores), axis=-1, keepdims=True),
        "nested": lambda: keras.Model(inner, layers.Softmax()(inner))(scores),
        "second head": lambda: [scores, layers.Softmax()(scores)],
        "radial": lambda: RadialBasis(codes)(layers.Dense(5)(flat)),
        "radial, reshaped": lambda: ops.reshape(RadialBasis(codes)(layers.Dense(5)(flat)), (-1, 3)),
        "radial, nested": lambda: keras.Model(inner, RadialBasis(np.eye(3))(inner))(scores),
        "radial, negative": lambda: -RadialBasis(codes)(layers.Dense(5)(flat)),
    }
    return keras.Model(image, ways[kind](), name="network")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *((kind, "scores") for kind in ("dense", "relu", "logarithms", "radial, negative")),
        *(
            (kind, "probabilities")
            for kind in ("activation", "layer", "operation", "reshaped", "function", "by hand", "nested")
        ),
        *((kind, "distances") for kind in ("radial", "radial, reshaped", "radial, nested")),
        ("second head", ("scores", "probabilities")),
    ],
)
def test_what_the_outputs_are(kind, expected):
    model = outputs(kind)
    before = model.get_weights()
    assert training.output_kinds(model) == (expected if isinstance(expected, tuple) else (expected,))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        (
            "reshaped",
            {},
            "output 0 of model network is probabilities, but the loss of recipe plain, "
            "softmax-cross-entropy, wants scores: build it with classifier_activation=None",
        ),
        ("second head", {"loss_weights": (1, 0.3)}, "output 1 of model network is probabilities"),
        ("radial, reshaped", {}, "output 0 of model network is distances, .* wants scores$"),
        ("dense", {"loss": "lecun1998-map"}, "is scores, .* plain, lecun1998-map, wants distances"),
    ],
)
def test_outputs_that_the_loss_does_not_want_are_refused(images, kind, changes, message):
    with pytest.raises(ValueError, match=message):
        training.train(outputs(kind), images, dataclasses.replace(PLAIN, **changes))


@pytest.mark.parametrize(
    ("output", "fitting", "other"),
    [
        ("rbf", recipes.LENET5_MNIST, recipes.LENET5_MODERN_MNIST),
        ("dense", recipes.LENET5_DENSE_MNIST, recipes.LENET5_MNIST),
    ],
)
def test_lenet5_is_for_the_recipe_of_its_outputs(output, fitting, other):
    data = killable.images(side=28, class_names=tuple("0123456789"))
    model = models.build("lenet5", output=output)
    inputs.check(model, data, fitting, 0)
    with pytest.raises(ValueError, match=f"output 0 of model lenet5 is .* of recipe {other.name}"):
        inputs.check(model, data, other, 0)


# ---- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": {"batch_size": 201}}, "a batch of 201 is larger than the 200 training images"),
        ({"recipe": {"train_size": 10}}, "a batch of 16 is larger than the 10 training images"),
        ({"recipe": {"image_size": 16}}, "images of 16x16 pixels, rows has 8x8: load it with size=16"),
        ({"recipe": {"pixels": "lecun1998"}}, r"takes images \(8, 8, 1\), .* give \(32, 32, 1\)"),
        (
            {"model": {"classes": 10}},
            r"model tiny has an output of shape \(None, 10\), but rows has 3 classes",
        ),
        ({"recipe": {"loss_weights": (1, 0.3)}}, "model tiny has 1 output.*loss_weights"),
        ({"model": {"side": 16}}, r"model tiny takes images \(16, 16, 1\)"),
        ({"seed": -1}, "seed: expected at least 0 and below 2\\^32, got -1"),
        ({"seed": 2**32}, "seed: expected at least 0 and below 2\\^32, got 4294967296"),
        ({"checkpoint_seconds": -1}, "checkpoint_seconds: expected a number of at least 0, got -1"),
        ({"verbose": 3}, "verbose: expected 'auto', 0, 1 or 2, got 3"),
    ],
)
def test_what_does_not_fit_is_named(images, changes, message):
    arguments = {
        "data": images,
        **changes,
        "model": killable.network(**changes.get("model", {})),
        "recipe": dataclasses.replace(PLAIN, **changes.get("recipe", {})),
    }
    with pytest.raises(ValueError, match=message):
        training.train(**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "he2015-cifar"}, r"recipe: expected a cnnlib.recipes.Recipe, got str"),
        ({"model": "resnet"}, "model: expected a Keras model, got str"),
        ({"data": "mnist"}, "data: expected a cnnlib.data.Dataset, got str"),
        ({"seed": 1.5}, "seed: expected a whole number, got 1.5"),
    ],
)
def test_wrong_kinds_are_named(images, changes, message):
    with pytest.raises(TypeError, match=message):
        training.train(**{"model": killable.network(), "data": images, "recipe": PLAIN, **changes})


def test_a_model_that_was_never_built_is_refused(images):
    with pytest.raises(ValueError, match="expected a built functional model"):
        training.train(keras.Sequential([layers.Flatten(), layers.Dense(3)]), images, PLAIN)


def test_a_model_with_two_inputs_is_refused(images):
    pair = [keras.Input((8, 8, 1)), keras.Input((8, 8, 1))]
    model = keras.Model(pair, layers.Dense(3)(layers.Flatten()(layers.Add()(pair))))
    with pytest.raises(ValueError, match="expected one input, images, got 2"):
        training.train(model, images, PLAIN)
