"""Reading: what a file of a run, or of a measurement, has to hold, said once for both."""

import dataclasses
import json
import math
import os
import pathlib
import reprlib
import sys
import typing
from collections.abc import Callable

from cnnlib import provenance
from cnnlib.recipes import Recipe

FORMAT = 2

# Fields within fields, and their kinds.
DATA = {"name": str, "checksum": str, "train_size": int, "test_size": int, "image_shape": list}
HISTORY = dict.fromkeys(
    ("iteration", "learning_rate", "train_loss", "train_error", "test_loss", "test_error", "seconds"), list
)
FINAL = {
    "train_loss": float,
    "train_error": float,
    "train_error_batch_statistics": float | None,
    "test_loss": float,
    "test_error": float,
}
# The last epoch's, and those of the trained network itself.
QUANTITIES = tuple(name for name in HISTORY if name in FINAL) + tuple(f"final_{name}" for name in FINAL)

# Least and most of the numbers in fields of these names; all others have to be finite.
BOUNDS = {
    **dict.fromkeys(("train_error", "train_error_batch_statistics", "test_error", "error"), (0, 100)),
    **dict.fromkeys(("seed", "seeds", "learning_rate", "seconds", "peak_memory_mb"), (0, math.inf)),
    **dict.fromkeys(("iteration", "train_size", "test_size", "image_shape"), (1, math.inf)),
}


@dataclasses.dataclass(frozen=True)
class Record:
    """One completed run, as its file has it.

    Attributes:
        format: version of this layout, 2.
        network: a name of ``cnnlib.models.build``; ``options`` are its options, without the
            input shape and number of classes that follow from the data.
        recipe: the fields of the ``cnnlib.recipes.Recipe``; one younger than the file has its default.
        data: name, checksum, train_size, test_size and image_shape of the data set.
        seed: of weights, order and augmentation.
        backend: of Keras, and ``versions`` of what computed.
        device: what it ran on, in words; and whether whole passes were compiled.
        date: when the run was started, ISO 8601, UTC.
        code: {"commit", "clean"} of the checkout, or {"version"} of the installed package, when the
            run was started; and "resumed_with", the same of other code that it went on with, if any.
        seconds: of training and testing.
        peak_memory_mb: largest resident size of the process, in 2^20 bytes; a process that trained
            something else before may owe it to that.
        final: losses and errors of the trained network, see ``cnnlib.training.measure``; None for a run
            that was recorded before these were measured.
        history: lists with one entry an epoch; see ``cnnlib.training.History``.
    """

    format: int
    network: str
    options: dict
    recipe: dict
    data: dict
    seed: int
    backend: str
    versions: dict
    device: str
    date: str
    code: dict
    seconds: float
    peak_memory_mb: float
    final: dict | None
    history: dict

    @property
    def test_error(self) -> float:
        """Percent of the test images that are wrong after the last epoch."""
        return self.history["test_error"][-1]

    @property
    def train_error(self) -> float:
        """Percent of the last epoch's training images that were wrong when they were seen."""
        return self.history["train_error"][-1]

    @property
    def provenance(self) -> str:
        """Where the run comes from, in one line."""
        options = "".join(f" {key}={value}" for key, value in self.options.items())
        code = str(self.code.get("commit") or self.code.get("version"))[:9]
        changed = "" if self.code.get("clean", True) else ", changed"
        return (
            f"{self.network}{options}, seed {self.seed}: {self.date[:10]}, {self.device}, "
            f"{self.backend} {self.versions.get(self.backend)}, keras {self.versions.get('keras')}, "
            f"code {code}{changed}, {self.seconds / 60:.0f} min"
        )

    def value(self, quantity: str) -> float:
        """One number of the run.

        Args:
            quantity: one of ``QUANTITIES``: "train_loss", "train_error", "test_loss", "test_error" are the
                last epoch's; "final_train_error" and the like are those of ``final``.

        Raises:
            ValueError: an unknown quantity, or one that was not measured in this run.
        """
        if quantity not in QUANTITIES:
            raise ValueError(f"unknown quantity {quantity!r}; known: {', '.join(QUANTITIES)}")
        if not quantity.startswith("final_"):
            return self.history[quantity][-1]
        run = f"{self.network}, {self.recipe['name']}, seed {self.seed}"
        if self.final is None:
            raise ValueError(f"{run}: no {quantity}, the run was recorded before it was measured")
        value = self.final[quantity.removeprefix("final_")]
        if value is None:
            raise ValueError(f"{run}: no {quantity}, the network has no batch normalisation")
        return value


def folder(directory=None, *, part: str = "runs", writing: bool = False) -> pathlib.Path:
    """Where records are.

    Args:
        directory: this folder, if it is given; else the one that the environment variable CNNLIB_RECORDS
            names; else this package's own.
        part: "runs", or "measurements": a subfolder of CNNLIB_RECORDS.
        writing: whether it is for new records: an installed package, which is no checkout, is not changed,
            and "records" in the current folder takes its place. Name that folder to read them.

    Returns:
        The folder's path; it need not exist.
    """
    if directory is not None:
        return pathlib.Path(directory)
    named = os.environ.get("CNNLIB_RECORDS")
    if not named and writing and not provenance.in_checkout():
        named = "records"
    if not named:
        return pathlib.Path(__file__).parent / part
    return pathlib.Path(named) if part == "runs" else pathlib.Path(named) / part


def read(path) -> Record:
    """The record in the file ``path``.

    Raises:
        ValueError: names the file and what is wrong: no JSON, a field that is missing, unknown or of the
            wrong kind, another format, a number that is not finite or out of range, lists of other lengths.
        OSError: the file cannot be read.
    """
    return parsed(pathlib.Path(path).read_bytes(), path)


def load(directory=None) -> list[Record]:
    """All records of a folder, sorted by file name.

    Args:
        directory: see ``folder``: None reads the package's own, or those that CNNLIB_RECORDS names.

    Raises:
        ValueError: as for ``read``.
    """
    return [read(path) for path in sorted(folder(directory).glob("*.json"))]


def select(
    network: str | None = None, recipe: str | Recipe | None = None, data: str | None = None,
    options: dict | None = None, seed: int | None = None, directory=None,
) -> list[Record]:  # fmt: skip
    """The records whose network, recipe, data, options and seed are these; None means any.

    Args:
        network: its name.
        recipe: its name, or a ``Recipe``: then all of its fields must be the record's.
        data: the data set's name.
        options: of the network, all of them.
        seed: of the run.
        directory: see ``folder``.

    Returns:
        A list, sorted by file name; it may be empty.
    """
    if isinstance(recipe, Recipe):
        recipe = plain(recipe.as_dict())
    wanted = {"network": network, "recipe": recipe, "data": data, "options": options, "seed": seed}
    wanted = {key: plain(value) for key, value in wanted.items() if value is not None}

    def fits(record, key, value):
        found = getattr(record, key)
        return value == (found["name"] if isinstance(value, str) and key in ("recipe", "data") else found)

    return [r for r in load(directory) if all(fits(r, key, value) for key, value in wanted.items())]


def plain(value):
    """The value as JSON gives it back: lists for tuples."""
    return json.loads(json.dumps(value))


def parsed(text: str | bytes, path) -> Record:
    """The record that a file's text holds; errors as for ``read``, with the name of ``path``."""
    kinds = typing.get_type_hints(Record)
    return checked(text, f"record {pathlib.Path(path).name}", FORMAT, kinds, _record)


def _record(fields):
    """The record of these fields, or an error that says what is wrong with them."""
    history = fields["history"]
    check_fields(history, HISTORY, "history: ")
    check_fields(fields["data"], DATA, "data: ")
    if fields["final"] is not None:
        check_fields(fields["final"], FINAL, "final: ")
    for name, values in history.items():
        if len(values) != len(history["iteration"]):
            raise ValueError(
                f"history {name!r} has {len(values)} entries, 'iteration' {len(history['iteration'])}"
            )
        if wrong := [v for v in values if isinstance(v, bool) or not isinstance(v, int | float)]:
            raise ValueError(f"history {name}: expected finite numbers, got {reprlib.repr(wrong[0])}")
    # A field that is younger than the record has its default, so that old and new runs compare.
    recipe = Recipe.from_dict(fields["recipe"])
    if not history["iteration"] or history["iteration"][-1] != recipe.iterations:
        raise ValueError("the history does not end where the recipe ends")
    return Record(**{**fields, "recipe": plain(recipe.as_dict())})


def checked(text: str | bytes, name: str, newest: int, kinds: dict, finish: Callable):
    """What ``finish`` makes of the fields that a file's text holds, once they are what they should be.

    Args:
        text: JSON, an object.
        name: of the file, for errors.
        newest: the one format that is read.
        kinds: the fields, and the type of each.
        finish: gets the dict of fields; what it raises is reported under the file's name.

    Raises:
        ValueError: names the file and what is wrong with it.
    """
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as reason:
        raise ValueError(f"{name}: not a JSON file ({reason})") from reason
    try:
        if not isinstance(fields, dict):
            raise ValueError(f"expected an object with fields, got {type(fields).__name__}")
        form = fields.get("format")
        if isinstance(form, int) and form != newest:
            newer = " is newer than this cnnlib, which" if form > newest else ": this cnnlib"
            raise ValueError(f"format {reprlib.repr(form)}{newer} reads format {newest}")
        check_fields(fields, kinds)
        for field, value in fields.items():
            _check_numbers(value, field)
        return finish(fields)
    except (ValueError, TypeError, RecursionError) as reason:
        raise ValueError(f"{name}: {reason}") from reason


def check_fields(fields: dict, kinds: dict, where: str = ""):
    """Raise a ``ValueError`` unless a dict has exactly these fields, of these kinds."""
    for name, kind in kinds.items():
        if name not in fields:
            raise ValueError(f"{where}field {name!r} is missing")
        value = fields[name]
        kind = kind | int if kind in (float, float | None) else kind
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{where}field {name!r} has the wrong kind of value: {reprlib.repr(value)}")
    if unknown := sorted(set(fields) - set(kinds)):
        raise ValueError(f"{where}unknown field {unknown[0]!r}")


def _check_numbers(value, name):
    """Raise a ``ValueError`` for a number within ``value`` that is not finite or out of bounds."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_numbers(item, f"{name} {key}")
    elif isinstance(value, list):
        for item in value:
            _check_numbers(item, name)
    elif isinstance(value, int | float):
        bounds = BOUNDS.get(name.split()[-1])
        least, most = bounds or (-math.inf, math.inf)
        if not (least <= value <= most and abs(value) <= sys.float_info.max):
            range_ = f" from {least} to {most}" if bounds else ""
            raise ValueError(f"{name}: expected finite numbers{range_}, got {reprlib.repr(value)}")
