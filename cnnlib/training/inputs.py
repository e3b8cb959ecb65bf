"""From a data set's uint8 images to the batches of training and test; and whether network and data fit."""

import functools
from collections.abc import Callable

import keras
import numpy as np

from cnnlib.data import Dataset
from cnnlib.recipes import Recipe
from cnnlib.training import losses

# Most of each "affine-distortion", the kinds of LeCun et al. 1998, section III.B, which prints no ranges:
# pixels of a translation in each direction, share of the size in scaling and in squeezing (the width times
# what the height is divided by, or the reverse), pixels to the side a row further in a horizontal shear.
DISTORTIONS = {"translation": 2.0, "scaling": 0.1, "squeezing": 0.1, "shear": 0.2}

# Krizhevsky et al. 2012, section 4.1: the deviation of the random numbers of a colour shift.
COLOUR_DEVIATION = 0.1


def chosen(recipe: Recipe, size: int) -> np.ndarray:
    """The indices of the training images that the recipe uses: all, or evenly spaced ones.

    Evenly spaced, because some sets are sorted by class.
    """
    used = recipe.images_used(size)
    return np.arange(used) * size // used


def pixel_mapping(recipe: Recipe, data: Dataset) -> Callable[[np.ndarray], np.ndarray]:
    """The recipe's ``pixels``: a function from uint8 images (n, h, w, channels) to float32 network inputs.

    Means and deviations are those of the training images that the recipe uses; the same function
    serves for training and for test images.

    Raises:
        ValueError: images larger than the recipe's pixels can be.
    """
    input_shape(recipe, data)
    if recipe.pixels == "lecun1998":
        return _lecun1998
    offset, scale = np.float32(0), np.float32(1 / 255)
    if recipe.pixels != "unit":
        # Summed in float64, a few thousand images at a time: no float copy of the whole set.
        indices = chosen(recipe, len(data.x_train))
        total = np.zeros(data.x_train.shape[1:])
        squares = np.zeros(data.x_train.shape[-1])
        for start in range(0, len(indices), 2000):
            images = data.x_train[indices[start : start + 2000]] / 255
            total += images.sum(axis=0)
            squares += np.square(images).sum(axis=(0, 1, 2))
        offset = total / len(indices)
        if recipe.pixels == "standardized":
            pixels = offset.shape[0] * offset.shape[1]
            offset = offset.mean(axis=(0, 1))
            deviation = np.sqrt(squares / (len(indices) * pixels) - offset**2)
            offset, scale = offset / deviation, 1 / (255 * deviation)
        offset, scale = offset.astype("float32"), np.asarray(scale, "float32")
    return lambda images: images * scale - offset


def _lecun1998(images):
    """Extend to 32x32 with background, so that strokes reach the centres of the receptive fields."""
    _, height, width, _ = images.shape
    top, left = (32 - height) // 2, (32 - width) // 2
    padding = ((0, 0), (top, 32 - height - top), (left, 32 - width - left), (0, 0))
    # Arrays of JAX come here while a program is compiled.
    pad = np.pad if isinstance(images, np.ndarray) else keras.ops.pad
    return pad(images, padding) * np.float32(1.275 / 255) - np.float32(0.1)


def input_shape(recipe: Recipe, data: Dataset) -> tuple[int, int, int]:
    """The shape (height, width, channels) that a network for this recipe and data set needs.

    Raises:
        ValueError: images larger than the recipe's pixels can be.
    """
    height, width, channels = data.image_shape
    if recipe.pixels != "lecun1998":
        return height, width, channels
    if max(height, width) > 32:
        raise ValueError(f"pixels 'lecun1998': images of at most 32x32 pixels expected, got {height}x{width}")
    return 32, 32, channels


def crop(images: np.ndarray, offsets: np.ndarray, pad: int) -> np.ndarray:
    """Pad images by ``pad`` zeros on each side and crop each back at its own offset.

    Args:
        images: (n, height, width, channels).
        offsets: (n, 2), rows and columns from 0 to 2 pad; (pad, pad) gives the image back.
        pad: pixels.
    """
    n, height, width, channels = images.shape
    padded = np.zeros((n, height + 2 * pad, width + 2 * pad, channels), images.dtype)
    padded[:, pad : pad + height, pad : pad + width] = images
    # Rows of pixels times channels lie side by side in memory: a window is then `height` long copies.
    rows = padded.reshape(n, height + 2 * pad, -1)
    windows = np.lib.stride_tricks.sliding_window_view(rows, (height, width * channels), axis=(1, 2))
    return windows[np.arange(n), offsets[:, 0], offsets[:, 1] * channels].reshape(images.shape)


def distort(images: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Move, scale, squeeze and shear each image by its own amounts, bilinearly, about its centre.

    Beyond its border an image goes on as its outermost pixels.

    Args:
        images: float32, (n, height, width, channels).
        amounts: (n, 5) from -1 to 1, of the most in ``DISTORTIONS``: translation down and to the right,
            scaling, squeezing, shear. Zeros give the image back.
    """
    n, height, width, channels = images.shape
    most = DISTORTIONS
    down, right = most["translation"] * amounts[:, :2].T
    scale, squeeze = 1 + most["scaling"] * amounts[:, 2], 1 + most["squeezing"] * amounts[:, 3]
    shear = most["shear"] * amounts[:, 4]
    # Where the pixels of the result come from. A row comes from one height, so that two rows are blended
    # first, then two pixels of the blend.
    row, column = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    moved = row - down[:, None]
    y = moved / (scale / squeeze)[:, None] + (height - 1) / 2
    x = column - right[:, None, None] - (shear[:, None] * moved)[:, :, None]
    x = x / (scale * squeeze)[:, None, None] + (width - 1) / 2
    first, second, share = _between(y, height)
    here = np.arange(n)[:, None]
    share = share[:, :, None, None]
    rows = (images[here, first] * (1 - share) + images[here, second] * share).reshape(-1, channels)
    first, second, share = _between(x, width)
    start = np.arange(0, len(rows), width).reshape(n, height, 1)
    return rows[start + first] * (1 - share[..., None]) + rows[start + second] * share[..., None]


def _between(places, size):
    """The two pixels between which each place lies, and the share of the second."""
    places = np.clip(places, 0, size - 1).astype("float32")
    below = np.floor(places)
    first = below.astype("int64")
    return first, np.minimum(first + 1, size - 1), places - below


def colour_components(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The principal components of the colours of all pixels: Krizhevsky et al. 2012, section 4.1.

    Args:
        images: uint8, (n, height, width, 3).

    Returns:
        Eigenvalues (3,), the largest first, and eigenvectors (3, 3), one a column, the largest number in
        it positive, of the covariance of red, green and blue, these from 0 to 1.

    Raises:
        ValueError: images that have not three channels.
    """
    if images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(f"images: expected (n, height, width, 3), got {images.shape}")
    count, total, products = 0, np.zeros(3), np.zeros((3, 3))
    for start in range(0, len(images), 1000):  # a thousand at a time: no float copy of the whole set
        pixels = images[start : start + 1000].reshape(-1, 3) / 255
        count += len(pixels)
        total += pixels.sum(axis=0)
        products += pixels.T @ pixels
    mean = total / count
    values, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    # An eigenvector is one up to its sign, and algorithms differ in theirs.
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), range(3)])
    return values[::-1], (vectors * signs)[:, ::-1]


def colour_shifts(values: np.ndarray, vectors: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """What is added to red, green and blue of all pixels of an image: p1 a1 l1 + p2 a2 l2 + p3 a3 l3.

    Args:
        values: (3,), the eigenvalues l of ``colour_components``.
        vectors: (3, 3), its eigenvectors p.
        amounts: (n, 3), the a of each image: for training from a normal distribution of mean 0 and deviation
            ``COLOUR_DEVIATION``, anew in every pass.

    Returns:
        (n, 3), of a range of colours from 0 to 1.
    """
    return (amounts * values) @ vectors.T


class TrainingBatches(keras.utils.PyDataset):
    """``count`` batches, from iteration ``start`` on, of the endless stream of passes through the images.

    Order, crops, mirrors, colours and distortions of a pass are drawn from a generator seeded with
    (seed, number of the pass) and nothing else, so a run that is stopped and resumed sees what it would
    have seen.
    """

    def __init__(
        self, recipe: Recipe, data: Dataset, mapping: Callable, seed: int, start: int, count: int
    ):  # fmt: skip
        super().__init__()
        self.recipe, self.data, self.mapping, self.start, self.count = recipe, data, mapping, start, count
        self.indices = chosen(recipe, len(data.x_train))
        self.coloured = recipe.augmentation == "crop-mirror-and-colour"
        if self.coloured:
            self.components = colour_components(data.x_train[self.indices])

        @functools.lru_cache(maxsize=2)
        def drawn(number):
            generator = np.random.default_rng((seed, number))
            size = len(self.indices)
            order = self.indices[generator.permutation(size)]
            offsets = generator.integers(0, 2 * recipe.pad + 1, (size, 2))
            mirrored = generator.random(size) < 0.5
            distorted = recipe.augmentation == "affine-distortion"
            # Last, so that the other augmentations see what they saw before there was this one.
            amounts = generator.uniform(-1, 1, (size if distorted else 0, 5))
            shifts = np.zeros((size, 3))
            if self.coloured:
                shifts = colour_shifts(*self.components, generator.normal(0, COLOUR_DEVIATION, (size, 3)))
            return order, offsets, mirrored, amounts, shifts

        self.drawn = drawn

    @property
    def num_batches(self):
        """How many batches there are."""
        return self.count

    @property
    def sizes(self):
        """How many images each batch has."""
        return [self.recipe.batch_size] * self.count

    def drawn_for(self, place: int, count: int) -> list[np.ndarray]:
        """What was drawn for ``count`` images of the stream, from number ``place`` of it on.

        Returns:
            Their indices in the data set (count,), offsets of crops (count, 2), whether each is mirrored
            (count,), amounts of distortion (count, 5) and shifts of colours (count, 3).
        """
        size, end, parts = len(self.indices), place + count, []
        while place < end:
            number_of_pass, first = divmod(place, size)
            last = min(first + end - place, size)
            parts.append([values[first:last] for values in self.drawn(number_of_pass)])
            place += last - first
        return [np.concatenate(values) for values in zip(*parts)]

    def __getitem__(self, number):
        """Batch ``number``: inputs float32 and labels int32."""
        batch = self.recipe.batch_size
        place = (self.start + number) * batch
        order, offsets, mirrored, amounts, shifts = self.drawn_for(place, batch)
        x = self.data.x_train[order]
        if self.coloured:
            # The mapping is linear and takes numbers of any kind, also those beyond 0 and 255.
            x = x + (255 * shifts[:, None, None]).astype("float32")
        x = self.mapping(x)
        if self.recipe.augmentation == "affine-distortion":
            x = distort(x, amounts)
        elif self.recipe.augmentation != "none":
            x = crop(x, offsets, self.recipe.pad)
        if self.recipe.augmentation in ("crop-and-mirror", "crop-mirror-and-colour"):
            x[mirrored] = x[mirrored, :, ::-1]
        return x, self.data.y_train[order].astype("int32")


class Batches(keras.utils.PyDataset):
    """Images as they are, each once, in the order of ``indices`` (None: their own)."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, mapping: Callable, batch_size: int,
        indices: np.ndarray | None = None,
    ):  # fmt: skip
        super().__init__()
        self.images, self.labels, self.mapping, self.batch_size = images, labels, mapping, batch_size
        self.indices = np.arange(len(images)) if indices is None else indices

    @property
    def num_batches(self):
        """How many batches hold all images."""
        return -(-len(self.indices) // self.batch_size)

    @property
    def sizes(self):
        """How many images each batch has."""
        starts = range(0, len(self.indices), self.batch_size)
        return [min(self.batch_size, len(self.indices) - start) for start in starts]

    def __getitem__(self, number):
        """Batch ``number``: inputs float32 and labels int32."""
        here = self.indices[number * self.batch_size : (number + 1) * self.batch_size]
        return self.mapping(self.images[here]), self.labels[here].astype("int32")


class TestBatches(Batches):
    """The test images in their order, each once, as they are."""

    # So that pytest does not take it for a test.
    __test__ = False

    def __init__(self, data: Dataset, mapping: Callable, batch_size: int = 256):
        size = len(data.x_test)
        # Batches of one size spare the compiled step a second shape; take a divisor where one is near.
        divisors = [n for n in range(batch_size, batch_size // 4, -1) if size % n == 0]
        super().__init__(data.x_test, data.y_test, mapping, divisors[0] if divisors else batch_size)


def pipeline(batches: keras.utils.PyDataset):
    """The batches as ``fit`` and ``evaluate`` are to have them: one pass, in order.

    On the TensorFlow backend Keras makes a tf.data pipeline of any batches. Its autotuner looks after 10, 20,
    40, ... ms, up to a minute, whether it could do better, and is often not woken when the pipeline
    ends: ``fit`` then waits, with all cores idle, until it looks again. There is nothing to tune here, so
    this pipeline has none.

    Args:
        batches: with ``num_batches``; each a tuple of arrays, inputs and labels first.

    Returns:
        A ``tf.data.Dataset`` on the TensorFlow backend, ``batches`` on others.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    # The last batch may be smaller than the others.
    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in batches[0])
    made = tf.data.Dataset.from_generator(
        lambda: (batches[number] for number in range(batches.num_batches)), output_signature=signature
    )
    made = made.apply(tf.data.experimental.assert_cardinality(batches.num_batches))
    return made.prefetch(2).with_options(options)


def check_kinds(data: Dataset, recipe: Recipe, seed: int) -> None:
    """Refuse a data set, recipe or seed that is none."""
    if not isinstance(data, Dataset):
        raise TypeError(f"data: expected a cnnlib.data.Dataset, got {type(data).__name__}")
    if not isinstance(recipe, Recipe):
        raise TypeError(f"recipe: expected a cnnlib.recipes.Recipe, got {type(recipe).__name__}")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed: expected a whole number, got {seed!r}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed: expected at least 0 and below 2^32, got {seed}")


def check(model: keras.Model, data: Dataset, recipe: Recipe, seed: int) -> None:
    """Refuse a model, data set, recipe and seed that do not fit each other.

    Raises:
        ValueError, TypeError: name what does not fit, and what was expected.
    """
    check_kinds(data, recipe, seed)
    if not isinstance(model, keras.Model):
        raise TypeError(f"model: expected a Keras model, got {type(model).__name__}")
    if not model.built or not getattr(model, "inputs", None):
        raise ValueError(f"model {model.name}: expected a built functional model")
    if len(model.inputs) != 1:
        raise ValueError(f"model {model.name}: expected one input, images, got {len(model.inputs)}")
    _check_images(model, data, recipe)
    _check_outputs(model, data, recipe)
    _check_layers(model, recipe)


def _check_images(model, data, recipe):
    size = recipe.image_size
    if size not in (None, data.image_shape[0]):
        raise ValueError(
            f"recipe {recipe.name} is for images of {size}x{size} pixels, {data.name} has "
            f"{data.image_shape[0]}x{data.image_shape[1]}: load it with size={size}"
        )
    wanted, given = tuple(model.inputs[0].shape[1:]), input_shape(recipe, data)
    if len(wanted) != 3 or any(side not in (None, other) for side, other in zip(wanted, given)):
        raise ValueError(f"model {model.name} takes images {wanted}, recipe and {data.name} give {given}")
    if recipe.batch_size > recipe.images_used(data.train_size):
        raise ValueError(
            f"recipe {recipe.name}: a batch of {recipe.batch_size} is larger than the "
            f"{recipe.images_used(data.train_size)} training images of {data.name}"
        )


def _check_outputs(model, data, recipe):
    shapes = [tuple(output.shape) for output in model.outputs]
    if len(shapes) != len(recipe.loss_weights):
        raise ValueError(
            f"model {model.name} has {len(shapes)} outputs, "
            f"recipe {recipe.name} has the loss_weights {recipe.loss_weights}"
        )
    for shape in shapes:
        if len(shape) != 2 or shape[1] != data.classes:
            raise ValueError(
                f"model {model.name} has an output of shape {shape}, but {data.name} has {data.classes} "
                f"classes: expected (batch, {data.classes})"
            )
    wanted = losses.WANTS[recipe.loss]
    for number, kind in enumerate(losses.output_kinds(model)):
        if kind != wanted:
            hint = ": build it with classifier_activation=None" if kind == "probabilities" else ""
            raise ValueError(
                f"output {number} of model {model.name} is {kind}, but the loss of recipe {recipe.name}, "
                f"{recipe.loss}, wants {wanted}{hint}"
            )


def _check_layers(model, recipe):
    policies = {layer.dtype_policy.name for layer in model.layers if layer.weights}
    if recipe.precision not in policies:
        raise ValueError(
            f"recipe {recipe.name} wants precision {recipe.precision}, model {model.name} was built "
            f"with {', '.join(sorted(policies))}"
        )
    for layer in model._flatten_layers():
        if not isinstance(layer, keras.layers.BatchNormalization):
            continue
        for constant in ("momentum", "epsilon"):
            stated, found = getattr(recipe, f"batch_norm_{constant}"), getattr(layer, constant)
            if stated not in (None, found):
                raise ValueError(
                    f"layer {layer.name} of model {model.name} has the {constant} {found}, recipe "
                    f"{recipe.name} states batch_norm_{constant} {stated}: build the network with "
                    f"{constant}={stated}, or take a recipe with batch_norm_{constant}=None"
                )
