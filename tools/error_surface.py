"""Record the error surface around a network that ``python -m cnnlib train`` has trained.

    python tools/error_surface.py cifar-plain-56 --recipe he2015-cifar-sixteenth --data cifar10 \
        --option "widths=(8,16,32)" --seed 0 --directory runs

On the first training images as they are, without augmentation. Nothing is trained: the folder of
checkpoints must hold the finished run. The surface goes where ``cnnlib.records.surfaces.folder`` says.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np

from cnnlib import data, files, models, recipes, records, surface, training
from cnnlib.__main__ import add_options
from cnnlib.records import surfaces
from cnnlib.training import checkpoints, inputs


def main(arguments=None):
    options = parser().parse_args(arguments)
    try:
        record(options)
    except (ValueError, TypeError, OSError) as reason:
        print(f"error_surface: error: {reason}", file=sys.stderr)
        return 2
    return 0


def parser():
    result = argparse.ArgumentParser(
        prog="python tools/error_surface.py", description="Record the error surface of a finished run."
    )
    result.add_argument("network", metavar="NAME")
    result.add_argument("--recipe", required=True)
    result.add_argument("--data", required=True)
    result.add_argument("--iterations", type=int, metavar="N", help="the recipe shortened to N iterations")
    add_options(result)
    result.add_argument("--seed", type=int, default=0, help="of the run (default: 0)")
    result.add_argument("--directory", default="runs", help="of the runs' checkpoints (default: runs)")
    result.add_argument("--directions", type=int, nargs="+", default=[0, 1], help="seeds (default: 0 1)")
    result.add_argument("--steps", type=int, default=21, help="points a direction (default: 21)")
    result.add_argument("--radius", type=float, default=1.0, help="in norms of the filters (default: 1)")
    result.add_argument("--images", type=int, default=1000, help="how many (default: 1000)")
    return result


def record(options):
    recipe = recipes.get(options.recipe)
    if options.iterations is not None:
        recipe = recipe.shortened(iterations=options.iterations)
    if recipe.loss != "softmax-cross-entropy":
        raise ValueError(f"recipe {recipe.name}: its loss is {recipe.loss}, not softmax-cross-entropy")
    size = {} if recipe.image_size is None else {"size": recipe.image_size}
    images = data.load(options.data, **size)
    if not 0 < options.images <= len(images.x_train):
        raise ValueError(f"--images: expected 1 to {len(images.x_train)}, got {options.images}")
    network, *_ = models.find(options.network)
    run = {"network": network, "options": records.plain_options(dict(options.option)), "seed": options.seed}
    name = records.file_name(network, run["options"], recipe.name, images.name, options.seed)
    directory = pathlib.Path(options.directory) / name.removesuffix(".json")
    refuse_unfinished(directory, recipe)
    files.check_writable(surfaces.folder(writing=True))
    trained = training.run(data=images, recipe=recipe, directory=directory, verbose=0, **run)
    begun = time.perf_counter()
    found = surface.surface(
        trained.model,
        inputs.pixel_mapping(recipe, images)(images.x_train[: options.images]),
        images.y_train[: options.images],
        steps=options.steps,
        radius=options.radius,
        seeds=tuple(options.directions),
    )
    path = surfaces.write(
        found,
        recipe=recipe,
        data=images,
        images=f"first {options.images} training images",
        test_error=trained.history.test_error[-1],
        **run,
    )
    centre = (options.steps // 2,) * len(found.seeds)
    print(
        f"{path.name}: {found.loss.size} points in {time.perf_counter() - begun:.0f} s; "
        f"loss {found.loss[centre]:.4f} error {found.error[centre]:.2f} % in the centre, "
        f"loss up to {np.nanmax(found.loss):.4g}"
    )


def refuse_unfinished(directory, recipe):
    """Raise a ``ValueError`` unless the folder's checkpoint is the last of its run."""
    done, path = 0, directory / checkpoints.FILE
    if path.exists():
        with np.load(path) as file:
            done = json.loads(str(file["state"]))["progress"]["iteration"][-1]
    if done != recipe.iterations:
        raise ValueError(f"{directory}: no finished run: {done} of {recipe.iterations} iterations")


if __name__ == "__main__":
    sys.exit(main())
