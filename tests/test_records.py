"""Records: what is written comes back, only completed runs are written, and what is wrong is named."""

import dataclasses
import getpass
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess

import killable
import pytest

from cnnlib import provenance, recipes, records
from cnnlib.recipes import Recipe
from cnnlib.records import reading
from cnnlib.training import History

RECIPE = Recipe(name="short", batch_size=16, iterations=30, learning_rate=0.1, drops=((20, 0.01),))
DATA = killable.images(train_size=4, test_size=2)
FINAL = {
    "train_loss": 0.12345678,
    "train_error": 0.5,
    "train_error_batch_statistics": 0.75,
    "test_loss": 0.5,
    "test_error": 12.345678,
}


def history(last_error=12.345678, **changes):
    fields = {
        "iteration": [13, 26, 30],
        "learning_rate": [0.1, 0.01, 0.01],
        "train_loss": [2.0, 1.0, 0.123456789],
        "train_error": [80.0, 40.0, 1.25],
        "test_loss": [2.1, 1.1, 0.5],
        "test_error": [85.0, 10.0, last_error],
        "seconds": [1.5, 1.25, 0.5],
        "provenance": provenance.describe(),
        "peak_memory": 300 * 2**20,
        "final": FINAL,
    }
    return History(**{**fields, **changes})


RUN = {
    "network": "cifar-plain-8",
    "options": {"widths": (8, 16, 32)},
    "recipe": RECIPE,
    "data": DATA,
    "seed": 0,
}


def write(directory, **changes):
    return records.write(**{**RUN, "history": history(), "directory": directory, **changes})


def test_what_is_written_comes_back(tmp_path):
    path = write(tmp_path)
    record = records.read(path)
    assert path.name == "cifar-plain-8-widths=-8-16-32--short--rows--seed0.json"
    assert record.format == 2
    assert (record.network, record.options, record.seed) == ("cifar-plain-8", {"widths": [8, 16, 32]}, 0)
    assert Recipe.from_dict(record.recipe) == RECIPE
    sizes = {"train_size": 4, "test_size": 2, "image_shape": [8, 8, 1]}
    assert record.data == {"name": "rows", "checksum": DATA.checksum, **sizes}
    assert (record.seconds, record.peak_memory_mb) == (3.25, 300)
    assert record.history["iteration"] == [13, 26, 30]
    # The last epoch counts, not the best (10 %); floats have five digits.
    assert (record.train_error, record.test_error) == (1.25, 12.346)
    assert record.final == {**FINAL, "train_loss": 0.12346, "test_error": 12.346}
    assert list(tmp_path.iterdir()) == [path]


def test_a_record_is_small_and_a_list_is_a_line(tmp_path):
    epochs = 164
    long = {name: [0.123456789 * i for i in range(1, epochs + 1)] for name in reading.HISTORY}
    long["iteration"] = [*range(391, 391 * epochs, 391), 64_000]
    recipe = dataclasses.replace(RECIPE, iterations=64_000)
    path = write(tmp_path, recipe=recipe, history=history(**long))
    text = path.read_text()
    assert len(text) < 14_000
    lines = [line.strip() for line in text.splitlines()]
    for name in reading.HISTORY:
        assert sum(line.startswith(f'"{name}": [') and line.rstrip(",").endswith("]") for line in lines) == 1
    assert records.read(path).history["iteration"] == long["iteration"]


def test_provenance_says_what_computed_and_nothing_of_whose_machine():
    found = provenance.describe()
    assert set(found) == {"backend", "versions", "device", "date", "code"}
    assert found["versions"]["keras"] and found["versions"]["numpy"] and found["versions"]["python"]
    assert found["versions"][found["backend"]]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["date"])
    assert set(found["code"]) in ({"commit", "clean"}, {"version"})
    assert found["device"]
    text = json.dumps(found)
    assert "/" not in text
    for private in (platform.node(), os.getcwd()):
        assert private not in text
    if getpass.getuser() != "root":
        assert getpass.getuser() not in text


def test_code_version_outside_of_a_checkout(monkeypatch, tmp_path):
    """A package installed in another project's folder must not claim that project's commit."""
    package = tmp_path / "project" / "site-packages" / "cnnlib"
    (package / "records" / "runs").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    subprocess.run(["git", "init", "-q", tmp_path / "project"], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    command = ["git", "-C", tmp_path / "project", *identity, "commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(command, check=True)
    monkeypatch.setattr(provenance, "__file__", str(package / "provenance.py"))
    assert set(provenance.code_version()) == {"version"}

    # The same folder as a checkout of its own: clean, then changed; a new record is no change.
    subprocess.run(["git", "-C", tmp_path / "project", "add", "."], check=True)
    subprocess.run([*command[:-1], "y"], check=True)
    found = provenance.code_version()
    assert len(found["commit"]) == 40 and found["clean"] is True
    (package / "records" / "runs" / "new.json").write_text("{}")
    assert provenance.code_version() == found
    (package / "__init__.py").write_text("changed = 1")
    assert provenance.code_version() == {**found, "clean": False}


@pytest.mark.parametrize("last", [[13, 26], [13, 26, 29], []])
def test_a_run_that_is_not_complete_is_not_recorded(tmp_path, last):
    part = {name: getattr(history(), name)[: len(last)] for name in reading.HISTORY}
    with pytest.raises(ValueError, match=f"not a completed run: {last[-1] if last else 0} of 30 iterations"):
        write(tmp_path, history=history(**{**part, "iteration": last}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 500.0])
def test_what_is_no_percentage_is_not_recorded(tmp_path, value):
    with pytest.raises(ValueError, match=f"test_error: expected finite numbers from 0 to 100, got {value}"):
        write(tmp_path, history=history(value))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [math.tanh, math.nan, {1, 2}])
def test_options_that_json_cannot_hold_are_named(value):
    with pytest.raises(TypeError, match="option activation: a record cannot hold"):
        records.plain_options({"widths": (1, 2), "activation": value})


# ----------------------------------------------------------------------- before and after training


def test_a_record_is_never_overwritten_unasked(tmp_path):
    path = write(tmp_path)
    before = path.read_bytes()
    for act in (records.destination, lambda **run: records.write(history=history(5.0), **run)):
        with pytest.raises(FileExistsError, match=f"{re.escape(path.name)}: this run is already recorded"):
            act(**RUN, directory=tmp_path)
        changed = dataclasses.replace(RECIPE, learning_rate=0.2)
        with pytest.raises(
            FileExistsError, match=r"of another run: recipe learning_rate is 0\.1 there and 0\.2"
        ):
            act(**{**RUN, "recipe": changed}, directory=tmp_path)
        other = dataclasses.replace(DATA, y_test=1 - DATA.y_test % 2)
        with pytest.raises(FileExistsError, match=r"of another run: data checksum is .* there and .* here"):
            act(**{**RUN, "data": other}, directory=tmp_path)
    assert path.read_bytes() == before
    assert records.destination(**RUN, directory=tmp_path, overwrite=True) == path
    assert path.read_bytes() == before
    assert write(tmp_path, history=history(5.0), overwrite=True) == path
    assert records.read(path).test_error == 5.0


def test_a_record_is_found_by_its_run(tmp_path):
    assert records.find(**RUN, directory=tmp_path) is None
    write(tmp_path)
    assert records.find(**RUN, directory=tmp_path).test_error == 12.346
    assert records.find(**{**RUN, "seed": 1}, directory=tmp_path) is None


LENET = recipes.get("lenet5-mnist")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (dataclasses.replace(LENET, learning_rate=0.1), "learning_rate is 0.003 there and 0.1 here"),
        (dataclasses.replace(LENET.shortened(iterations=30), momentum=0.5), "momentum is 0.9 there and 0.5"),
        (dataclasses.replace(LENET, name="lenet5-mnist-shortened-30"), "iterations is 30 there and 18750"),
        (dataclasses.replace(LENET, name="lenet5-mnist-shortened-20000"), "cannot be shortened to 20000"),
    ],
)
def test_a_known_name_with_other_content_is_refused(tmp_path, recipe, message):
    with pytest.raises(ValueError, match=message):
        records.destination(**{**RUN, "recipe": recipe}, directory=tmp_path)


@pytest.mark.parametrize(
    "recipe",
    [
        *recipes.RECIPES.values(),
        LENET.shortened(iterations=300).shortened(iterations=30),
        dataclasses.replace(LENET, name="mine-shortened-30"),
    ],
)
def test_known_and_new_recipes_have_a_destination(tmp_path, recipe):
    assert records.destination(**{**RUN, "recipe": recipe}, directory=tmp_path).parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_named_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in ("file", "file/in", "x" * 300):
        with pytest.raises(OSError, match=f"{folder}'$"):
            records.destination(**RUN, directory=tmp_path / folder)


def test_an_installed_package_writes_beside_the_user_and_not_into_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = pathlib.Path(records.__file__).parent / "runs"
    assert records.folder() == records.folder(writing=True) == own
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "site-packages" / "provenance.py"))
    (tmp_path / "site-packages").mkdir()
    path = write(None)
    assert path.parent == pathlib.Path("records")
    assert records.folder() == own, "reading keeps to the package's own"
    monkeypatch.setenv("CNNLIB_RECORDS", "records")
    assert [record.network for record in records.load()] == ["cifar-plain-8"]
    assert records.folder("elsewhere").name == "elsewhere"


# ------------------------------------------------------------------------------------ reading


def damaged(path, change):
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    return path


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(records.Record)])
def test_a_missing_field_is_named(tmp_path, name):
    path = damaged(write(tmp_path), lambda fields: fields.pop(name))
    with pytest.raises(ValueError, match=f"record {re.escape(path.name)}: field '{name}' is missing"):
        records.read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.update(format=3), "format 3 is newer than this cnnlib, which reads format 2"),
        (lambda f: f.update(format=1), "format 1: this cnnlib reads format 2"),
        (lambda f: f.update(format=0), "format 0: this cnnlib reads format 2"),
        (lambda f: f.update(extra=1), "unknown field 'extra'"),
        (lambda f: f.update(seed="0"), "field 'seed' has the wrong kind of value: '0'"),
        (lambda f: f.update(seed=True), "field 'seed' has the wrong kind of value: True"),
        (lambda f: f.update(seed=-1), "seed: expected finite numbers from 0 to inf, got -1"),
        (lambda f: f.update(final=3), "field 'final' has the wrong kind of value: 3"),
        (lambda f: f.update(seconds=math.nan), "seconds: expected finite numbers from 0 to inf, got nan"),
        (lambda f: f.update(seconds=-3.5), "seconds: expected finite numbers from 0 to inf, got -3.5"),
        (lambda f: f.update(seconds=10**400), "seconds: expected finite numbers from 0 to inf, got 1000"),
        (
            lambda f: f["options"].update(widths=[math.inf]),
            "options widths: expected finite numbers, got inf",
        ),
        (lambda f: f["history"]["train_loss"].__setitem__(1, math.nan), "history train_loss: .* got nan"),
        (lambda f: f["history"]["test_error"].__setitem__(0, 500), "history test_error: .* to 100, got 500"),
        (lambda f: f["history"]["test_error"].__setitem__(0, None), "history test_error: .* got None"),
        (lambda f: f["history"]["test_error"].pop(), "history 'test_error' has 2 entries, 'iteration' 3"),
        (lambda f: f["history"].update(seconds=3), "history: field 'seconds' has the wrong kind of value: 3"),
        (lambda f: f["history"].pop("test_loss"), "history: field 'test_loss' is missing"),
        (lambda f: f["final"].pop("test_error"), "final: field 'test_error' is missing"),
        (lambda f: f["final"].update(train_error=-1), "final train_error: .* from 0 to 100, got -1"),
        (lambda f: f["data"].pop("checksum"), "data: field 'checksum' is missing"),
        (lambda f: f["recipe"].pop("name"), r"recipe: missing field\(s\) name"),
        (lambda f: f["recipe"].update(optimizer="sgd"), r"recipe: unknown field\(s\) optimizer"),
        (lambda f: f["recipe"].update(momentum=2), "momentum must be below 1, got 2"),
        (lambda f: f["recipe"].update(drops=3), "drops"),
        (lambda f: f["recipe"].update(iterations=31), "the history does not end where the recipe ends"),
        (lambda f: [f["history"][name].clear() for name in reading.HISTORY], "does not end where the recipe"),
    ],
)
def test_what_is_wrong_with_a_record_is_named(tmp_path, change, message):
    path = damaged(write(tmp_path), change)
    with pytest.raises(ValueError, match=f"record {re.escape(path.name)}: .*{message}"):
        records.read(path)
    with pytest.raises(ValueError, match=message):
        records.load(tmp_path)


def test_a_file_that_is_no_record_is_named(tmp_path):
    path = tmp_path / "cut.json"
    path.write_text('{"format": 1,')
    with pytest.raises(ValueError, match=r"record cut.json: not a JSON file"):
        records.read(path)
    for text in (b"\xff", b"[" * 100_000, b"1" * 5_000):
        path.write_bytes(text)
        with pytest.raises(ValueError, match=r"record cut.json: not a JSON file"):
            records.read(path)
    path.write_text("[1]")
    with pytest.raises(ValueError, match=r"record cut.json: expected an object with fields, got list"):
        records.read(path)


def test_select_and_summary(tmp_path):
    errors = [7.1, 6.5, 6.9]
    for seed, error in enumerate(errors):
        write(tmp_path, seed=seed, history=history(error))
    write(tmp_path, network="cifar-resnet-8", history=history(5.0))
    write(tmp_path, options={}, history=history(9.0))
    assert len(records.load(tmp_path)) == 5
    assert [r.test_error for r in records.select(network="cifar-resnet-8", directory=tmp_path)] == [5.0]
    assert [r.test_error for r in records.select(options={}, directory=tmp_path)] == [9.0]
    assert [r.seed for r in records.select(seed=2, directory=tmp_path)] == [2]
    assert records.select(recipe="long", directory=tmp_path) == []
    assert records.select(data="mnist", directory=tmp_path) == []
    assert len(records.select(recipe=RECIPE, directory=tmp_path)) == 5
    assert records.select(recipe=dataclasses.replace(RECIPE, momentum=0.8), directory=tmp_path) == []
    wanted = {"network": "cifar-plain-8", "options": {"widths": (8, 16, 32)}}
    chosen = records.select(**wanted, recipe="short", data="rows", directory=tmp_path)
    found = records.summary(chosen)
    assert (found.n, found.mean) == (3, pytest.approx(statistics.mean(errors)))
    assert found.deviation == pytest.approx(math.sqrt(sum((e - found.mean) ** 2 for e in errors) / 2))
    assert str(found) == "6.83 ± 0.31 (n = 3)"
    assert records.summary(chosen, "train_error").mean == 1.25
    assert records.summary(chosen, "final_train_error").mean == 0.5
    assert records.summary(chosen, "final_train_error_batch_statistics").mean == 0.75

    one = records.summary(chosen[:1])
    assert (one.deviation, str(one)) == (None, "7.10 (n = 1)")
    with pytest.raises(ValueError, match="no records"):
        records.summary([])
    with pytest.raises(ValueError, match="unknown quantity 'best'; known: train_loss, train_error"):
        records.summary(chosen, "best")
    with pytest.raises(ValueError, match="the records differ in network"):
        records.summary(records.select(seed=0, recipe="short", directory=tmp_path))
    with pytest.raises(ValueError, match="a seed stands twice"):
        records.summary([chosen[0], chosen[0]])


def test_what_was_not_measured_is_named(tmp_path):
    record = records.read(write(tmp_path, history=history(final={})))
    assert record.final is None and record.value("test_error") == 12.346
    with pytest.raises(ValueError, match=r"cifar-plain-8, short, seed 0: no final_train_error, .*before"):
        records.summary([record], "final_train_error")
    final = {**FINAL, "train_error_batch_statistics": None}
    record = records.read(write(tmp_path, history=history(final=final), overwrite=True))
    assert record.value("final_train_error") == 0.5
    with pytest.raises(ValueError, match=r"no final_train_error_batch_statistics, .*no batch normalisation"):
        records.summary([record], "final_train_error_batch_statistics")


def runs(directory, errors, seeds, network="lenet5"):
    run = {"network": network, "options": {}}
    return [
        records.read(write(directory, **run, seed=seed, history=history(error)))
        for seed, error in zip(seeds, errors)
    ]


def test_a_difference_by_hand_of_pairs(tmp_path):
    first = runs(tmp_path, [7.1, 6.5, 6.9], [0, 1, 2])
    second = runs(tmp_path, [5.6, 5.0, 5.2], [2, 0, 1], "alexnet")
    found = records.difference(first, second)
    # 2.1, 1.3, 1.3: mean 1.5667, deviation 0.46188; times t(0.975, 2) = 4.30265, over sqrt(3): 1.14738.
    assert found.mean == pytest.approx(1.56667, abs=1e-5) and found.paired and found.n == (3, 3)
    assert (found.low, found.high) == pytest.approx((0.41929, 2.71405), abs=1e-4)
    assert str(found) == "+1.57 [+0.42, +2.71] (95 %, n = 3 pairs)"
    back = records.difference(second, first)
    assert (back.mean, back.low, back.high) == pytest.approx((-found.mean, -found.high, -found.low))


def test_a_difference_by_hand_of_other_seeds(tmp_path):
    first, second = runs(tmp_path, [1, 2, 3], [0, 1, 2]), runs(tmp_path, [5, 6, 7], [1, 2, 3], "alexnet")
    found = records.difference(first, second)
    # Variance 1 each, 4 degrees of freedom: t(0.975, 4) = 2.77645 times sqrt(2 / 3) is 2.26696.
    assert (found.mean, found.paired) == (-4, False)
    assert (found.low, found.high) == pytest.approx((-6.26696, -1.73304), abs=1e-4)
    assert str(found) == "-4.00 [-6.27, -1.73] (95 %, n = 3 and 3)"


@pytest.mark.filterwarnings("ignore:Precision loss")
def test_variances_need_not_be_equal(tmp_path):
    first, second = runs(tmp_path, [1, 3], [0, 1]), runs(tmp_path, [5, 5, 5], [0, 1, 2], "alexnet")
    found = records.difference(first, second)
    # All variance is the first's: t(0.975, 1) = 12.7062 times sqrt(2 / 2).
    assert (found.mean, found.n) == (-3, (2, 3))
    assert (found.low, found.high) == pytest.approx((-15.7062, 9.7062), abs=1e-3)


def test_runs_of_common_seeds_are_paired_unless_told_otherwise(tmp_path):
    first, second = runs(tmp_path, [1, 2, 3], [0, 1, 2]), runs(tmp_path, [5, 6, 7], [0, 1, 2], "alexnet")
    found = records.difference(first, second, paired=False)
    assert not found.paired and (found.low, found.high) == pytest.approx((-6.26696, -1.73304), abs=1e-4)
    # t = -4 / sqrt(2 / 3) = -4.899 on 4 degrees of freedom.
    assert found.pvalue == pytest.approx(0.00805, abs=1e-5)
    with pytest.raises(ValueError, match=r"difference: no pairs, the seeds are \[0, 1, 2\] and \[0, 1\]"):
        records.difference(first, second[:2], paired=True)


def test_holm_by_hand():
    # Four tests: 0.01 * 4, 0.02 * 3, then 0.025 * 2 = 0.05, which may not fall below 0.06, and 0.5 * 1.
    assert records.holm([0.5, 0.01, 0.025, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert records.holm([0.9, 0.8]) == [1, 1] and records.holm([]) == []
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=f"p-values from 0 to 1, got {wrong}"):
            records.holm([0.5, wrong])


def test_one_run_has_no_interval(tmp_path):
    first, second = runs(tmp_path, [1, 2], [0, 1]), runs(tmp_path, [5, 6], [0, 1], "alexnet")
    with pytest.raises(ValueError, match="at least two runs on each side, got n = 1"):
        records.difference(first, second[:1])
    with pytest.raises(ValueError, match="difference: no records"):
        records.difference([], second)
    with pytest.raises(ValueError, match="difference: the records differ in network"):
        records.difference([first[0], second[1]], second)


def test_a_record_that_is_older_than_a_field_counts_as_its_default(tmp_path):
    path = damaged(write(tmp_path), lambda fields: fields["recipe"].pop("loss_weights"))
    assert records.read(path).recipe["loss_weights"] == [1.0]
    assert len(records.select(recipe=RECIPE, directory=tmp_path)) == 1
    assert records.select(recipe=dataclasses.replace(RECIPE, loss_weights=(0.5,)), directory=tmp_path) == []


DIFFERENT = [
    ("lenet5", {}, "r", "mnist", 0),
    ("lenet5", {}, "r", "mnist", 1),
    ("lenet5", {}, "r", "digits (28x28)", 0),
    ("lenet5", {}, "r-shortened-10", "mnist", 0),
    ("lenet5", {"table": None}, "r", "mnist", 0),
    ("lenet5", {"table": "null"}, "r", "mnist", 0),
    ("lenet5", {"table": True}, "r", "mnist", 0),
    ("lenet5", {"table": "true"}, "r", "mnist", 0),
    ("lenet5", {"table": 1}, "r", "mnist", 0),
    ("lenet5", {"table": "1"}, "r", "mnist", 0),
    ("lenet5", {"table": "True"}, "r", "mnist", 0),
    ("lenet5", {"table": "None"}, "r", "mnist", 0),
    ("lenet5", {"pooling": "max"}, "r", "mnist", 0),
    ("lenet5", {"pooling": "average"}, "r", "mnist", 0),
    ("lenet5", {"pooling": "max", "activation": "relu"}, "r", "mnist", 0),
    ("lenet5", {"kernel_initializer": "he_normal"}, "r", "mnist", 0),
    ("lenet5", {"kernel_initializer": "he-normal"}, "r", "mnist", 0),
    ("lenet5", {"slope": 0.1}, "r", "mnist", 0),
    ("lenet5", {"slope": -0.1}, "r", "mnist", 0),
    ("lenet5-modern", {}, "r", "mnist", 0),
]


def test_runs_that_differ_have_different_names():
    names = {records.file_name(*arguments) for arguments in DIFFERENT}
    assert len(names) == len(DIFFERENT)
    assert all(re.fullmatch(r"[A-Za-z0-9_.=-]+\.json", name) for name in names)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "lenet5"),
        ({"pooling": "max", "activation": "relu"}, "lenet5-activation=relu-pooling=max"),
        ({"kernel_initializer": "he_normal"}, "lenet5-kernel_initializer=he_normal"),
        ({"table": None}, "lenet5-table=null"),
        ({"table": "null"}, "lenet5-table=-null"),
        ({"widths": (8, 16, 32)}, "lenet5-widths=-8-16-32"),
    ],
)
def test_options_are_legible_in_a_name(options, name):
    assert records.file_name("lenet5", options, "r", "mnist", 3) == f"{name}--r--mnist--seed3.json"


def test_options_that_make_a_long_name_are_shortened_by_a_digest():
    tables = ([[64 + i, 96, 128, 16, 32, last] for i in range(9)] for last in (32, 64))
    names = [records.file_name("googlenet", {"table": table}, "r", "mnist", 0) for table in tables]
    assert all(re.fullmatch(r"googlenet-options=[0-9a-f]{12}--r--mnist--seed0\.json", name) for name in names)
    assert names[0] != names[1]
    with pytest.raises(
        ValueError, match=r"characters are too long for a record's name, at most 200: lenet5.*--rr"
    ):
        records.file_name("lenet5", {}, "r" * 200, "mnist", 0)


def test_a_known_recipe_is_known_after_changes_that_its_name_says():
    changed = recipes.HE2015_CIFAR.at_rate(3e-5).shortened(iterations=99)
    assert not records.writing.differences_from_known(changed)
    other = dataclasses.replace(changed, momentum=0.5)
    assert records.writing.differences_from_known(other) == "momentum is 0.9 there and 0.5 here"


def test_the_packages_own_records_are_valid():
    """Each record in the package is read, has the name that its fields give, and the known recipe."""
    paths = sorted(records.folder().glob("*.json"))
    assert paths
    for path in paths:
        record = records.read(path)
        recipe = Recipe.from_dict(record.recipe)
        data = record.data["name"]
        assert path.name == records.file_name(record.network, record.options, recipe.name, data, record.seed)
        assert not records.writing.differences_from_known(recipe)
        assert json.loads(path.read_text())["recipe"] == recipe.as_dict()
