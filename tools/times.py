"""Record what a forward pass and a training step cost in time, for all networks of an experiment in one run.

    python tools/times.py comparison-times

The experiment's arms say which networks. All are built, then timed in turn, round after round, so that
whatever else the machine does meets all of them alike. What is found goes where
``cnnlib.records.measurements.folder`` says, as "times", one a network: ``forward`` and ``step``, processor
milliseconds of one batch, a list of one a round; ``batch``, its images; ``threads``, how many the backend may
use, None if nothing was said. Processor time is that of all threads, and does not count time in which the
processor was with another program: with one thread it is the time on a machine that does nothing else.
"""

import argparse
import os
import sys
import time

import measuring

import cnnlib
from cnnlib import experiments, recipes
from cnnlib.records import measurements
from cnnlib.training import inputs, runs

TOOL = "times"
ROUNDS = 12
# Batches of one round: a clock that counts hundredths of a second is fine enough then.
BATCHES = 4


def main(arguments=None):
    parser = argparse.ArgumentParser(prog=f"python tools/{TOOL}.py", description=__doc__.partition("\n")[0])
    parser.add_argument("experiment", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    try:
        for path in record(experiments.get(options.experiment), options.rounds):
            print(path.name)
    except (ValueError, TypeError, OSError) as reason:
        print(f"{TOOL}: error: {reason}", file=sys.stderr)
        return 2
    return 0


def record(experiment, rounds):
    """Time all arms, then write one measurement for each."""
    if rounds < 1:
        raise ValueError(f"rounds: expected at least 1, got {rounds}")
    ready = {label: prepared(arm) for label, arm in experiment.arms.items()}
    found = {label: {"forward": [], "step": []} for label in ready}
    for number in range(rounds + 1):
        for label, works in ready.items():
            for name, work in works.items():
                begun = time.process_time()
                for _ in range(BATCHES):
                    work()
                taken = 1000 * (time.process_time() - begun) / BATCHES
                if number:  # round 0 compiles
                    found[label][name].append(taken)
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS")
    for label, arm in experiment.arms.items():
        recipe = recipes.get(arm.recipe)
        yield measurements.write(
            experiment.measurement,
            {**found[label], "batch": recipe.batch_size, "threads": threads and int(threads)},
            network=arm.network,
            options=arm.options,
            recipe=recipe,
            data=cnnlib.data.load(arm.data, size=recipe.image_size),
            seed=0,
        )


def prepared(arm):
    """What is timed of an arm: "forward" and "step" of one batch of noise."""
    recipe = recipes.get(arm.recipe)
    images = experiments.noise(arm, recipe.batch_size)
    model = measuring.untrained(network=arm.network, options=arm.options, recipe=recipe, data=images, seed=0)
    runs.compile_model(model, recipe)
    x = inputs.pixel_mapping(recipe, images)(images.x_train)
    y = images.y_train.astype("int32")
    return {
        "forward": lambda: model.predict_on_batch(x),
        "step": lambda: model.train_on_batch(x, y),
    }


if __name__ == "__main__":
    sys.exit(main())
