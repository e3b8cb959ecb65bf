"""What the tools share that look into the network of a run: their arguments, the run, a line for each seed.

The arguments are those of ``python -m cnnlib train``, so that a tool and a record speak of the same run.
"""

import argparse
import pathlib
import sys
import time

import keras

import cnnlib
from cnnlib import models, recipes, records, training
from cnnlib.__main__ import add_options, seeds
from cnnlib.training import inputs

# What is told in one line: input that cannot be used, and what a backend or a run fails of.
TOLD = (ValueError, TypeError, OSError, FloatingPointError, RuntimeError)


def parser(tool: str, description: str, *, many: bool = True) -> argparse.ArgumentParser:
    """A parser with the arguments of every tool; ``many``: of several seeds, one run each."""
    made = argparse.ArgumentParser(prog=f"python tools/{tool}.py", description=description.partition("\n")[0])
    made.add_argument("network", metavar="NAME")
    made.add_argument("--recipe", required=True)
    made.add_argument("--data", required=True)
    if many:
        made.add_argument("--seeds", default="0", type=seeds, metavar="0,1,2", help="default: 0")
    else:
        made.add_argument("--seed", type=int, default=0)
    add_options(made)
    return made


def add_training(made: argparse.ArgumentParser) -> None:
    """The arguments of ``trained``."""
    made.add_argument("--iterations", type=int, metavar="N", help="the recipe shortened to N iterations")
    made.add_argument("--directory", default="runs", metavar="D", help="of the checkpoints (default: runs)")


def recipe_of(options: argparse.Namespace) -> recipes.Recipe:
    """The recipe that the arguments name; shortened if those of ``add_training`` say so."""
    recipe = recipes.get(options.recipe)
    return recipe if options.iterations is None else recipe.shortened(iterations=options.iterations)


def run_of(options: argparse.Namespace, seed: int, recipe: recipes.Recipe) -> dict:
    """Network, options, recipe, data and seed, as ``cnnlib.run`` and ``measurements.write`` take them."""
    data = cnnlib.data.load(options.data, size=recipe.image_size)
    network, *_ = models.find(options.network)
    given = records.plain_options(dict(options.option))
    return {"network": network, "options": given, "recipe": recipe, "data": data, "seed": seed}


def untrained(*, network: str, options: dict, recipe: recipes.Recipe, data, seed: int) -> keras.Model:
    """The network of a run before its first step, as ``cnnlib.run`` builds it."""
    keras.utils.set_random_seed(seed)
    sizes = {"input_shape": inputs.input_shape(recipe, data), "classes": data.classes}
    return models.build(network, **{**sizes, **options})


def trained(options: argparse.Namespace, run: dict) -> training.Run:
    """The run, trained; where its folder of checkpoints holds it finished, it is only loaded."""
    names = run["network"], run["options"], run["recipe"].name, run["data"].name, run["seed"]
    folder = records.file_name(*names).removesuffix(".json")
    return training.run(**run, directory=pathlib.Path(options.directory) / folder)


def each_seed(tool: str, options: argparse.Namespace, record) -> int:
    """Call ``record(options, seed)``, which returns the files it wrote, and say how long it took.

    Returns:
        The exit code: 0, or 2 for what is told in one line.
    """
    try:
        for seed in options.seeds:
            begun = time.perf_counter()
            names = ", ".join(path.name for path in record(options, seed))
            print(f"{names}: {time.perf_counter() - begun:.0f} s", flush=True)
    except TOLD as reason:
        print(f"{tool}: error: {reason}", file=sys.stderr)
        return 2
    return 0


def of_trained(tool: str, description: str, record, arguments=None) -> int:
    """All of a tool that looks into trained runs: ``each_seed`` with the arguments of ``trained``."""
    made = parser(tool, description)
    add_training(made)
    return each_seed(tool, made.parse_args(arguments), record)
