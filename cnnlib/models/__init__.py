"""The classic networks by name: ``build(name, **options)``, ``names()``."""

import difflib

from cnnlib.models.lenet5 import MODERN, lenet5

# name -> (function, the options that make the variant)
NETWORKS = {
    "lenet5": (lenet5, {}),
    "lenet5-modern": (lenet5, MODERN),
}


def names():
    """The names of all networks, sorted."""
    return tuple(sorted(NETWORKS))


def build(name, **options):
    """A new network with random weights, as its paper has it; ``options`` replace those of the variant.

    Raises:
        ValueError: an unknown name (the error lists the known ones) or an option out of range.
        TypeError: an option that the network does not have, or of a wrong type.
    """
    if name not in NETWORKS:
        close = difflib.get_close_matches(str(name), NETWORKS, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(f"unknown network {name!r}{hint}; known: {', '.join(names())}")
    function, variant = NETWORKS[name]
    return function(**{**variant, **options})
