"""Checks of what a network is built from: one decorator, and what it calls.

An option that several networks have means the same in each, so its check stands here once, in ``CHECKS``;
what holds for one network only, and how its options go together, is its own ``check_options``. Every error
is a ``ValueError`` or ``TypeError`` that begins with the option's name.
"""

import functools
import inspect
import random
import sys
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from cnnlib.layers import check_number, check_whole

# The deepest network of the papers has 1202 layers. Keras goes through a network by recursion, and the
# time to build one grows faster than its depth.
MOST_LAYERS = 2000


def checked(check_options: Callable) -> Callable:
    """A decorator: the options of a network or a block are checked before anything of it is built.

    Args:
        check_options: gets all options by name, defaults included, after each of those in ``CHECKS`` was
            checked by itself; raises a ``ValueError`` or ``TypeError`` that names the option.

    Returns:
        The decorator. Checks and function get tuples for lists and arrays, and Python's numbers.
    """

    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def build(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            options = bound.arguments
            options |= options.pop("options", {})  # what the function takes as **options
            options = {name: plain(value) for name, value in options.items()}
            for name, check in CHECKS.items():
                if name in options:
                    options[name] = check(name, options[name])
            check_options(**options)
            with room_for_recursion():
                return function(**options)

        return build

    return decorate


def plain(value: Any, depth: int = 4) -> Any:
    """Tuples for lists and arrays, Python's numbers for NumPy's, as deep as tables are."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if depth and isinstance(value, (list, tuple)):
        return tuple(plain(part, depth - 1) for part in value)
    if depth and isinstance(value, dict):
        return {key: plain(part, depth - 1) for key, part in value.items()}
    return value


@contextmanager
def room_for_recursion(layers: int = MOST_LAYERS):
    """Room for a network of so many layers: Keras sorts them by a recursion along the longest path.

    Whoever loads one of 1202 layers from a file, or takes a part of it, needs the same room.
    """
    limit = sys.getrecursionlimit()
    # A layer of weights is up to five steps of that path (padding, convolution, norm, addition, ReLU).
    sys.setrecursionlimit(max(limit, 1000 + 5 * layers))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


# One value ---------------------------------------------------------------------------------------


def check_choice(name: str, value: Any, choices: Iterable) -> Any:
    """``value`` if it is one of ``choices``, else a ``ValueError`` that lists them."""
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def check_rate(name: str, value: float) -> float:
    """A share of at least 0 and below 1."""
    return check_number(name, value, least=0, below=1)


def check_name(name: str, value: str) -> str:
    """A name that Keras takes for a model or a layer."""
    if not isinstance(value, str) or not value or "/" in value:
        raise ValueError(f"{name}: expected a text without '/', got {value!r}")
    return value


def check_activation(name: str, value: Any) -> Any:
    """None, or what Keras takes for an activation and gives as many numbers as it gets."""
    try:
        values = keras.activations.get(value)(keras.ops.zeros((1, 4)))
        valid = keras.ops.shape(values) == (1, 4)
    except Exception:  # of whatever kind, according to what was given
        valid = False
    if not valid:
        raise ValueError(f"{name}: expected the name of an activation of Keras, got {value!r}")
    return value


def check_initializer(name: str, value: Any) -> str | dict:
    """A name or configuration of a Keras initializer, by which each layer makes one of its own.

    Keras gives an initializer object one seed for good: layers that share the object and have one
    shape would start with the same weights. So an object is turned into its configuration.
    """
    state = random.getstate()  # Keras draws a seed from it for every initializer that it makes
    try:
        found = keras.initializers.get(value)
        valid = isinstance(found, keras.Initializer)
        if valid and not isinstance(value, (str, dict)):
            value = keras.initializers.serialize(found)
            keras.initializers.get(value)  # that it can be read back
    except Exception:  # of whatever kind, according to what was given
        valid = False
    finally:
        random.setstate(state)
    # These two are for matrices and signals.
    if not valid or isinstance(found, (keras.initializers.Identity, keras.initializers.STFT)):
        raise ValueError(f"{name}: expected an initializer of kernels, by name or itself, got {value!r}")
    return value


# Several values ----------------------------------------------------------------------------------


def check_sequence(name: str, value: Any, length: int | None = None) -> tuple:
    """A tuple, of ``length`` values where that is given."""
    if not isinstance(value, tuple) or length not in (None, len(value)):
        raise TypeError(f"{name}: expected a tuple{f' of {length} values' if length else ''}, got {value!r}")
    return value


def check_counts(name: str, value: Any, length: int | None = None) -> tuple[int, ...]:
    """Whole numbers of at least 1."""
    return tuple(check_whole(name, number) for number in check_sequence(name, value, length))


def check_input_shape(name: str, value: Any, smallest: int = 1) -> tuple[int, int, int]:
    """(height, width, channels), each side at least ``smallest`` pixels."""
    try:
        height, width, channels = check_counts(name, value, 3)
    except TypeError:
        raise TypeError(f"{name}: expected (height, width, channels), got {value!r}") from None
    if min(height, width) < smallest:
        raise ValueError(f"{name}: each side must be at least {smallest} pixels, got {height}x{width}")
    return height, width, channels


def check_batch_normalization(name: str, value: dict | None) -> dict | None:
    """None, or a dictionary with a momentum of at least 0 and below 1, a positive epsilon, or both."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise TypeError(f"{name}: expected None or a dictionary of momentum and epsilon, got {value!r}")
    for key in value:
        check_choice(name, key, ("momentum", "epsilon"))
    check_rate(f"{name}: momentum", value.get("momentum", 0))
    check_number(f"{name}: epsilon", value.get("epsilon", 1), above=0)
    return value


# Tables ------------------------------------------------------------------------------------------


def one_of(*choices: Any) -> Callable:
    """The check of a column that has one of these values."""
    return functools.partial(check_choice, choices=choices)


def check_row(name: str, row: Any, columns: dict[str, Callable]) -> None:
    """A row of a table has one value a column, and the column's check takes it."""
    if not isinstance(row, tuple) or len(row) != len(columns):
        raise ValueError(f"{name}: expected rows of {', '.join(columns)}, got {row!r}")
    for (column, check), value in zip(columns.items(), row):
        check(f"{name}: {column}", value)


def check_rows(name: str, table: Any, columns: dict[str, Callable], last: dict | None = None) -> None:
    """A table has at least one row; ``last`` are the columns that are otherwise in its last one."""
    if not check_sequence(name, table):
        raise ValueError(f"{name}: expected at least one row of {', '.join(columns)}, got none")
    for row in table[:-1]:
        check_row(name, row, columns)
    check_row(name, table[-1], {**columns, **(last or {})})


def check_lengths(**tables: tuple) -> None:
    """The tables, which say one thing a stage each, have the same length, at least 1."""
    lengths = {name: len(table) for name, table in tables.items()}
    if len(set(lengths.values())) != 1 or not min(lengths.values()):
        raise ValueError(f"{' and '.join(lengths)}: expected one entry a stage, got {lengths}")


# Residual networks -------------------------------------------------------------------------------


def check_shortcut(*, x, maps, option, **others):
    """The options of ``cnnlib.models.resnet.shortcut``."""
    check_choice("shortcut", option, ("A", "B", "C"))
    if option == "A" and x.shape[-1] > maps:
        raise ValueError(f"widths: shortcut A only adds maps, it makes no {maps} of {x.shape[-1]}")


def check_block(*, kind, option, stride_on, addition, gamma, batch_normalization=(), **others):
    """The options of ``cnnlib.models.resnet.block``: each of them has an effect."""
    check_choice("table: block", kind, ("basic", "bottleneck"))
    check_choice("shortcut", option, (None, "A", "B", "C"))
    check_choice("stride_on", stride_on, ("1x1",) if kind == "basic" else ("1x1", "3x3"))
    additions = ("before-activation", "after-activation")
    check_choice("addition", addition, additions if option else additions[:1])
    check_choice("gamma", gamma, ("ones", "zeros"))
    if gamma == "zeros" and (option is None or batch_normalization is None):
        raise ValueError("zero_last_gamma: expected False without a shortcut or without batch normalisation")


def check_resnet(*, input_shape, table, widths, stem, **others):
    """The tables of ``cnnlib.models.resnet.resnet``."""
    _, counts = check_sequence("table", table, 2)
    check_lengths(table=check_counts("table: blocks", counts), widths=widths)
    check_whole("table: blocks", sum(counts), most=MOST_LAYERS // 2)
    _, stride, _ = check_counts("stem", stem, 3)
    check_input_shape("input_shape", input_shape, smallest=stride * 2 ** len(counts))


# The options that mean the same in every network.
CHECKS = {
    "input_shape": check_input_shape,
    "classes": check_whole,
    "maps": check_whole,
    "stride": check_whole,
    "widths": check_counts,
    "dense": check_counts,
    "dropout": check_rate,
    "auxiliary_dropout": check_rate,
    "zero_last_gamma": one_of(False, True),
    "batch_normalization": check_batch_normalization,
    "kernel_initializer": check_initializer,
    "activation": check_activation,
    "classifier_activation": check_activation,
    "name": check_name,
}
