"""Record what a trained LeNet-5 says of digits out of their place and of pictures that are no digits.

    python tools/lenet5_probes.py lenet5 --recipe lenet5-mnist --data mnist --iterations 9375 --seeds 0,1,2

The run is that of ``python -m cnnlib train`` with the same arguments; where its folder of checkpoints holds
it finished, nothing is trained. What is found goes where ``cnnlib.records.measurements.folder`` says:

- "shift": ``test_error``, percent, a list a direction, of the test images moved by 0, 1, ... ``pixels``,
  with background moved in.
- "rejection": ``rejected``, percent: kind of non-digits -> measure of doubt -> share of the test digits
  that lie at or above the doubt that turns 95 of 100 of these pictures away; ``confused``, percent:
  measure -> share of the test digits that must be turned away, those of most doubt first, until at most
  half a percent of all are still misread; ``images``: how many of each kind; ``halves``: ``rejected`` once
  more, of the first and of the second half of the test digits, each with non-digits made of its own: a
  measure of doubt chosen on one half can be judged on the other.
"""

import sys

import measuring
import numpy as np
from keras import ops

from cnnlib.records import measurements
from cnnlib.training import inputs, losses

TOOL = "lenet5_probes"
DIRECTIONS = {"right": (0, 1), "left": (0, -1), "down": (1, 0), "up": (-1, 0)}
PIXELS = 5
IMAGES = 1000
REFUSED = 0.95
STILL_WRONG = 0.5


def main(arguments=None):
    return measuring.of_trained(TOOL, __doc__, record, arguments)


def record(options, seed):
    recipe = measuring.recipe_of(options)
    if recipe.pixels != "lecun1998":
        raise ValueError(f"recipe {recipe.name}: expected the pixels of 1998, got {recipe.pixels}")
    run = measuring.run_of(options, seed, recipe)
    model, data = measuring.trained(options, run).model, run["data"]

    images = inputs.pixel_mapping(recipe, data)(data.x_test)
    probes = {
        "shift": shift(model, images, data.y_test),
        "rejection": rejection(model, images, data.y_test),
    }
    return [measurements.write(name, values, **run) for name, values in probes.items()]


def answers(model, images):
    """What the network read, and its doubts by name: larger where it is less sure."""
    outputs = model.predict(images, batch_size=500, verbose=0)
    (kind,) = losses.output_kinds(model)
    # The most likely class stands first, on either kind of output.
    ordered = np.sort(outputs if kind == "distances" else -outputs, axis=1)
    doubts = {"second less first": ordered[:, 0] - ordered[:, 1]}
    if kind == "distances":
        doubts["smallest distance"] = ordered[:, 0]
        return outputs.argmin(axis=1), doubts
    doubts["largest score"] = ordered[:, 0]
    # As a sum over the others, which keeps the digits that 1 less a number near 1 would lose.
    others = ops.convert_to_numpy(ops.logsumexp(ordered[:, :1] - ordered[:, 1:], axis=1))
    doubts["largest probability"] = others
    return outputs.argmax(axis=1), doubts


def moved(images, down, right):
    """The images with their content moved by whole pixels, and background moved in."""
    background = images[0, 0, 0, 0]
    result = np.full_like(images, background)
    _, height, width, _ = images.shape
    to = slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0))
    of = slice(max(-down, 0), height + min(-down, 0)), slice(max(-right, 0), width + min(-right, 0))
    result[:, *to] = images[:, *of]
    return result


def shift(model, images, labels):
    """Test error by direction and pixels."""
    errors = {
        direction: [
            100 * float(np.mean(answers(model, moved(images, down * step, right * step))[0] != labels))
            for step in range(PIXELS + 1)
        ]
        for direction, (down, right) in DIRECTIONS.items()
    }
    return {"pixels": list(range(PIXELS + 1)), "test_error": errors}


def no_digits(images, labels):
    """Pictures that are no digits, made of test digits: by kind."""
    generator = np.random.default_rng(0)
    count = min(IMAGES, len(images) // 2)
    digits, other = images[:count], images[-count:]
    low, high = np.float32(-0.1), np.float32(1.175)  # background and ink
    flat = digits.reshape(len(digits), -1)
    unlike = labels[:count] != labels[-count:]
    half = images.shape[2] // 2
    halves = np.concatenate([digits[:, :, half:], other[:, :, :half]], axis=2)
    return {
        "uniform noise": generator.uniform(low, high, digits.shape).astype("float32"),
        "pixels shuffled": generator.permuted(flat, axis=1).reshape(digits.shape),
        "black on white": low + high - digits,
        "one digit over another": np.maximum(digits, other)[unlike],
        # What a wrong cut between two digits leaves: the end of one and the beginning of the next.
        "halves of two neighbours": halves,
    }


def rejection(model, images, labels):
    """What it costs in digits to turn pictures away that are none, and to misread few."""
    read, doubts = answers(model, images)
    middle = len(images) // 2
    halves = [
        turned_away(model, images[part], labels[part], {name: doubt[part] for name, doubt in doubts.items()})
        for part in (slice(middle), slice(middle, None))
    ]
    confused = {}
    for name, doubt in doubts.items():
        wrong = (read != labels)[np.argsort(doubt, kind="stable")]  # the surest first
        few = 100 * np.cumsum(wrong) / len(wrong) <= STILL_WRONG
        confused[name] = 100 * (1 - float(few.sum()) / len(wrong))
    return {
        "refused": 100 * REFUSED,
        "rejected": turned_away(model, images, labels, doubts),
        "confused": confused,
        "images": {kind: len(others) for kind, others in no_digits(images, labels).items()},
        "halves": halves,
    }


def turned_away(model, images, labels, doubts):
    """Percent of these digits, whose doubts are given: kind of non-digits made of them -> measure."""
    rejected = {}
    for kind, others in no_digits(images, labels).items():
        found = answers(model, others)[1]
        rejected[kind] = {
            # As many as that are turned away, at least: those of the most doubt.
            name: 100 * float(np.mean(doubt >= np.quantile(found[name], 1 - REFUSED, method="lower")))
            for name, doubt in doubts.items()
        }
    return rejected


if __name__ == "__main__":
    sys.exit(main())
