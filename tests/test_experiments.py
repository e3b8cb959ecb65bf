"""Experiments: what the book needs is recorded, what is recorded is needed, each chapter reads its own."""

import ast
import dataclasses
import json
import pathlib
import re
import shlex
import subprocess

import killable
import nbformat
import numpy as np
import pytest

from cnnlib import __main__ as command_line
from cnnlib import data, experiments, models, recipes, records, training
from cnnlib.experiments import Arm, Experiment
from cnnlib.records import measurements

BOOK = pathlib.Path(__file__).parent.parent / "book"
OWN = pathlib.Path(records.__file__).parent
ARMS = [
    (name, label, arm) for name, one in experiments.EXPERIMENTS.items() for label, arm in one.arms.items()
]
SHORT = {"batch_size": 16, "iterations": 3, "learning_rate": 0.1}


@pytest.fixture(autouse=True)
def own_records(monkeypatch):
    monkeypatch.delenv("CNNLIB_RECORDS", raising=False)


def sources():
    """Code of each chapter: name -> the cells' sources, joined."""
    found = {}
    for path in sorted(BOOK.glob("*.ipynb")):
        cells = nbformat.read(path, 4).cells
        found[path.stem] = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return found


@pytest.mark.parametrize("name", experiments.names())
def test_an_experiment_is_recorded(name):
    experiment = experiments.get(name)
    assert experiment.stale() == []
    if not experiment.gpu:
        assert experiment.missing() == {}


def test_every_record_is_of_an_experiment():
    runs = [arm for name, _, arm in ARMS if experiments.get(name).measurement is None]
    for record in records.load():
        assert any(arm.fits(record) for arm in runs), record.provenance
    measured = [(experiments.get(name).measurement, arm) for name, _, arm in ARMS]
    files = sorted((OWN / "measurements").glob("*.json"))
    assert files
    for path in files:
        found = measurements.read(path)
        assert any(name == found.name and arm.fits(found) for name, arm in measured), path.name


def test_each_chapter_reads_its_own_experiments_and_no_others():
    read = {
        chapter: set(re.findall(r"recorded\(\s*[\"']([\w-]+)[\"']", source))
        for chapter, source in sources().items()
    }
    for name, experiment in experiments.EXPERIMENTS.items():
        readers = {chapter for chapter, names in read.items() if name in names}
        assert readers == ({experiment.chapter} if experiment.chapter else set()), name
    assert set().union(*read.values()) <= set(experiments.names())


def test_no_chapter_selects_records_past_the_experiments():
    for chapter, source in sources().items():
        if chapter != "records":  # which shows them all
            assert not re.search(
                r"records\.(select|load|read)\b|import .*\bselect\b|measurements\.", source
            ), chapter


@pytest.mark.parametrize(("name", "label", "arm"), ARMS, ids=[f"{name}: {label}" for name, label, _ in ARMS])
def test_an_arm_is_one_that_can_be_run(name, label, arm):
    models.find(arm.network)
    assert recipes.get(arm.recipe).name == arm.recipe
    assert arm.seeds >= 1 and arm.data in data.SOURCES
    given = command_line._parser().parse_args(arm.arguments([3, 4]))
    assert (given.network, given.data, given.recipe) == (arm.network, arm.data, arm.recipe)
    assert (given.seeds, given.record) == ([3, 4], True)
    assert records.plain_options(dict(given.option)) == records.plain_options(arm.options)
    # A shell gives the same words back.
    assert shlex.split(shlex.join(arm.arguments([3]))) == arm.arguments([3])


def write(directory, seed, recipe, **changes):
    """A record of a run that never was, in a folder of a test."""
    images = dataclasses.replace(killable.images(train_size=4, test_size=2), name="mnist")
    lists = {
        name: [1.0] for name in ("learning_rate", "train_loss", "train_error", "test_loss", "test_error")
    }
    final = {"train_loss": 0.5, "train_error": 0.5, "train_error_batch_statistics": None}
    history = training.History(
        iteration=[recipe.iterations],
        seconds=[1.0],
        **lists,
        final=final | {"test_loss": 0.5, "test_error": 1.0},
    )
    history.provenance = experiments.records.load(OWN / "runs")[0].__dict__ | {}
    history.provenance = {k: history.provenance[k] for k in ("backend", "versions", "device", "date", "code")}
    run = {"network": "lenet5", "options": {"pooling": "max"}, "recipe": recipe, "data": images, "seed": seed}
    return records.write(**{**run, **changes}, history=history, directory=directory)


def test_what_is_recorded_missing_and_stale(monkeypatch, tmp_path):
    recipe = recipes.Recipe(name="short", **SHORT)
    monkeypatch.setitem(recipes.RECIPES, "short", recipe)
    arm = Arm("lenet5", "short", {"pooling": "max"}, seeds=2, data="mnist")
    experiment = Experiment(
        "02-lenet5", {"max pooling": arm, "average": dataclasses.replace(arm, options={})}
    )
    assert experiment.missing(tmp_path) == {"max pooling": [0, 1], "average": [0, 1]}
    assert experiment.state(tmp_path) == "0 of 4 recorded"

    for seed in (12, 3, 1):
        write(tmp_path, seed, recipe)
    write(tmp_path, 0, recipe, options={"pooling": "max", "output": "dense"})  # of neither arm
    write(tmp_path, 0, recipe, network="lenet5-modern", options={})
    found = experiment.recorded(tmp_path)
    # By seed, not by the file's name; further seeds count.
    assert [record.seed for record in found["max pooling"]] == [1, 3, 12]
    assert found["average"] == []
    assert experiment.missing(tmp_path) == {"max pooling": [0], "average": [0, 1]}
    assert experiment.stale(tmp_path) == []

    write(tmp_path, 0, recipe)
    assert experiment.missing(tmp_path) == {"average": [0, 1]}
    assert experiment.state(tmp_path) == "2 of 4 recorded"
    for seed in (0, 1):
        write(tmp_path, seed, recipe, options={})
    assert experiment.missing(tmp_path) == {} and experiment.state(tmp_path) == "complete"

    # The recipe changes, its name does not.
    monkeypatch.setitem(recipes.RECIPES, "short", dataclasses.replace(recipe, momentum=0.5))
    assert len(experiment.stale(tmp_path)) == 6
    assert experiment.recorded(tmp_path) == {"max pooling": [], "average": []}


def test_measurements_are_not_taken_for_runs(monkeypatch, tmp_path):
    recipe = recipes.Recipe(name="short", **SHORT)
    monkeypatch.setitem(recipes.RECIPES, "short", recipe)
    arm = Arm("lenet5", "short", seeds=1, data="mnist")
    experiment = Experiment(None, {"a": arm}, measurement="shift")
    images = dataclasses.replace(killable.images(train_size=4, test_size=2), name="mnist")
    run = {"network": "lenet5", "options": {}, "recipe": recipe, "data": images, "seed": 0}
    measurements.write("rejection", {"x": 1}, **run, directory=tmp_path)
    assert experiment.missing(tmp_path) == {"a": [0]}
    measurements.write("shift", {"x": 1}, **run, directory=tmp_path)
    assert experiment.recorded(tmp_path)["a"][0].values == {"x": 1}
    write(tmp_path / "runs", 0, recipe, options={})
    assert Experiment(None, {"a": arm}).recorded(tmp_path / "runs")["a"][0].seconds == 1


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown experiment 'resnet'; known: lenet5-result, .*depth"):
        experiments.recorded("resnet")


def test_an_arm_s_data_is_at_the_recipe_s_size():
    assert Arm("cifar-plain-8", "he2015-cifar").data_name == "cifar10"
    assert Arm("cifar-plain-8", "he2015-cifar-fit").data_name == "cifar10 (16x16)"
    assert Arm("cifar-plain-8", "he2015-cifar-fit", data="digits").data_name == "digits (16x16)"
    with pytest.raises(ValueError, match=r"data set: expected one of .*cifar10.*, got 'faces'"):
        assert Arm("cifar-plain-8", "he2015-cifar", data="faces").data_name


def test_macs_of_a_run_by_hand():
    # 61,706 parameters and 416,520 MACs; 20 passes of 60,000 images, three times each.
    arm = Arm("lenet5-modern", "lenet5-modern-mnist", data="mnist")
    assert experiments.macs(arm) == 3 * 416_520 * 18_750 * 64
    half = Arm("cifar-plain-8", "he2015-cifar-fit", {"widths": (8, 16, 32)})
    assert experiments.macs(half) < experiments.macs(Arm("cifar-plain-8", "he2015-cifar-fit")) / 3


def test_seconds_grow_with_the_recipe(monkeypatch):
    short = recipes.Recipe(name="short", **{**SHORT, "iterations": 50}, pixels="lecun1998")
    monkeypatch.setitem(recipes.RECIPES, "short", short)
    lists = []

    def run(network, images, recipe, *, options, verbose):
        lists.append((network, images.image_shape, images.train_size, recipe.iterations, options))
        return training.Run(None, training.History(seconds=[9.0, 0.5]), None)

    monkeypatch.setattr(training, "run", run)
    assert experiments.seconds(Arm("lenet5-modern", "short", data="mnist"), steps=5) == 0.5 / 5 * 50
    assert lists == [("lenet5-modern", (28, 28, 1), 80, 10, {})]


def test_seconds_are_those_of_real_steps(monkeypatch):
    short = recipes.Recipe(name="short", **{**SHORT, "iterations": 1000}, pixels="lecun1998")
    monkeypatch.setitem(recipes.RECIPES, "short", short)
    assert experiments.seconds(Arm("lenet5-modern", "short", data="mnist"), steps=2) > 0


def run(capsys, *arguments):
    code = command_line.main(["experiments", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_terminal_lists_them(capsys):
    code, out, err = run(capsys)
    assert (code, err) == (0, "")
    for name, label, _ in ARMS:
        assert f"\n  {label} " in out and f"{name}: " in out
    total = sum(arm.seeds for *_, arm in ARMS)
    gpu = sum(len(one.missing().get(k, [])) for one in experiments.EXPERIMENTS.values() for k in one.arms)
    assert out.endswith(f"missing: {gpu} of {total}\n")
    assert all(len(line) <= 110 for line in out.splitlines())


def test_the_terminal_as_json_by_chapter(capsys):
    code, out, _ = run(capsys, "--chapter", "02", "--json")
    rows = json.loads(out)
    assert code == 0 and {row["chapter"] for row in rows} == {"02-lenet5"}
    (row,) = [r for r in rows if (r["experiment"], r["arm"]) == ("lenet5-ablation", "max pooling")]
    assert row["network"] == "lenet5" and row["options"] == {"pooling": "max"}
    assert row["data"] == "mnist" and row["recorded"][:3] == [0, 1, 2] and row["missing"] == []
    assert run(capsys, "--chapter", "02", "--missing", "--json")[:2] == (0, "[]\n")


def test_the_terminal_names_chapters_it_knows(capsys):
    code, _, err = run(capsys, "--chapter", "99")
    assert code == 2
    assert re.search(r"--chapter: expected the beginning of .*02-lenet5, .*, got '99'", err)


def test_commands_are_one_run_a_line_and_a_shell_runs_them(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path))
    arms = {
        "a": Arm("lenet5", "lenet5-mnist", {"table": None}, 2, "mnist"),
        "b": Arm("vgg-a", "he2015-cifar", seeds=1),
    }
    arms["b"].options["table"] = ((3,), (3, "LRN"))
    measured = Experiment("02-lenet5", {"a": arms["a"]}, measurement="shift")
    listed = {"one": Experiment("02-lenet5", arms), "two": measured}
    monkeypatch.setattr(experiments, "EXPERIMENTS", listed)
    code, out, _ = run(capsys, "--missing", "--commands")
    assert code == 0
    # What a shell makes of the lines. A measurement is not a run, and has a tool of its own.
    show = "show() { printf '%s|' \"$@\"; echo; }; " + out.replace("python -m cnnlib", "show")
    shown = subprocess.check_output(["sh", "-c", show], text=True).splitlines()
    runs = ((arms["a"], 0), (arms["a"], 1), (arms["b"], 0))
    assert [line.split("|")[:-1] for line in shown] == [arm.arguments([seed]) for arm, seed in runs]


def test_the_same_run_is_timed_once(capsys, monkeypatch):
    arm = Arm("lenet5", "lenet5-mnist", seeds=2, data="mnist")
    listed = {"one": Experiment("02-lenet5", {"a": arm, "b": arm}), "two": Experiment(None, {"c": arm})}
    monkeypatch.setattr(experiments, "EXPERIMENTS", listed)
    monkeypatch.setenv("CNNLIB_RECORDS", "nowhere")
    timed = []
    monkeypatch.setattr(experiments, "seconds", lambda arm: timed.append(arm) or 1800.0)
    command_line._timed.cache_clear()
    code, out, err = run(capsys, "--cost")
    assert code == 0 and [one.network for one in timed] == ["lenet5"] and err.count("timing") == 1
    assert out.count("0.5 h a run") == 3 and "TMAC" in out
    assert "what is missing: 3 hours on this machine, one run after another" in out
    command_line._timed.cache_clear()


def test_noise_has_the_data_s_sizes():
    images = experiments.noise(Arm("cifar-plain-8", "he2015-cifar-fit"), 7)
    assert (images.image_shape, images.train_size, images.classes) == ((16, 16, 3), 7, 10)
    assert len(np.unique(images.x_train)) > 200
    assert ast.literal_eval(repr(Arm("a", "b", {"widths": (8, 16)}).options)) == {"widths": (8, 16)}
