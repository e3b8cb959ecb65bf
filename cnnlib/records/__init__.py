"""Records of completed runs: one JSON file a run, beside this file, read by the book's chapters.

A record is written by ``cnnlib.run(..., record=True)`` or ``python -m cnnlib train ... --record``,
only for a run that was completed, and atomically. Errors are in percent; the last epoch counts.
The folder is this package's, or the one that the environment variable CNNLIB_RECORDS names.
"""

import dataclasses
import json
import math
import os
import pathlib
import re
import statistics
import typing

from cnnlib.files import write_atomically
from cnnlib.recipes import Recipe

FORMAT = 1
LISTS = ("iteration", "learning_rate", "train_loss", "train_error", "test_loss", "test_error", "seconds")
FINAL = ("train_loss", "train_error", "test_loss", "test_error")
JSON_WORDS = ("null", "true", "false", "NaN", "Infinity")


@dataclasses.dataclass(frozen=True)
class Record:
    """One completed run, as its file has it.

    Attributes:
        format: version of this layout, 1.
        network: a name of ``cnnlib.models.build``; ``options`` are its options, without the
            input shape and number of classes that follow from the data.
        recipe: the fields of the ``cnnlib.recipes.Recipe``; one younger than the file has its default.
        data: name, checksum, train_size, test_size and image_shape of the data set.
        seed: of weights, order and augmentation.
        backend: of Keras, and ``versions`` of what computed.
        device: what it ran on, in words.
        date: when the run was started, ISO 8601, UTC.
        code: {"commit", "clean"} of the checkout, or {"version"} of the installed package, when the
            run was started; and "resumed_with", the same of other code that it went on with, if any.
        seconds: of training and testing.
        peak_memory_mb: largest resident size of the process, in 2^20 bytes; a process that trained
            something else before may owe it to that.
        warm_up_end: iterations after which the warm-up ended, or None.
        final: losses and errors of the trained network, see ``cnnlib.training.measure``; of a run that was
            recorded before these were measured, those of the last epoch.
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
    warm_up_end: int | None
    final: dict
    history: dict

    @property
    def test_error(self):
        """Percent of the test images that are wrong after the last epoch."""
        return self.history["test_error"][-1]

    @property
    def provenance(self):
        """Where the run comes from, in one line."""
        options = "".join(f" {key}={value}" for key, value in self.options.items())
        code = self.code.get("commit", self.code.get("version"))[:9]
        changed = "" if self.code.get("clean", True) else ", changed"
        return (
            f"{self.network}{options}, seed {self.seed}: {self.date[:10]}, {self.device}, "
            f"{self.backend} {self.versions.get(self.backend)}, keras {self.versions['keras']}, "
            f"code {code}{changed}, {self.seconds / 60:.0f} min"
        )

    @property
    def train_error(self):
        """Percent of the last epoch's training images that were wrong when they were seen."""
        return self.history["train_error"][-1]


def folder(directory=None):
    """Where records are: ``directory``, else $CNNLIB_RECORDS, else this package."""
    return pathlib.Path(directory or os.environ.get("CNNLIB_RECORDS") or pathlib.Path(__file__).parent)


def file_name(network, options, recipe_name, data_name, seed):
    """The file name of a run's record: these, in plain characters, all others replaced by hyphens."""
    parts = [network, *(f"{key}={_in_a_name(value)}" for key, value in sorted(options.items()))]
    words = ["-".join(parts), recipe_name, data_name, f"seed{seed}"]
    return "--".join(re.sub(r"[^A-Za-z0-9_.=]+", "-", word).strip("-") for word in words) + ".json"


def write(*, network, options, recipe, data, seed, history, directory=None):
    """Write the record of a completed run, atomically; returns its path.

    Raises:
        ValueError: the history is not that of a completed run of this recipe, or not finite.
    """
    if not history.iteration or history.iteration[-1] != recipe.iterations:
        done = history.iteration[-1] if history.iteration else 0
        raise ValueError(f"not a completed run: {done} of {recipe.iterations} iterations of {recipe.name}")
    fields = {
        "format": FORMAT,
        "network": network,
        "options": options,
        "recipe": recipe.as_dict(),
        "data": data_summary(data),
        "seed": int(seed),
        **history.provenance,
        "seconds": sum(history.seconds),
        "peak_memory_mb": history.peak_memory / 2**20,
        "warm_up_end": history.warm_up_end,
        "final": history.final,
        "history": history.lists(),
    }
    # The recipe's numbers are what was asked for and stay as they are; measured ones are rounded.
    rounded = {k: v if k in ("recipe", "options") else _rounded(v) for k, v in fields.items()}
    path = folder(directory) / file_name(network, options, recipe.name, data.name, seed)
    text = _text(rounded)
    _validated(json.loads(text), path)
    write_atomically(path, lambda file: file.write(text.encode()))
    return path


def read(path):
    """The record in the file ``path``.

    Raises:
        ValueError: names the file and what is wrong: no JSON, a field that is missing or of the wrong
            kind, a newer format, a number that is not finite, lists of different lengths.
    """
    path = pathlib.Path(path)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as reason:
        raise ValueError(f"record {path.name}: not a JSON file ({reason})") from reason
    return _validated(fields, path)


def load(directory=None):
    """All records of the folder, sorted by file name."""
    return [read(path) for path in sorted(folder(directory).glob("*.json"))]


def select(network=None, recipe=None, data=None, options=None, seed=None, directory=None):
    """The records whose network, recipe name, data name, options and seed are these; None means any.

    ``recipe`` may be a ``Recipe``: then all of its fields must be the record's (one that the record
    does not have, because it is older than the field, counts as the default).
    """
    options = None if options is None else plain_options(options)
    wanted = {"network": network, "options": options, "seed": seed}
    chosen = [r for r in load(directory) if all(v is None or getattr(r, k) == v for k, v in wanted.items())]
    if data is not None:
        chosen = [r for r in chosen if r.data["name"] == data]
    if isinstance(recipe, str):
        return [r for r in chosen if r.recipe["name"] == recipe]
    return [r for r in chosen if recipe is None or Recipe.from_dict(r.recipe) == recipe]


@dataclasses.dataclass(frozen=True)
class Summary:
    """Mean and deviation (n - 1) over ``n`` seeds, percent; the deviation of one seed is None."""

    n: int
    mean: float
    deviation: float | None

    def __str__(self):
        """As a table has it: "6.61 ± 0.16 (n = 5)"."""
        spread = "" if self.deviation is None else f" ± {self.deviation:.2f}"
        return f"{self.mean:.2f}{spread} (n = {self.n})"


def summary(chosen, quantity="test_error"):
    """The ``Summary`` of the last epoch's ``quantity`` over records that differ in their seed alone.

    Raises:
        ValueError: no records, an unknown quantity, records of different experiments, or a seed twice.
    """
    chosen = list(chosen)
    if not chosen:
        raise ValueError("summary: no records")
    if quantity not in FINAL:
        raise ValueError(f"summary: unknown quantity {quantity!r}; known: {', '.join(FINAL)}")
    for field in ("network", "options", "recipe", "data"):
        if any(getattr(r, field) != getattr(chosen[0], field) for r in chosen):
            raise ValueError(f"summary: the records differ in {field}, not only in their seed")
    if len({r.seed for r in chosen}) != len(chosen):
        raise ValueError(f"summary: a seed stands twice in {sorted(r.seed for r in chosen)}")
    values = [r.history[quantity][-1] for r in chosen]
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Summary(len(values), statistics.fmean(values), deviation)


def data_summary(data):
    """What a record and a checkpoint say of a data set."""
    return {
        "name": data.name,
        "checksum": data.checksum,
        "train_size": len(data.x_train),
        "test_size": len(data.x_test),
        "image_shape": list(data.x_train.shape[1:]),
    }


def _in_a_name(value):
    """An option's value within a file name: a word as it is, anything else as JSON."""
    # A word that JSON reads as something else keeps its quotes, and they become a hyphen: "null" is not
    # None. So words, numbers, None and booleans all differ. Only what loses brackets or quotes can have
    # another's name: lists of the same numbers, differently nested, or the text "1" and the number -1.
    # No network takes both as values of one option.
    word = isinstance(value, str) and re.fullmatch(r"[A-Za-z]\w*", value, re.ASCII)
    return value if word and value not in JSON_WORDS else json.dumps(value)


def _validated(fields, path):
    """The record of these fields, or a ``ValueError`` that names what is wrong with them."""

    def wrong(reason):
        return ValueError(f"record {path.name}: {reason}")

    if not isinstance(fields, dict):
        raise wrong(f"expected an object with fields, got {type(fields).__name__}")
    if isinstance(fields.get("format"), int) and fields["format"] > FORMAT:
        raise wrong(f"format {fields['format']} is newer than this cnnlib, which reads up to {FORMAT}")
    kinds = typing.get_type_hints(Record)
    for name, kind in kinds.items():
        if name not in fields:
            raise wrong(f"field {name!r} is missing")
        kind = (int, float) if kind is float else kind
        if not isinstance(fields[name], kind) or isinstance(fields[name], bool):
            raise wrong(f"field {name!r} has the wrong kind of value: {fields[name]!r}")
    if unknown := sorted(set(fields) - set(kinds)):
        raise wrong(f"unknown field {unknown[0]!r}")
    inner = {"history": LISTS, "final": FINAL, "data": ("name", "checksum"), "recipe": ("name", "iterations")}
    for place, names in inner.items():
        for name in names:
            if name not in fields[place]:
                raise wrong(f"{place} has no {name!r}")
    history = fields["history"]
    for name in LISTS:
        if not isinstance(history[name], list):
            raise wrong(f"history {name!r} must be a list, got {history[name]!r}")
        if len(history[name]) != len(history["iteration"]):
            raise wrong(
                f"history {name!r} has {len(history[name])} entries, 'iteration' {len(history['iteration'])}"
            )
    numbers = [("seconds", fields["seconds"]), *((f"final {n}", fields["final"][n]) for n in FINAL)]
    numbers += [(f"history {name}", value) for name in LISTS for value in history[name]]
    for name, value in numbers:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise wrong(f"{name} must be finite numbers, got {value!r}")
    if not history["iteration"] or history["iteration"][-1] != fields["recipe"]["iterations"]:
        raise wrong("the history does not end where the recipe ends")
    # A field that is younger than the record has its default, so that old and new runs compare.
    try:
        recipe = Recipe.from_dict(fields["recipe"]).as_dict()
    except (TypeError, ValueError) as reason:
        raise wrong(str(reason)) from reason
    return Record(**{**fields, "recipe": recipe})


def plain_options(options):
    """The network options as JSON gives them back, lists for tuples; a ``TypeError`` names one it cannot."""
    for key, value in options.items():
        try:
            json.dumps(value)
        except TypeError:
            raise TypeError(f"option {key}: a record cannot hold {value!r}; give a name or numbers") from None
    return json.loads(json.dumps(options))


def _rounded(value):
    """All floats to five significant digits."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _text(fields):
    """JSON with a line for each field and each list of the history."""
    lines = []
    for name, value in fields.items():
        if name == "history":
            entries = [f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()]
            lines.append('  "history": {\n' + ",\n".join(entries) + "\n  }")
        else:
            lines.append(f"  {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
