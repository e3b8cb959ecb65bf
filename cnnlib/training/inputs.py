"""From a data set's uint8 images to the batches of training and test; and whether network and data fit."""

import functools

import keras
import numpy as np

from cnnlib.recipes import Recipe


def chosen(recipe, size):
    """The indices of the training images that the recipe uses: all, or evenly spaced ones.

    Evenly spaced, because some sets are sorted by class.
    """
    used = recipe.images_used(size)
    return np.arange(used) * size // used


def pixel_mapping(recipe, data):
    """The recipe's ``pixels``: a function from uint8 images (n, h, w, channels) to float32 network inputs.

    Means and deviations are those of the training images that the recipe uses; the same function
    serves for training and for test images.
    """
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
    if max(height, width) > 32:
        raise ValueError(f"pixels 'lecun1998': images of at most 32x32 pixels expected, got {height}x{width}")
    top, left = (32 - height) // 2, (32 - width) // 2
    padding = ((0, 0), (top, 32 - height - top), (left, 32 - width - left), (0, 0))
    return np.pad(images, padding) * np.float32(1.275 / 255) - np.float32(0.1)


def input_shape(recipe, data):
    """The shape (height, width, channels) that a network for this recipe and data set needs."""
    return (32, 32, data.x_train.shape[-1]) if recipe.pixels == "lecun1998" else tuple(data.x_train.shape[1:])


def crop(images, offsets, pad):
    """Pad images by ``pad`` zeros on each side and crop each back at its own offset.

    ``offsets`` (n, 2) are rows and columns from 0 to 2 pad; (pad, pad) gives the image back.
    """
    n, height, width, channels = images.shape
    padded = np.zeros((n, height + 2 * pad, width + 2 * pad, channels), images.dtype)
    padded[:, pad : pad + height, pad : pad + width] = images
    # Rows of pixels times channels lie side by side in memory: a window is then `height` long copies.
    rows = padded.reshape(n, height + 2 * pad, -1)
    windows = np.lib.stride_tricks.sliding_window_view(rows, (height, width * channels), axis=(1, 2))
    return windows[np.arange(n), offsets[:, 0], offsets[:, 1] * channels].reshape(images.shape)


class TrainingBatches(keras.utils.PyDataset):
    """``count`` batches, from iteration ``start`` on, of the endless stream of passes.

    Order, crops and mirrors of a pass are drawn from a generator seeded with (seed, number of the
    pass) and nothing else, so a run that is stopped and resumed sees what it would have seen.
    """

    def __init__(self, recipe, data, mapping, seed, start, count):
        super().__init__()
        self.recipe, self.data, self.mapping, self.start, self.count = recipe, data, mapping, start, count
        self.indices = chosen(recipe, len(data.x_train))

        @functools.lru_cache(maxsize=2)
        def drawn(number):
            generator = np.random.default_rng((seed, number))
            size = len(self.indices)
            order = self.indices[generator.permutation(size)]
            offsets = generator.integers(0, 2 * recipe.pad + 1, (size, 2))
            return order, offsets, generator.random(size) < 0.5

        self.drawn = drawn

    @property
    def num_batches(self):
        """How many batches there are."""
        return self.count

    def __getitem__(self, number):
        """Batch ``number``: inputs float32 and labels int32."""
        size, batch = len(self.indices), self.recipe.batch_size
        number_of_pass, place = divmod((self.start + number) * batch, size)
        parts = [[values[place : place + batch] for values in self.drawn(number_of_pass)]]
        if place + batch > size:
            parts.append([values[: place + batch - size] for values in self.drawn(number_of_pass + 1)])
        order, offsets, mirrored = (np.concatenate(values) for values in zip(*parts))
        x = self.mapping(self.data.x_train[order])
        if self.recipe.augmentation != "none":
            x = crop(x, offsets, self.recipe.pad)
        if self.recipe.augmentation == "crop-and-mirror":
            x[mirrored] = x[mirrored, :, ::-1]
        return x, self.data.y_train[order].astype("int32")


class Batches(keras.utils.PyDataset):
    """Images as they are, each once, in the order of ``indices`` (None: their own)."""

    def __init__(self, images, labels, mapping, batch_size, indices=None):
        super().__init__()
        self.images, self.labels, self.mapping, self.batch_size = images, labels, mapping, batch_size
        self.indices = np.arange(len(images)) if indices is None else indices

    @property
    def num_batches(self):
        """How many batches hold all images."""
        return -(-len(self.indices) // self.batch_size)

    def __getitem__(self, number):
        """Batch ``number``: inputs float32 and labels int32."""
        here = self.indices[number * self.batch_size : (number + 1) * self.batch_size]
        return self.mapping(self.images[here]), self.labels[here].astype("int32")


class TestBatches(Batches):
    """The test images in their order, each once, as they are."""

    # So that pytest does not take it for a test.
    __test__ = False

    def __init__(self, data, mapping, batch_size=256):
        size = len(data.x_test)
        # Batches of one size spare the compiled step a second shape; take a divisor where one is near.
        divisors = [n for n in range(batch_size, batch_size // 4, -1) if size % n == 0]
        super().__init__(data.x_test, data.y_test, mapping, divisors[0] if divisors else batch_size)


def check(model, data, recipe, seed):
    """Refuse a model, data set, recipe and seed that do not fit each other."""
    if not isinstance(recipe, Recipe):
        raise TypeError(f"recipe: expected a cnnlib.recipes.Recipe, got {type(recipe).__name__}")
    if not isinstance(model, keras.Model):
        raise TypeError(f"model: expected a Keras model, got {type(model).__name__}")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed: expected a whole number, got {seed!r}")
    if seed < 0:
        raise ValueError(f"seed: expected at least 0, got {seed}")
    if not model.built or not hasattr(model, "inputs") or model.inputs is None:
        raise ValueError(f"model {model.name}: expected a built functional model")
    classes, weights = len(data.class_names), recipe.loss_weights
    shapes = [tuple(output.shape) for output in model.outputs]
    if len(shapes) != len(weights):
        raise ValueError(
            f"model {model.name} has {len(shapes)} outputs, "
            f"recipe {recipe.name} has the loss_weights {weights}"
        )
    for shape in shapes:
        if len(shape) != 2 or shape[1] != classes:
            raise ValueError(
                f"model {model.name} has an output of shape {shape}, but {data.name} has {classes} classes: "
                f"expected (batch, {classes})"
            )
    for part, images, labels in (("train", data.x_train, data.y_train), ("test", data.x_test, data.y_test)):
        if images.dtype != np.uint8 or images.ndim != 4:
            raise ValueError(
                f"{data.name}: x_{part} must be uint8 images (n, height, width, channels), "
                f"got {images.dtype} of shape {images.shape}"
            )
        if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
            raise ValueError(
                f"{data.name}: y_{part} must be {len(images)} whole numbers, "
                f"got {labels.dtype} of shape {labels.shape}"
            )
        if not len(labels) or labels.min() < 0 or labels.max() >= classes:
            found = f"{labels.min()} to {labels.max()}" if len(labels) else "none at all"
            raise ValueError(f"{data.name}: labels of y_{part} must be from 0 to {classes - 1}, got {found}")
    size = recipe.image_size
    if size not in (None, data.x_train.shape[1]):
        raise ValueError(
            f"recipe {recipe.name} is for images of {size}x{size} pixels, {data.name} has "
            f"{data.x_train.shape[1]}x{data.x_train.shape[2]}: load it with size={size}"
        )
    wanted, given = tuple(model.inputs[0].shape[1:]), input_shape(recipe, data)
    if any(side not in (None, other) for side, other in zip(wanted, given, strict=True)):
        raise ValueError(f"model {model.name} takes images {wanted}, recipe and {data.name} give {given}")
    if recipe.batch_size > recipe.images_used(len(data.x_train)):
        raise ValueError(
            f"recipe {recipe.name}: a batch of {recipe.batch_size} is larger than the "
            f"{recipe.images_used(len(data.x_train))} training images of {data.name}"
        )
    last = model.layers[-1]
    softmax = isinstance(last, keras.layers.Softmax)
    softmax = softmax or getattr(last, "activation", None) is keras.activations.softmax
    if recipe.loss == "softmax-cross-entropy" and softmax:
        raise ValueError(
            f"model {model.name} ends in softmax, but the recipe's loss wants class scores: "
            "build it with classifier_activation=None"
        )
    policies = {layer.dtype_policy.name for layer in model.layers if layer.weights}
    if recipe.precision not in policies:
        raise ValueError(
            f"recipe {recipe.name} wants precision {recipe.precision}, model {model.name} was built "
            f"with {', '.join(sorted(policies))}"
        )
