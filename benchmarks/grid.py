"""What it costs to do many runs at once, and one run over several devices; see README.md.

    python benchmarks/grid.py runs [--runs 40]       the grid on two workers, and single commands in a loop
    python benchmarks/grid.py devices                one run over 1, 2, 4 devices of one process or several
    python benchmarks/grid.py killed [--runs 200]    the grid on four workers, killed one by one
"""

import argparse
import itertools
import json
import os
import pathlib
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

from cnnlib import data, experiments, grid, provenance, recipes, records, training
from cnnlib.training import devices

ARM = experiments.Arm("lenet5-modern", "lenet5-modern-mnist-shortened-3", data="digits")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")


def cpu():
    """User and system seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def by_grid(seeds, folder):
    """The runs on two workers."""
    done = grid.run([(ARM, s) for s in seeds], workers=2, records_directory=folder, directory=folder / "runs")
    assert len(done.recorded) == len(seeds) and not done.failed


def by_loop(seeds, folder):
    """The runs one after another, a command each."""
    environment = {**os.environ, **ONE_THREAD, "CNNLIB_RECORDS": str(folder)}
    for seed in seeds:
        command = [sys.executable, "-m", "cnnlib", *ARM.arguments([seed]), "--directory", folder / "runs"]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def runs(options):
    """Both ways in blocks: loop, grid, grid, loop."""
    half = options.runs // 2
    spent = {by_loop: [], by_grid: []}
    with tempfile.TemporaryDirectory() as folder:
        for number, way in enumerate((by_loop, by_grid, by_grid, by_loop)):
            place = pathlib.Path(folder) / str(number)
            place.mkdir()
            wall, before = time.perf_counter(), cpu()
            way(range(half), place)
            spent[way].append((time.perf_counter() - wall, cpu() - before))
            seconds, used = spent[way][-1]
            print(f"{way.__name__}: {half} runs, {seconds:.1f} s, {used:.1f} CPU s", flush=True)
    wall, used = (
        [statistics.fmean(block[i] for block in spent[way]) / half for way in (by_loop, by_grid)]
        for i in (0, 1)
    )
    print(f"a run, loop / grid: {wall[0]:.2f} / {wall[1]:.2f} s, {used[0]:.2f} / {used[1]:.2f} CPU s")
    print(f"time, loop / grid: {wall[0] / wall[1]:.2f}; CPU, grid / loop: {used[1] / used[0]:.2f}")


def steps(options):
    """One of several processes: train over all devices, and print seconds and CPU seconds a step."""
    # JAX, not started yet, makes as many threads as it may use cores.
    os.sched_setaffinity(0, options.cores)
    generator, size = np.random.default_rng(0), 128 * options.steps
    images = generator.integers(0, 256, (size + 64, 32, 32, 3)).astype("uint8")
    labels = generator.integers(0, 10, size + 64)
    parts = {"x_train": images[:size], "y_train": labels[:size]}
    parts |= {"x_test": images[size:], "y_test": labels[size:]}
    noise = data.Dataset(name="noise", class_names=tuple("0123456789"), **parts)
    recipe = recipes.Recipe(
        name="steps", batch_size=128, iterations=4 * options.steps, learning_rate=0.01,
        augmentation="crop-and-mirror",
    )  # fmt: skip
    marks = []

    class Clock(training.runs.Keeper):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            marks.append((time.perf_counter(), time.process_time()))

    training.runs.Keeper = Clock
    with devices.several(options.devices):
        training.run("cifar-resnet-8", noise, recipe, verbose=0)
        if devices.first():
            # Not the first epoch, in which the step is compiled.
            found = [(np.subtract(b, a) / options.steps).tolist() for a, b in itertools.pairwise(marks)]
            print(json.dumps(found), flush=True)


def over(count, processes, options):
    """Seconds a step, and CPU seconds a step of all processes together, for each epoch but the first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cores = sorted(os.sched_getaffinity(0))
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    each = count // processes
    environment["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={each}"
    started = []
    for place in range(processes):
        if processes > 1:
            environment |= {
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
                "KERAS_DISTRIBUTION_NUM_PROCESSES": str(processes),
                "KERAS_DISTRIBUTION_PROCESS_ID": str(place),
            }
        share = cores[place::processes] or [cores[place % len(cores)]]  # the cores are divided
        command = [sys.executable, __file__, "steps", "--devices", count, "--steps", options.steps]
        command = [*map(str, command), "--cores", *map(str, share)]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    output = [process.communicate()[0] for process in started]
    assert not any(process.returncode for process in started)
    return [(wall, used * processes) for wall, used in json.loads(output[0].splitlines()[-1])]


def over_devices(options):
    """All ways take turns; medians, and what they are of one device."""
    ways = [(1, 1), (2, 1), (4, 1), (2, 2), (4, 4)]
    found = {way: [] for way in ways}
    for number in range(options.rounds):
        for way in ways if number % 2 == 0 else reversed(ways):
            found[way] += over(*way, options)
            print(f"round {number}: {way[0]} devices in {way[1]} processes", flush=True)
    for (count, processes), values in found.items():
        wall, used = np.median(values, axis=0)
        one_wall, one_used = np.median(found[1, 1], axis=0)
        rates = sorted(1 / value for value, _ in values)
        print(
            f"{count} devices in {processes} processes: {1 / wall:.2f} steps/s ({rates[0]:.2f} to "
            f"{rates[-1]:.2f}), {one_wall / wall:.2f} of one device; CPU a step {used / one_used:.2f} of one"
        )


def killed(options):
    """Kill a worker every few seconds; all records are there in the end, each as made alone."""
    import psutil

    def is_worker(process):
        """Started by the grid, and long enough ago to be at work: a cluster whose worker dies while it starts
        is none."""
        try:
            at_work = time.time() - process.create_time() > 20  # seconds
            return at_work and "spawn_main" in " ".join(process.cmdline())
        except psutil.Error:  # it has ended
            return False

    os.environ.update(ONE_THREAD)  # as the workers have: more threads add up in another order
    jobs = [(ARM, seed) for seed in range(options.runs)]
    kills, over_ = [], threading.Event()
    generator = random.Random(0)

    def kill():
        while not over_.wait(generator.uniform(5, 15)):
            workers = [*filter(is_worker, psutil.Process().children(recursive=True))]
            if workers:
                generator.choice(workers).kill()
                kills.append(1)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        begun, calls, failed = time.perf_counter(), 0, []
        while calls < 5 and len(list(folder.glob("*.json"))) < len(jobs):
            calls += 1
            outcome = grid.run(jobs, workers=4, records_directory=folder, directory=folder / "runs")
            failed += outcome.failed
        over_.set()
        killer.join()
        print(f"{len(jobs)} runs, 4 workers, {time.perf_counter() - begun:.0f} s")
        print(f"workers killed: {len(kills)}; calls of the grid: {calls}; runs a call gave up: {len(failed)}")
        images, recipe = data.load(ARM.data), recipes.get(ARM.recipe)
        same = 0
        for arm, seed in jobs:
            alone = training.run(arm.network, images, recipe, seed=seed, verbose=0).history
            there = records.read(folder / grid._name(arm, seed))
            lists = {name: values for name, values in alone.lists().items() if name != "seconds"}
            here = records.writing.rounded({"final": alone.final, **lists})
            same += here == {name: there.final if name == "final" else there.history[name] for name in here}
        print(f"records: {len(list(folder.glob('*.json')))}, as made alone: {same}")
        assert same == len(jobs)


def main():
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, command, default in (("runs", runs, 40), ("killed", killed, 200)):
        sub = commands.add_parser(name)
        sub.add_argument("--runs", type=int, default=default)
        sub.set_defaults(command=command)
    for name, command in (("devices", over_devices), ("steps", steps)):
        sub = commands.add_parser(name)
        sub.add_argument("--steps", type=int, default=10)
        sub.add_argument("--rounds", type=int, default=2)
        sub.add_argument("--devices", type=int)
        sub.add_argument("--cores", type=int, nargs="+")
        sub.set_defaults(command=command)
    options = parser.parse_args()
    if options.command is not steps:
        print(f"{provenance.device()}; {provenance.backend_versions()}", flush=True)
    options.command(options)


if __name__ == "__main__":
    main()
