"""The networks side by side: what they cost, the tools that record rates and times, the table of ideas."""

import dataclasses

import keras
import numpy as np
import pytest
import rates
import times

import cnnlib
from cnnlib import experiments, models, recipes, training
from cnnlib.data import Dataset
from cnnlib.experiments import COMPARED, IDEAS, RATES, Arm, Experiment
from cnnlib.records import measurements
from cnnlib.training import inputs

RECIPE = dataclasses.replace(recipes.COMPARISON_CIFAR, name="t", iterations=3, batch_size=8, train_size=20)


def made(name="made", size=None):
    generator = np.random.default_rng(5)
    x = generator.integers(0, 256, (60, 32, 32, 3), "uint8")
    return Dataset(name, x, np.arange(60) % 10, x[:10], np.arange(10), list("0123456789"))


@pytest.fixture
def made_up(monkeypatch, tmp_path):
    """The tools see made-up images and a recipe of three iterations, and record here."""
    monkeypatch.setattr(cnnlib.data, "load", made)
    monkeypatch.setitem(recipes.RECIPES, "t", RECIPE)
    monkeypatch.setenv("CNNLIB_RECORDS", str(tmp_path))


@pytest.mark.parametrize("label", COMPARED)
def test_a_forward_pass_costs_four_million_macs(label):
    network, options = COMPARED[label]
    counted = cnnlib.account(models.build(network, input_shape=(32, 32, 3), classes=10, **options))
    assert counted.macs == pytest.approx(4e6, rel=0.025)


def test_the_twins_differ_in_one_thing():
    twins = [COMPARED[label] for label in ("plain 14", "ResNet 14")]
    assert twins[0][1] == twins[1][1]
    ours, control = COMPARED["ResNet 14"][1], COMPARED["ResNet 14, not normalised"][1]
    assert control == {**ours, "batch_normalization": None, "kernel_initializer": "glorot_normal"}


@pytest.mark.parametrize("label", COMPARED)
def test_a_network_s_rate_is_the_best_of_three_on_held_out_images(label):
    (found,) = experiments.recorded("comparison-rates")[label]
    errors = [np.inf if error is None else error for error in found.values["error"]]
    assert found.values["rates"][np.argmin(errors)] == RATES[label]
    recipe = recipes.get(experiments.get("comparison").arms[label].recipe)
    assert recipe.learning_rate == RATES[label] and recipe.epoch_ends(50_000) == [157, 313]


def test_held_out_images_are_training_images_that_the_recipe_does_not_use():
    data = made()
    used, held = inputs.chosen(RECIPE, 60), rates.held_out(RECIPE, data)
    assert len(used) == 20 and len(held) == 40 and not set(used) & set(held)
    few = rates.held_out(RECIPE, data, most=10)
    assert len(few) == 10 and set(few) <= set(held) and few[-1] > 45
    with pytest.raises(ValueError, match="recipe t: it uses all training images of made"):
        rates.held_out(dataclasses.replace(RECIPE, train_size=None), data)


def test_the_tool_records_an_error_a_rate(made_up):
    command = ["cifar-resnet-8", "--option", "widths=2,2,2", "--recipe", "t", "--data", "made"]
    assert rates.main(command) == 0
    (found,) = measurements.select("rates")
    assert found.recipe["name"] == "t" and found.values["rates"] == list(rates.RATES)
    assert (found.values["held_out"], found.values["iterations"]) == (40, 2)
    # The error of the second rate, once more: the same weights, batches and images.
    data, held = made(), rates.held_out(RECIPE, made())
    other = dataclasses.replace(data, x_test=data.x_train[held], y_test=data.y_train[held])
    recipe = RECIPE.shortened(iterations=2).at_rate(rates.RATES[1])
    again = training.run("cifar-resnet-8", other, recipe, options={"widths": (2, 2, 2)}, verbose=0)
    assert found.values["error"][1] == pytest.approx(again.history.test_error[-1])


def test_a_rate_that_diverges_has_no_error(made_up):
    run = {"network": "cifar-plain-8", "options": {"batch_normalization": None}, "data": made(), "seed": 0}
    assert rates.error({**run, "recipe": RECIPE.at_rate(1e30)}, np.arange(4)) is None


def test_the_tool_times_all_arms_in_turn(made_up, monkeypatch, capsys):
    order = []

    class Network:
        def __init__(self, arm):
            self.arm = arm

        def __call__(self):
            order.append(self.arm.network)

    monkeypatch.setattr(times, "prepared", lambda arm: {"forward": Network(arm), "step": Network(arm)})
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    arms = {name: Arm(name, "t", {}, 1, data="cifar10") for name in ("lenet5-modern", "nin")}
    experiment = Experiment(None, arms, measurement="times")
    assert len([*times.record(experiment, 3)]) == 2
    one_round = [*["lenet5-modern"] * 2 * times.BATCHES, *["nin"] * 2 * times.BATCHES]
    assert order == 4 * one_round  # the first is not counted
    for found in measurements.select("times"):
        assert len(found.values["forward"]) == len(found.values["step"]) == 3
        assert (found.values["batch"], found.values["threads"]) == (8, 1)
    assert times.main(["nothing"]) == 2 and "unknown experiment" in capsys.readouterr().err


def test_what_is_timed_is_a_batch_forward_and_a_step(made_up):
    works = times.prepared(Arm("lenet5-modern", "t", {"widths": (2, 3, 4, 5)}, 1))
    assert works["forward"]().shape == (8, 10)
    losses = [float(works["step"]()[0]) for _ in range(30)]
    assert losses[-1] < losses[0] and keras.config.floatx() == "float32"


@pytest.mark.parametrize("idea", IDEAS, ids=lambda idea: idea.text)
def test_an_idea_is_two_arms_of_a_chapter(idea):
    experiment = experiments.get(idea.experiment)
    assert {idea.with_it, idea.without_it} <= set(experiment.arms) and idea.with_it != idea.without_it
    assert idea.chapter is not None and idea.chapter == experiment.chapter
    found = idea.difference()
    assert not found.paired and min(found.n) >= 3 and found.low < found.mean < found.high


def test_an_idea_s_difference_is_with_it_less_without_it():
    runs = experiments.recorded("alexnet-ideas")
    (idea,) = [idea for idea in IDEAS if idea.text == "dropout"]
    means = [
        np.mean([run.final["test_error"] for run in runs[arm]]) for arm in (idea.with_it, idea.without_it)
    ]
    assert idea.difference().mean == pytest.approx(means[0] - means[1])


def test_an_idea_is_judged_by_all_runs_of_both_arms():
    (idea,) = [idea for idea in IDEAS if idea.text == "a table of links"]
    runs = experiments.recorded(idea.experiment)
    assert idea.difference().n == (len(runs[idea.with_it]), len(runs[idea.without_it])) == (5, 3)
