"""The error surface around a trained network: loss and error where its weights are moved in one or two random
directions, after Li, Xu, Taylor, Studer and Goldstein 2018, "Visualizing the loss landscape of neural nets",
arXiv:1712.09913. ``cnnlib.records.surfaces`` keeps surfaces in files.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import keras
import numpy as np

from cnnlib.training.losses import output_kinds
from cnnlib.training.optimizer import is_kernel


@dataclasses.dataclass(frozen=True)
class Surface:
    """Loss and error at the points theta + a d, or theta + a d + b e, around the trained weights theta.

    Attributes:
        coordinates: (steps,) the values of a, and of b: from -radius to radius, 0 in the middle.
        loss: (steps,) by a, or (steps, steps) by a and b: mean cross-entropy, without weight decay; not
            finite where the scores overflow.
        error: of the same shape: percent of images that are wrong; one with a score that is not finite is.
        seeds: of the directions, one or two.
        origin: of a recorded surface: see ``cnnlib.records.surfaces``.
    """

    coordinates: np.ndarray
    loss: np.ndarray
    error: np.ndarray
    seeds: tuple
    origin: dict = dataclasses.field(default_factory=dict)


def direction(model: keras.Model, seed: int) -> list[np.ndarray]:
    """A filter-normalised direction.

    Args:
        model: a built Keras model.
        seed: of the random numbers.

    Returns:
        One array for each trainable variable: random numbers for kernels, each filter with the norm of the
        model's; else zeros.
    """
    generator = np.random.default_rng(seed)
    arrays = []
    for variable in model.trainable_variables:
        weights = keras.ops.convert_to_numpy(variable)
        if is_kernel(variable):
            # The last axis counts the filters, or a dense layer's units.
            axes = tuple(range(weights.ndim - 1))
            noise = generator.standard_normal(weights.shape)
            scale = np.sqrt(np.sum(weights**2.0, axes) / np.sum(noise**2, axes))
            arrays.append((noise * scale).astype(weights.dtype))
        else:
            arrays.append(np.zeros_like(weights))
    return arrays


def surface(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, *, steps: int = 21, radius: float = 1.0,
    seeds: Sequence[int] = (0, 1), batch_size: int = 500,
) -> Surface:  # fmt: skip
    """The ``Surface`` around the model's weights, which are put back at the end.

    Inference mode: moving means and variances stay those of training.

    Args:
        model: a Keras model with one output, scores (batch, classes).
        images: (n, height, width, channels), float, as the network gets them.
        labels: (n,), whole numbers.
        steps: how many points a direction has, an odd number.
        radius: how far it goes, in norms of the filters.
        seeds: of the directions: two for a surface, one for a section.
        batch_size: how many images are computed at once.

    Raises:
        ValueError, TypeError: name the argument and what was expected.
    """
    _check(model, images, labels, steps, radius, seeds)
    # Whole numbers first: the middle is exactly 0, the trained network.
    coordinates = radius * (np.arange(steps) - steps // 2) / (steps // 2)
    directions = [direction(model, seed) for seed in seeds]
    variables = model.trainable_variables
    trained = [keras.ops.convert_to_numpy(variable) for variable in variables]
    values = []
    try:
        for point in itertools.product(coordinates.tolist(), repeat=len(seeds)):
            for variable, centre, *along in zip(variables, trained, *directions):
                if is_kernel(variable):
                    moves = (a * d for a, d in zip(point, along))
                    variable.assign(sum(moves, start=centre))
            values.append(loss_and_error(model, images, labels, batch_size))
    finally:
        for variable, centre in zip(variables, trained):
            variable.assign(centre)
    loss, error = np.reshape(np.transpose(values), (2, *[steps] * len(seeds)))
    return Surface(coordinates, loss, error, tuple(seeds))


def loss_and_error(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, batch_size: int = 500
) -> tuple[float, float]:
    """Mean cross-entropy of the scores' softmax, and percent of images wrong; arguments as of ``surface``."""
    starts = range(0, len(images), batch_size)
    batches = [model.predict_on_batch(images[i : i + batch_size]) for i in starts]
    scores = np.concatenate(batches).astype("float64")
    wrong = (scores.argmax(axis=1) != labels) | ~np.isfinite(scores).all(axis=1)
    with np.errstate(invalid="ignore"):  # inf - inf
        scores -= scores.max(axis=1, keepdims=True)
    right = scores[np.arange(len(labels)), labels]
    return np.mean(np.log(np.exp(scores).sum(axis=1)) - right), 100 * wrong.mean()


def _check(model, images, labels, steps, radius, seeds):
    """Refuse arguments of ``surface`` that do not fit."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"model: expected a Keras model, got {type(model).__name__}")
    shapes = [tuple(output.shape) for output in getattr(model, "outputs", None) or []]
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise ValueError(f"model {model.name}: expected one output (batch, classes), got {shapes}")
    if (kind := output_kinds(model)[0]) != "scores":
        raise ValueError(
            f"model {model.name}: expected scores, got {kind}; classifier_activation=None builds a network so"
        )
    wanted, found, classes = model.input_shape[1:], images.shape, shapes[0][1]
    sides = zip(wanted, found[1:])
    if len(wanted) != len(found) - 1 or any(a not in (None, b) for a, b in sides) or images.dtype.kind != "f":
        raise ValueError(f"images: expected float, (n, *{wanted}), got {images.dtype}, {found}")
    if not len(labels) or labels.shape != found[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels: expected {len(images)} whole numbers, one an image, got {labels.dtype}, {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels: expected 0 to {classes - 1}, got {labels.min()} to {labels.max()}")
    if steps < 3 or steps % 2 != 1:
        raise ValueError(f"steps: expected an odd number of at least 3, got {steps!r}")
    if not 0 < radius < math.inf:
        raise ValueError(f"radius: expected a number above 0, got {radius!r}")
    if len(seeds) not in (1, 2) or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds: expected one seed, or two different ones, got {seeds!r}")
