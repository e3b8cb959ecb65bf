"""What the pages' figures are made of: exported weights, and which scripts stand on which page."""

import types
from pathlib import Path

import export_weights
import keras
import living_figures
import numpy as np
import pytest

from cnnlib import models

FIGURES = Path(__file__).resolve().parents[1] / "book/_static/figures"


def fields_of(name, model, **options):
    described, weights = export_weights.plain(model)
    text = export_weights.base64.b64encode(np.concatenate(weights).astype("<f2").tobytes()).decode()
    known = {"recipe": "none", "data": "none", "seed": 0, "test_error": 90.0, "test_size": 10}
    return {"network": name, "options": options, **known, "layers": described, "weights": text}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lenet5", {}),
        ("lenet5-modern", {}),
        ("lenet5", {"pooling": "average", "output": "dense", "table": None}),
    ],
)
def test_weights_come_back_as_they_were_but_for_rounding(tmp_path, name, options):
    keras.utils.set_random_seed(1)
    model = models.build(name, **options)
    path = tmp_path / "weights.js"
    path.write_text(export_weights.as_script("it", fields_of(name, model, **options)))
    assert 'cnnlib.exported["it"] = {' in path.read_text()
    read = export_weights.network(path)
    for before, after in zip(model.get_weights(), read.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before.astype("float16").astype("float32"))
    pictures = np.random.default_rng(0).uniform(-0.1, 1.175, (3, 32, 32, 1)).astype("float32")
    np.testing.assert_allclose(read(pictures), model(pictures), rtol=0.02, atol=0.05)


def test_what_a_page_cannot_compute_is_refused():
    inputs = keras.Input((32, 32, 1))
    padded = keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same", name="wide")(inputs))
    with pytest.raises(ValueError, match="layer wide: the page has no Conv2D with these options"):
        export_weights.plain(padded)
    with pytest.raises(ValueError, match="60000 weights, and a network for 60840"):
        export_weights.set_weights(models.build("lenet5"), [np.zeros(60_000)])


@pytest.mark.parametrize(("name", "parameters"), [("lenet5", 60_000), ("lenet5-modern", 61_706)])
def test_the_exported_files_are_whole(name, parameters):
    fields = export_weights.read(FIGURES / f"{name}-weights.js")
    assert fields["network"] == name and fields["recipe"] == f"{name}-mnist" and fields["data"] == "mnist"
    assert fields["iterations"] == 18_750 and fields["test_size"] == 10_000
    assert fields["code"]["clean"] and fields["exported"]["clean"]
    assert len(fields["doubts"]) == 101 and fields["doubts"] == sorted(fields["doubts"])
    assert 0.5 < fields["test_error"] < 1.5
    head = (FIGURES / f"{name}-weights.js").read_text("utf-8").splitlines()[1]
    assert f"misreads {fields['test_error']:.2f} % of 10,000 test images" in head
    codes = 840 if name == "lenet5" else 0
    assert len(fields["weights"]) == parameters + codes
    assert export_weights.network(FIGURES / f"{name}-weights.js").count_params() == parameters


def test_scripts_stand_where_their_figure_stands():
    everything = ["_static/book.js", *(f"_static/figures/{path.name}" for path in FIGURES.glob("*.js"))]

    def page(body):
        """The names of its scripts, those of its styles, and its text."""
        context = {"body": body}
        for kind, names in (
            ("script_files", sorted(everything)),
            ("css_files", ["_static/figures/figures.css", "_static/custom.css"]),
        ):
            context[kind] = [types.SimpleNamespace(filename=name) for name in names]
        living_figures.load(None, "page", "page.html", context, None)
        kinds = context["script_files"], context["css_files"]
        return *([Path(asset.filename).name for asset in assets] for assets in kinds), context["body"]

    assert page("<p>no figure</p>") == (["book.js"], ["custom.css"], "<p>no figure</p>")
    scripts, styles, _ = page('<div data-figure="convolution"></div>')
    assert scripts == ["book.js", "network.js", "convolution.js"] and styles == ["custom.css", "figures.css"]
    scripts, _, body = page('<div class="x" data-figure="lenet5"><p>text</p></div>')
    assert scripts[1] == "network.js" and scripts[-1] == "lenet5.js" and len(scripts) == 6
    assert '<noscript><img src="_static/figures/lenet5.png" alt="The maps' in body
    with pytest.raises(ValueError, match=r"data-figure: expected one of convolution, .*, got nothing"):
        page('<div data-figure="nothing"></div>')


def test_every_script_and_still_is_there():
    for scripts in living_figures.SCRIPTS.values():
        for name in scripts:
            assert (FIGURES / name).is_file()
    for name in living_figures.STILLS:
        assert (FIGURES / f"{name}.png").is_file()
