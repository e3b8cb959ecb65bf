"""Records: what is written comes back, only completed runs are written, and what is wrong is named."""

import dataclasses
import getpass
import json
import math
import os
import platform
import re
import statistics
import subprocess

import killable
import pytest

from cnnlib import provenance, records
from cnnlib.recipes import Recipe
from cnnlib.training import History

RECIPE = Recipe(name="short", batch_size=16, iterations=30, learning_rate=0.1, drops=((20, 0.01),))


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
        "final": {
            "train_loss": 0.12345678,
            "train_error": 0.5,
            "train_error_batch_statistics": None,
            "test_loss": 0.5,
            "test_error": last_error,
        },
    }
    return History(**{**fields, **changes})


def write(directory, **changes):
    arguments = {
        "network": "cifar-plain-8",
        "options": {"widths": (8, 16, 32)},
        "recipe": RECIPE,
        "data": killable.Images(),
        "seed": 0,
        "history": history(),
        "directory": directory,
    }
    return records.write(**{**arguments, **changes})


def test_what_is_written_comes_back(tmp_path):
    path = write(tmp_path)
    record = records.read(path)
    assert path.name == "cifar-plain-8-widths=-8-16-32--short--rows--seed0.json"
    assert record.format == 1
    assert (record.network, record.options, record.seed) == ("cifar-plain-8", {"widths": [8, 16, 32]}, 0)
    assert Recipe.from_dict(record.recipe) == RECIPE
    assert record.data == {
        "name": "rows",
        "checksum": "0123",
        "train_size": 200,
        "test_size": 50,
        "image_shape": [8, 8, 1],
    }
    assert record.seconds == 3.25
    assert record.peak_memory_mb == 300
    assert record.history["iteration"] == [13, 26, 30]
    # The last epoch counts, not the best (10 %); floats have five digits.
    assert record.final == {
        "train_loss": 0.12346,
        "train_error": 0.5,
        "train_error_batch_statistics": None,
        "test_loss": 0.5,
        "test_error": 12.346,
    }
    assert (record.train_error, record.test_error) == (1.25, 12.346)


def test_a_record_is_small_and_a_list_is_a_line(tmp_path):
    epochs = 164
    long = {name: [0.123456789 * i for i in range(1, epochs + 1)] for name in records.LISTS}
    long["iteration"] = [*range(391, 391 * epochs, 391), 64_000]
    recipe = dataclasses.replace(RECIPE, iterations=64_000)
    path = write(tmp_path, recipe=recipe, history=history(**long))
    text = path.read_text()
    assert len(text) < 14_000
    lines = [line.strip() for line in text.splitlines()]
    for name in records.LISTS:
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
    package = tmp_path / "project" / "site-packages" / "cnnlib" / "records"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("")
    subprocess.run(["git", "init", "-q", tmp_path / "project"], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    command = ["git", "-C", tmp_path / "project", *identity, "commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(command, check=True)
    monkeypatch.setattr(provenance, "__file__", str(package.parent / "provenance.py"))
    assert set(provenance.code_version()) == {"version"}

    # The same folder as a checkout of its own: clean, then changed; a new record is no change.
    subprocess.run(["git", "-C", tmp_path / "project", "add", "."], check=True)
    subprocess.run([*command[:-1], "y"], check=True)
    found = provenance.code_version()
    assert len(found["commit"]) == 40 and found["clean"] is True
    (package / "new.json").write_text("{}")
    assert provenance.code_version() == found
    (package.parent / "__init__.py").write_text("changed = 1")
    assert provenance.code_version() == {**found, "clean": False}


@pytest.mark.parametrize("last", [[13, 26], [13, 26, 29], []])
def test_a_run_that_is_not_complete_is_not_recorded(tmp_path, last):
    part = {name: getattr(history(), name)[: len(last)] for name in records.LISTS}
    with pytest.raises(ValueError, match=f"not a completed run: {last[-1] if last else 0} of 30 iterations"):
        write(tmp_path, history=history(**{**part, "iteration": last}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_not_recorded(tmp_path, value):
    with pytest.raises(ValueError, match="test_error must be finite"):
        write(tmp_path, history=history(value))
    assert list(tmp_path.iterdir()) == []


def test_options_that_json_cannot_hold_are_named():
    with pytest.raises(TypeError, match="option activation: a record cannot hold"):
        records.plain_options({"widths": (1, 2), "activation": math.tanh})


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
        (lambda f: f.update(format=2), "format 2 is newer than this cnnlib, which reads up to 1"),
        (lambda f: f.update(extra=1), "unknown field 'extra'"),
        (lambda f: f.update(seed="0"), "field 'seed' has the wrong kind of value: '0'"),
        (lambda f: f.update(seconds=math.nan), "seconds must be finite numbers, got nan"),
        (lambda f: f["history"]["train_loss"].__setitem__(1, math.nan), "history train_loss must be finite"),
        (
            lambda f: f["history"]["test_error"].__setitem__(0, None),
            "history test_error must be .* None",
        ),
        (lambda f: f["history"]["test_error"].pop(), "history 'test_error' has 2 entries, 'iteration' 3"),
        (lambda f: f["history"].update(seconds=3), "history 'seconds' must be a list, got 3"),
        (lambda f: f["history"].pop("test_loss"), "history has no 'test_loss'"),
        (lambda f: f["final"].pop("test_error"), "final has no 'test_error'"),
        (lambda f: f["data"].pop("checksum"), "data has no 'checksum'"),
        (lambda f: f["recipe"].pop("name"), "recipe has no 'name'"),
        (lambda f: f["recipe"].update(iterations=31), "the history does not end where the recipe ends"),
        (lambda f: [f["history"][name].clear() for name in records.LISTS], "does not end where the recipe"),
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
    wanted = {
        "network": "cifar-plain-8",
        "options": {"widths": (8, 16, 32)},
        "recipe": "short",
        "data": "rows",
    }
    chosen = records.select(**wanted, directory=tmp_path)
    found = records.summary(chosen)
    assert (found.n, found.mean) == (3, pytest.approx(statistics.mean(errors)))
    assert found.deviation == pytest.approx(math.sqrt(sum((e - found.mean) ** 2 for e in errors) / 2))
    assert str(found) == "6.83 ± 0.31 (n = 3)"
    assert records.summary(chosen, "train_error").mean == 1.25

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


def test_the_folder_can_be_another_one(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path))
    path = write(None)
    assert path.parent == tmp_path
    assert [r.network for r in records.load()] == ["cifar-plain-8"]
    assert records.folder("elsewhere").name == "elsewhere"


def test_the_package_s_own_records_are_valid():
    """Each record in the package is read, and its name is the one that its fields give."""
    for path in sorted(records.pathlib.Path(records.__file__).parent.glob("*.json")):
        record = records.read(path)
        name = records.file_name(
            record.network, record.options, record.recipe["name"], record.data["name"], record.seed
        )
        assert path.name == name
        assert record.recipe.items() <= Recipe.from_dict(record.recipe).as_dict().items()
