"""What four living figures show is what the library has now: its networks, its records, its derivation."""

import ast
import json
import math
import re
from pathlib import Path

import export_depth_and_cost
import keras
import numpy as np
import pytest

import cnnlib
from cnnlib import experiments, models

FIGURES = Path(__file__).resolve().parents[1] / "book/_static/figures"


@pytest.mark.parametrize(
    ("what", "name", "most"),
    [
        ("field", "field-networks.js", 60_000),
        ("depth", "depth-records.js", 60_000),
        ("bottleneck", "bottleneck-records.js", 3_000),
        ("networks", "networks-printed.js", 8_000),
    ],
)
def test_the_file_is_what_the_tool_makes_now(tmp_path, what, name, most):
    path = tmp_path / name
    export_depth_and_cost.main([what, str(path)])
    there = FIGURES / name
    message = f"run: python tools/export_depth_and_cost.py {what} book/_static/figures/{name}"
    assert path.read_bytes() == there.read_bytes(), message
    assert there.stat().st_size < most


def test_another_name_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="expected one of field, depth, bottleneck, networks, got width"):
        export_depth_and_cost.main(["width", str(tmp_path / "x.js")])


def test_a_layer_that_the_page_does_not_know_is_refused():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.DepthwiseConv2D(3, name="apart")(image))
    with pytest.raises(ValueError, match="layer apart: the page has no DepthwiseConv2D with these options"):
        export_depth_and_cost.described(model)


def test_padding_is_written_where_keras_puts_it():
    """Of an odd padding the larger part stands behind."""
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.MaxPooling2D(3, 2, padding="same", name="pool")(image))
    assert export_depth_and_cost.described(model).endswith("pool pooling k=3 s=2 p=0 q=1")


def test_lines_are_not_broken_within_a_string():
    text = json.dumps({"x" * 90 + ", 0.003": list(range(100))}, separators=(",", ":"))
    lines = export_depth_and_cost._wrapped(text)
    assert json.loads(lines) == json.loads(text)
    assert [len(line) < 112 for line in lines.splitlines()] == [True] * 4


def test_the_necks_are_the_records_and_their_account():
    text = export_depth_and_cost.bottleneck()
    shown = json.loads(text.partition("cnnlib.neckRuns =\n")[2].rstrip().removesuffix(";"))
    recorded = experiments.recorded("nin-neck")
    assert [neck["width"] for neck in shown["necks"]] == [int(width) for width in recorded]
    assert (shown["images"], shown["tests"], shown["passes"]) == (10_000, 10_000, 4)
    for neck in shown["necks"]:
        runs = recorded[str(neck["width"])]
        assert neck["errors"] == [run.final["test_error"] for run in runs]
        account = cnnlib.account(models.build("nin", input_shape=(16, 16, 3), **runs[0].options))
        assert (neck["macs"], neck["parameters"]) == (account.macs, account.parameters)
        assert neck["narrowing"] == 16**2 * 24 * neck["width"] == account.row("cccp2").macs
        assert neck["behind"] == 8**2 * 25 * neck["width"] * 32 == account.row("conv2").macs
        assert ("less" in neck) == (neck["width"] < 32)
    assert "25 records made" in text


def test_the_cuts_are_the_records():
    text = export_depth_and_cost.depth()
    shown = json.loads(text.partition("cnnlib.depth =\n")[2].rstrip().removesuffix(";"))["cut"]
    assert shown["blocks"] == [f"stage{stage}_block{block}" for stage in (1, 2, 3) for block in (1, 2, 3)]
    assert shown["images"] == [1000, 10_000]
    for label, found in experiments.recorded("resnet-cut").items():
        for one, values in zip(shown[label.partition(" ")[0]], (one.values for one in found), strict=True):
            assert one["train"] == values["train_error"] and one["test"] == values["test_error"]
            assert one["intact"] == [values["intact_train_error"], values["intact_test_error"]]
            assert len(one["train"]) == len(one["test"]) == 9
    assert "resnet-cut of cnnlib/experiments.py" in text


def printed():
    """The errors of the export: (top-1, top-5) by network and way of testing."""
    return {(name, how): (top1, top5) for name, _, _, _, top1, top5, how, _ in export_depth_and_cost.PRINTED}


def test_the_printed_errors_are_those_of_the_chapters():
    """Of chapter 4's figure, and of the table of the papers' results in chapter 8."""
    ours = printed()
    notebook = json.loads((FIGURES.parents[1] / "04-vgg.ipynb").read_text("utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    (cell,) = [source for source in sources if "\nmany_sizes = {" in source]
    found = {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value)
        for node in ast.parse(cell).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("one_size", "many_sizes")
    }
    assert {f"VGG {name.upper()}": errors for name, errors in found["one_size"].items()} == {
        name: errors for (name, how), errors in ours.items() if how == "slid, 256"
    }
    assert {f"VGG {name.upper()}": errors for name, errors in found["many_sizes"].items()} == {
        name: errors for (name, how), errors in ours.items() if how == "slid, 384"
    }
    text = (FIGURES.parents[1] / "08-comparison.ipynb").read_text("utf-8")
    rows = re.findall(r'"\| ([\w ,]+?) \| ([\d.]*) ?\| ([\d.]*) ?\| ([^|]+) \| [^|]+ \| [^|]*Table \d', text)
    assert len(rows) > 5
    for name, top1, top5, how in rows:
        if "networks" in how:
            continue
        names = {"ResNet 34": "ResNet 34 A", "ResNet 34, option B": "ResNet 34 B", "VGG 16": "VGG D"}
        slid = re.search(r"slid .* (\d+)$", how)
        errors = ours[names.get(name, name), f"slid, {slid[1]}" if slid else how.partition(",")[0]]
        for shown, error in zip((top1, top5), errors):
            assert not shown or float(shown) == error, (name, how)


def derived_in_the_chapter():
    """Chapter 7's own derivation: the energy behind the first layer and behind each of 27 blocks."""
    notebook = json.loads((FIGURES.parents[1] / "07-resnet.ipynb").read_text("utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    (growth,) = [source for source in sources if "def growth_on" in source]
    (cell,) = [source for source in sources if "# Derived, relative to the last block." in source]
    wanted = [
        node
        for source in (growth, cell)
        for node in ast.parse(source).body
        if ast.unparse(node).startswith(
            ("def growth_on", "v, factors", "for number in range(1, 28)", "derived =")
        )
    ]
    assert len(wanted) == 4
    names = {"math": math, "np": np}
    exec(compile(ast.Module(wanted, []), "chapter", "exec"), names)
    return names["derived"]


def test_the_bands_are_the_chapters_derivation():
    """By layer here, by block there: what lies between a block's last layer and the next one's."""
    found, wanted = export_depth_and_cost.derived(), derived_in_the_chapter()
    plain, residual = np.array(found["plain"]), np.array(found["residual"])
    assert len(plain) == len(residual) == 54 and plain[-1] == residual[-1] == 1
    sides = np.repeat([16, 8, 4], 9)

    def growth(side):
        a = 1 - 1 / side
        return math.pi / (math.pi - ((1 + 2 * a**2) / (1 + 2 * a)) ** 2)

    # From behind a block to the output of its last convolution the energy is multiplied by growth.
    here = np.array([growth(side) for side in sides])
    for values, kind in ((plain, "plain"), (residual, "residual")):
        behind = values[1::2] / here
        np.testing.assert_allclose(behind / behind[-1], wanted[kind][1:], rtol=1e-9, err_msg=kind)
    # A block's first convolution divides by twice the trunk's variance: .34 at first, then 1 more a block.
    v = 1 / 2 - 1 / (2 * math.pi)
    np.testing.assert_allclose(residual[1::2][:3] / residual[::2][:3], 2 * (v + np.arange(3)), rtol=1e-9)
