"""Weights trained on ImageNet, as ``keras.applications`` publishes them, for the same networks of ours.

``cnnlib.models.build("resnet-50", weights="imagenet")`` downloads them once (Keras keeps them in
``~/.keras/models``), ``weights="folder/file.h5"`` reads a file that was downloaded before: the published
``*_tf_dim_ordering_tf_kernels.h5``, or what ``save_weights`` of the network of ``keras.applications``
wrote (``*.weights.h5``). There are weights for VGG-16, VGG-19, ResNet-50, ResNet-101 and ResNet-152.
They expect what ``keras.applications.<family>.preprocess_input`` makes of an image with pixels 0 to 255:
blue, green, red, less their means.
"""

import os
import re

import keras

# Our network -> the same one of keras.applications.
PUBLISHED = {
    "vgg-d": "VGG16",
    "vgg-e": "VGG19",
    "resnet-50": "ResNet50",
    "resnet-101": "ResNet101",
    "resnet-152": "ResNet152",
}

# Options that leave a network the function that the published weights were trained for.
HARMLESS = (
    "input_shape", "classes", "classifier_activation", "dropout", "kernel_initializer", "zero_last_gamma",
    "batch_normalization",
)  # fmt: skip

# Our name of a layer -> that of keras.applications.
NAMES = (
    (r"conv(\d)_(\d)", r"block\1_conv\2"),
    (r"fc6", r"fc1"),
    (r"fc7", r"fc2"),
    (r"fc8|fc", r"predictions"),
    (r"conv1", r"conv1_conv"),
    (r"conv1_norm", r"conv1_bn"),
    (r"stage(\d)_block(\d+)_conv(\d)", r"conv\1_block\2_\3_conv"),
    (r"stage(\d)_block(\d+)_conv(\d)_norm", r"conv\1_block\2_\3_bn"),
    (r"stage(\d)_block(\d+)_shortcut", r"conv\1_block\2_0_conv"),
    (r"stage(\d)_block(\d+)_shortcut_norm", r"conv\1_block\2_0_bn"),
)


def check_published(network: str, weights: str | os.PathLike, options: dict) -> None:
    """Nothing, where ``weights`` can be asked for the network with these options.

    Args:
        network: its name, without aliases.
        weights: "imagenet" or the path of a file.
        options: what ``cnnlib.models.build`` was given.

    Raises:
        ValueError: there are no weights for this network, or the options make it another function.
        TypeError: ``weights`` is no text and no path.
        FileNotFoundError: there is no such file.
    """
    if network not in PUBLISHED:
        raise ValueError(f"weights: there are none for {network!r}, only for {', '.join(PUBLISHED)}")
    changed = [option for option in options if option not in HARMLESS]
    if options.get("batch_normalization", {}) is None:
        changed.append("batch_normalization=None")
    if changed:
        raise ValueError(f"weights: the published ones are for {network} without {', '.join(changed)}")
    expected = f'weights: expected "imagenet" or the path of a file, got {weights!r}'
    if not isinstance(weights, (str, os.PathLike)):
        raise TypeError(expected)
    if weights != "imagenet" and not os.path.isfile(weights):
        raise FileNotFoundError(expected)
    if weights == "imagenet" and options.get("classes", 1000) != 1000:
        raise ValueError(f"weights: those of ImageNet tell 1000 classes, got classes={options['classes']!r}")


def load_published(model: keras.Model, weights: str | os.PathLike) -> None:
    """Give a network published weights.

    Args:
        model: one of ``PUBLISHED`` by its name.
        weights: "imagenet" or the path of a file.

    Raises:
        ConnectionError: "imagenet" could not be downloaded.
        ValueError: what the file holds does not fit the network, its input shape or its classes.
    """
    name = PUBLISHED[model.name]
    theirs = getattr(keras.applications, name)
    if weights == "imagenet":
        try:
            source = theirs(weights="imagenet", classifier_activation=None)
        except Exception as error:  # Keras raises a bare Exception
            raise ConnectionError(
                f"the weights of {name} could not be downloaded ({error}); "
                "give the path of a copy of the file as weights="
            ) from error
    else:
        source = theirs(
            weights=None,
            input_shape=model.input_shape[1:],
            classes=model.output_shape[-1],
            classifier_activation=None,
        )
        try:
            source.load_weights(weights)
        except Exception as error:  # a damaged file raises many kinds
            raise ValueError(f"weights: {weights} does not hold those of {name}: {error}") from error
    carry(source, model)


def carry(source: keras.Model, model: keras.Model) -> None:
    """Copy all weights of ``source``, a network of ``keras.applications``, into ``model``, the same of ours.

    Their ResNets have biases before batch normalisation, and its epsilon is another. The same outputs
    follow without biases: gamma (x + b - m) / sqrt(v + e) + beta is batch normalisation with the moving
    mean m - b and, for an epsilon e', the moving variance v + e - e'.

    Raises:
        ValueError: a layer of ``model`` that ``source`` does not have, or has in another shape.
    """
    twins = {layer.name: layer for layer in source.layers}
    carried = []
    for layer in filter(lambda layer: layer.weights, model.layers):
        name = source_name(layer.name)
        if name not in twins:
            raise ValueError(f"weights: {source.name} has no layer {name} for our {layer.name}")
        values = twins[name].get_weights()
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = values
            _, bias = twins[name.replace("_bn", "_conv")].get_weights()
            values = [gamma, beta, mean - bias, variance + (twins[name].epsilon - layer.epsilon)]
        elif not getattr(layer, "use_bias", True):
            values = values[:1]
        shapes = [value.shape for value in values], [tuple(weight.shape) for weight in layer.weights]
        if shapes[0] != shapes[1]:
            raise ValueError(f"weights: for {layer.name} expected the shapes {shapes[1]}, got {shapes[0]}")
        carried.append((layer, values))
    for layer, values in carried:
        layer.set_weights(values)


def source_name(name: str) -> str:
    """The name of our layer ``name`` in the networks of ``keras.applications``."""
    for pattern, theirs in NAMES:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, theirs, name)
    raise ValueError(f"weights: keras.applications has no layer like {name}")
