"""Write what four living figures show into scripts for the book's pages.

    python tools/export_depth_and_cost.py field book/_static/figures/field-networks.js
    python tools/export_depth_and_cost.py depth book/_static/figures/depth-records.js
    python tools/export_depth_and_cost.py bottleneck book/_static/figures/bottleneck-records.js
    python tools/export_depth_and_cost.py networks book/_static/figures/networks-printed.js

``field``: what the layers of the book's networks are, one line a layer, and nothing of what they cost or
see: the page computes that, and its tests hold it against ``cnnlib.account``. ``depth``: the runs of the
experiment "resnet-depth" and the gradients of "resnet-steps", with the derivation of chapter 7 beside them,
and the errors without one block of "resnet-cut".
``bottleneck``: the runs of the experiment "nin-neck", and what its networks cost.
``networks``: the errors that the papers print for their own networks, and what those cost by the account.
"""

import gc
import json
import math
import pathlib
import re
import sys

import keras
import numpy as np

import cnnlib
from cnnlib import experiments, layers
from cnnlib.files import write_atomically

# As the page calls them -> the name in the library.
NETWORKS = {
    "LeNet-5": "lenet5",
    "AlexNet": "alexnet",
    "VGG-16": "vgg-d",
    "Network in network": "nin",
    "GoogLeNet": "googlenet",
    "ResNet-18": "resnet-18",
    "ResNet-50": "resnet-50",
    "ResNet-20 for CIFAR": "cifar-resnet-20",
    "ResNet-56 for CIFAR": "cifar-resnet-56",
}
# As the papers print them, for the validation images of ImageNet 2012, one network each: title, name in the
# library, its options, year, top-1 and top-5 error in percent, how it was tested, where it stands.
VIEWS = {"1 view": 1, "10 views": 10, "144 views": 144, "slid, 256": None, "slid, 384": None}
PRINTED = [
    ("AlexNet", "alexnet", {}, 2012, 40.7, 18.2, "10 views", "Krizhevsky et al., Table 2"),
    ("VGG A", "vgg-a", {}, 2014, 29.6, 10.4, "slid, 256", "Simonyan and Zisserman, Table 3"),
    ("VGG A-LRN", "vgg-a-lrn", {}, 2014, 29.7, 10.5, "slid, 256", "Simonyan and Zisserman, Table 3"),
    ("VGG B", "vgg-b", {}, 2014, 28.7, 9.9, "slid, 256", "Simonyan and Zisserman, Table 3"),
    ("VGG C", "vgg-c", {}, 2014, 28.1, 9.4, "slid, 256", "Simonyan and Zisserman, Table 3"),
    ("VGG C", "vgg-c", {}, 2014, 27.3, 8.8, "slid, 384", "Simonyan and Zisserman, Table 3"),
    ("VGG D", "vgg-d", {}, 2014, 27.0, 8.8, "slid, 256", "Simonyan and Zisserman, Table 3"),
    ("VGG D", "vgg-d", {}, 2014, 25.6, 8.1, "slid, 384", "Simonyan and Zisserman, Table 3"),
    ("VGG D", "vgg-d", {}, 2014, 28.07, 9.33, "10 views", "tested by He et al., Table 3"),
    ("VGG E", "vgg-e", {}, 2014, 27.3, 9.0, "slid, 256", "Simonyan and Zisserman, Table 3"),
    ("VGG E", "vgg-e", {}, 2014, 25.5, 8.0, "slid, 384", "Simonyan and Zisserman, Table 3"),
    ("GoogLeNet", "googlenet", {}, 2014, None, 10.07, "1 view", "Szegedy et al., Table 3"),
    ("GoogLeNet", "googlenet", {}, 2014, None, 9.15, "10 views", "He et al., Table 3"),
    ("GoogLeNet", "googlenet", {}, 2014, None, 7.89, "144 views", "Szegedy et al., Table 3"),
    ("plain 18", "plain-18", {}, 2015, 27.94, None, "10 views", "He et al., Table 2"),
    ("ResNet 18", "resnet-18", {"shortcut": "A"}, 2015, 27.88, None, "10 views", "He et al., Table 2"),
    ("plain 34", "plain-34", {}, 2015, 28.54, 10.02, "10 views", "He et al., Table 3"),
    ("ResNet 34 A", "resnet-34", {"shortcut": "A"}, 2015, 25.03, 7.76, "10 views", "He et al., Table 3"),
    ("ResNet 34 B", "resnet-34", {"shortcut": "B"}, 2015, 24.52, 7.46, "10 views", "He et al., Table 3"),
    ("ResNet 34 C", "resnet-34", {"shortcut": "C"}, 2015, 24.19, 7.40, "10 views", "He et al., Table 3"),
    ("ResNet 50", "resnet-50", {}, 2015, 22.85, 6.71, "10 views", "He et al., Table 3"),
    ("ResNet 101", "resnet-101", {}, 2015, 21.75, 6.05, "10 views", "He et al., Table 3"),
    ("ResNet 152", "resnet-152", {}, 2015, 21.43, 5.71, "10 views", "He et al., Table 3"),
]  # fmt: skip
COLUMNS = 110  # of a line of numbers
ARMS = ("plain", "residual", "plain, 0.003")  # of "resnet-steps", those that are drawn
QUANTITIES = ("energy", "length", "turn")


def main(arguments=None):
    what, path = sys.argv[1:] if arguments is None else arguments
    texts = {"field": field, "depth": depth, "bottleneck": bottleneck, "networks": networks}
    if what not in texts:
        raise SystemExit(f"expected one of {', '.join(texts)}, got {what}")
    text = texts[what]()
    write_atomically(pathlib.Path(path), lambda file: file.write(text.encode()))


# ------------------------------------------------------------------------------------ field and cost


def field():
    """The text of the file with the networks."""
    parts = []
    for title, name in NETWORKS.items():
        model = cnnlib.models.build(name, kernel_initializer="zeros")
        parts.append(f"  {json.dumps(title)}: `\n{described(model)}\n`,\n")
    return (
        "// The layers of the book's networks, one a line: its name, its kind, its numbers, and behind <\n"
        "// where it takes its input from if that is not the line before. k: side of the window, s: step,\n"
        "// p and q: padding before and behind, c: maps or units.\n"
        "// Written by tools/export_depth_and_cost.py.\n"
        "window.cnnlib = window.cnnlib || {};\ncnnlib.describedNetworks = {\n" + "".join(parts) + "};\n"
    )


def described(model):
    """A network as text, a line a layer, in the order of its account."""
    lines, before = [], ()
    for row in cnnlib.account(model).rows:
        layer = model.get_layer(row.name)
        kind, numbers = parts(layer)
        words = [row.name, kind, *(f"{key}={value}" for key, value in numbers.items())]
        if row.inputs not in ((), before):
            words += ["<", *row.inputs]
        lines.append(" ".join(words))
        before = (row.name,)
    return "\n".join(lines)


def parts(layer):
    """A layer's kind as the page has it, and its numbers; those that are as usual are left out."""
    match layer:
        case keras.layers.InputLayer():
            return "picture", {"n": layer.batch_shape[1], "c": layer.batch_shape[3]}
        case layers.PartiallyConnectedConv2D():
            return "convolution", {
                "k": layer.kernel_size,
                "c": layer.output.shape[-1],
                "links": int(layer.linked.sum()),
            }
        case layers.Subsampling():
            return "subsampling", {"k": 2, "s": 2}
        case layers.ZeroChannels():
            return "zero-maps", {"c": layer.output.shape[-1]}
        case keras.layers.Conv2D(dilation_rate=(1, 1)):
            numbers = {**window(layer, layer.kernel_size[0]), "c": layer.filters}
            if layer.groups > 1:
                numbers["groups"] = layer.groups
            return "convolution", numbers | ({} if layer.use_bias else {"bias": 0})
        case keras.layers.MaxPooling2D() | keras.layers.AveragePooling2D():
            return "pooling", window(layer, layer.pool_size[0])
        case keras.layers.ZeroPadding2D():
            (p, q), _ = layer.padding
            return "padding", {"p": p} | ({} if p == q else {"q": q})
        case layers.FusedBatchNormalization() | keras.layers.BatchNormalization():
            return "batch-normalisation", {}
        case keras.layers.ReLU() | layers.LocalResponseNormalization():
            return "pixelwise", {}
        case keras.layers.Add():
            return "sum", {}
        case keras.layers.Concatenate():
            return "concatenation", {}
        case keras.layers.Dropout():
            return "nothing", {}
        case keras.layers.Flatten():
            return "flattening", {}
        case keras.layers.GlobalAveragePooling2D():
            return "mean", {}
        case keras.layers.Dense():
            return "dense", {"c": layer.units}
        case layers.RadialBasis():
            return "distances", {"c": layer.output.shape[-1]}
    raise ValueError(f"layer {layer.name}: the page has no {type(layer).__name__} with these options")


def window(layer, k):
    """Side, step and padding of a convolution or pooling with square windows."""
    s, n, places = layer.strides[0], layer.input.shape[1], layer.output.shape[1]
    numbers = {"k": k, "s": s} if s > 1 else {"k": k}
    if layer.padding == "same":
        padding = max((places - 1) * s + k - n, 0)
        p, q = padding // 2, padding - padding // 2
        if q:
            numbers["p"] = p
        if q != p:
            numbers["q"] = q
    return numbers


# ---------------------------------------------------------------------------- gradient through depth


def depth():
    """The text of the file with the records."""
    runs, steps = experiments.recorded("resnet-depth"), experiments.recorded("resnet-steps")
    steps, cut = {arm: steps[arm] for arm in ARMS}, experiments.recorded("resnet-cut")
    every = [run for found in (*runs.values(), *steps.values(), *cut.values()) for run in found]
    first = runs["plain 8"][0]
    fields = {
        "passes": len(first.history["iteration"]),
        "images": first.recipe["train_size"],
        "tests": first.data["test_size"],
        "steps": steps["plain"][0].values["iterations"],
        "derived": {kind: hundredths(np.log(values)) for kind, values in derived().items()},
        "runs": {label: [run_of(run) for run in found] for label, found in runs.items()},
        "gradients": {
            arm: {name: [gradients(one, name) for one in found] for name in QUANTITIES}
            for arm, found in steps.items()
        },
        "cut": without_blocks(cut),
    }
    when, devices = made(every)
    return (
        "// Recorded runs and gradients of chapter 7: the experiments resnet-depth, resnet-steps and\n"
        f"// resnet-cut of cnnlib/experiments.py, {len(every)} records made {when} on\n"
        f"// {devices}. {first.data['name']}, {first.recipe['train_size']:,} training images,\n"
        f"// {first.recipe['iterations']:,} iterations, maps 8, 16, 32. Errors in percent, a number a pass.\n"
        "// Gradients: for each seed and step hundredths of the base-10 logarithm, a number a layer: energy\n"
        "// at the layer's output, |w| |g| and |g| / |w| of its kernel. Derived: the energy before\n"
        "// training, from the second layer on, the last one's being 1. Cut: errors with each block cut,\n"
        "// one at a time, and intact, of the first training images and of all test images.\n"
        "// Written by tools/export_depth_and_cost.py.\n"
        "window.cnnlib = window.cnnlib || {};\ncnnlib.depth =\n" + _wrapped(_plain(fields)) + ";\n"
    )


def run_of(run):
    """A run as the page shows it: errors by pass, and those of the trained network."""
    return {
        "seed": run.seed,
        "final": [round(run.final[f"{part}_error"], 2) for part in ("train", "test")],
        "train": [round(error, 1) for error in run.history["train_error"]],
        "test": [round(error, 1) for error in run.history["test_error"]],
    }


def gradients(found, name):
    """One quantity of a measurement: for each step hundredths of its logarithm, a number a layer."""
    values = {key: np.array(found.values[key]) for key in found.values if "norm" in key or "energy" in key}
    w, g = values["kernel_norm"], values["kernel_gradient_norm"]
    wanted = {"energy": values["gradient_energy"], "length": w * g, "turn": g / w}[name]
    return [hundredths(np.log(row)) for row in wanted]


def without_blocks(found):
    """The errors without one block, as the page shows them: by kind one a seed, a number a block."""
    values = [one.values for measured in found.values() for one in measured]
    (blocks,) = {tuple(one["blocks"]) for one in values}
    (images,) = {(one["train_images"], one["test_images"]) for one in values}
    fields = {"blocks": blocks, "images": images}
    for label, measured in found.items():
        fields[label.partition(" ")[0]] = [
            {
                "seed": one.seed,
                "intact": [one.values[f"intact_{part}_error"] for part in ("train", "test")],
                "train": one.values["train_error"],
                "test": one.values["test_error"],
            }
            for one in measured
        ]
    return fields


def hundredths(logarithms):
    """Natural logarithms as hundredths of base-10 ones."""
    return [round(100 * float(value) / math.log(10)) for value in logarithms]


def derived(blocks=9):
    """The energy of the gradient at each convolution's output before training, the last one's being 1.

    As chapter 7 derives it, for maps of 16, 8 and 4 pixels; a convolution's output is what its normalisation
    gets. The first convolution is left out: how large its input is the derivation does not say.
    """

    def growth_on(side):
        a = 1 - 1 / side
        rho = ((1 + 2 * a**2) / (1 + 2 * a)) ** 2
        return math.pi / (math.pi - rho)

    sides = [16] * blocks + [8] * blocks + [4] * blocks
    plain = [1.0]
    for side in reversed([side for side in sides for _ in "12"][:-1]):
        plain.append(plain[-1] * growth_on(side))
    v, before = 1 / 2 - 1 / (2 * math.pi), []
    for number in range(3 * blocks):
        share = 0.5 if number in (blocks, 2 * blocks) else 1
        before.append((v, share))
        v = share * v + 1
    trunk, residual = 1.0, []
    for side, (v, share) in zip(reversed(sides), reversed(before)):
        second = trunk * growth_on(side)
        residual += [second, second / (2 * v)]  # its first convolution divides by a variance of 2v
        trunk *= share + growth_on(side) / v
    return {"plain": np.array(plain[::-1]), "residual": np.array(residual[::-1]) / residual[0]}


# ---------------------------------------------------------------------------------------- bottleneck


def bottleneck():
    """The text of the file with the runs of five widths of the neck."""
    found = experiments.recorded("nin-neck")
    every = [run for runs in found.values() for run in runs]
    when, devices = made(every)
    first = every[0]
    fields = {
        "images": first.recipe["train_size"],
        "tests": first.data["test_size"],
        "passes": first.recipe["iterations"] * first.recipe["batch_size"] // first.recipe["train_size"],
        "necks": [neck(int(width), runs, found["32"]) for width, runs in found.items()],
    }
    return (
        "// Recorded runs of chapter 5: the experiment nin-neck of cnnlib/experiments.py,\n"
        f"// {len(every)} records made {when} on {devices}.\n"
        f"// {first.data['name']}, {first.recipe['train_size']:,} training images, "
        f"{first.recipe['iterations']:,} iterations. By width of the neck: test\n"
        "// errors in percent, a number a seed; MACs of one image, of them those of the 1x1 layer that\n"
        "// makes the neck and those of the 5x5 behind it; error less that of 32, with its 95 % interval.\n"
        "// Written by tools/export_depth_and_cost.py.\n"
        "window.cnnlib = window.cnnlib || {};\ncnnlib.neckRuns =\n" + _wrapped(_plain(fields)) + ";\n"
    )


def neck(width, runs, widest):
    """One width: its runs, what its network costs, and its error less that of the widest."""
    model = cnnlib.models.build(
        runs[0].network, input_shape=(*runs[0].data["image_shape"],), **runs[0].options
    )
    account = cnnlib.account(model)
    fields = {
        "width": width,
        "errors": [round(run.final["test_error"], 2) for run in runs],
        "parameters": account.parameters,
        "macs": account.macs,
        "narrowing": account.row("cccp2").macs,
        "behind": account.row("conv2").macs,
    }
    if runs is not widest:
        less = cnnlib.records.difference(runs, widest, "final_test_error")
        fields["less"] = [round(value, 2) for value in (less.mean, less.low, less.high)]
    return fields


# ------------------------------------------------------------------------------------------ networks


def networks():
    """The text of the file with the papers' own networks."""
    points, costs = [], {}
    for title, name, options, year, top1, top5, protocol, source in PRINTED:
        if title not in costs:
            account = cnnlib.account(cnnlib.models.build(name, **options, kernel_initializer="zeros"))
            costs[title] = {key: getattr(account, key) for key in ("parameters", "macs", "activations")}
            gc.collect()  # a VGG takes half a gigabyte
        point = {"name": title, "year": year, **costs[title], "top1": top1, "top5": top5}
        if VIEWS[protocol]:
            point["tested"] = VIEWS[protocol] * costs[title]["macs"]
        point |= {"protocol": protocol, "source": source}
        points.append("  " + json.dumps({key: value for key, value in point.items() if value is not None}))
    return (
        "// The papers' own networks. Errors in percent as printed, for the validation images of ImageNet\n"
        "// 2012; parameters, and MACs and activations of one view, by cnnlib.account; tested: MACs of all\n"
        "// views, where their number is printed.\n"
        "// Written by tools/export_depth_and_cost.py.\n"
        "window.cnnlib = window.cnnlib || {};\ncnnlib.printed =\n[\n" + ",\n".join(points) + "\n];\n"
    )


# ---------------------------------------------------------------------------------------------- all


def made(records):
    """When records were made, and on what."""
    dates = sorted({record.date[:10] for record in records})
    devices = sorted({record.device for record in records})
    return " to ".join(dates[:: max(1, len(dates) - 1)]), ", ".join(devices)


def _plain(value):
    return json.dumps(value, separators=(",", ":")).replace(".0,", ",").replace(".0]", "]")


def _wrapped(text):
    """The text of an object in lines, broken behind commas, but not behind one in a string."""
    lines = [""]
    for part in re.split(r",(?! )", text):
        part += ","
        if len(lines[-1]) + len(part) > COLUMNS:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)[:-1]


if __name__ == "__main__":
    main()
