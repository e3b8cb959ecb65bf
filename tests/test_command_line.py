"""The terminal: what it prints, what it skips, and exit code 2 with one line for what it cannot use."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import pytest

from cnnlib import __main__ as command_line
from cnnlib import models, recipes, records, training

TRAIN = ["train", "lenet5-modern", "--data", "digits", "--recipe", "lenet5-modern-mnist", "--iterations", "3"]


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path / "records"))
    monkeypatch.chdir(tmp_path)


def run(capsys, *arguments):
    code = command_line.main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_list_has_all_names(capsys):
    code, out, _ = run(capsys, "list")
    assert code == 0
    words = out.split()
    for name in (*models.names(), *recipes.names(), "mnist", "cifar10", "imagenette", "digits"):
        assert name in words
    assert all(len(line) <= 80 for line in out.splitlines())


def test_account_as_text_and_as_json(capsys):
    code, out, _ = run(capsys, "account", "lenet5")
    assert code == 0 and "60,000" in out
    assert all(len(line) <= 80 for line in out.splitlines())
    code, out, _ = run(capsys, "account", "lenet5-modern", "--json", "--option", "classes=5")
    assert code == 0
    assert "61281" in json.dumps(json.loads(out)).replace(",", "")  # 61,706 less 5 * 85


def test_train_records_once_and_resumes(capsys, tmp_path):
    command = [*TRAIN, "--seeds", "0,1", "--record", "--option", "pooling=average"]
    code, out, _ = run(capsys, *command)
    assert code == 0
    found = records.load()
    assert [r.seed for r in found] == [0, 1]
    assert found[1].options == {"pooling": "average"}
    assert found[0].recipe["name"] == "lenet5-modern-mnist-shortened-3"
    assert out.count("recorded in") == 2
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "records").iterdir()}

    code, out, _ = run(capsys, *command, "--seeds", "0,1,2")  # the last --seeds counts
    assert code == 0
    assert out.count("already recorded") == 2 and out.count(": skipped") == 2
    assert [r.seed for r in records.load()] == [0, 1, 2]
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())

    # Without its record, but with its checkpoint, a finished run is not trained again either.
    for path in before:
        path.unlink()
    code, out, _ = run(capsys, *command)
    assert code == 0 and out.count("finished before") == 2
    assert [r.history["train_loss"] for r in records.load()[:2]] == [r.history["train_loss"] for r in found]

    code, out, _ = run(capsys, "records")
    assert code == 0 and "lenet5-modern" in out
    *lines, where, others = out.splitlines()
    assert all(len(line) <= 80 for line in lines), out
    assert where == f"records: 3, in {tmp_path / 'records'}" and "CNNLIB_RECORDS=FOLDER" in others
    code, out, _ = run(capsys, "records", "--json")
    assert [r["seed"] for r in json.loads(out)] == [0, 1, 2]


def test_a_record_of_another_recipe_is_not_taken_for_this_one(capsys, monkeypatch):
    assert run(capsys, *TRAIN, "--record")[0] == 0
    changed = dataclasses.replace(recipes.LENET5_MODERN_MNIST, momentum=0.5)
    monkeypatch.setitem(recipes.RECIPES, changed.name, changed)
    code, _, err = run(capsys, *TRAIN, "--record")
    assert code == 2 and "recipe momentum is 0.9 there and 0.5 here" in err


def test_whether_a_record_can_be_written_is_found_out_before_training(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path / "file"))
    monkeypatch.setattr(models, "build", lambda *arguments, **options: pytest.fail("it went on"))
    code, _, err = run(capsys, *TRAIN, "--record")
    assert code == 2 and str(tmp_path / "file") in err


def test_other_names_of_a_network_are_recorded_under_its_own(capsys, monkeypatch):
    monkeypatch.setattr(models, "build", lambda *arguments, **options: pytest.fail("it was built"))
    monkeypatch.setattr(training, "run", lambda network, *_, directory, **options: stop(network, directory))

    def stop(network, directory):
        raise ValueError(f"{network} in {directory}")

    code, _, err = run(capsys, "train", "vgg16", *TRAIN[2:])
    name = "vgg-d--lenet5-modern-mnist-shortened-3--digits--seed0"
    assert (code, err) == (2, f"cnnlib: error: vgg-d in runs/{name}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["account", "lenet6"], "unknown network 'lenet6'"),
        (["account", "lenet5", "--option", "colour=1"], "colour"),
        (["account", "lenet5", "--option", "table=()"], "table"),
        (["account", "lenet5", "--option", "classes=10000000000"], "classes"),
        (["account", "googlenet", "--option", "table=5"], "table"),
        (["account", "resnet-18", "--option", "stem=()"], "stem"),
        (["account", "cifar-resnet-08"], "unknown network 'cifar-resnet-08'"),
        (["train", "lenet6", *TRAIN[2:]], "unknown network 'lenet6'"),
        ([*TRAIN[:3], "nist", *TRAIN[4:]], "'nist'"),
        ([*TRAIN[:5], "he2016", *TRAIN[6:]], "unknown recipe 'he2016'; known: comparison-cifar"),
        ([*TRAIN[:-1], "0"], "cannot be shortened to 0"),
        ([*TRAIN, "--option", "pooling=mean"], "pooling"),
        ([*TRAIN, "--option", "table={1, 2}"], "option table: a record cannot hold {1, 2}"),
        ([*TRAIN[:2], "--data", "mnist", "--recipe", "he2015-cifar-reduced"], "size"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, arguments, message):
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert err.startswith("cnnlib: error: ") and err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["train", "lenet5"],
        [*TRAIN, "--seeds", "one"],
        [*TRAIN, "--seeds", "1,1"],
        [*TRAIN, "--seeds=-1"],
        [*TRAIN, "--option", "pooling"],
        [*TRAIN, "--iterations", "many"],
    ],
)
def test_bad_usage_is_exit_code_2(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments)
    assert stop.value.code == 2
    assert "error" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[" * 100_000, '{"seconds": ' + "9" * 400 + "}", '{"format": 0}', ""])
def test_a_damaged_record_is_one_line(capsys, tmp_path, text):
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "damaged.json").write_text(text)
    code, _, err = run(capsys, "records")
    assert code == 2 and err.startswith("cnnlib: error: record damaged.json: ") and err.count("\n") == 1


def test_what_nobody_has_thought_of_is_one_line_too(capsys, monkeypatch):
    monkeypatch.setattr(models, "build", lambda *arguments: {}["many\nlines"])
    assert run(capsys, "account", "lenet5") == (2, "", "cnnlib: error: KeyError: 'many\\nlines'\n")


def test_ctrl_c(capsys, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "build", stop)
    monkeypatch.setattr(training, "run", stop)
    assert run(capsys, "account", "lenet5") == (130, "", "cnnlib: stopped\n")
    code, _, err = run(capsys, *TRAIN)
    assert (code, err) == (130, "cnnlib: stopped; the same command goes on from the last checkpoint\n")


def module(*arguments, **options):
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", "cnnlib", *arguments], stdout=pipe, stderr=pipe, text=True, **options
    )


def test_nobody_reads_to_the_end():
    process = module("list")
    process.stdout.close()
    assert (process.wait(timeout=120), process.stderr.read()) == (0, "")


def test_ctrl_c_while_it_is_imported(tmp_path):
    (tmp_path / "keras.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    process = module("list", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert process.communicate(timeout=120) == ("", "") and process.returncode == -signal.SIGINT
