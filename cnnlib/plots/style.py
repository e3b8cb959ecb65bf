"""The look that all figures share."""

import contextlib
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

# Okabe and Ito's colours, ordered so that neighbours differ in lightness too (yellow left out: too
# light on white), with a marker each, so that no line is told from another by colour alone.
COLOURS = ("#0072B2", "#E69F00", "#000000", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

STYLE = {
    "figure.dpi": 150,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 10.5,
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}

WIDTH = 6.0  # inches; a figure of this width is read at 350 to 700 pixels


@contextlib.contextmanager
def figure(rows: int = 1, columns: int = 1, height: float = 3.4, **options) -> Iterator[tuple[Figure, Any]]:
    """A figure in the book's look and its axes: ``with figure() as (fig, axes): ...``; closed at the end.

    Args:
        rows, columns: of axes; with several, ``axes`` is an array.
        height: inches; the width is ``WIDTH``.
        options: of ``matplotlib.pyplot.subplots``.
    """
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(rows, columns, figsize=(WIDTH, height), **options)
        try:
            yield fig, axes
        finally:
            plt.close(fig)
