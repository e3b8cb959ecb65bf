"""Checks of the options that all networks share; each error names the value and what would be valid."""

import operator

import keras


def check_input_shape(input_shape, smallest=1, channels=None):
    """(height, width, channels) as integers, each side at least ``smallest``.

    Raises:
        TypeError: not three integers.
        ValueError: a side below ``smallest``, or not ``channels`` channels where these are fixed.
    """
    try:
        height, width, depth = (operator.index(n) for n in input_shape)
    except (TypeError, ValueError):
        raise TypeError(f"input_shape: expected (height, width, channels), got {input_shape!r}") from None
    if min(height, width) < smallest:
        raise ValueError(f"input_shape: each side must be at least {smallest} pixels, got {height}x{width}")
    if depth < 1 or channels not in (None, depth):
        raise ValueError(f"input_shape: expected {channels or 'at least 1'} channel(s), got {depth}")
    return height, width, depth


def check_classes(classes):
    """The number of classes as an integer of at least 1; ``ValueError`` or ``TypeError`` otherwise."""
    try:
        number = operator.index(classes)
    except TypeError:
        raise TypeError(f"classes: expected a whole number, got {classes!r}") from None
    if number < 1:
        raise ValueError(f"classes: expected at least 1, got {classes}")
    return number


def check_choice(name, value, choices):
    """``value`` if it is one of ``choices``, else a ``ValueError`` that lists them."""
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def check_lengths(**tables):
    """Nothing, or a ``ValueError`` where the tables, which say one thing a stage each, differ in length."""
    lengths = {name: len(table) for name, table in tables.items()}
    if len(set(lengths.values())) != 1 or not min(lengths.values()):
        raise ValueError(f"{' and '.join(lengths)}: expected one entry a stage, got {lengths}")


def check_rows(name, table, columns):
    """Nothing, or a ``ValueError`` where the table is empty or a row has not one value a column."""
    if not table:
        raise ValueError(f"{name}: expected at least one row ({', '.join(columns)}), got none")
    for row in table:
        if not isinstance(row, (tuple, list)) or len(row) != len(columns):
            raise ValueError(f"{name}: expected rows of {', '.join(columns)}, got {row!r}")


def smallest_side(steps):
    """The smallest input, in pixels, that leaves one position after unpadded steps (size, stride)."""
    side = 1
    for size, stride in reversed(steps):
        side = (side - 1) * stride + size
    return side


def each_its_own(initializer):
    """The initializer as a configuration, of which each layer makes an initializer of its own.

    Keras gives an initializer object one seed for good: layers that share the object and have one
    shape would start with the same weights.
    """
    if isinstance(initializer, keras.initializers.Initializer):
        return keras.initializers.serialize(initializer)
    return initializer
