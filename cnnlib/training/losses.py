"""The loss and the error that a recipe names, as Keras takes them; and what a network's outputs are."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from cnnlib.models.lenet5 import map_loss
from cnnlib.recipes import Recipe

# What each loss is a function of.
WANTS = {"softmax-cross-entropy": "scores", "lecun1998-map": "distances"}

# Keras' layers and operations that move the values of an output and leave them as they are.
MOVES = (
    "Cast", "Dropout", "ExpandDims", "Flatten", "GetItem", "Identity", "Permute", "Reshape", "Squeeze",
    "Transpose",
)  # fmt: skip


def output_kinds(model: keras.Model) -> tuple[str, ...]:
    """What each output (batch, classes) of a network is: "scores", "distances" or "probabilities".

    Distances are what a layer gives that says so, as ``cnnlib.layers.RadialBasis`` does, moved or not.
    Probabilities are told by their values: none is negative and each image's sum to one, wherever in the
    network that is brought about. All else is scores.

    Args:
        model: a functional Keras model with one input, images.
    """
    # Any images will do; four times by chance the sum is not one. A side that is open gets 64 pixels.
    sides = [side or 64 for side in model.inputs[0].shape[1:]]
    noise = np.random.default_rng(0).uniform(size=(4, *sides)).astype("float32")
    states = ([v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables])
    # Stateless: no variable of the network changes.
    outputs, _ = model.stateless_call(*states, noise, training=False)
    kinds = []
    for tensor, values in zip(model.outputs, keras.tree.flatten(outputs), strict=True):
        values = ops.convert_to_numpy(ops.cast(values, "float32"))
        if getattr(_origin(tensor), "gives", None) == "distances":
            kinds.append("distances")
        elif values.min() >= 0 and np.allclose(values.sum(axis=-1), 1, atol=1e-2):
            kinds.append("probabilities")
        else:
            kinds.append("scores")
    return tuple(kinds)


def _origin(tensor):
    """The layer or operation that computed the values of this output."""
    operation, node, place = tensor._keras_history
    if isinstance(operation, keras.Model):
        return _origin(operation.outputs[place])
    if type(operation).__name__ in MOVES:
        return _origin(operation._inbound_nodes[node].input_tensors[0])
    return operation


def loss(recipe: Recipe) -> Callable:
    """The recipe's loss, a value an image: a function of labels (batch,) and outputs.

    Outputs are (batch, classes), or (batch, heads, classes) for a network with several heads, whose
    losses are added with the recipe's ``loss_weights``.
    """
    one_head = map_loss if recipe.loss == "lecun1998-map" else softmax_cross_entropy

    def weighted(labels, outputs):
        labels = ops.cast(ops.reshape(labels, (-1,)), "int32")
        outputs = ops.cast(outputs, "float32")
        heads = [outputs] if len(outputs.shape) == 2 else ops.unstack(outputs, axis=1)
        return sum(w * one_head(labels, head) for w, head in zip(recipe.loss_weights, heads, strict=True))

    return weighted


def softmax_cross_entropy(labels, scores):
    """Cross-entropy of the scores' softmax (batch, classes) with the labels (batch,), one value an image."""
    return -ops.squeeze(ops.take_along_axis(ops.log_softmax(scores), labels[:, None], axis=-1), -1)


def error(recipe: Recipe) -> keras.metrics.Metric:
    """The metric "error": percent of images whose class, predicted by the first head, is not the label."""
    best = ops.argmin if recipe.loss == "lecun1998-map" else ops.argmax

    def wrong(labels, outputs):
        head = outputs if len(outputs.shape) == 2 else outputs[:, 0]
        labels = ops.cast(ops.reshape(labels, (-1,)), "int32")
        return 100.0 * ops.cast(ops.not_equal(ops.cast(best(head, axis=-1), "int32"), labels), "float32")

    return keras.metrics.MeanMetricWrapper(wrong, name="error")
