"""Draw the still of the living LeNet-5, for a page without scripts: all its maps, from the exported weights.

    python tools/living_still.py book/_static/figures/lenet5.png
"""

import base64
import json
import re
import sys

import export_weights
import keras
import numpy as np
from export_weights import FIGURES
from keras import ops

from cnnlib import plots

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
    fig.savefig(path, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
