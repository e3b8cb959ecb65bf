"""The figures: what they show, and that bad input is named."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cnnlib import plots


def history(*test_error):
    return SimpleNamespace(test_error=list(test_error), train_error=[2 * e for e in test_error])


def test_curves_dash_training_and_draw_the_mean_over_seeds():
    fig = plots.curves({"lenet5": [history(4.0, 2.0), history(2.0, 1.0)], "one seed": history(3.0, 3.0)})
    lines = {line.get_label(): line for line in fig.axes[0].lines}
    assert lines["lenet5, train"].get_linestyle() == "--"
    assert lines["lenet5, test"].get_linestyle() == "-"
    np.testing.assert_allclose(lines["lenet5, test"].get_ydata(), [3.0, 1.5])
    np.testing.assert_allclose(lines["lenet5, test"].get_xdata(), [1, 2])
    assert fig.axes[0].get_yscale() == "log"
    assert len(fig.axes[0].collections) == 2  # bands, only where there are several seeds


def test_curves_take_a_records_history():
    fig = plots.curves({"a": vars(history(3.0, 1.0))})
    assert [list(line.get_ydata()) for line in fig.axes[0].lines] == [[6.0, 2.0], [3.0, 1.0]]


def test_an_error_of_zero_leaves_a_gap_in_logarithmic_curves():
    fig = plots.curves({"a": history(1.0, 0.0)})
    test = next(line for line in fig.axes[0].lines if line.get_label() == "a, test")
    assert np.isnan(test.get_ydata()[1])


def test_seeds_draws_every_value_and_the_mean():
    fig = plots.seeds({"full": [1.0, 3.0], "table": [2.0]}, reference=(0.95, "paper"))
    drawn = [list(np.atleast_1d(line.get_xdata())) for line in fig.axes[0].lines]
    assert [1.0, 3.0] in drawn and [2.0] in drawn


def test_images_are_on_one_scale_unless_asked():
    pictures = np.stack([np.eye(4), 10 * np.eye(4)])
    shared = [ax.images[0].get_clim() for ax in plots.images(pictures).axes]
    assert shared == [(0, 10), (0, 10)]
    own = [ax.images[0].get_clim() for ax in plots.images(pictures, together=False).axes]
    assert own == [(0, 1), (0, 10)]
    signed = plots.images(-pictures, signed=True).axes[0].images[0].get_clim()
    assert signed == (-10, 10)


def test_figures_are_closed_and_narrow_enough_for_a_phone():
    before = plt.get_fignums()
    figures = [
        plots.curves({"a": history(1.0)}),
        plots.seeds({"a": [1.0]}),
        plots.images(np.zeros((9, 4, 4))),
    ]
    assert plt.get_fignums() == before
    assert all(fig.get_size_inches()[0] <= 7 for fig in figures)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.curves({}), "at least one"),
        (lambda: plots.curves({"a": [history(1.0), history(1.0, 2.0)]}), r"a: .*\[1, 2\] passes"),
        (lambda: plots.seeds({}), "at least one value each, got {}"),
        (lambda: plots.seeds({"a": []}), "at least one value each"),
        (lambda: plots.images(np.zeros((3, 3))), "3 or 4 axes"),
        (lambda: plots.images(np.zeros((0, 3, 3))), r"expected some, .*\(0, 3, 3\)"),
        (lambda: plots.images(np.zeros((3, 3, 3)), titles=["a"]), "expected 3, one a picture, got 1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
