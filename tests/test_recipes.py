"""Recipes: the paper's numbers, the schedule at each iteration, and errors that name what is wrong."""

import dataclasses
import json
import math

import numpy as np
import pytest

from cnnlib import recipes
from cnnlib.models import googlenet
from cnnlib.recipes import (
    HE2015_CIFAR,
    HE2015_CIFAR_REDUCED,
    HE2015_CIFAR_SIXTEENTH,
    HE2015_CIFAR_WARM_UP,
    Recipe,
)
from cnnlib.training import optimizer


def test_he_2015_is_the_paper_s_recipe():
    assert HE2015_CIFAR.as_dict() == {
        "name": "he2015-cifar",
        "batch_size": 128,
        "iterations": 64_000,
        "learning_rate": 0.1,
        "schedule": "steps",
        "drops": [[32_000, 0.01], [48_000, 0.001]],
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "clip_norm": None,
        "pixels": "per-pixel-mean",
        "augmentation": "crop-and-mirror",
        "pad": 4,
        "loss": "softmax-cross-entropy",
        "loss_weights": [1.0],
        "batch_norm_momentum": 0.9,
        "batch_norm_epsilon": 1e-5,
        "precision": "float32",
        "train_size": None,
        "image_size": None,
    }
    # "stop at 64k": 164 epochs of 50,000, counted as the paper's reproductions do.
    assert math.ceil(HE2015_CIFAR.passes(50_000)) == 164
    assert len(HE2015_CIFAR.epoch_ends(50_000)) == 164


def test_the_warm_up_is_400_iterations_of_a_lower_rate_and_changes_nothing_else():
    """ "We use 0.01 to warm up the training [...] (about 400 iterations), and then go back to 0.1"."""
    rates = [HE2015_CIFAR_WARM_UP.rate(i) for i in (0, 399, 400, 31_999, 32_000, 48_000)]
    assert rates == [0.01, 0.01, 0.1, 0.1, 0.01, 0.001]
    difference = {
        key: value
        for key, value in HE2015_CIFAR_WARM_UP.as_dict().items()
        if HE2015_CIFAR.as_dict()[key] != value
    }
    assert sorted(difference) == ["drops", "learning_rate", "name"]


def test_the_sixteenth_is_the_papers_schedule_at_a_sixteenth():
    sixteenth = HE2015_CIFAR_SIXTEENTH
    assert 16 * sixteenth.iterations == HE2015_CIFAR.iterations
    assert tuple((16 * start, rate) for start, rate in sixteenth.drops) == HE2015_CIFAR.drops
    assert 2 * sixteenth.image_size == 32 and 2 * sixteenth.pad == HE2015_CIFAR.pad


def test_the_reduced_recipe_has_eight_passes_of_ten_thousand():
    assert HE2015_CIFAR_REDUCED.passes(50_000) == 8
    assert HE2015_CIFAR_REDUCED.epoch_ends(50_000) == [79, 158, 237, 316, 395, 474, 553, 625]
    assert HE2015_CIFAR_REDUCED.passes(1_437) == pytest.approx(625 * 128 / 1_437)


def test_alexnets_recipe_has_the_papers_momentum_decay_and_pictures():
    recipe = recipes.get("krizhevsky2012-reduced")
    assert (recipe.momentum, recipe.weight_decay, recipe.pixels) == (0.9, 5e-4, "per-pixel-mean")
    assert recipe.augmentation == "crop-mirror-and-colour" and recipe.images_used(9_469) == 3_000
    assert recipe.passes(9_469) == 16 and len(recipe.epoch_ends(9_469)) == 16
    for name, augmentation in (("no-colour", "crop-and-mirror"), ("no-augmentation", "none")):
        other = recipes.get(f"krizhevsky2012-reduced-{name}")
        changed = {key for key, value in other.as_dict().items() if recipe.as_dict()[key] != value}
        assert changed == {"name", "augmentation"} and other.augmentation == augmentation
    longer = recipes.get("krizhevsky2012-reduced-longer")
    assert longer.images_used(9_469) == 9_469 and round(longer.passes(9_469), 1) == 15.0


def test_the_recipe_of_alexnets_figure_1_has_no_regularisation_and_thirty_passes():
    recipe = recipes.get("krizhevsky2012-fit")
    assert (recipe.weight_decay, recipe.augmentation, recipe.clip_norm) == (0, "none", None)
    assert {recipe.rate(i) for i in (0, 1000, recipe.iterations - 1)} == {recipe.learning_rate}
    assert len(recipe.epoch_ends(50_000)) == 30 and recipe.images_used(50_000) == 10_000


@pytest.mark.parametrize("name", ["lenet5-mnist", "lenet5-modern-mnist"])
def test_the_lenets_have_twenty_passes_of_sixty_thousand(name):
    recipe = recipes.get(name)
    assert recipe.passes(60_000) == 20
    assert len(recipe.epoch_ends(60_000)) == 20
    assert recipe.pixels == "lecun1998"


def test_vggs_short_recipes_keep_the_papers_momentum_and_decay():
    reduced, start = recipes.SIMONYAN2014_CIFAR_REDUCED, recipes.SIMONYAN2014_CIFAR_START
    for recipe in (reduced, start):
        assert (recipe.momentum, recipe.weight_decay) == (0.9, 5e-4)
    assert reduced.passes(50_000) == 4 and reduced.rate(0) == 0.01
    assert start.rate(0) == start.rate(631) == 0.02
    half = recipes.SIMONYAN2014_CIFAR_HALF_SIDE
    assert half.passes(50_000) == 4 and 2 * half.image_size == 32 and 2 * half.pad == reduced.pad


def test_nins_short_recipes_differ_in_images_and_time_alone():
    reduced, fit = recipes.LIN2013_CIFAR_REDUCED, recipes.LIN2013_CIFAR_FIT
    assert reduced.passes(50_000) == 4 and fit.passes(50_000) == pytest.approx(25, abs=0.5)
    same = {"name": "same", "iterations": 1, "train_size": 1}
    assert dataclasses.replace(reduced, **same) == dataclasses.replace(fit, **same)


def test_the_recipe_of_the_comparison_has_three_passes_of_ten_thousand():
    recipe = recipes.COMPARISON_CIFAR
    assert recipe.images_used(50_000) == 10_000 and recipe.epoch_ends(50_000) == [157, 314, 469]
    assert 3 <= recipe.passes(50_000) < 3.01 and recipe.rate(0) == 0.03


def test_googlenets_short_recipes_differ_in_images_and_heads_alone():
    reduced, fit, both = (recipes.get(f"szegedy2014-cifar-{n}") for n in ("reduced", "fit", "fit-auxiliary"))
    assert reduced.momentum == 0.9 and reduced.passes(50_000) == 4 and fit.passes(50_000) == 16
    assert (reduced.augmentation, fit.augmentation) == ("crop-and-mirror", "none")
    assert both.loss_weights == googlenet.LOSS_WEIGHTS and fit.loss_weights == (1.0,)
    others = {"name": fit.name, "loss_weights": fit.loss_weights}
    assert dataclasses.replace(both, **others) == fit


def test_rates_drop_exactly_at_their_iterations():
    rates = [HE2015_CIFAR.rate(i) for i in (0, 31_999, 32_000, 47_999, 48_000, 63_999)]
    assert rates == [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]


@pytest.mark.parametrize("recipe", recipes.RECIPES.values(), ids=lambda recipe: recipe.name)
def test_keras_schedule_is_the_recipe_s_at_each_iteration(recipe):
    schedule = optimizer.optimizer(recipe)._learning_rate
    around = {0, 1, recipe.iterations // 3, recipe.iterations - 1}
    for start, _ in recipe.drops:
        around |= {start - 1, start, start + 1}
    for iteration in sorted(around):
        rate = schedule(iteration) if callable(schedule) else schedule  # a constant one is a variable
        assert float(np.asarray(rate)) == pytest.approx(recipe.rate(iteration), rel=1e-4, abs=1e-9)


def test_a_shortened_recipe_keeps_its_proportions_and_says_so():
    short = HE2015_CIFAR.shortened(iterations=640)
    assert short.name == "he2015-cifar-shortened-640"
    assert short.drops == ((320, 0.01), (480, 0.001))
    assert (
        dataclasses.replace(short, name=HE2015_CIFAR.name, iterations=64_000, drops=HE2015_CIFAR.drops)
        == HE2015_CIFAR
    )
    assert HE2015_CIFAR.shortened(passes=2, train_size=50_000).iterations == 782
    assert HE2015_CIFAR_REDUCED.shortened(passes=4).iterations == 313
    assert HE2015_CIFAR.shortened(iterations=64_000) is HE2015_CIFAR
    # A drop never falls on iteration 0, however short the run is.
    assert HE2015_CIFAR.shortened(iterations=4).drops == ((2, 0.01), (3, 0.001))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either iterations or passes"),
        ({"iterations": 1, "passes": 1}, "either iterations or passes"),
        ({"passes": 1}, "train_size"),
        ({"iterations": 0}, "cannot be shortened to 0"),
        ({"iterations": 64_001}, "64000 iterations and cannot be shortened to 64001"),
    ],
)
def test_bad_shortenings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        HE2015_CIFAR.shortened(**arguments)


def test_another_rate_moves_all_rates_in_proportion_and_says_so():
    slow = recipes.HE2015_CIFAR_FIT.at_rate(0.03)
    assert (slow.name, slow.learning_rate) == ("he2015-cifar-fit-rate-0.03", 0.03)
    assert slow.drops == ((2000, 0.003), (3000, 0.0003))
    same = {"name": HE2015_CIFAR.name, "learning_rate": 0.1, "drops": HE2015_CIFAR.drops}
    assert dataclasses.replace(HE2015_CIFAR.at_rate(0.01), **same) == HE2015_CIFAR
    assert HE2015_CIFAR.at_rate(0.1) is HE2015_CIFAR
    warm = recipes.HE2015_CIFAR_FIT_WARM_UP.at_rate(0.001)
    assert warm.drops == ((400, 0.01), (2000, 0.001), (3000, 0.0001))
    assert HE2015_CIFAR_REDUCED.at_rate(0.05).rate(0) == 0.05
    with pytest.raises(ValueError, match="learning_rate must be above 0, got 0"):
        HE2015_CIFAR.at_rate(0)
    with pytest.raises(TypeError, match=r"learning_rate must be a number, got '0\.1'"):
        HE2015_CIFAR.at_rate("0.1")


@pytest.mark.parametrize("recipe", recipes.RECIPES.values(), ids=lambda recipe: recipe.name)
def test_a_recipe_survives_json(recipe):
    assert Recipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe


def test_from_dict_names_fields():
    with pytest.raises(ValueError, match=r"unknown field.*colour"):
        Recipe.from_dict({**HE2015_CIFAR.as_dict(), "colour": 1})
    with pytest.raises(ValueError, match=r"missing field.*batch_size"):
        Recipe.from_dict({k: v for k, v in HE2015_CIFAR.as_dict().items() if k != "batch_size"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"iterations": 40_000}, "drop at iteration 48000, but only 40000 iterations"),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"batch_size": -128}, "batch_size must be at least 1, got -128"),
        ({"train_size": 0}, "train_size must be at least 1, got 0"),
        ({"learning_rate": -0.1}, "learning_rate must be above 0, got -0.1"),
        ({"learning_rate": float("nan")}, "learning_rate must be"),
        ({"learning_rate": float("inf")}, "learning_rate must be finite, got inf"),
        ({"drops": ((100, -0.01),)}, "the rate from iteration 100 on must be above 0, got -0.01"),
        ({"drops": ((100, 0.01), (100, 0.001))}, "growing iterations above 0, got 100 after 100"),
        ({"drops": ((0, 0.01),)}, "growing iterations above 0, got 0 after 0"),
        ({"schedule": "cosine"}, "drops go with schedule 'steps', not 'cosine'"),
        ({"schedule": "linear"}, "unknown schedule 'linear'; known: steps, cosine"),
        ({"pixels": "raw"}, "unknown pixels 'raw'; known: lecun1998, per-pixel-mean, standardized, unit"),
        ({"augmentation": "mixup"}, "unknown augmentation 'mixup'; known: none, crop, crop-and-mirror"),
        ({"loss": "hinge"}, "unknown loss 'hinge'; known: softmax-cross-entropy, lecun1998-map"),
        (
            {"precision": "float8"},
            "unknown precision 'float8'; known: float32, mixed_bfloat16, mixed_float16",
        ),
        ({"momentum": 1.0}, "momentum must be below 1, got 1.0"),
        ({"weight_decay": -1e-4}, "weight_decay must be at least 0, got -0.0001"),
        ({"clip_norm": 0}, "clip_norm must be above 0, got 0"),
        ({"batch_norm_momentum": 1}, "batch_norm_momentum must be below 1, got 1"),
        ({"batch_norm_epsilon": 0}, "batch_norm_epsilon must be above 0, got 0"),
        ({"iterations": 10**10}, "iterations must be at most 1000000000"),
        ({"learning_rate": 10**400}, "learning_rate must be finite"),
        ({"loss_weights": ()}, "loss_weights must have one weight an output"),
        ({"loss_weights": (1, -0.3)}, "a weight of loss_weights must be at least 0, got -0.3"),
        ({"pad": -1}, "pad must be at least 0, got -1"),
    ],
)
def test_bad_values_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(HE2015_CIFAR, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"iterations": 64e3}, "iterations must be a whole number, got 64000.0"),
        ({"batch_size": True}, "batch_size must be a whole number, got True"),
        ({"learning_rate": "0.1"}, "learning_rate must be a number, got '0.1'"),
        ({"pad": 1.5}, "pad must be a whole number, got 1.5"),
        ({"drops": ((32e3, 0.01),)}, "the iteration of a drop must be a whole number, got 32000.0"),
        ({"drops": (400, 0.1)}, r"a drop is a pair \(iteration, rate\), got 400"),
        ({"drops": 400}, "drops must be a list, got 400"),
        ({"loss_weights": 1.0}, "loss_weights must be a list, got 1.0"),
        ({"momentum": None}, "momentum must be a number, got None"),
        ({"name": ""}, "name: expected a text"),
    ],
)
def test_wrong_kinds_are_named(change, message):
    with pytest.raises(TypeError, match=message):
        dataclasses.replace(HE2015_CIFAR, **change)


def test_a_recipe_shows_what_differs_from_the_defaults():
    recipe = Recipe(name="r", batch_size=2, iterations=3, learning_rate=0.1, clip_norm=0.5, pad=4)
    assert repr(recipe) == "Recipe(name='r', batch_size=2, iterations=3, learning_rate=0.1, clip_norm=0.5)"
    for recipe in recipes.RECIPES.values():
        assert eval(repr(recipe), {"Recipe": Recipe}) == recipe


def test_only_the_papers_own_recipes_state_the_constants_of_batch_normalisation():
    stated = {(r.name[:6], r.batch_norm_momentum, r.batch_norm_epsilon) for r in recipes.RECIPES.values()}
    assert stated == {
        ("he2015", 0.9, 1e-5),
        ("lenet5", None, None),
        ("krizhe", None, None),
        ("simony", None, None),
        ("lin201", None, None),
        ("compar", None, None),
        ("szeged", None, None),
    }


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown recipe 'he2016'; known: .*he2015-cifar, he2015-cifar-fit"):
        recipes.get("he2016")


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("he2015-cifar", HE2015_CIFAR),
        ("he2015-cifar-fit-rate-0.03", recipes.HE2015_CIFAR_FIT.at_rate(0.03)),
        ("he2015-cifar-rate-1e-05", HE2015_CIFAR.at_rate(1e-5)),
        ("he2015-cifar-reduced-clip-0.1", HE2015_CIFAR_REDUCED.clipped(0.1)),
        ("lenet5-mnist-shortened-9375", recipes.get("lenet5-mnist").shortened(iterations=9375)),
        (
            "he2015-cifar-shortened-4000-rate-0.01-shortened-100",
            HE2015_CIFAR.shortened(iterations=4000).at_rate(0.01).shortened(iterations=100),
        ),
    ],
)
def test_a_changed_recipe_is_found_by_its_name(name, recipe):
    assert recipes.get(name) == recipe
    assert recipe.name == name


@pytest.mark.parametrize(
    "name",
    [
        "he2016-rate-0.1",  # of no known recipe
        "he2015-cifar-rate-0.1",  # its own rate: no change, and not its name
        "he2015-cifar-rate-0.010",
        "he2015-cifar-shortened-0100",
        "he2015-cifar-rate-",
        "he2015-cifar-shortened-",
        "he2015-cifar-clip-0.10",
        None,
    ],
)
def test_no_other_name_is_one(name):
    with pytest.raises(ValueError, match=r"unknown recipe .*; known: .*he2015-cifar.* -shortened-ITERATIONS"):
        recipes.get(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("shortened-64001", "64000 iterations and cannot be shortened to 64001"),
        ("shortened-1e3", "invalid literal"),
        ("rate-0", "learning_rate must be above 0, got 0"),
        ("rate-1.2.3", "could not convert"),
        ("clip-0", "clip_norm must be above 0, got 0"),
    ],
)
def test_a_change_that_cannot_be_says_so(change, message):
    with pytest.raises(ValueError, match=f"recipe 'he2015-cifar-{change}': .*{message}"):
        recipes.get(f"he2015-cifar-{change}")


def test_clipping_changes_nothing_else_and_says_so():
    clipped = HE2015_CIFAR.clipped(0.5)
    assert (clipped.name, clipped.clip_norm) == ("he2015-cifar-clip-0.5", 0.5)
    assert dataclasses.replace(clipped, name="he2015-cifar", clip_norm=None) == HE2015_CIFAR
