"""Draw the still of a living figure, for a page without scripts; the file's name says which.

    python tools/living_still.py book/_static/figures/lenet5.png

``lenet5``: all its maps, from the exported weights. ``field``: what a unit of VGG-16 sees in each layer, and
what the layers cost. ``depth``: errors and gradients of 56 layers, and errors without one block of 20 layers,
as recorded. ``bottleneck``: what a neck saves by its width, and recorded errors. ``networks``: the papers'
own networks, errors against MACs.
"""

import base64
import json
import pathlib
import re
import sys

import export_depth_and_cost
import export_weights
import keras
import numpy as np
from export_weights import FIGURES
from keras import ops

import cnnlib
from cnnlib import experiments, plots

LABEL = 7
# How many maps of a layer stand side by side.
COLUMNS = {"c1": 6, "s2": 6, "c3": 8, "s4": 16, "c5": 40}


def digit(label):
    """The stored digit with this label, (28, 28) bytes."""
    for line in (FIGURES / "digits.js").read_text("utf-8").splitlines():
        if match := re.match(r"\s+(\{.*\}),$", line):
            entry = json.loads(match[1])
            if entry["label"] == label:
                return np.frombuffer(base64.b64decode(entry["pixels"]), "uint8").reshape(28, 28)
    raise ValueError(f"digits.js: expected a digit with the label {label}")


def sheet(maps, columns):
    """Maps (height, width, count) side by side, with a gap between them."""
    height, width, count = maps.shape
    gap = width > 1
    rows = -(-count // columns)
    result = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for number in range(count):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        result[top : top + height, left : left + width] = maps[..., number]
    return result


def main(arguments=None):
    (path,) = sys.argv[1:] if arguments is None else arguments
    drawn = {"lenet5": lenet5, "field": field, "depth": depth, "bottleneck": bottleneck, "networks": networks}
    name = pathlib.Path(path).stem
    if name not in drawn:
        raise SystemExit(f"expected a file named after one of {', '.join(drawn)}, got {name}")
    drawn[name]().savefig(path, dpi=110, metadata={"Software": None})


def lenet5():
    model = export_weights.network(FIGURES / "lenet5-weights.js")
    names = [*COLUMNS, "f6", "output"]
    probe = keras.Model(model.input, [model.get_layer(name).output for name in names])
    picture = np.pad(digit(LABEL), 2) * np.float32(1.275 / 255) - np.float32(0.1)
    found = {name: ops.convert_to_numpy(y)[0] for name, y in zip(names, probe(picture[None, :, :, None]))}
    nearest = int(found["output"].argmin())
    (codes,) = [layer.codes for layer in model.layers if layer.name == "output"]
    shown = {"picture": picture} | {name: sheet(found[name], columns) for name, columns in COLUMNS.items()}
    pair = np.full((12, 40), np.nan)
    pair[:, :7], pair[:, 9:16] = found["f6"].reshape(12, 7), codes[nearest].reshape(12, 7)
    shown["F6, and the drawing of the " + str(nearest)] = pair
    heights = [1.6, *(6 * values.shape[0] / values.shape[1] for values in list(shown.values())[1:])]
    with plots.figure(
        len(shown), height=sum(heights) + 2.6, gridspec_kw={"height_ratios": heights}
    ) as (fig, axes):
        for ax, (name, values) in zip(axes, shown.items()):
            low, high = (-0.1, 1.175) if name == "picture" else (-1.7159, 1.7159)
            ax.imshow(-values, vmin=-high, vmax=-low)
            ax.set_anchor("W")
            ax.set_title(name.upper() if name in COLUMNS else name, loc="left", fontsize=15)
            ax.axis("off")
    return fig


def field():
    """The middle unit of VGG-16's last map, what it sees in every layer, and each layer's costs."""
    model = cnnlib.models.build("vgg-d", kernel_initializer="zeros")
    rows = [row for row in cnnlib.account(model).rows if row.is_map]
    first = last = rows[-1].shape[0] // 2
    seen = []
    for row in reversed(rows):
        seen.append((row, first, last))
        _, numbers = export_depth_and_cost.parts(model.get_layer(row.name))
        k, s, p = (numbers.get(key, usual) for key, usual in (("k", 1), ("s", 1), ("p", 0)))
        first, last = first * s - p, last * s - p + k - 1
    with plots.figure(1, 3, height=4.6, sharey=True, gridspec_kw={"width_ratios": [3, 1, 1]}) as (fig, axes):
        for height, (row, first, last) in enumerate(reversed(seen)):

            def edge(unit, row=row):
                return row.offset + unit * row.stride + row.receptive_field / 2

            half = row.stride / 2
            left, right = edge(0) - half, edge(row.shape[0] - 1) + half
            axes[0].barh(height, right - left, left=left, color="#dddddd")
            axes[0].barh(
                height, edge(last) - edge(first) + 2 * half, left=edge(first) - half,
                height=0.5, color=plots.COLOURS[0],
            )  # fmt: skip
            axes[1].barh(height, row.macs / 1e9, color="#777777")
            axes[2].barh(height, row.activations / 1e6, color="#777777")
        axes[0].set(xlabel="pixel of the picture", yticks=range(len(rows)), xlim=(-10, 234))
        axes[0].set_yticklabels([row.name for row in rows])
        axes[1].set(xlabel="MACs (10⁹)")
        axes[2].set(xlabel="values (10⁶)")
    return fig


def depth():
    """Training and test error by pass, the energy of the gradient by layer, and errors without one block."""
    runs, steps = experiments.recorded("resnet-depth"), experiments.recorded("resnet-steps")
    cut = experiments.recorded("resnet-cut")
    with plots.figure(3, 2, height=8, sharey="row") as (fig, axes):
        for column, kind in enumerate(("plain", "residual")):
            colour = plots.COLOURS[column]
            for part, dash in (("train_error", "--"), ("test_error", "-")):
                errors = np.mean([run.history[part] for run in runs[f"{kind} 56"]], axis=0)
                axes[0, column].plot(range(1, len(errors) + 1), errors, dash, color=colour)
            axes[0, column].set(title=f"{kind}, 56 layers", xlabel="passes")
            found = steps[kind]
            for place, iteration in enumerate(found[0].values["iterations"]):
                logs = [np.log(one.values["gradient_energy"][place]) for one in found]
                style = {"color": plots.COLOURS[place], "marker": plots.MARKERS[place], "markevery": 9}
                middle = np.exp(np.mean(logs, axis=0))
                axes[1, column].plot(
                    range(1, len(middle) + 1), middle, label=None if column else f"{iteration:,}", **style
                )
            axes[1, column].set(yscale="log", xlabel="layer")
            for one in cut[f"{kind} 20"]:
                for part, fill in (("train", "white"), ("test", colour)):
                    errors = one.values[f"{part}_error"]
                    axes[2, column].plot(range(1, 10), errors, "o", color=colour, mfc=fill)
                    axes[2, column].axhline(
                        one.values[f"intact_{part}_error"], color=colour, ls="--" if fill == "white" else "-"
                    )
            axes[2, column].set(xlabel="block that is cut, of 20 layers", xticks=range(1, 10))
        axes[0, 0].set_ylabel("error (%): training --, test –")
        axes[1, 0].set_ylabel("energy of the gradient")
        axes[2, 0].set_ylabel("error (%), open: training")
        fig.legend(loc="outside lower center", ncols=5, title="iterations done")
    return fig


def bottleneck():
    """Multiplications through a neck by its width, directly beside it, and the errors of recorded necks."""
    before, after, k, places = 192, 32, 5, 28**2
    direct, at_most = places * k**2 * before * after, k**2 * before * after / (before + k**2 * after)
    with plots.figure(1, 2, height=3.6) as (fig, (left, right)):
        widths = np.array([0, before])
        first, both = places * before * widths, places * (before + k**2 * after) * widths
        left.fill_between(widths, first / 1e6, color=plots.COLOURS[1], alpha=0.8, label="1x1")
        left.fill_between(widths, first / 1e6, both / 1e6, color=plots.COLOURS[0], alpha=0.5, label="5x5")
        left.axhline(direct / 1e6, color="black", ls="--", label="without a neck")
        left.axvline(at_most, color="black", ls=":")
        left.set(
            xlabel="maps in the neck", ylabel="multiplications (10⁶)", xlim=(0, before), ylim=(0, 205),
            title="5x5, 192 to 32 maps of 28x28",
        )  # fmt: skip
        left.legend(loc="upper left")
        found = experiments.recorded("nin-neck")
        errors = {width: [run.final["test_error"] for run in runs] for width, runs in found.items()}
        for width, values in errors.items():
            right.plot([width] * len(values), values, "o", color=plots.COLOURS[0], mec="white", alpha=0.7)
        right.plot([*errors], [np.mean(values) for values in errors.values()], color="black")
        right.set(xlabel="maps in the neck", ylabel="test error (%)", title="recorded: five seeds each")
    return fig


def networks():
    """Top-1 errors as printed against the MACs of one view, the points as the export has them."""
    text = (FIGURES / "networks-printed.js").read_text("utf-8")
    points = json.loads(text.partition("cnnlib.printed =\n")[2].rstrip().removesuffix(";"))
    with plots.figure(height=4.2) as (fig, axes):
        for number, (protocol, views) in enumerate(export_depth_and_cost.VIEWS.items()):
            found = [point for point in points if point["protocol"] == protocol and "top1" in point]
            if not found:
                continue
            axes.plot(
                [point["macs"] / 1e9 for point in found], [point["top1"] for point in found],
                plots.MARKERS[number], ls="", color=plots.COLOURS[number],
                label=f"{protocol}" if views else f"{protocol} pixels",
            )  # fmt: skip
        for name, beside in (
            ("AlexNet", (8, -4)), ("VGG A", (8, 2)), ("VGG E", (-18, 9)), ("plain 34", (8, -3)),
            ("ResNet 18", (8, -10)), ("ResNet 50", (-70, -5)), ("ResNet 152", (8, -5)),
        ):  # fmt: skip
            (point, *_) = [point for point in points if point["name"] == name]
            axes.annotate(name, (point["macs"] / 1e9, point["top1"]), beside, textcoords="offset points")
        axes.set(xscale="log", xlabel="MACs of one view (10⁹)", ylabel="top-1 error (%)")
        axes.xaxis.set_major_formatter("{x:g}")
        fig.legend(loc="outside upper center", ncols=3)
    return fig


if __name__ == "__main__":
    main()
