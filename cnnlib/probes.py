"""What a signal and its gradient look like inside a network, layer by layer. On the TensorFlow backend."""

import keras
import numpy as np


def by_layer(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, *, training: bool = True,
    loss_weights: tuple = (1.0,),
) -> dict[str, list]:  # fmt: skip
    """Signal, gradient and kernel of every convolution, from the image on.

    The weights are left as they are, moving means and variances included.

    Args:
        model: a functional network that gives scores (batch, classes), one such output or several.
        images: float32, (n, height, width, channels), as the network gets them.
        labels: (n,), whole numbers.
        training: whether batch normalisation uses the batch's own statistics.
        loss_weights: one an output; the loss is the sum of the outputs' mean cross-entropies times these.

    Returns:
        Lists with one number a convolution: ``layer``, its name; ``mean_square`` of its output;
        ``gradient_energy``, the sum of the squares of the loss's gradient with respect to that output;
        ``kernel_norm`` and ``kernel_gradient_norm``, of the kernel and of the loss's gradient with respect
        to it, Euclidean.

    Raises:
        RuntimeError: on another backend.
        ValueError: the network has no convolution, or another number of outputs than of weights.
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(f"by_layer: expected the TensorFlow backend, got {keras.backend.backend()}")
    import tensorflow as tf

    found = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    if not found:
        raise ValueError(f"model {model.name}: expected at least one convolution, found none")
    if len(loss_weights) != len(model.outputs):
        raise ValueError(
            f"loss_weights: expected {len(model.outputs)}, one an output of {model.name}, got {loss_weights}"
        )
    probe = keras.Model(model.input, [*(layer.output for layer in found), *model.outputs])
    kernels = [layer.kernel.value for layer in found]
    before = [keras.ops.convert_to_numpy(variable) for variable in model.non_trainable_variables]

    @tf.function
    def compute(images):
        with tf.GradientTape() as tape:
            outputs = probe(images, training=training)
            maps, loss = outputs[: len(found)], 0.0
            for weight, scores in zip(loss_weights, outputs[len(found) :]):
                losses = keras.losses.sparse_categorical_crossentropy(labels, scores, from_logits=True)
                loss += weight * tf.reduce_mean(losses)
        energies = [tf.reduce_sum(tf.square(g)) for g in tape.gradient(loss, [*maps, *kernels])]
        return [tf.reduce_mean(tf.square(y)) for y in maps], energies

    squares, energies = compute(tf.constant(images))
    for variable, value in zip(model.non_trainable_variables, before):
        variable.assign(value)
    count = len(found)
    return {
        "layer": [layer.name for layer in found],
        "mean_square": [float(value) for value in squares],
        "gradient_energy": [float(value) for value in energies[:count]],
        "kernel_norm": [float(np.linalg.norm(layer.kernel.numpy())) for layer in found],
        "kernel_gradient_norm": [float(value) ** 0.5 for value in energies[count:]],
    }
