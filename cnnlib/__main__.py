"""The terminal: ``python -m cnnlib list | account NAME | train NAME ... | records | experiments | grid``."""

import argparse
import ast
import functools
import json
import os
import pathlib
import shlex
import signal
import sys
import textwrap
import time


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: of the command line; None takes them from ``sys.argv``.

    Returns:
        The exit code: 0, 2 for input that cannot be used, 130 if stopped by Ctrl-C.

    Raises:
        SystemExit: the arguments are none of a command (code 2), or ask for help (0).
    """
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has seen enough. What is still to be flushed when Python ends goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        trains = options.command in (train, run_grid)
        again = "; the same command goes on from the last checkpoint" if trains else ""
        print(f"cnnlib: stopped{again}", file=sys.stderr)
        return _ended(130)
    except Exception as reason:
        if sys.flags.dev_mode:  # python -X dev -m cnnlib: with the traceback
            raise
        named = isinstance(reason, ValueError | TypeError | OSError | FloatingPointError)
        kind = "" if named and str(reason) else f"{type(reason).__name__}: "
        print(f"cnnlib: error: {kind}{' '.join(str(reason).split())}", file=sys.stderr)
        return _ended(2)
    return 0


def _ended(code):
    """The exit code. One of several processes ends here: JAX would wait for the others for minutes."""
    devices = sys.modules.get("cnnlib.training.devices")
    if devices is not None and devices.processes() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        if devices.first():
            time.sleep(5)  # with this one JAX ends the others, who may have something to say, too
        os._exit(code)
    return code


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
    add_options(command)
    command.set_defaults(command=account)

    command = commands.add_parser("train", help="train a network by recipe, one run a seed")
    command.add_argument("network", metavar="NAME")
    command.add_argument("--data", required=True, help="the data set's name")
    command.add_argument("--recipe", required=True, help="the recipe's name")
    command.add_argument("--seeds", default="0", type=seeds, metavar="0,1,2", help="default: 0")
    command.add_argument("--iterations", type=int, metavar="N", help="the recipe shortened to N iterations")
    command.add_argument(
        "--rate", type=float, metavar="R", help="the recipe with first rate R, the others in proportion"
    )
    command.add_argument("--record", action="store_true", help="write a record of each completed run")
    command.add_argument(
        "--directory",
        default="runs",
        metavar="D",
        help="folder for checkpoints, one in it for each run (default: runs)",
    )
    command.add_argument(
        "--devices", type=_count, metavar="N", help="compute each run on N devices together (JAX)"
    )
    command.add_argument(
        "--compiled", action="store_true", help="compute each epoch in one program, for a GPU (JAX)"
    )
    add_options(command)
    command.set_defaults(command=train)

    command = commands.add_parser("records", help="the recorded runs")
    command.add_argument("--json", action="store_true", help="as JSON, histories left out")
    command.set_defaults(command=list_records)

    command = commands.add_parser("experiments", help="the book's recorded experiments, and what is missing")
    command.add_argument("--chapter", metavar="07", help="only those of this chapter")
    command.add_argument("--missing", action="store_true", help="only what is still to be recorded")
    command.add_argument(
        "--cost", action="store_true", help="multiply-accumulates, and hours on this machine"
    )
    shown = command.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="as JSON")
    shown.add_argument(
        "--commands", action="store_true", help="the commands that record what is missing, one run a line"
    )
    command.set_defaults(command=list_experiments)

    command = commands.add_parser("grid", help="record what is missing, many runs at once (needs Dask)")
    command.add_argument("--chapter", metavar="07", help="only the experiments of this chapter")
    command.add_argument("--experiment", metavar="NAME", help="only this one")
    command.add_argument("--missing", action="store_true", help="only runs that are not recorded: always so")
    command.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster; default: this machine")
    command.add_argument("--workers", type=_count, metavar="N", help="started here; default: as many as fit")
    command.add_argument("--gpus", type=_count, default=0, metavar="N", help="a run a GPU, on N of them")
    command.add_argument("--directory", default="runs", metavar="D", help="folder for checkpoints")
    command.add_argument("--dry-run", action="store_true", help="only say which runs it would do")
    command.set_defaults(command=run_grid)
    return parser


def add_options(command: argparse.ArgumentParser) -> None:
    """Let a command take options of the network: pairs in a list ``option``."""
    command.add_argument(
        "--option",
        action="append",
        default=[],
        type=_option,
        metavar="KEY=VALUE",
        help="an option of the network; may be repeated",
    )


def seeds(text: str) -> list[int]:
    """Different whole numbers of at least 0, from a text with commas."""
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers and commas, got {text!r}") from None
    if min(found) < 0 or len(set(found)) != len(found):
        raise argparse.ArgumentTypeError(f"expected different numbers of at least 0, got {text!r}")
    return found


def _count(text):
    """A whole number of at least 1."""
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _option(text):
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value  # a plain word
    except (TypeError, MemoryError, RecursionError):
        raise argparse.ArgumentTypeError(f"{key}: expected a Python literal or a word") from None


def list_names(options: argparse.Namespace) -> None:
    """Print all names."""
    from cnnlib import data, models, recipes

    for title, module in (("networks", models), ("recipes", recipes), ("data sets", data)):
        print(f"{title}:")
        for name in module.names():
            print(f"  {name}")


def account(options: argparse.Namespace) -> None:
    """Print a network's account."""
    import cnnlib
    from cnnlib import models

    result = cnnlib.account(models.build(options.network, **dict(options.option)))
    print(json.dumps(result.to_dict(), indent=1) if options.json else result)


def train(options: argparse.Namespace) -> None:
    """Train one run a seed, one after another; skip those that are recorded."""
    from cnnlib import data as data_sets
    from cnnlib import models, recipes, records, training
    from cnnlib.training import devices

    recipe = recipes.get(options.recipe)
    if options.iterations is not None:
        recipe = recipe.shortened(iterations=options.iterations)
    if options.rate is not None:
        recipe = recipe.at_rate(options.rate)
    network, *_ = models.find(options.network)
    data = data_sets.load(options.data, size=recipe.image_size)
    run = {"network": network, "options": records.plain_options(dict(options.option))}
    run |= {"recipe": recipe, "data": data}

    with devices.several(options.devices):
        # Of several processes only the first one speaks.
        say = functools.partial(print, flush=True) if devices.first() else lambda text: None
        for seed in options.seeds:
            name = records.file_name(network, run["options"], recipe.name, data.name, seed)
            if options.record and (found := devices.from_first(records.find, **run, seed=seed)):
                say(f"seed {seed}: already recorded in {name}, test error {found.test_error:.2f} %: skipped")
                continue
            say(f"seed {seed}: {network} on {data.name} after {recipe.name}")
            done = training.run(
                **run,
                seed=seed,
                directory=pathlib.Path(options.directory) / name.removesuffix(".json"),
                record=options.record,
                compiled=options.compiled,
                verbose=1 if sys.stdout.isatty() else 2,
            )
            say(f"seed {seed}: test error {done.history.test_error[-1]:.2f} % after the last epoch")
            if done.record:
                say(f"seed {seed}: recorded in {done.record}")


def list_records(options: argparse.Namespace) -> None:
    """Print the records."""
    from cnnlib import records

    found = records.load()
    if options.json:
        shown = [{k: v for k, v in vars(record).items() if k != "history"} for record in found]
        print(json.dumps(shown, indent=1))
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
    print(f"records: {len(found)}, in {records.folder()}")
    print("those of another folder: CNNLIB_RECORDS=FOLDER python -m cnnlib records")


def list_experiments(options: argparse.Namespace) -> None:
    """Print the experiments: arms, how many runs are recorded of how many, what they cost."""
    chosen = _experiments_of(options.chapter)
    rows = []
    for name, experiment in chosen.items():
        missing, found = experiment.missing(), experiment.recorded()
        for label, arm in experiment.arms.items():
            if (options.missing or options.commands) and label not in missing:
                continue
            row = {"experiment": name, "arm": label, **vars(arm), "data": arm.data_name}
            row |= {"chapter": experiment.chapter, "measurement": experiment.measurement}
            row |= {"recorded": sorted(r.seed for r in found[label]), "missing": missing.get(label, [])}
            rows.append(row | _costs(arm) if options.cost else row)
    if options.json:
        print(json.dumps(rows, indent=1))
    elif options.commands:
        for name, label, seed in [(r["experiment"], r["arm"], seed) for r in rows for seed in r["missing"]]:
            if chosen[name].measurement is None:
                arguments = chosen[name].arms[label].arguments([seed])
                print(shlex.join(["python", "-m", "cnnlib", *arguments]))
    else:
        _print_experiments(rows, chosen, options)


def _experiments_of(chapter):
    """The experiments of a chapter, which may be named by the beginning of its name; None: all."""
    from cnnlib import experiments

    named = {name: experiments.get(name) for name in experiments.names()}
    chosen = {
        k: one for k, one in named.items() if chapter is None or (one.chapter or "").startswith(chapter)
    }
    if not chosen:
        known = sorted({one.chapter for one in named.values()} - {None})
        raise ValueError(f"--chapter: expected the beginning of {', '.join(known)}, got {chapter!r}")
    return chosen


def run_grid(options: argparse.Namespace) -> None:
    """Record the missing runs of experiments, many at a time."""
    from cnnlib import experiments, grid

    chosen = _experiments_of(options.chapter)
    if options.experiment is not None:
        chosen = {options.experiment: experiments.get(options.experiment)}
    jobs = {}
    for name, experiment in chosen.items():
        missing = {} if experiment.measurement else experiment.missing()
        if missing and experiment.gpu and not (options.gpus or options.experiment):
            print(f"{name}: needs a GPU, left out (--gpus N, or --experiment {name})")
            continue
        for label, seeds_ in missing.items():
            arm = experiment.arms[label]
            jobs |= {shlex.join(arm.arguments([seed])): (arm, seed) for seed in seeds_}
    if options.dry_run:
        for command in jobs:
            print(f"python -m cnnlib {command}")
    print(f"runs to do: {len(jobs)}", flush=True)
    if options.dry_run or not jobs:
        return
    places = {"scheduler": options.scheduler, "workers": options.workers, "gpus": options.gpus}
    done = grid.run(jobs.values(), **places, directory=options.directory)
    print(f"recorded: {len(done.recorded)} of {len(jobs)}")
    if done.failed:
        texts = "; ".join(f"{name}: {reason}" for name, reason in done.failed)
        raise ValueError(f"{len(done.failed)} of {len(jobs)} runs failed: {texts}")


@functools.cache
def _timed(network, options, recipe, data):
    from cnnlib import experiments

    print(f"timing {network} {recipe}", file=sys.stderr, flush=True)
    arm = experiments.Arm(network, recipe, ast.literal_eval(options), data=data)
    return {"macs": experiments.macs(arm), "seconds": experiments.seconds(arm)}


def _costs(arm):
    """Multiply-accumulates and seconds of a run; the same run is timed once."""
    return _timed(arm.network, repr(arm.options), arm.recipe, arm.data)


def _print_experiments(rows, chosen, options):
    """The rows as text, an experiment after another."""
    shown = None
    for row in rows:
        name, experiment = row["experiment"], chosen[row["experiment"]]
        if name != shown:
            kind = f"measurements: {experiment.measurement}" if experiment.measurement else "runs"
            needs = ", needs a GPU" if experiment.gpu else ""
            stale = len(experiment.stale())
            old = f", {stale} stale: recorded by a recipe of the same name that was another" if stale else ""
            print(f"{name}: {experiment.chapter or 'no chapter'}, {kind}, {experiment.state()}{needs}{old}")
        shown = name
        wanted = row["seeds"]
        line = f"  {row['arm']:34} {wanted - len(row['missing'])} of {wanted}"
        if options.cost:
            line += f"  {row['macs'] / 1e12:8.3g} TMAC {row['seconds'] / 3600:8.2g} h a run"
        print(line)
    lacking = sum(len(row["missing"]) for row in rows)
    print(f"missing: {lacking} of {sum(row['seeds'] for row in rows)}")
    if options.cost:
        hours = sum(len(row["missing"]) * row["seconds"] for row in rows) / 3600
        print(f"what is missing: {hours:.2g} hours on this machine, one run after another")


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # see cnnlib/__init__.py
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
