"""The classic networks by name: ``build(name, **options)``, ``names()``."""

import difflib
import inspect
import os
import re
from collections.abc import Callable

import keras

from cnnlib.models import alexnet, cifar_resnet, googlenet, lenet5, nin, preactivation, resnet, vgg
from cnnlib.models.published import check_published, load_published

# name -> (function, the options that make the variant)
NETWORKS = {
    "lenet5": (lenet5.lenet5, {}),
    "lenet5-modern": (lenet5.lenet5, lenet5.MODERN),
    "alexnet": (alexnet.alexnet, {}),
    "alexnet-ungrouped": (alexnet.alexnet, {"table": alexnet.UNGROUPED}),
    "alexnet-reduced": (alexnet.alexnet, alexnet.REDUCED),
    **{f"vgg-{column}": (vgg.vgg, {"table": table}) for column, table in vgg.TABLE.items()},
    "nin": (nin.nin, {}),
    "googlenet": (googlenet.googlenet, {}),
    "googlenet-aux": (googlenet.googlenet, {"auxiliary": googlenet.AUXILIARY}),
    "googlenet-reduced": (googlenet.googlenet, googlenet.REDUCED),
    "googlenet-aux-reduced": (googlenet.googlenet, {**googlenet.REDUCED, "auxiliary": googlenet.AUXILIARY}),
    **{f"plain-{n}": (resnet.resnet, {"table": resnet.TABLE[n], "shortcut": None}) for n in (18, 34)},
    **{f"resnet-{n}": (resnet.resnet, {"table": table}) for n, table in resnet.TABLE.items()},
}
# The depths that the paper trained; ``build`` takes every other one of the form 6k + 2 as well.
for n in cifar_resnet.DEPTHS:
    NETWORKS[f"cifar-plain-{n}"] = (cifar_resnet.cifar_resnet, {"depth": n, "shortcut": None})
    NETWORKS[f"cifar-resnet-{n}"] = (cifar_resnet.cifar_resnet, {"depth": n})
for n in preactivation.DEPTHS:
    NETWORKS[f"cifar-preactivation-{n}"] = (preactivation.preactivation, {"depth": n})

# Other names of the same networks.
ALIASES = {"vgg16": "vgg-d", "vgg19": "vgg-e"}


def names() -> tuple[str, ...]:
    """The names of all networks, sorted."""
    return tuple(sorted(NETWORKS))


def find(name: str) -> tuple[str, Callable, dict]:
    """What a name stands for; nothing is built.

    Args:
        name: one of ``names()``, an alias, or ``cifar-plain-n``, ``cifar-resnet-n`` or
            ``cifar-preactivation-n``, n = 6k + 2.

    Returns:
        The name without aliases, the function that builds this network, and the options of the variant.

    Raises:
        ValueError: an unknown name (the error lists the known ones), or a depth that there is not.
    """
    known = ALIASES.get(name, name) if isinstance(name, str) else None
    if known in NETWORKS:
        return known, *NETWORKS[known]
    family = re.fullmatch(r"cifar-(plain|resnet|preactivation)-([1-9][0-9]{0,99})", str(name))
    if family:
        _, function, variant = find(f"cifar-{family[1]}-110")
        return name, function, {**variant, "depth": cifar_resnet.check_depth(int(family[2]))}
    close = difflib.get_close_matches(str(name), [*NETWORKS, *ALIASES], n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(f"unknown network {name!r}{hint}; known: {', '.join([*names(), *ALIASES])}")


def build(name: str, *, weights: str | os.PathLike | None = None, **options) -> keras.Model:
    """A new network with random weights, as its paper has it.

    Args:
        name: as for ``find``.
        weights: "imagenet" or the path of a file, for published weights in place of the random ones: see
            ``cnnlib.models.published``.
        options: in place of those of the variant. All networks have ``input_shape``, (height, width,
            channels) of the images; ``classes``, how many; ``kernel_initializer``, of all kernels, an
            initializer of Keras, its name or configuration; ``classifier_activation``, None for scores,
            "softmax" for probabilities. Some have ``dense``, the units of the hidden dense layers, and
            ``dropout``, the share of them (of the last maps in ``nin`` and ``googlenet``) that is left out in
            training. All others stand with the function of the network.

    Returns:
        The network, a functional model with the name of ``find``.

    Raises:
        ValueError: an unknown name (the error lists the known ones) or an option out of range.
        TypeError: an option that the network does not have, or of a wrong type.
    """
    name, function, variant = find(name)
    known = [option for option in inspect.signature(function).parameters if option != "name"]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise TypeError(f"{name} has no option {', '.join(unknown)}; known: {', '.join(known)}")
    if weights is not None:
        check_published(name, weights, options)
    model = function(**{**variant, **options, "name": name})
    if weights is not None:
        load_published(model, weights)
    return model
