"""The grid: real worker processes, that die, have no data, or other versions; each record as made alone."""

import contextlib
import errno
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from cnnlib import __main__ as command_line
from cnnlib import data, experiments, grid, recipes, records, training
from cnnlib.experiments import Arm, Experiment

SHORT = Arm("lenet5-modern", "lenet5-modern-mnist-shortened-3", data="digits")
LONG = Arm("lenet5-modern", "lenet5-modern-mnist-shortened-300", data="digits")
BIN = pathlib.Path(sys.executable).parent


def what_was_computed(record):
    """All of a record but when, how fast and where in memory it was made."""
    found = vars(record) | {"history": {k: v for k, v in record.history.items() if k != "seconds"}}
    return {k: v for k, v in found.items() if k not in ("date", "seconds", "peak_memory_mb")}


def alone(arm, seed, folder):
    """The record of a run that is made here, without workers."""
    recipe = recipes.get(arm.recipe)
    images = data.load(arm.data, size=recipe.image_size)
    run = {"seed": seed, "options": arm.options, "record": True, "records_directory": folder, "verbose": 0}
    return records.read(training.run(arm.network, images, recipe, **run).record)


def children(words="spawn_main"):
    """The workers started below this process, or (``words="cnnlib.grid"``) the processes of their runs."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE and words in " ".join(process.cmdline()):
                found.append(process)
    return found


@contextlib.contextmanager
def cluster(folder, *preloads):
    """A scheduler, and a worker for each text of Python that it runs first: programs, as elsewhere."""
    with contextlib.ExitStack() as stack:
        address = f"tcp://127.0.0.1:{8786 + os.getpid() % 1000}"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

        def start(*words):
            process = subprocess.Popen([BIN / "dask", *words], **quiet, start_new_session=True)
            stack.callback(process.wait)
            stack.callback(lambda: contextlib.suppress(ProcessLookupError) and stop(process))
            return process

        port = address.rsplit(":", 1)[1]
        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", port, "--dashboard-address", ":0")
        for preload in preloads:
            start(
                "worker", address, "--nthreads", "1", "--no-dashboard", "--preload", f"import os\n{preload}"
            )
        yield address, scheduler


def stop(process):
    """Kill a program and what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def test_runs_on_workers_are_those_made_alone_and_a_failure_stops_no_other(capfd, tmp_path):
    diverging = Arm("lenet5-modern", "lenet5-modern-mnist-rate-100000-shortened-30", data="digits")
    jobs = [(SHORT, 0), (SHORT, 1), (diverging, 0), (SHORT, 2)]
    alone(SHORT, 1, tmp_path)  # recorded before: left as it is
    before = (tmp_path / grid._name(SHORT, 1)).stat()

    done = grid.run(jobs, workers=2, directory=tmp_path / "runs", records_directory=tmp_path)
    assert sorted(path.name for path in done.recorded) == [grid._name(SHORT, 0), grid._name(SHORT, 2)]
    assert (tmp_path / grid._name(SHORT, 1)).stat() == before
    ((name, reason),) = done.failed
    assert name == grid._name(diverging, 0) and "loss is not finite" in reason
    shown = capfd.readouterr().err
    assert "loss is not finite" in shown and "3/3" in shown
    assert "Traceback" not in shown
    for seed in (0, 2):
        there = records.read(tmp_path / grid._name(SHORT, seed))
        here = alone(SHORT, seed, tmp_path / "alone")
        assert what_was_computed(there) == what_was_computed(here)
    assert not children()
    # The same once more: nothing is left to do but what failed, and no worker is started for nothing.
    assert grid.run(jobs[:2], records_directory=tmp_path) == grid.Outcome([], [])


def test_a_worker_that_is_killed_in_the_middle(tmp_path):
    """The run is done by another, which goes on from the checkpoint if there is one yet."""
    folder = tmp_path / "runs"
    killed = []

    def kill():
        while not killed:
            time.sleep(0.05)
            if list(folder.glob("*")):
                (worker,) = children()
                killed.append(worker.pid)
                worker.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    done = grid.run([(LONG, 0)], workers=1, directory=folder, records_directory=tmp_path, progress=False)
    killer.join()
    assert killed and done.failed == []
    there, here = records.read(done.recorded[0]), alone(LONG, 0, tmp_path / "alone")
    assert what_was_computed(there) == what_was_computed(here)


OTHER_KERAS = """
from cnnlib import provenance
provenance.backend_versions = lambda found=provenance.backend_versions(): found | {"keras": "3.0.0"}
"""


def test_a_worker_with_another_keras_is_named_and_its_runs_done_by_others(capfd, tmp_path):
    with cluster(tmp_path, OTHER_KERAS, "") as (address, _):
        wait_for(address, workers=2)
        jobs = [(SHORT, seed) for seed in range(3)]
        done = grid.run(jobs, scheduler=address, directory=None, records_directory=tmp_path)
    assert len(done.recorded) == 3 and done.failed == []
    shown = capfd.readouterr().err
    assert len(re.findall(r"keras is '3.0.0' there and '[\d.]+' here: its runs go to others", shown)) == 1


def test_no_worker_has_the_data(tmp_path):
    mnist = Arm("lenet5-modern", SHORT.recipe, data="mnist")
    without = {"CNNLIB_DATA": str(tmp_path), "CNNLIB_CACHE": str(tmp_path), "CNNLIB_OFFLINE": "1"}
    with cluster(tmp_path, f"os.environ |= {without}") as (address, _):
        wait_for(address, workers=1)
        done = grid.run(
            [(mnist, 0)], scheduler=address, directory=None, records_directory=tmp_path, progress=False
        )
    assert done.recorded == [] and "no host was tried, as CNNLIB_OFFLINE is set" in done.failed[0][1]
    assert not list(tmp_path.glob("*.json"))


def test_the_scheduler_is_killed(tmp_path):
    with cluster(tmp_path, "") as (address, scheduler):
        wait_for(address, workers=1)
        runs = tmp_path / "runs"

        def kill():
            while not list(runs.glob("*")):
                time.sleep(0.05)
            stop(scheduler)

        threading.Thread(target=kill, daemon=True).start()
        with pytest.raises(
            OSError, match="the scheduler is gone: 0 of 1 runs are recorded; the same command"
        ):
            grid.run(
                [(LONG, 0)], scheduler=address, directory=runs, records_directory=tmp_path, progress=False
            )


def wait_for(address, workers):
    """Until so many workers have come to the scheduler."""
    import distributed

    with distributed.Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=120)


def test_no_scheduler_answers(tmp_path):
    with pytest.raises(OSError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        grid.run([(SHORT, 0)], scheduler="tcp://127.0.0.1:9", records_directory=tmp_path)


def test_a_full_disk_is_named(monkeypatch, tmp_path):
    def full(path, write):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(grid, "write_atomically", full)
    with pytest.raises(OSError, match=r"No space left on device.*seed0\.json"):
        grid.run([(SHORT, 0)], workers=1, directory=None, records_directory=tmp_path, progress=False)
    assert not children()


def test_each_gpu_has_a_worker_of_its_own():
    """Simulated: no GPU is needed to see which one a worker would have."""
    import distributed

    with grid._cluster(2, gpus=2) as here, distributed.Client(here, set_as_default=False) as client:
        seen = client.run(lambda: (os.environ["CUDA_VISIBLE_DEVICES"], os.environ["TF_NUM_INTRAOP_THREADS"]))
        threads = str(max(1, os.cpu_count() // 2))
        assert sorted(seen.values()) == [("0", threads), ("1", threads)]
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        assert [worker["resources"] for worker in workers] == [{"GPU": 1}] * 2
        # One run at a time, although a worker could take many tasks.
        assert client.submit(lambda: 1, resources={"GPU": 1}).result(timeout=30) == 1


@pytest.mark.parametrize(
    ("jobs", "message"),
    [
        ([SHORT], r"jobs: expected pairs of an arm and a seed, got Arm\("),
        ([("lenet5", 0)], r"jobs: expected pairs of an arm and a seed, got \('lenet5', 0\)"),
        ([(Arm("lenet5", "nothing", data="digits"), 0)], "unknown recipe 'nothing'"),
        ([(Arm("lenet5", SHORT.recipe, data="faces"), 0)], "data set: expected one of"),
    ],
)
def test_jobs_that_are_none(jobs, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        grid.run(jobs, records_directory=tmp_path)


def test_two_runs_with_one_record_are_refused(tmp_path):
    # A list loses its brackets in a file's name, see cnnlib.records.writing.
    twins = [(Arm("a", SHORT.recipe, {"x": value}, data="digits"), 0) for value in ([1, [2]], [[1], 2])]
    with pytest.raises(ValueError, match="two runs would have one record"):
        grid.run(twins, records_directory=tmp_path)


def test_without_dask(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "cnnlib\[cluster\]"'):
        grid.run([(SHORT, 0)], records_directory=tmp_path)


def test_nothing_else_imports_dask():
    code = (
        "import sys, cnnlib, cnnlib.__main__; print([m for m in sys.modules if m in ('dask', 'distributed')])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


@pytest.fixture
def plan(monkeypatch, tmp_path):
    """Two experiments, one of them for a GPU, and nothing recorded."""
    listed = {
        "one": Experiment("02-lenet5", {"a": SHORT, "b": SHORT}),
        "two": Experiment("07-resnet", {"c": Arm("lenet5", "lenet5-mnist", data="mnist")}, gpu=True),
        "three": Experiment("02-lenet5", {"a": SHORT}, measurement="shift"),
    }
    monkeypatch.setattr(experiments, "EXPERIMENTS", listed)
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path / "records"))
    monkeypatch.chdir(tmp_path)
    return listed


def test_a_dry_run_says_what_would_be_done_once_each(capsys, plan):
    assert command_line.main(["grid", "--missing", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "two: needs a GPU, left out (--gpus N, or --experiment two)" in out
    assert out.count("python -m cnnlib train lenet5-modern --data digits") == 3
    assert out.endswith("runs to do: 3\n")
    assert command_line.main(["grid", "--experiment", "two", "--dry-run"]) == 0
    assert "runs to do: 3\n" in capsys.readouterr().out
    assert command_line.main(["grid", "--chapter", "07", "--dry-run", "--gpus", "2"]) == 0
    assert "runs to do: 3\n" in capsys.readouterr().out


def test_what_the_terminal_says_of_failures(capsys, monkeypatch, plan):
    asked = []

    def run(jobs, **options):
        asked.append((list(jobs), options))
        return grid.Outcome(["x", "y"], [("z.json", "no room")])

    monkeypatch.setattr(grid, "run", run)
    code = command_line.main(["grid", "--chapter", "02", "--workers", "3", "--directory", "d"])
    out, err = capsys.readouterr()
    assert code == 2 and "recorded: 2 of 3" in out
    assert "1 of 3 runs failed: z.json: no room" in err
    ((jobs, options),) = asked
    assert jobs == [(SHORT, 0), (SHORT, 1), (SHORT, 2)]
    assert options == {"scheduler": None, "workers": 3, "gpus": 0, "directory": "d"}


STOPPED = """
import os, signal, sys, threading, time
from cnnlib import __main__, experiments
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arm = experiments.Arm("lenet5-modern", "lenet5-modern-mnist-shortened-3000", data="digits", seeds=2)
    experiments.EXPERIMENTS = {"one": experiments.Experiment("02", {"a": arm})}
    def stop():
        while not os.path.exists("runs"):
            time.sleep(.05)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=stop, daemon=True).start()
    sys.exit(__main__.main(["grid", "--workers", "2"]))
"""


def test_ctrl_c_leaves_no_process(tmp_path):
    (tmp_path / "stopped.py").write_text(STOPPED)
    environment = {**os.environ, "CNNLIB_RECORDS": str(tmp_path / "records")}
    before = {process.pid for process in psutil.process_iter()}
    found = subprocess.run(
        [sys.executable, "stopped.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 130, found.stderr
    assert "cnnlib: stopped; the same command goes on from the last checkpoint" in found.stderr
    assert "Traceback" not in found.stderr
    time.sleep(1)
    left = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # gone, or a zombie
            if process.pid not in before and str(tmp_path) in process.environ().get("CNNLIB_RECORDS", ""):
                left.append(process)
    assert not left
    assert not list((tmp_path / "records").glob("*.json"))
