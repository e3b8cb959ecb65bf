"""A run over several devices or processes is the run on one; what cannot be shared, or dies, is named.

The runs are programs on JAX, whatever the backend here: virtual devices of a CPU, or processes here.
"""

import importlib.util
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import keras
import killable
import numpy as np
import over_devices
import pytest

from cnnlib import __main__ as command_line
from cnnlib import records, training
from cnnlib.training import devices, inputs

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="of the JAX backend")
TRAIN = ["-m", "cnnlib", "train", "lenet5-modern", "--data", "digits", "--recipe", "lenet5-modern-mnist"]
TRAIN += ["--record", "--directory", "runs"]
# The same with a checkpoint after every epoch, however short it is.
KEEPING = [
    "-c",
    "import runpy; from cnnlib.training import runs; runs._train.__defaults__ = (0.0,)\n"
    "runpy.run_module('cnnlib', run_name='__main__', alter_sys=True)",
    *TRAIN[2:],
]


def start(count, *arguments, folder, virtual=1):
    """As many processes as ``count`` that run Python with the arguments together, each with its own folder.

    The first one's is ``folder``. What they print is kept.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    environment |= {
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": str(pathlib.Path(__file__).parent),
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={virtual}",
        # Steps that were compiled before are not compiled again.
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    started = []
    for place in range(count):
        home = folder / f"process{place}" if place else folder
        home.mkdir(exist_ok=True)
        environment["CNNLIB_RECORDS"] = str(home / "records")
        if count > 1:
            environment["KERAS_DISTRIBUTION_JOB_ADDRESSES"] = address
            environment["KERAS_DISTRIBUTION_NUM_PROCESSES"] = str(count)
            environment["KERAS_DISTRIBUTION_PROCESS_ID"] = str(place)
        with open(folder / f"{count}-{place}.txt", "w") as file:
            process = subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                cwd=home, env=environment, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip
        process.shown = pathlib.Path(file.name)
        started.append(process)
    return started


def refused(processes, message):
    """All end with an error: the first says the message, and so do others, if JAX leaves them the time."""
    try:
        codes = [process.wait(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    shown = [process.shown.read_text() for process in processes]
    assert codes[0] == 2 and 0 not in codes and message in shown[0], "\n".join(shown)
    assert all(message in text or "another task died" in text for text in shown), "\n".join(shown)


def ended(processes, code=0):
    """What they printed, once all have ended with this code."""
    try:
        for process in processes:
            process.wait(timeout=300)
    finally:
        for process in processes:
            process.kill()
    shown = [process.shown.read_text() for process in processes]
    assert [process.returncode for process in processes] == [code] * len(processes), "\n".join(shown)
    return shown


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The run on 1, 2 and 4 virtual devices of one process."""
    folder = tmp_path_factory.mktemp("one")
    ended(start(1, over_devices.__file__, folder, 1, 2, 4, folder=folder, virtual=4))
    return {count: dict(np.load(folder / f"{count}.npz")) for count in (1, 2, 4)}


def assert_agree(found, expected):
    """Weights before and after training, curves and final errors: all numbers, to rounding."""
    assert set(found) == set(expected)
    for name in set(found) - {"device"}:
        if name.startswith("start") or name == "iteration":
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
        # A thousand times less than what a batch's statistics change if they are of half of it, and a tenth
        # of what one of 51 test images makes of the loss.
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-5, err_msg=name)


@needs_jax
@pytest.mark.parametrize("count", [2, 4])
def test_devices_of_one_process_train_as_one_does(one, count):
    assert_agree(one[count], one[1])
    assert str(one[count]["device"]).startswith(f"{count} devices in 1 process: ")
    assert " devices in " not in str(one[1]["device"])
    # Of 51 test images one counts as much as any other, whatever fills the last batch up.
    wrong = one[count]["test_error"] * 51 / 100
    np.testing.assert_allclose(wrong, np.round(wrong), atol=1e-4)


@needs_jax
@pytest.mark.parametrize(("count", "virtual"), [(2, 1), (4, 1), (2, 2)])
def test_processes_train_as_one_does(one, tmp_path, count, virtual):
    shown = ended(
        start(count, over_devices.__file__, tmp_path, count * virtual, folder=tmp_path, virtual=virtual)
    )
    found = dict(np.load(tmp_path / f"{count * virtual}.npz"))
    assert_agree(found, one[1])
    assert str(found["device"]).startswith(f"{count * virtual} devices in {count} processes: "), shown


@needs_jax
def test_a_process_is_killed_and_the_run_goes_on(tmp_path):
    """All end with a message, in bounded time; the same command then records what an undisturbed run does."""
    (tmp_path / "undisturbed").mkdir()
    command = [*KEEPING, "--iterations", "400", "--devices", "2"]
    ended(start(1, *command, folder=tmp_path / "undisturbed", virtual=2))
    (undisturbed,) = records.load(tmp_path / "undisturbed" / "records")

    for victim in (1, 0):
        processes = start(2, *command, folder=tmp_path)
        deadline = time.monotonic() + 500  # a loaded machine is slow
        while not re.search(r"^epoch [2-9]", processes[0].shown.read_text(), re.MULTILINE):
            assert time.monotonic() < deadline, processes[0].shown.read_text()
            time.sleep(0.02)
        processes[victim].send_signal(signal.SIGKILL)
        other = processes[1 - victim]
        other.wait(timeout=60)
        assert other.returncode not in (0, None)
        said = other.shown.read_text()
        # Without the first process JAX may end the others itself, before they come to say it.
        words = "another process of this run ended" + ("" if victim else "|another task died")
        assert re.search(words, said), said
        assert not list(tmp_path.glob("records/*.json"))
    first, second = ended(start(2, *command, folder=tmp_path))
    assert "going on after epoch" in first and "recorded in" in first
    assert "seed 0" not in second and "epoch" not in second
    assert sorted(path.name for path in (tmp_path / "process1").iterdir()) == [], "only the first one writes"
    (found,) = records.load(tmp_path / "records")
    for name in ("test_error", "train_loss", "test_loss"):
        np.testing.assert_allclose(found.history[name], undisturbed.history[name], rtol=1e-3, atol=1e-3)
    assert found.device.startswith("2 devices in 2 processes: ")
    assert undisturbed.device.startswith("2 devices in 1 process: ")
    # Once more: nothing to do, which all have to know.
    first, second = ended(start(2, *command, folder=tmp_path))
    assert "already recorded" in first and "already recorded" not in second


@needs_jax
def test_processes_refuse_the_same_things(tmp_path):
    command = [*TRAIN, "--iterations", "3"]
    message = "expected a batch that 3 devices can share evenly, got 64 images"
    refused(start(3, *command, folder=tmp_path), message)
    message = "2 processes have 2 in all, expected that number, got 1"
    refused(start(2, *command, "--devices", "1", folder=tmp_path), message)


def test_every_image_once_in_some_processes_part(monkeypatch):
    """Cut as several processes would: together they have every image, in its place and with one weight."""
    data = over_devices.images()
    mapping = inputs.pixel_mapping(over_devices.RECIPE, data)
    batches = inputs.Batches(data.x_test, data.y_test, mapping, 20)  # 20, 20, 11
    monkeypatch.setattr(devices, "number", lambda: 6)
    monkeypatch.setattr(devices, "processes", lambda: 3)
    parts = []
    for place in range(3):
        monkeypatch.setattr(devices, "_place", lambda place=place: place)
        shards = devices.Shards(batches)
        parts.append([shards[number] for number in range(shards.num_batches)])
    filled, total = 24 + 24 + 12, 51
    for number in range(3):
        x, y = batches[number]
        of_all = zip(*(part[number] for part in parts), strict=True)
        images, labels, weights = (np.concatenate(values) for values in of_all)
        np.testing.assert_array_equal(images[: len(y)], x)
        np.testing.assert_array_equal(labels[: len(y)], y)
        np.testing.assert_allclose(weights[: len(y)], filled / total)
        assert len(labels) % 6 == 0 and not weights[len(y) :].any()
        assert len({len(part[number][1]) for part in parts}) == 1


def test_batches_that_can_be_shared_have_no_weights(monkeypatch):
    monkeypatch.setattr(devices, "number", lambda: 4)
    data, recipe = over_devices.images(), over_devices.RECIPE
    batches = inputs.TrainingBatches(recipe, data, inputs.pixel_mapping(recipe, data), 0, 0, 5)
    shards = devices.Shards(batches)
    for number in range(5):
        for found, expected in zip(shards[number], batches[number], strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("count", "kind", "message"),
    [
        (0, ValueError, "devices: expected a whole number of at least 1, got 0"),
        (2.0, TypeError, r"devices: expected a whole number of at least 1, got 2\.0"),
        (True, TypeError, "devices: expected a whole number of at least 1, got True"),
    ],
)
def test_a_number_that_is_none_is_refused(count, kind, message):
    with pytest.raises(kind, match=message), devices.several(count):
        pass


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="of the other backends")
def test_another_backend_has_one_device_and_says_so(capsys, monkeypatch, tmp_path):
    with devices.several(1):
        assert devices.number() == 1
    message = r"several devices need the JAX backend \(KERAS_BACKEND=jax\), this is \w+: expected devices 1, "
    message += "got 2"
    with pytest.raises(ValueError, match=message), devices.several(2):
        pass
    with pytest.raises(ValueError, match=message):
        training.run("lenet5", killable.images(), over_devices.RECIPE, devices=2)
    monkeypatch.chdir(tmp_path)
    assert command_line.main([*TRAIN[2:], "--devices", "2"]) == 2
    assert "several devices need the JAX backend" in capsys.readouterr().err
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    message = r"this is \w+, with KERAS_DISTRIBUTION_\.\.\. set"
    with pytest.raises(ValueError, match=message), devices.several():
        pass


@on_jax
def test_more_devices_than_there_are_are_refused():
    there = len(keras.distribution.list_devices())
    message = f"devices: expected at most {there}, which JAX sees here, got {there + 1}"
    with pytest.raises(ValueError, match=message), devices.several(there + 1):
        pass


@on_jax
def test_a_network_that_was_built_elsewhere_is_refused(monkeypatch):
    model = killable.network()
    with keras.distribution.DataParallel(devices=keras.distribution.list_devices()[:1]).scope():
        devices.check(model, over_devices.RECIPE)
        monkeypatch.setattr(devices, "number", lambda: 2)
        message = "was built for 1 device and is to be trained over 2: build it where it is trained"
        with pytest.raises(ValueError, match=message):
            devices.check(model, over_devices.RECIPE)


@on_jax
def test_only_what_jax_says_of_lost_processes_is_taken_for_that(monkeypatch):
    lost, other = ValueError("UNKNOWN: Gloo AllGather failed"), ValueError("recipe x: not a batch")
    for processes, reason, kind in ((2, lost, OSError), (2, other, ValueError), (1, lost, ValueError)):
        monkeypatch.setattr(devices, "processes", lambda processes=processes: processes)
        with pytest.raises(kind, match=str(reason)), devices._end_together():
            raise reason
