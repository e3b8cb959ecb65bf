"""The script that records the paper's own runs: what it calls, when it stops. Python is a stand-in here."""

import os
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).parent.parent / "tools" / "record_on_gpu.sh"


@pytest.fixture
def run(tmp_path):
    """Run the script with a Python that writes down its arguments and then does what a line of sh says."""

    def call(*arguments, does="exit 0", **environment):
        stand_in = tmp_path / "python"
        stand_in.write_text(f'#!/bin/sh\necho "$KERAS_BACKEND $@" >> "{tmp_path}/calls"\n{does}\n')
        stand_in.chmod(0o755)
        kept = {key: value for key, value in os.environ.items() if key not in ("KERAS_BACKEND", "COMPILED")}
        result = subprocess.run(
            [SCRIPT, *arguments], env={**kept, "PYTHON": str(stand_in), **environment},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        calls = tmp_path / "calls"
        return result, calls.read_text().splitlines() if calls.exists() else []

    return call


def test_all_nine_networks_by_the_papers_recipes(run):
    result, calls = run()
    assert (result.returncode, result.stdout) == (0, "record_on_gpu: all are recorded\n")
    networks = [call.split()[4] for call in calls]
    assert sorted(networks) == sorted(
        [f"cifar-{kind}-{depth}" for kind in ("plain", "resnet") for depth in (20, 32, 44, 56)]
        + ["cifar-resnet-110"]
    )
    for call, network in zip(calls, networks):
        recipe = "he2015-cifar-warm-up" if network == "cifar-resnet-110" else "he2015-cifar"
        assert call == (
            f"jax -m cnnlib train {network} --data cifar10 --recipe {recipe} --seeds 0 --record "
            "--directory runs"
        )


def test_what_can_be_others(run):
    options = {"NETWORKS": "plain-8", "RECIPE": "he2015-cifar-fit", "SEEDS": "1,2", "RUNS": "elsewhere"}
    options |= {"OPTIONS": "--iterations 3", "KERAS_BACKEND": "tensorflow"}
    _, calls = run(**options)
    assert calls == [
        "tensorflow -m cnnlib train cifar-plain-8 --data cifar10 --recipe he2015-cifar-fit --seeds 1,2 "
        "--record --directory elsewhere --iterations 3"
    ]


@pytest.mark.parametrize(
    ("environment", "passed"),
    [
        ({}, False),
        ({"COMPILED": "no"}, False),
        ({"COMPILED": "yes"}, True),
        ({"KERAS_BACKEND": "tensorflow", "COMPILED": "yes"}, True),
    ],
)
def test_passes_are_compiled_if_that_is_asked_for(run, environment, passed):
    """What is asked for on another backend is left to the library, which refuses it by name."""
    _, calls = run(NETWORKS="plain-8", **environment)
    assert [call.split().count("--compiled") for call in calls] == [int(passed)]


def test_another_word_for_compiled_is_refused(run):
    result, calls = run(COMPILED="maybe")
    assert result.returncode == 2 and not calls
    assert result.stderr == "record_on_gpu: COMPILED: expected yes or no, got 'maybe'\n"


def test_it_stops_in_time_and_says_where_it_goes_on(run):
    result, calls = run("0.0006", does="exec sleep 30")  # two seconds
    assert result.returncode == 3 and len(calls) == 1
    assert result.stdout == "record_on_gpu: 0.0006 hours are over; the same command goes on with plain-56\n"


def test_a_failure_ends_it(run):
    result, calls = run(does="exit 2")
    assert result.returncode == 2 and len(calls) == 1
    assert result.stderr == "record_on_gpu: plain-56 failed with code 2\n"


@pytest.mark.parametrize("hours", ["0", "-1", "soon"])
def test_hours_that_are_none_are_refused(run, hours):
    result, calls = run(hours)
    assert result.returncode == 2 and not calls
    assert result.stderr == f"record_on_gpu: hours: expected a number above 0, got '{hours}'\n"
