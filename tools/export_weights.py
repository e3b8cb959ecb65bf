"""Write a trained network into a script for the book's pages, and read such a script.

    python tools/export_weights.py lenet5 --recipe lenet5-mnist --data mnist --seed 0 \\
        --name lenet5 book/_static/figures/lenet5-weights.js

The run is that of ``python -m cnnlib train`` with the same arguments; where its folder of checkpoints holds
it finished, nothing is trained. The weights are rounded to half precision, and what the file says of the
network (test error, doubts) is measured with the rounded ones.

A file is one call in JavaScript, ``cnnlib.exported["lenet5"] = {...}``, behind a comment: what it is in a
sentence. ``read`` gives the object back, ``network`` the Keras model with these weights.
"""

import base64
import json
import pathlib
import sys

import keras
import measuring
import numpy as np

from cnnlib import layers, models, provenance
from cnnlib.files import write_atomically
from cnnlib.training import inputs

FIGURES = pathlib.Path(__file__).resolve().parents[1] / "book/_static/figures"
COLUMNS = 120  # of the text of the weights


def main(arguments=None):
    parser = measuring.parser("export_weights", __doc__, many=False)
    measuring.add_training(parser)
    parser.add_argument("file", metavar="FILE", type=pathlib.Path)
    parser.add_argument("--name", required=True, help="what the page calls it")
    options = parser.parse_args(arguments)
    try:
        fields = export(options)
    except measuring.TOLD as reason:
        print(f"export_weights: error: {reason}", file=sys.stderr)
        return 2
    write_atomically(options.file, lambda file: file.write(as_script(options.name, fields).encode()))
    size = options.file.stat().st_size
    print(f"{options.file.name}: test error {fields['test_error']:.2f} %, {size:,} bytes")
    return 0


def export(options):
    """The run's network as plain data."""
    recipe = measuring.recipe_of(options)
    if recipe.pixels != "lecun1998":
        raise ValueError(f"recipe {recipe.name}: expected the pixels of 1998, got {recipe.pixels}")
    run = measuring.run_of(options, options.seed, recipe)
    done, data = measuring.trained(options, run), run["data"]

    described, weights = plain(done.model)
    set_weights(done.model, weights)  # the rounded ones
    outputs = done.model.predict(inputs.pixel_mapping(recipe, data)(data.x_test), batch_size=500, verbose=0)
    distances = described[-1]["kind"] == "radial-basis"
    ordered = np.sort(outputs if distances else -outputs, axis=1)  # the most likely class first
    wrong = ordered[:, 0] != (outputs if distances else -outputs)[np.arange(len(outputs)), data.y_test]
    doubt = ordered[:, 0] if distances else ordered[:, 0] - ordered[:, 1]
    trained = done.history.provenance
    return {
        "network": run["network"], "options": run["options"], "recipe": recipe.name,
        "iterations": recipe.iterations,
        "data": data.name, "seed": options.seed,
        "backend": trained["backend"], "versions": trained["versions"], "device": trained["device"],
        "date": trained["date"], "code": trained["code"], "exported": provenance.code_version(),
        "test_error": 100 * float(wrong.mean()), "test_size": len(wrong),
        # Of 100 test digits k have at most the k-th doubt: the distance to the nearest drawing, or the
        # second score less the first.
        "doubts": [float(f"{q:.4g}") for q in np.quantile(doubt, np.linspace(0, 1, 101))],
        "distances": distances, "layers": described,
        "weights": base64.b64encode(np.concatenate(weights).astype("<f2").tobytes()).decode(),
    }  # fmt: skip


def plain(model):
    """The layers of a network as the page builds them, and their weights, flat, in half precision."""
    described, weights = [], []
    for layer in model.layers:
        if isinstance(layer, (keras.layers.InputLayer, keras.layers.Flatten)):
            continue
        entry = {"name": layer.name, "kind": ""}
        entry |= {"inputs": int(layer.input.shape[-1]), "outputs": int(layer.output.shape[-1])}
        numbers = layer.get_weights()
        match layer:
            case layers.PartiallyConnectedConv2D():
                entry |= {"kind": "convolution", "size": layer.kernel_size, "table": list(layer.table)}
            case keras.layers.Conv2D(strides=(1, 1), padding="valid", dilation_rate=(1, 1), groups=1):
                entry |= {"kind": "convolution", "size": layer.kernel_size[0]}
            case layers.Subsampling():
                entry |= {"kind": "subsampling", "size": 2}
            case keras.layers.MaxPooling2D(padding="valid"):
                entry |= {"kind": "max-pooling", "size": layer.pool_size[0]}
            case keras.layers.AveragePooling2D(padding="valid"):
                entry |= {"kind": "average-pooling", "size": layer.pool_size[0]}
            case keras.layers.Dense():
                entry |= {"kind": "dense"}
            case layers.RadialBasis():
                entry |= {"kind": "radial-basis"}
                numbers = [layer.codes]
            case _:
                kind = type(layer).__name__
                raise ValueError(f"layer {layer.name}: the page has no {kind} with these options")
        if activation := getattr(layer, "activation", None):
            entry["activation"] = activation.__name__
        described.append(entry)
        weights += [np.asarray(number, "float16").ravel() for number in numbers]
    return described, weights


def set_weights(model, weights):
    """Give a model flat weights as ``plain`` gives them; the codes at their end it has already."""
    flat = np.concatenate(weights).astype("float32")
    codes = sum(layer.codes.size for layer in model.layers if isinstance(layer, layers.RadialBasis))
    if len(flat) != model.count_params() + codes:
        raise ValueError(f"{len(flat)} weights, and a network for {model.count_params() + codes}")
    at = 0
    for layer in model.layers:
        found = []
        for variable in layer.get_weights():
            found.append(flat[at : at + variable.size].reshape(variable.shape))
            at += variable.size
        layer.set_weights(found)


def as_script(name, fields):
    """The text of the file."""
    weights = fields["weights"]
    lines = "\n".join(
        f'    "{weights[start : start + COLUMNS]}",' for start in range(0, len(weights), COLUMNS)
    )
    head = json.dumps({key: value for key, value in fields.items() if key != "weights"}, indent=1)
    what = f"{fields['network']} trained by {fields['recipe']} on {fields['data']}, seed {fields['seed']}"
    return (
        f"// {what}: weights in half precision, with which it\n"
        f"// misreads {fields['test_error']:.2f} % of {fields['test_size']:,} test images. "
        "Written by tools/export_weights.py.\n"
        "window.cnnlib = window.cnnlib || {};\ncnnlib.exported = cnnlib.exported || {};\n"
        f'cnnlib.exported[{json.dumps(name)}] = {head[:-2]},\n "weights": [\n{lines}\n  ].join(""),\n}};\n'
    )


def read(path):
    """The object in a file, with the weights as one array of half-precision numbers."""
    text = pathlib.Path(path).read_text("utf-8")
    head, _, rest = text.partition("] = {")[2].rpartition(',\n "weights": [\n')
    lines = [line.strip(' ",') for line in rest.partition("\n  ].join")[0].splitlines()]
    fields = json.loads("{" + head + "}")
    return fields | {"weights": np.frombuffer(base64.b64decode("".join(lines)), "<f2")}


def network(path):
    """The Keras model of a file."""
    fields = read(path)
    model = models.build(fields["network"], input_shape=(32, 32, 1), **fields["options"])
    set_weights(model, [fields["weights"]])
    return model


if __name__ == "__main__":
    sys.exit(main())
