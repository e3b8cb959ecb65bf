"""Training by recipe: exact, resumable, recorded; on top of Keras' own compile, fit and callbacks.

``train`` trains a network that is there; ``run`` builds it, trains it, and may record the run.
"""

import dataclasses
import math
import os
import pathlib
import sys
import time

import keras
import numpy as np

from cnnlib import models, provenance, records
from cnnlib.data import Dataset
from cnnlib.recipes import Recipe
from cnnlib.training import checkpoints, devices, inputs, losses, optimizer
from cnnlib.training import compiled as compiled_passes
from cnnlib.training.devices import several


@dataclasses.dataclass
class History:
    """What a run was like, one entry an epoch (a pass over the training images) in each list.

    Attributes:
        iteration: iterations done at the epoch's end.
        learning_rate: of the epoch's last iteration.
        train_loss: mean of the recipe's loss over the epoch's training batches as they were seen:
            augmented, with dropout and batch statistics, each before its step. Weight decay is not in it.
        train_error: percent of these images that were wrong, the curve that He et al. 2015 plot dashed.
        test_loss: mean loss over all test images after the epoch, in inference mode.
        test_error: percent of the test images that are wrong then.
        seconds: what the epoch took, test included.
        provenance: on what the run was started: see ``cnnlib.provenance.describe``.
        peak_memory: of the process or processes, in bytes.
        final: of the trained network, measured after the last step: see ``measure``.
    """

    iteration: list = dataclasses.field(default_factory=list)
    learning_rate: list = dataclasses.field(default_factory=list)
    train_loss: list = dataclasses.field(default_factory=list)
    train_error: list = dataclasses.field(default_factory=list)
    test_loss: list = dataclasses.field(default_factory=list)
    test_error: list = dataclasses.field(default_factory=list)
    seconds: list = dataclasses.field(default_factory=list)
    provenance: dict = dataclasses.field(default_factory=dict)
    peak_memory: int = 0
    final: dict = dataclasses.field(default_factory=dict)

    def lists(self) -> dict[str, list]:
        """The lists by name."""
        return {k: v for k, v in vars(self).items() if isinstance(v, list)}

    def line(self, epochs: int) -> str:
        """The last epoch in one line of text."""
        return (
            f"epoch {len(self.iteration)}/{epochs}  iteration {self.iteration[-1]}"
            f"  training loss {self.train_loss[-1]:.4f} error {self.train_error[-1]:.2f} %"
            f"  test loss {self.test_loss[-1]:.4f} error {self.test_error[-1]:.2f} %"
            f"  {self.seconds[-1]:.1f} s"
        )


def train(
    model: keras.Model, data: Dataset, recipe: Recipe, *, seed: int = 0,
    directory: str | os.PathLike | None = None, verbose: int | str = "auto",
    checkpoint_seconds: float = 10.0, compiled: bool = False,
) -> History:  # fmt: skip
    """Train ``model`` on ``data`` after ``recipe``. The last epoch counts.

    Training is ``model.fit``, with the model compiled anew. Order and augmentation depend on ``seed`` alone;
    the initial weights are the model's own. On one machine and backend the same start gives the same
    weights, bit for bit.

    Args:
        model: a functional Keras model with as many outputs (batch, classes) as the recipe has
            ``loss_weights``, scores or distances as its loss wants them, built under its precision.
        data: a ``cnnlib.data.Dataset``.
        recipe: a ``cnnlib.recipes.Recipe``.
        seed: a whole number, at least 0.
        directory: a folder for checkpoints, of this run alone. If one is there, the run goes on from it; a
            finished run is only loaded. The run is known by recipe, data, seed, backend, versions, the
            network's configuration and ``compiled``, not by its initial weights, which an unseeded script
            draws anew: if they are others, the checkpoint's count and a warning says so. None: the run cannot
            be resumed.
        verbose: 0 nothing, 1 a progress bar, 2 a line an epoch; "auto" is 1 in a terminal, 0 under
            pytest, else 2. Compiled passes show no bar, but a line.
        checkpoint_seconds: epochs shorter than this share a checkpoint.
        compiled: whether each pass is one program in place of ``fit``'s steps, on the JAX backend: see
            ``cnnlib.training.compiled``.

    Returns:
        The ``History``.

    Raises:
        ValueError: model, data and recipe do not fit each other, or the checkpoint is damaged or of another
            run.
        TypeError: an argument of the wrong kind.
        OSError: the directory cannot be written, or another process trains in it.
        FloatingPointError: the loss is not finite; names the iteration. Nothing of it is kept.
    """
    return _train(model, data, recipe, {}, seed, directory, verbose, compiled, checkpoint_seconds)


def _train(model, data, recipe, origin, seed, directory, verbose, compiled, checkpoint_seconds=10.0):
    """``train``; ``origin`` says how the model was built, if that is known."""
    inputs.check(model, data, recipe, seed)
    devices.check(model, recipe)
    compiled_passes.check(compiled, recipe)
    if not isinstance(checkpoint_seconds, (int, float)) or not checkpoint_seconds >= 0:
        raise ValueError(f"checkpoint_seconds: expected a number of at least 0, got {checkpoint_seconds!r}")
    # Of several processes only the first one speaks.
    told = _verbosity(verbose) if devices.first() else 0
    if compiled and told:
        told = 2  # a bar would have no steps to show
    keeper = Keeper(recipe, recipe.epoch_ends(data.train_size), told)
    if compiled:
        keeper.history.provenance["device"] += ", whole passes compiled"
    with checkpoints.claimed(directory):
        network = one_output(model)
        compile_model(network, recipe)
        if directory is not None:
            identity = {**origin, **_identity(model, data, recipe, seed, compiled)}
            start = checkpoints.digest(model.variables)
            variables = [*model.variables, *network.optimizer.variables]
            keeper.keep_in(directory, identity, start, variables, checkpoint_seconds)
        fit = compiled_passes.fit if compiled else _fit
        fit(network, data, recipe, seed, keeper)
        if not keeper.history.final:
            keeper.history.final = measure(network, data, recipe)
            keeper.save()
    return keeper.history


def _fit(network, data, recipe, seed, keeper):
    """Train from where the keeper's history ends to the recipe's end."""
    mapping = inputs.pixel_mapping(recipe, data)
    test = inputs.pipeline(devices.sharded(inputs.TestBatches(data, mapping)))
    ends = keeper.ends
    # All full epochs are one call of fit, a last shorter one is another.
    for last in (recipe.iterations // ends[0], len(ends)):
        done = len(keeper.history.iteration)
        if done >= last:
            continue
        start = ends[done - 1] if done else 0
        batches = inputs.TrainingBatches(recipe, data, mapping, seed, start, ends[last - 1] - start)
        network.fit(
            inputs.pipeline(devices.sharded(batches)),
            initial_epoch=done,
            epochs=last,
            steps_per_epoch=ends[done] - start,
            validation_data=test,
            shuffle=False,
            verbose=int(keeper.verbose == 1),
            callbacks=[keeper, StopAtNonFiniteLoss(keeper, network)],
        )


def measure(model: keras.Model, data: Dataset, recipe: Recipe) -> dict:
    """Losses and errors (percent) of a trained network, on whole images, without augmentation.

    A pass's running error mixes as many networks as the pass has steps. Here one network sees all images.

    Args:
        model: compiled by ``compile_model``.
        data: a ``cnnlib.data.Dataset``.
        recipe: the ``cnnlib.recipes.Recipe`` that it was trained with.

    Returns:
        A dict: train_loss and train_error, on the training images that the recipe uses, in inference mode;
        train_error_batch_statistics, the same normalised by each batch's own mean and variance as in
        training (dropout included), None for a network without batch normalisation; test_loss, test_error.
    """
    mapping = inputs.pixel_mapping(recipe, data)
    # Shuffled, because a batch's own statistics should be those of all classes.
    indices = np.random.default_rng(0).permutation(inputs.chosen(recipe, len(data.x_train)))
    train = inputs.Batches(data.x_train, data.y_train, mapping, recipe.batch_size, indices)
    on_train = model.evaluate(inputs.pipeline(devices.sharded(train)), verbose=0, return_dict=True)
    test = inputs.pipeline(devices.sharded(inputs.TestBatches(data, mapping)))
    on_test = model.evaluate(test, verbose=0, return_dict=True)
    by_batch = None
    if any(isinstance(layer, keras.layers.BatchNormalization) for layer in model._flatten_layers()):
        trainable = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
        others = [keras.ops.convert_to_numpy(variable) for variable in model.non_trainable_variables]
        with devices.alone():
            metric = losses.error(recipe)
            for images, labels in (train[i] for i in range(train.num_batches)):
                # Stateless: the moving statistics stay those of training.
                outputs, _ = model.stateless_call(trainable, others, images, training=True)
                metric.update_state(labels, outputs)
            by_batch = float(metric.result())
    return {
        "train_loss": on_train["loss"],
        "train_error": on_train["error"],
        "train_error_batch_statistics": by_batch,
        "test_loss": on_test["loss"],
        "test_error": on_test["error"],
    }


def one_output(model: keras.Model) -> keras.Model:
    """``model``, or, if it has several heads, the same network with them stacked: (batch, heads, classes)."""
    if len(model.outputs) == 1:
        return model
    return keras.Model(model.inputs, keras.ops.stack(model.outputs, axis=1), name=model.name)


def compile_model(model: keras.Model, recipe: Recipe) -> None:
    """Compile ``model``, of one output, as the recipe says, ready for ``fit``."""
    # Weighted, because images that fill up a batch for several devices do not count.
    error = losses.error(recipe)
    model.compile(optimizer.optimizer(recipe), loss=losses.loss(recipe), weighted_metrics=[error])
    # Now, for checkpoints. In float16 Keras has wrapped it in one that scales the loss.
    model.optimizer.build(model.trainable_variables)


class Keeper(keras.callbacks.Callback):
    """Keeps the history of a run, shows it, and writes the checkpoints."""

    def __init__(self, recipe, ends, verbose):
        super().__init__()
        self.recipe, self.ends, self.verbose = recipe, ends, verbose
        self.history = History(provenance=provenance.describe())
        self.not_finite = self.save_to = None

    def keep_in(self, directory, identity, start, variables, seconds):
        """Write checkpoints into ``directory`` from now on, and go on from the one that is there."""
        if found := checkpoints.load(directory, identity, start, variables):
            start, progress = found
            code = self.history.provenance["code"]
            self.history = History(**progress)
            if code != self.history.provenance["code"]:
                self.history.provenance["code"]["resumed_with"] = code
            if self.verbose:
                done, epochs = len(self.history.iteration), len(self.ends)
                text = "finished before" if done == epochs else f"going on after epoch {done}/{epochs}"
                print(text, flush=True)
        self.save_to = (directory, identity, start, variables) if devices.first() else None
        self.seconds, self.saved = seconds, time.monotonic()

    def save(self):
        """Write a checkpoint, if this run keeps any."""
        if self.save_to:
            checkpoints.save(*self.save_to, vars(self.history))
            self.saved = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        """Start the clock."""
        self.begun = time.perf_counter()
        self.start = self.ends[epoch - 1] if epoch else 0

    def on_epoch_end(self, epoch, logs=None):
        """Keras calls it after the test."""
        history, stop = self.history, self.ends[epoch]
        if self.not_finite is not None:
            raise FloatingPointError(
                f"the training loss is not finite at iteration {self.not_finite} "
                f"(epoch {epoch + 1}, learning rate {self.recipe.rate(self.not_finite):g}); run stopped"
            )
        if not math.isfinite(logs["val_loss"]):
            raise FloatingPointError(f"the test loss is not finite after iteration {stop}; run stopped")
        history.iteration.append(stop)
        history.learning_rate.append(self.recipe.rate(stop - 1))
        history.train_loss.append(logs["loss"])
        history.train_error.append(logs["error"])
        history.test_loss.append(logs["val_loss"])
        history.test_error.append(logs["val_error"])
        history.seconds.append(time.perf_counter() - self.begun)
        history.peak_memory = max(history.peak_memory, provenance.peak_memory())
        if self.save_to and (stop == self.ends[-1] or time.monotonic() - self.saved >= self.seconds):
            self.save()
        if self.verbose == 2:
            print(history.line(len(self.ends)), flush=True)


class StopAtNonFiniteLoss(keras.callbacks.Callback):
    """Ends the epoch once the running mean of the loss is not finite, and tells the keeper the iteration."""

    def __init__(self, keeper, network):
        super().__init__()
        # Keras may then look at the losses while the next steps run: a GPU need not wait. Several processes
        # have to stop after the same step.
        self.async_safe = devices.processes() == 1
        # On JAX, asking a callback for `self.model` changes the model's state: not from another thread.
        self.keeper, self.network = keeper, network

    def on_train_batch_end(self, batch, logs=None):
        """Look at the running mean: from the first bad batch to the end of the epoch it is not finite."""
        if not math.isfinite(logs["loss"]):
            iteration, known = self.keeper.start + batch, self.keeper.not_finite
            self.keeper.not_finite = iteration if known is None else min(iteration, known)
            self.network.stop_training = True


def _identity(model, data, recipe, seed, compiled):
    """What a checkpoint has to share with the run that goes on from it."""
    return {
        "recipe": recipe.as_dict(),
        "network": checkpoints.network_identity(model),
        "data": records.data_summary(data),
        "seed": int(seed),
        "backend": keras.backend.backend(),
        # Other parts of a batch, or another program, add in another order.
        **({"devices": devices.number()} if devices.number() > 1 else {}),
        **({"compiled": True} if compiled else {}),
        # Another release may compute the same in another order.
        "versions": provenance.backend_versions(),
    }


def _verbosity(verbose):
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"verbose: expected 'auto', 0, 1 or 2, got {verbose!r}")
    if verbose != "auto":
        return int(verbose)
    if "PYTEST_CURRENT_TEST" in os.environ:
        return 0
    return 1 if sys.stdout.isatty() else 2


@dataclasses.dataclass(frozen=True)
class Run:
    """A completed run: the trained ``model``, its ``history``, and the ``record``'s path or None."""

    model: keras.Model
    history: History
    record: pathlib.Path | None


def run(
    network: str, data: Dataset, recipe: Recipe, *, seed: int = 0, options: dict | None = None,
    directory: str | os.PathLike | None = None, record: bool = False,
    records_directory: str | os.PathLike | None = None, overwrite: bool = False, verbose: int | str = "auto",
    devices: int | None = None, compiled: bool = False,
) -> Run:  # fmt: skip
    """Seed everything, build ``network`` for ``data`` and ``recipe``, train it, and record it if asked.

    Args:
        network: a name that ``cnnlib.models.build`` knows.
        data, recipe, seed, directory, verbose, compiled: as for ``train``. A checkpoint is of this run only
            if it was built with the same options, too.
        options: of the network, apart from input_shape and classes, which follow from the data.
        record: whether the completed run is written to the records. Whether it can be is found out first.
        records_directory: where to; see ``cnnlib.records.folder``.
        overwrite: whether a record of the same run may be replaced.
        devices: how many compute it together, on JAX; see ``cnnlib.training.devices.several``.

    Returns:
        A ``Run``.

    Raises:
        ValueError, TypeError, OSError, FloatingPointError: as ``train``, ``cnnlib.models.build`` and
            ``cnnlib.records.destination``.
    """
    entry = {"directory": records_directory, "overwrite": overwrite}
    with several(devices):
        return _run(network, data, recipe, seed, options, directory, record, entry, verbose, compiled)


def _run(network, data, recipe, seed, options, directory, record, entry, verbose, compiled):
    """``run``, over the devices that are active; ``entry`` says where the record goes."""
    inputs.check_kinds(data, recipe, seed)
    network, *_ = models.find(network)
    options = records.plain_options(options or {}) if record else dict(options or {})
    entry |= {"network": network, "options": options, "recipe": recipe, "data": data, "seed": seed}
    if record:
        devices.from_first(records.destination, **entry)
    sizes = {"input_shape": inputs.input_shape(recipe, data), "classes": data.classes}
    keras.utils.set_random_seed(seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    try:
        model = models.build(network, **{**sizes, **options})
    finally:
        keras.config.set_dtype_policy(before)
    origin = {"built": {"network": network, "options": checkpoints.described(options)}}
    history = _train(model, data, recipe, origin, seed, directory, verbose, compiled)
    written = devices.from_first(records.write, **entry, history=history) if record else None
    return Run(model, history, written)
