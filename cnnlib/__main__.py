"""The terminal: ``python -m cnnlib list | account NAME | train NAME ... | records``."""

import argparse
import ast
import json
import pathlib
import sys
import textwrap


def main(arguments=None):
    """Run one command; returns the exit code: 0, or 2 for input that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options) or 0
    except (ValueError, TypeError, OSError, FloatingPointError) as reason:
        print(f"cnnlib: error: {_one_line(reason)}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        print("cnnlib: stopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m cnnlib", description="Classic convolutional networks: account, training, records."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("list", help="the networks, recipes and data sets by name")
    command.set_defaults(command=list_names)

    command = commands.add_parser("account", help="layers, parameters, MACs and receptive field of a network")
    command.add_argument("network", metavar="NAME")
    command.add_argument("--json", action="store_true", help="as JSON")
    _add_options(command)
    command.set_defaults(command=account)

    command = commands.add_parser("train", help="train a network by recipe, one run a seed")
    command.add_argument("network", metavar="NAME")
    command.add_argument("--data", required=True, help="the data set's name")
    command.add_argument("--recipe", required=True, help="the recipe's name")
    command.add_argument("--seeds", default="0", type=_seeds, metavar="0,1,2", help="default: 0")
    command.add_argument("--iterations", type=int, metavar="N", help="the recipe shortened to N iterations")
    command.add_argument("--record", action="store_true", help="write a record of each completed run")
    command.add_argument(
        "--directory",
        default="runs",
        metavar="D",
        help="folder for checkpoints, one in it for each run (default: runs)",
    )
    _add_options(command)
    command.set_defaults(command=train)

    command = commands.add_parser("records", help="the recorded runs")
    command.add_argument("--json", action="store_true", help="as JSON, histories left out")
    command.set_defaults(command=list_records)
    return parser


def _add_options(command):
    command.add_argument(
        "--option",
        action="append",
        default=[],
        type=_option,
        metavar="KEY=VALUE",
        help="an option of the network; may be repeated",
    )


def _seeds(text):
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers and commas, got {text!r}") from None
    if min(seeds) < 0 or len(set(seeds)) != len(seeds):
        raise argparse.ArgumentTypeError(f"expected different numbers of at least 0, got {text!r}")
    return seeds


def _option(text):
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value  # a plain word


def _one_line(reason):
    return " ".join(str(reason).split()) or type(reason).__name__


def list_names(options):
    """Print all names."""
    from cnnlib import data, models, recipes

    for title, module in (("networks", models), ("recipes", recipes), ("data sets", data)):
        print(f"{title}:")
        for name in module.names():
            print(f"  {name}")


def account(options):
    """Print a network's account."""
    import cnnlib
    from cnnlib import models

    result = cnnlib.account(models.build(options.network, **dict(options.option)))
    print(json.dumps(result.to_dict(), indent=1) if options.json else result)


def train(options):
    """Train one run a seed, one after another; skip those that are finished."""
    from cnnlib import data as data_sets
    from cnnlib import models, recipes, records, training
    from cnnlib.training import checkpoints

    recipe = recipes.get(options.recipe)
    if options.iterations is not None:
        recipe = recipe.shortened(iterations=options.iterations)
    network_options = dict(options.option)
    if options.network not in models.names():
        models.build(options.network)  # raises the error that lists the known names
    size = {} if recipe.image_size is None else {"size": recipe.image_size}
    data = data_sets.load(options.data, **size)

    for seed in options.seeds:
        name = records.file_name(options.network, network_options, recipe.name, data.name, seed)
        path = records.folder() / name
        if options.record and path.exists():
            found = records.read(path)
            there = {"recipe": recipes.Recipe.from_dict(found.recipe).as_dict(), "data": found.data}
            here = {"recipe": recipe.as_dict(), "data": records.data_summary(data)}
            if different := "; ".join(checkpoints.differences("", there, here)):
                raise ValueError(f"{path} is of another run: {different}. Remove it to train again")
            print(f"seed {seed}: already recorded in {name}, test error {found.test_error:.2f} %: skipped")
            continue
        print(f"seed {seed}: {options.network} on {data.name} after {recipe.name}", flush=True)
        done = training.run(
            options.network,
            data,
            recipe,
            seed=seed,
            options=network_options,
            directory=pathlib.Path(options.directory) / name.removesuffix(".json"),
            record=options.record,
            verbose=1 if sys.stdout.isatty() else 2,
        )
        print(f"seed {seed}: test error {done.history.test_error[-1]:.2f} % after the last epoch")
        if done.record:
            print(f"seed {seed}: recorded in {done.record.name}")


def list_records(options):
    """Print the records."""
    from cnnlib import records

    found = records.load()
    if options.json:
        shown = [{k: v for k, v in vars(record).items() if k != "history"} for record in found]
        print(json.dumps(shown, indent=1))
        return
    if not found:
        print("no records yet")
        return
    shown = None
    for record in found:
        title = " ".join([record.network, *(f"{k}={v}" for k, v in record.options.items())])
        experiment = title, f"{record.recipe['name']} on {record.data['name']}"
        if experiment != shown:
            for text, indent in zip(experiment, ("", "  ")):
                print(textwrap.fill(text, 80, initial_indent=indent, subsequent_indent=indent + "  "))
        shown = experiment
        print(
            f"    seed {record.seed:<3} training error {record.train_error:>6.2f} %"
            f"  test error {record.test_error:>6.2f} %  {record.seconds:>7.0f} s"
        )


if __name__ == "__main__":
    sys.exit(main())
