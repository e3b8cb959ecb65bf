"""The loss and the error that a recipe names, as Keras takes them."""

import keras
from keras import ops


def loss(recipe):
    """The recipe's loss, a value an image: a function of labels (batch,) and outputs.

    Outputs are (batch, classes), or (batch, heads, classes) for a network with several heads, whose
    losses are added with the recipe's ``loss_weights``.
    """
    one_head = lecun1998_map(recipe) if recipe.loss == "lecun1998-map" else softmax_cross_entropy(recipe)

    def weighted(labels, outputs):
        labels = ops.cast(ops.reshape(labels, (-1,)), "int32")
        outputs = ops.cast(outputs, "float32")
        heads = [outputs] if len(outputs.shape) == 2 else ops.unstack(outputs, axis=1)
        return sum(w * one_head(labels, head) for w, head in zip(recipe.loss_weights, heads, strict=True))

    return weighted


def lecun1998_map(recipe):
    """The criterion of LeCun et al. 1998 on distances, with the recipe's j."""
    from cnnlib.models.lenet5 import map_loss

    return lambda labels, distances: map_loss(labels, distances, j=recipe.loss_j)


def softmax_cross_entropy(recipe):
    """Cross-entropy of the scores' softmax with the label, smoothed as the recipe says."""

    def of_scores(labels, scores):
        log_probabilities = ops.log_softmax(scores)
        right = ops.squeeze(ops.take_along_axis(log_probabilities, labels[:, None], axis=-1), -1)
        if not recipe.label_smoothing:
            return -right
        everywhere = ops.mean(log_probabilities, axis=-1)
        return -(1 - recipe.label_smoothing) * right - recipe.label_smoothing * everywhere

    return of_scores


def error(recipe):
    """The metric "error": percent of images whose class, predicted by the first head, is not the label."""
    best = ops.argmin if recipe.loss == "lecun1998-map" else ops.argmax

    def wrong(labels, outputs):
        head = outputs if len(outputs.shape) == 2 else outputs[:, 0]
        labels = ops.cast(ops.reshape(labels, (-1,)), "int32")
        return 100.0 * ops.cast(ops.not_equal(ops.cast(best(head, axis=-1), "int32"), labels), "float32")

    return keras.metrics.MeanMetricWrapper(wrong, name="error")
