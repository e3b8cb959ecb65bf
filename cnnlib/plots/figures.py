"""Figures of numbers and of pictures."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from cnnlib.plots.style import COLOURS, MARKERS, WIDTH, figure


def curves(
    runs: Mapping, *, logarithmic: bool = True, limits: tuple[float, float] | None = None, height: float = 3.6
) -> Figure:
    """Training error (dashed) and test error (solid) by pass over the training set.

    Args:
        runs: label -> one history or a list of histories over seeds: what ``cnnlib.train`` returns, or a
            record's ``history``. Several seeds give their mean and a band from the lowest to the highest.
        logarithmic: whether the errors are on a logarithmic scale, where one of 0 leaves a gap.
        limits: lowest and highest error that is drawn, percent.
        height: of the figure, inches.

    Returns:
        A closed ``matplotlib.figure.Figure``.

    Raises:
        ValueError: no runs, or histories of one label that differ in length.
    """
    if not runs:
        raise ValueError("runs: expected at least one labelled history, got none")
    with figure(height=height) as (fig, axes):
        for (label, histories), colour, marker in zip(runs.items(), COLOURS, MARKERS):
            histories = histories if isinstance(histories, list | tuple) else [histories]
            for part, line in (("train", "--"), ("test", "-")):
                series = [
                    (history if isinstance(history, dict) else vars(history))[f"{part}_error"]
                    for history in histories
                ]
                lengths = [len(s) for s in series]
                if len(set(lengths)) != 1:
                    raise ValueError(f"{label}: histories of different length, {lengths} passes")
                series = np.array(series, float)
                if logarithmic:
                    series[series <= 0] = np.nan  # an error of zero has no logarithm: leave a gap
                passes = np.arange(1, series.shape[1] + 1)
                axes.plot(
                    passes, series.mean(axis=0), line, color=colour, label=f"{label}, {part}",
                    marker=marker, markevery=max(1, len(passes) // 8),
                    markerfacecolor=colour if part == "test" else "white",
                )  # fmt: skip
                if len(series) > 1:
                    axes.fill_between(passes, series.min(0), series.max(0), color=colour, alpha=0.18, lw=0)
        axes.set(xlabel="passes over the training set", ylabel="error (%)")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if logarithmic:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.grid(which="minor", axis="y", linewidth=0.4)
        if limits is not None:
            axes.set_ylim(limits)
        fig.legend(loc="outside upper center", ncols=2)
    return fig


def seeds(
    results: Mapping[str, Sequence[float]],
    *,
    reference: tuple[float, str] | None = None,
    xlabel: str = "test error after the last pass (%)",
) -> Figure:
    """One row a label, one dot a seed, a bar at the mean: for ablations and comparisons.

    Args:
        results: label -> its values over seeds.
        reference: (value, text) of a dashed line, such as the paper's figure.
        xlabel: what the values are.

    Returns:
        A closed ``matplotlib.figure.Figure``.

    Raises:
        ValueError: no results, or a label without values.
    """
    if not results or not all(len(values) for values in results.values()):
        raise ValueError(f"results: expected labels with at least one value each, got {results!r}")
    with figure(height=0.9 + 0.42 * len(results)) as (fig, axes):
        for row, values in enumerate(results.values()):
            axes.plot(values, np.full(len(values), row), "o", color=COLOURS[0], alpha=0.7, mec="white", ms=8)
            axes.plot(np.mean(values), row, "|", color="black", markersize=17, markeredgewidth=2.2)
        if reference:
            value, text = reference
            axes.axvline(value, color=COLOURS[4], linestyle="--", linewidth=1.4)
            axes.text(value, -0.62, f" {text}", color=COLOURS[4], fontsize=9.5, va="center", ha="left")
        axes.set(xlabel=xlabel, ylim=(len(results) - 0.5, -0.9 if reference else -0.5))
        axes.set_yticks(range(len(results)), results)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    return fig


def images(
    pictures: np.ndarray,
    *,
    titles: Sequence | None = None,
    columns: int | None = None,
    signed: bool = False,
    together: bool = True,
    size: float | None = None,
) -> Figure:
    """A grid of pictures or maps.

    Args:
        pictures: (count, height, width) in grey or (count, height, width, 3) in colour.
        titles: one a picture.
        columns: how many pictures stand side by side; None for at most 8.
        signed: whether zero is put at mid-grey.
        together: whether all are on one scale; otherwise each picture's contrast is stretched by itself.
        size: height of a row, inches; None for what the width gives.

    Returns:
        A closed ``matplotlib.figure.Figure``.

    Raises:
        ValueError: no pictures, another number of axes, or not as many titles as pictures.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim not in (3, 4) or not pictures.size:
        raise ValueError(f"pictures: expected some, of 3 or 4 axes, got the shape {pictures.shape}")
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"titles: expected {len(pictures)}, one a picture, got {len(titles)}")
    columns = columns or min(len(pictures), 8)
    rows = -(-len(pictures) // columns)
    size = size or WIDTH / columns * pictures.shape[1] / pictures.shape[2]
    lines = 0 if titles is None else 1 + max(str(title).count("\n") for title in titles)
    with figure(rows, columns, height=rows * (size + 0.2 * lines), squeeze=False) as (fig, axes):
        fig.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
        for index, ax in enumerate(axes.flat):
            ax.axis("off")
            if index >= len(pictures):
                continue
            scope = pictures if together else pictures[index]
            low, high = scope.min(), scope.max()
            if signed:
                low, high = -np.abs(scope).max(), np.abs(scope).max()
            ax.imshow(pictures[index], vmin=low, vmax=high)
            if titles is not None:
                ax.set_title(titles[index], fontsize=9, pad=2)
    return fig
