"""Many runs at once, on the cores of one machine or on a Dask cluster: ``python -m cnnlib grid``.

    jobs = [(arm, seed) for arm in experiment.arms.values() for seed in range(5)]
    cnnlib.grid.run(jobs)                                      # on this machine, a run a core
    cnnlib.grid.run(jobs, scheduler="tcp://10.0.0.1:8786")     # on a cluster's workers

Dask spreads the runs, notices when a worker dies and has its run done elsewhere; a run is ``cnnlib.run`` in
a process of its own. Dask is an extra, ``pip install "cnnlib[cluster]"``, that nothing else here imports.
Records come back to the one who asked, who writes them. Checkpoints stay in a folder of the workers; where
they share it, a run goes on where it was.
"""

import contextlib
import dataclasses
import itertools
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable

import keras
import tqdm

from cnnlib import data, provenance, recipes, records, training
from cnnlib.experiments import Arm
from cnnlib.files import check_writable, write_atomically

# Memory that a worker is given; the deepest network of the book takes 2.4 GB.
BYTES_A_WORKER = 3 * 2**30


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a worker says of a run.

    Attributes:
        kind: "record", "failed", or "wrong worker", which cannot do it: other versions, or no data.
        text: the record's, or what went wrong.
        worker: its address.
    """

    kind: str
    text: str
    worker: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of the runs.

    Attributes:
        recorded: paths of the records that were written.
        failed: for each run that failed, (its record's file name, what went wrong).
    """

    recorded: list[pathlib.Path]
    failed: list[tuple[str, str]]


def run(
    jobs: Iterable[tuple[Arm, int]], *,
    scheduler: str | None = None, workers: int | None = None, gpus: int = 0,
    directory: str | os.PathLike | None = "runs", records_directory: str | os.PathLike | None = None,
    progress: bool = True,
) -> Outcome:  # fmt: skip
    """Do all runs, as many at a time as there are workers, and record each as it ends.

    Args:
        jobs: for each run an arm of an experiment and a seed. A run that is recorded is left out.
        scheduler: address of a Dask scheduler that has workers; None starts workers on this machine.
        workers: how many are started here; None: as many as cores and memory allow.
        gpus: how many workers are started here in place of that, each of which sees one GPU. With a
            scheduler: not 0 if each run is to have one unit of a worker's resource "GPU".
        directory: for checkpoints, one folder in it for each run. On a cluster it is a path of the workers,
            shared or each its own. None: a run whose worker dies starts anew.
        records_directory: see ``cnnlib.records.folder``.
        progress: whether stderr shows a bar, with the time left.

    Returns:
        An ``Outcome``. A run that fails does not keep the others from being done.

    Raises:
        ModuleNotFoundError: Dask is not installed.
        OSError: the scheduler does not answer, or is gone, or a record cannot be written.
        ValueError: a job that is none, or two runs with one record.
    """
    try:
        import distributed
    except ModuleNotFoundError:
        raise ModuleNotFoundError('the grid needs Dask: pip install "cnnlib[cluster]"') from None
    folder = records.folder(records_directory, writing=True)
    waiting = _named(jobs, folder)
    if not waiting:
        return Outcome([], [])
    check_writable(folder)
    if directory is not None:
        # Workers that are started here have working folders of their own.
        directory = os.fspath(directory if scheduler else pathlib.Path(directory).absolute())

    with _client(scheduler, min(len(waiting), gpus or workers or _fitting()), gpus) as client:
        attempts, wanted = itertools.count(), versions()
        claims = {"resources": {"GPU": 1}} if gpus else {}

        def submit(name, **where):
            task = (*waiting[name], wanted, directory)
            # A key is for one attempt: Dask would hand back what became of the last one.
            return client.submit(work, *task, key=(name, next(attempts)), pure=False, **claims, **where)

        futures = distributed.as_completed((submit(name) for name in waiting), loop=client.loop)
        with tqdm.tqdm(total=len(waiting), unit="run", disable=not progress) as bar:
            return _collected(futures, submit, client, folder, bar)


def _collected(futures, submit, client, folder, bar):
    """Write each record as it comes back; runs of a worker that cannot do them go to others."""
    outcome, wrong = Outcome([], []), set()
    for future in futures:
        name, _ = future.key
        if future.status == "finished":
            answer = future.result()
        elif future.status == "error":  # workers that died of it, one after another
            answer = Answer("failed", repr(future.exception()), "")
        else:
            raise OSError(
                f"the scheduler is gone: {len(outcome.recorded)} of {bar.total} runs are recorded; "
                "the same command goes on"
            )
        if answer.kind == "wrong worker":
            if answer.worker not in wrong:
                bar.write(f"worker {answer.worker}: {answer.text}: its runs go to others", file=sys.stderr)
            wrong.add(answer.worker)
            if others := sorted(set(client.scheduler_info(n_workers=-1)["workers"]) - wrong):
                futures.add(submit(name, workers=others))
                continue
        if answer.kind == "record":
            text = answer.text.encode()
            write_atomically(folder / name, lambda file, text=text: file.write(text))
            outcome.recorded.append(folder / name)
        else:
            outcome.failed.append((name, answer.text))
            bar.write(f"{name}: {answer.text}", file=sys.stderr)
        bar.update()
    return outcome


def work(arm: Arm, seed: int, wanted: dict, directory: str | None) -> Answer:
    """On a worker: one run, in a process of its own.

    Seeds are a whole process', and so is a GPU's memory: the run shares neither with the worker's threads nor
    with the run before. Its process ends with the worker, whatever becomes of that.

    Args:
        arm, seed: the run.
        wanted: the ``versions`` of the one who asks; others than here are refused.
        directory: for checkpoints, see ``run``.

    Returns:
        An ``Answer``: nothing is raised, since not every exception finds its way back.
    """
    import distributed

    address = distributed.get_worker().address
    try:
        return _asked(arm, seed, wanted, directory, address)
    except Exception as reason:
        return Answer("failed", repr(reason), address)


def _asked(arm, seed, wanted, directory, address):
    """``work``, on the worker of this address."""
    if different := "; ".join(provenance.differences("", versions(), wanted)):
        return Answer("wrong worker", different, address)
    job = {"arm": dataclasses.asdict(arm), "seed": seed, "directory": directory}
    with subprocess.Popen(
        [sys.executable, "-m", "cnnlib.grid"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        # Its input stays open as long as this process lives.
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        lines = process.stdout.read().splitlines()
    if process.returncode or not lines:
        return Answer("failed", f"the run's process ended with code {process.returncode}", address)
    return Answer(**json.loads(lines[-1]), worker=address)


def versions() -> dict:
    """What has to be the same on a worker: the library's code, Keras, its backend and their releases."""
    code = {key: value for key, value in provenance.code_version().items() if key != "clean"}
    return {"backend": keras.backend.backend(), **provenance.backend_versions(), "code": code}


def main() -> None:
    """``python -m cnnlib.grid``: the run that a line of JSON on stdin asks for.

    The answer is a line of JSON on stdout: {"kind": ..., "text": ...} as in ``Answer``.
    """
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answer, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed is no answer
    try:
        found = {"kind": "record", "text": _one_run(Arm(**job["arm"]), job["seed"], job["directory"])}
    except Exception as reason:
        known = isinstance(reason, ValueError | TypeError | OSError | FloatingPointError) and str(reason)
        text = " ".join((str(reason) if known else repr(reason)).split())
        found = {
            "kind": "wrong worker" if isinstance(reason, data.DataUnavailable) else "failed",
            "text": text,
        }
    print(json.dumps(found), file=answer, flush=True)
    os._exit(0)  # with the thread that waits for the end of stdin


def _end_with_parent():
    """End this process when its input ends: the worker is gone, and its run is somebody else's now."""
    sys.stdin.read()
    os._exit(1)


def _one_run(arm, seed, directory):
    """Train, and return the record's text."""
    recipe = recipes.get(arm.recipe)
    images = data.load(arm.data, size=recipe.image_size)
    if directory is not None:
        directory = pathlib.Path(directory) / _name(arm, seed).removesuffix(".json")
    with tempfile.TemporaryDirectory() as folder:
        options = {"options": arm.options, "directory": directory, "verbose": 0}
        done = training.run(
            arm.network, images, recipe, seed=seed, **options, record=True, records_directory=folder
        )
        return done.record.read_text()


def _name(arm, seed):
    """The file name of a run's record."""
    options = records.plain_options(arm.options)
    return records.file_name(arm.network, options, recipes.get(arm.recipe).name, arm.data_name, seed)


def _named(jobs, folder):
    """The runs that are not recorded, by their records' file names."""
    found = {}
    for job in jobs:
        if not (isinstance(job, tuple) and len(job) == 2 and isinstance(job[0], Arm)):
            raise ValueError(f"jobs: expected pairs of an arm and a seed, got {job!r}")
        name = _name(*job)
        if found.setdefault(name, job) != job:
            raise ValueError(f"jobs: two runs would have one record, {name}: {found[name]} and {job}")
    return {name: job for name, job in found.items() if not (folder / name).exists()}


@contextlib.contextmanager
def _client(scheduler, workers, gpus):
    """A client of the scheduler at an address, or of one that is started here, with workers."""
    import distributed

    with contextlib.ExitStack() as stack:
        if scheduler is None:
            scheduler = stack.enter_context(_cluster(workers, gpus))
        try:
            client = distributed.Client(scheduler, timeout=20, set_as_default=False)
        except (OSError, ValueError) as reason:
            raise OSError(f"no Dask scheduler answers at {scheduler}: {reason}") from reason
        yield stack.enter_context(client)


def _cluster(workers, gpus):
    """Worker processes on this machine that share its cores, each with a GPU of its own if there are any."""
    import distributed
    from dask.system import CPU_COUNT

    threads = str(max(1, CPU_COUNT // workers))
    kinds = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    spec = {}
    for number in range(workers):
        # What a run fails of is told by the one who asked.
        options = {"nthreads": 1, "memory_limit": 0, "silence_logs": logging.CRITICAL}
        options["env"] = dict.fromkeys(kinds, threads)
        if gpus:
            options["env"]["CUDA_VISIBLE_DEVICES"] = str(number)
            options["resources"] = {"GPU": 1}
        spec[number] = {"cls": distributed.Nanny, "options": options}
    scheduler = {
        "cls": distributed.Scheduler,
        "options": {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"},
    }
    return distributed.SpecCluster(workers=spec, scheduler=scheduler, silence_logs=logging.CRITICAL)


def _fitting():
    """How many workers the cores and the memory allow that this process may use, in a container too."""
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    return max(1, min(CPU_COUNT, MEMORY_LIMIT // BYTES_A_WORKER))


if __name__ == "__main__":
    main()
