"""The benchmark of training: it runs, and its verdicts are what its intervals say."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPT = BENCHMARKS / "training.py"


@pytest.fixture(scope="module")
def training():
    spec = importlib.util.spec_from_file_location("benchmark_of_training", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "ratios, mean, verdict",
    [
        ([2.0, 2.1, 1.9, 2.0], "2.00", "faster"),
        ([0.5, 0.4, 0.5], "0.46", "slower"),
        ([2.0, 0.5], "1.00", "not told apart"),  # geometric: 2 and 1/2 are as far from 1
        ([1.5], "1.50", "no verdict)"),
    ],
)
def test_a_verdict_needs_an_interval_without_one(training, ratios, mean, verdict):
    said = training.compare(ratios, [1.0] * len(ratios))
    assert said.startswith(f"{mean} ") and said.endswith(f" {verdict}")


def test_an_unknown_way_is_named(training):
    with pytest.raises(SystemExit, match="got 'theirs'"):
        training.chosen_ways(["theirs"])


def test_one_round_runs():
    """One step of 8 images: what a release of Keras or a moved function would break."""
    command = [sys.executable, SCRIPT, "--rounds", "1", "--steps", "1", "--batch", "8", "--ways", "ours"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "images/s" in done.stdout and "input:" in done.stdout


def test_frames_need_a_built_book(tmp_path):
    command = [sys.executable, BENCHMARKS / "frames.py", "--build", tmp_path]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and f"expected a built book, found no {tmp_path}" in done.stderr
