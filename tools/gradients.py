"""Record signal, gradients and kernels by layer while a network is trained.

    python tools/gradients.py cifar-plain-56 --recipe he2015-cifar-fit --data cifar10 \
        --option widths=8,16,32 --seeds 0,1,2

Before the first iteration and after 1, 10, 100 and 1,000, on the first 128 training images that the recipe
uses, with the batch's own statistics. The steps are those of ``python -m cnnlib train`` with the same
arguments; training ends with the last measurement. It goes where ``cnnlib.records.measurements.folder``
says, as "gradients"; its values: ``iterations``, how many ``images``, the names in ``layer``, and of the rest
of what ``cnnlib.probes.by_layer`` gives one list for each iteration. The loss is the recipe's; of a network
with several outputs also ``first_output_kernel_gradient_norm``, that of the first output's loss alone.
"""

import sys

import measuring

from cnnlib import probes, recipes
from cnnlib.records import measurements
from cnnlib.training import inputs, runs

TOOL = "gradients"
ITERATIONS = (0, 1, 10, 100, 1000)
IMAGES = 128


def main(arguments=None):
    parser = measuring.parser(TOOL, __doc__)
    parser.add_argument("--rate", type=float, metavar="R", help="the recipe with first rate R")
    parser.add_argument("--clip", type=float, metavar="N", help="each tensor's gradient shortened to norm N")
    parser.add_argument("--iterations", default=ITERATIONS, type=_iterations, metavar="0,1,10")
    return measuring.each_seed(TOOL, parser.parse_args(arguments), record)


def _iterations(text):
    return tuple(sorted({int(part) for part in text.split(",")}))


def record(options, seed):
    recipe = recipes.get(options.recipe)
    if options.rate is not None:
        recipe = recipe.at_rate(options.rate)
    if options.clip is not None:
        recipe = recipe.clipped(options.clip)
    if options.iterations[-1] > recipe.iterations or options.iterations[0] < 0:
        raise ValueError(f"--iterations: expected 0 to {recipe.iterations}, got {options.iterations}")
    run = measuring.run_of(options, seed, recipe)
    data, model = run["data"], measuring.untrained(**run)
    inputs.check(model, data, recipe, seed)
    network = runs.one_output(model)
    runs.compile_model(network, recipe)
    mapping = inputs.pixel_mapping(recipe, data)
    chosen = inputs.chosen(recipe, len(data.x_train))[:IMAGES]
    images, labels = mapping(data.x_train[chosen]), data.y_train[chosen].astype("int32")
    batches = inputs.TrainingBatches(recipe, data, mapping, seed, 0, recipe.iterations)

    values = {"iterations": list(options.iterations), "images": len(chosen)}
    done = 0
    for iteration in options.iterations:
        for number in range(done, iteration):
            network.train_on_batch(*batches[number])
        done = iteration
        measured = probes.by_layer(model, images, labels, loss_weights=recipe.loss_weights)
        if len(model.outputs) > 1:
            first = (1.0, *[0.0] * (len(model.outputs) - 1))
            alone = probes.by_layer(model, images, labels, loss_weights=first)
            measured["first_output_kernel_gradient_norm"] = alone["kernel_gradient_norm"]
        for name, found in measured.items():
            values.setdefault(name, []).append(found)
    values["layer"] = values["layer"][0]
    return [measurements.write("gradients", values, **run)]


if __name__ == "__main__":
    sys.exit(main())
