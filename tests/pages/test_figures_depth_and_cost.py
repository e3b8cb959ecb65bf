"""The living figures of chapters 4 and 7: their numbers are the account's and the records'; they are used.

As in ``test_figures`` no built book is needed, and without Chromium the tests are skipped.
"""

import json
import re

import export_depth_and_cost
import keras
import numpy as np
import pytest
from test_figures import FIGURES, PHONE, browser, visit
from test_figures import pytestmark as needs_chromium

import cnnlib
from cnnlib import experiments

pytestmark = needs_chromium
assert browser and visit  # two fixtures


@pytest.fixture(scope="module")
def accounts():
    """The account of every network that the page has, by the page's name."""
    return {
        title: cnnlib.account(cnnlib.models.build(name, kernel_initializer="zeros"))
        for title, name in export_depth_and_cost.NETWORKS.items()
    }


# With weights, along the branch that is drawn: as the papers count them, and S2 and S4 of LeNet-5.
LAYERS = {
    "LeNet-5": 6, "AlexNet": 8, "VGG-16": 16, "Network in network": 9, "GoogLeNet": 22, "ResNet-18": 18,
    "ResNet-50": 50, "ResNet-20 for CIFAR": 20, "ResNet-56 for CIFAR": 56,
}  # fmt: skip
OTHERS = ("1x1", "3x3_reduce", "3x3", "pool_proj")
ROWS = """(title) => cnnlib.cost.account(cnnlib.cost.read(cnnlib.describedNetworks[title]))"""


# ------------------------------------------------------------------------------------ field and cost


def test_every_layer_is_as_the_account_has_it(visit, accounts):
    page = visit("field")
    assert page.evaluate("Object.keys(cnnlib.describedNetworks)") == list(accounts)
    for title, account in accounts.items():
        found = page.evaluate(ROWS, title)
        assert [row["name"] for row in found] == [row.name for row in account.rows]
        for row, wanted in zip(found, account.rows):
            shape = (row["n"], row["n"], row["c"]) if row["n"] else (row["c"],)
            costs = [row[key] for key in ("parameters", "frozen", "macs", "values")]
            sees = [row[key] for key in ("size", "start", "jump")]
            where = f"{title}, {row['name']}"
            assert (tuple(row["inputs"]), shape) == (wanted.inputs, wanted.shape), where
            assert costs == [wanted.parameters, wanted.frozen, wanted.macs, wanted.activations], where
            assert sees == [wanted.receptive_field, wanted.offset, wanted.stride], where
        total = page.evaluate(f"(title) => cnnlib.cost.total(({ROWS})(title))", title)
        sums = account.parameters, account.macs, account.activations
        assert (total["parameters"], total["macs"], total["values"]) == sums
        assert total["field"] == account.receptive_field
        assert total["layers"] == LAYERS[title], title


def test_the_layers_that_are_drawn_lose_no_cost_and_see_what_the_account_says(visit, accounts):
    page = visit("field")
    for title, account in accounts.items():
        found = page.evaluate(
            f"""(title) => {{
                const list = cnnlib.cost.steps(({ROWS})(title));
                const units = ({{ n }}) => [0, 1, n >> 1, n - 1].filter((j) => j >= 0 && j < n);
                const seen = list.map((step, at) =>
                    units(step).map((j) => [j, ...cnnlib.cost.spread(list, at, j)[0]]));
                return [list, seen];
            }}""",
            title,
        )
        steps, seen = found
        for key, total in (
            ("parameters", account.parameters), ("macs", account.macs), ("values", account.activations),
        ):  # fmt: skip
            assert sum(step[key] for step in steps) == total, (title, key)
        if title == "GoogLeNet":  # of a module the branch that sees most, and where the others join it
            module = [step["parameters"] for step in steps if step["name"].startswith("inception_3a")]
            own = [account.row(f"inception_3a_{part}").parameters for part in ("5x5_reduce", "5x5")]
            others = [account.row(f"inception_3a_{part}").parameters for part in OTHERS]
            assert module == [*own, sum(others)] and all(others)
        for step, units in zip(steps, seen):
            # Behind the layer stands what follows without a window; it sees the same pixels.
            row = account.row([row["name"] for row in step["rows"] if row["kind"] != "flattening"][-1])
            for j, first, last in units:
                assert first == row.offset + j * row.stride, (title, step["name"])
                assert last - first + 1 == row.receptive_field, (title, step["name"])


def test_a_stack_of_ones_own_is_as_keras_builds_it(visit):
    """Chosen by its controls, and beside it the same layers in Keras."""
    page = visit("field")
    page.locator("select").filter(has_text="32x32, 3 maps").select_option("32x32, 3 maps")
    for _ in range(3):
        page.get_by_role("button", name="Remove the last").click()
    x = image = keras.Input((32, 32, 3))
    for k, s, maps in [(5, 1, 16), (11, 2, 32), (1, 1, 8)]:
        page.get_by_label("window").select_option(str(k))
        page.get_by_label("step").select_option(str(s))
        page.get_by_label("maps or units").select_option(str(maps))
        page.get_by_role("button", name="Add convolution").click()
        x = keras.layers.ZeroPadding2D(k // 2)(x)
        x = keras.layers.Conv2D(maps, k, s)(x)
    page.get_by_role("button", name="Add max pooling").click()
    x = keras.layers.MaxPooling2D(2)(x)
    page.get_by_label("maps or units").select_option("10")
    page.get_by_role("button", name="Add dense").click()
    account = cnnlib.account(keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(x))))
    rows = dict(page.locator(".living-totals tr").evaluate_all(
        "(rows) => rows.map((row) => [row.cells[0].textContent, row.cells[1].textContent])"
    ))  # fmt: skip
    assert rows["parameters"] == f"{account.parameters:,}" and rows["MACs"] == f"{account.macs:,}"
    assert rows["largest field"] == f"{account.receptive_field}x{account.receptive_field}"
    assert rows["layers in line with weights"] == "4"
    assert page.get_by_role("button", name="Add convolution").is_disabled()


def test_three_small_windows_against_a_large_one(visit):
    page = visit("field")

    def column(number):
        return page.locator(".living-totals tr").evaluate_all(
            "(rows, number) => rows.map((row) => row.cells[number].textContent)", number
        )

    names = column(0)
    fields = [column(number)[names.index("largest field")] for number in (1, 2)]
    parameters = [int(column(n)[names.index("parameters")].replace(",", "")) for n in (1, 2)]
    assert fields == ["7x7", "7x7"]
    assert parameters == [27 * 64**2 + 3 * 64, 49 * 64**2 + 64]
    formula = page.locator(".living p").filter(has_text="Weights without biases")
    assert "= 27 c² = 110,592 with c = 64" in formula.inner_text()
    page.get_by_role("button", name="7x7, once").click()
    assert "= 49 c² = 200,704 with c = 64" in formula.inner_text()
    assert column(2)[0] == "3x3, three times"


def test_a_unit_is_chosen_by_mouse_and_by_keys(visit, accounts):
    page = visit("field")
    page.get_by_label("network").select_option("VGG-16")
    said = page.locator(".living-below .living-said")
    assert "pool5, unit in row 4, column 4 of 7x7: its field is 212x212" in said.inner_text()
    layers = page.locator("[aria-label='the layers']")
    layers.focus()
    page.keyboard.press("ArrowLeft")
    assert "row 4, column 3 of 7x7" in said.inner_text()
    page.keyboard.press("ArrowDown")
    assert "conv5_3" in said.inner_text() and "196x196" in said.inner_text()
    page.locator("[role=status]", has_text="conv5_3").wait_for(state="attached")
    for _ in range(10):
        page.keyboard.press("ArrowUp")
    assert "fc8, any of its 1,000 units: its field is 404x404, in which lies the whole" in said.inner_text()
    # The mouse points at the label's height of a layer, at the middle of the picture, without a click.
    box = page.locator("[aria-label='the layers'] svg").bounding_box()
    label = layers.locator("text").filter(has_text="conv3_1").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, label["y"] + label["height"] / 2)
    assert "conv3_1, unit in row" in said.inner_text() and "its field is 24x24" in said.inner_text()
    scene = page.locator("[aria-label='the picture'] svg")
    scene.scroll_into_view_if_needed()
    box = scene.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert re.search(r"row (28|29), column (28|29) of 56x56", said.inner_text())
    before = said.inner_text()
    page.locator("[aria-label='the picture']").focus()
    page.keyboard.press("ArrowUp")
    assert said.inner_text() != before


def test_on_a_phone_a_finger_chooses(visit):
    page = visit("field", **PHONE)
    page.get_by_label("network").select_option("ResNet-56 for CIFAR")
    said = page.locator(".living-below .living-said")
    before = said.inner_text()
    svg = page.locator("[aria-label='the layers'] svg")
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.5, box["y"] + min(300, box["height"] / 2))
    assert said.inner_text() != before
    page.get_by_label("bars").select_option("MACs")
    assert svg.locator("text").filter(has_text="MACs").count() == 1
    assert box["width"] <= 390


def test_a_layer_that_does_not_fit_is_left_out(visit):
    page = visit("field")
    for _ in range(5):
        page.get_by_role("button", name="Add max pooling").click()
    assert "That layer is left out" in page.locator(".living").inner_text()
    assert "a window of 2 does not fit on a side of 1" in page.locator(".living").inner_text()


# ---------------------------------------------------------------------------- gradient through depth


def shown():
    """The object in the exported file."""
    text = (FIGURES / "depth-records.js").read_text("utf-8")
    return json.loads(text.partition("cnnlib.depth =\n")[2].rstrip().removesuffix(";"))


def ratio(arm, quantity, step):
    """Layers 2 to 6 against the last five, geometric means over layers and seeds, from the records."""
    logs = []
    for found in experiments.recorded("resnet-steps")[arm]:
        values = {key: np.array(values[step]) for key, values in found.values.items() if "norm" in key}
        energy = np.array(found.values["gradient_energy"][step])
        w, g = values["kernel_norm"], values["kernel_gradient_norm"]
        logs.append(np.log({"energy": energy, "length": w * g, "turn": g / w}[quantity]))
    middle = np.mean(logs, axis=0)
    return np.exp(middle[1:6].mean() - middle[-5:].mean())


def written(text):
    """Numbers before the word "times": 480 or 1.1·10⁷."""
    numbers = re.findall(r"([\d.]+)(?:·10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))? times", text)
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    return [float(value) * 10.0 ** int(power.translate(digits) or 0) for value, power in numbers]


def test_what_is_said_of_the_gradients_is_what_is_recorded(visit):
    page = visit("depth")
    said = page.locator(".living-ratios")
    for number, quantity in enumerate(("energy", "length", "turn")):
        page.locator(".living-wide select").select_option(index=number)
        for step in range(5):
            page.get_by_label("iterations done").last.fill(str(step))
            assert "Before training" in said.inner_text() if step == 0 else "After" in said.inner_text()
            wanted = [ratio(arm, quantity, step) for arm in ("plain", "residual")]
            np.testing.assert_allclose(written(said.inner_text()), wanted, rtol=0.08)
    page.get_by_label("plain at rate .003").check()
    np.testing.assert_allclose(written(said.inner_text())[0], ratio("plain, 0.003", "turn", 4), rtol=0.08)


def test_what_is_said_of_the_errors_is_what_is_recorded(visit):
    page = visit("depth")
    recorded = experiments.recorded("resnet-depth")
    for number, depth in enumerate(experiments.DEPTHS):
        page.get_by_label("layers").first.fill(str(number))
        text = page.locator(".living-errors").inner_text()
        for kind in ("plain", "residual"):
            found = cnnlib.records.summary(recorded[f"{kind} {depth}"], "final_train_error")
            match = re.search(rf"{kind.title()}, {depth} layers: ([\d.]+) % of .*? \((\d) seeds", text)
            assert abs(float(match[1]) - found.mean) < 0.0051 and int(match[2]) == found.n
    page.get_by_label("plain", exact=True).uncheck()
    assert "Plain" not in page.locator(".living-errors").inner_text()
    page.locator("[role=status]", has_text="Residual, 56 layers").wait_for(state="attached")


def test_a_depth_is_chosen_by_keys_and_in_the_overview(visit):
    page = visit("depth")
    page.get_by_label("layers").first.focus()
    page.keyboard.press("ArrowLeft")
    assert "44 layers" in page.locator(".living-errors").inner_text()
    box = page.locator("[aria-label^='training error'] svg").bounding_box()
    page.mouse.click(box["x"] + 52, box["y"] + box["height"] / 2)
    assert "Plain, 8 layers" in page.locator(".living-errors").inner_text()
    assert page.get_by_label("layers").first.input_value() == "0"


@pytest.fixture(scope="module")
def without_a_block():
    """What is recorded of the networks of 20 layers: by kind one a seed."""
    found = experiments.recorded("resnet-cut")
    return {label.partition(" ")[0]: [one.values for one in measured] for label, measured in found.items()}


def test_a_cut_block_shows_what_is_recorded(visit, without_a_block):
    page = visit("depth")
    for number in range(9):
        # From either network it is cut in both.
        kind = ("plain", "residual")[number % 2]
        name = f"{kind}, block {number + 1}, stage {number // 3 + 1}: cut"
        page.get_by_role("button", name=name, exact=True).click()
        pressed = page.locator(".living-block[aria-pressed=true]")
        assert pressed.locator("small").all_inner_texts() == [str(number + 1)] * 2
        for kind, found in without_a_block.items():
            start = f"{kind.title()}, block {number + 1} cut: "
            text = page.locator(".living-panel p", has_text=start).inner_text()
            by_part = zip(("train", "test"), text.removeprefix(start).split("; "), strict=True)
            for part, words in by_part:
                wanted = [one[f"{part}_error"][number] for one in found]
                wanted += [one[f"intact_{part}_error"] for one in found]
                assert f"% of the {'training' if part == 'train' else part} images wrong (intact" in words
                shown = [float(value) for value in re.findall(r"\d+\.\d", words)]
                assert shown == pytest.approx(wanted, abs=0.051), (kind, number)
            assert drawn(page, kind, full=True) == pytest.approx(
                [one[f"{part}_error"][number] for part in ("train", "test") for one in found], abs=0.05
            )
    # Once more puts it back.
    page.get_by_role("button", name="residual, block 9").click()
    assert page.locator(".living-block[aria-pressed=true]").count() == 0
    for kind, found in without_a_block.items():
        assert drawn(page, kind, full=True) == []
        wanted = [one[f"intact_{part}_error"] for part in ("train", "test") for one in found]
        assert drawn(page, kind, full=False) == pytest.approx(wanted, abs=0.05)


def drawn(page, kind, full):
    """The errors at which the marks of a network stand, read off by its axis from 0 to 100."""
    panel = page.get_by_role("img", name=f"errors, {kind}, 20 layers")
    ticks = panel.locator("text[text-anchor=middle]")
    low, high = (
        float(ticks.filter(has_text=re.compile(f"^{value}$")).get_attribute("x")) for value in (0, 100)
    )
    marks = panel.locator(f".living-mark{'.living-full' if full else ':not(.living-full)'}").all()
    places = [float(mark.get_attribute("cx") or float(mark.get_attribute("x") or 0) + 4) for mark in marks]
    return [100 * (place - low) / (high - low) for place in places]


def test_a_block_is_cut_by_keys_and_said(visit, without_a_block):
    page = visit("depth")
    page.get_by_label("plain at rate .003").focus()
    for _ in range(2):  # one stop of the tab key a network
        page.keyboard.press("Tab")
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(focused) == "residual, block 1, stage 1: cut"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == "residual, block 3, stage 1: cut"
    page.keyboard.press("Enter")
    assert page.locator(".living-block[aria-pressed=true]").count() == 2
    cut = ", ".join(f"{one['train_error'][2]:.1f}" for one in without_a_block["residual"])
    page.locator("[role=status]", has_text=f"Residual, block 3 cut: {cut} %").wait_for(state="attached")
    page.keyboard.press("End")
    assert page.evaluate(focused) == "residual, block 9, stage 3: cut"
    page.keyboard.press("Space")
    assert page.get_by_text("Plain, block 9 cut").count() == 1
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "residual, block 9, stage 3: cut"


def test_on_a_phone_a_finger_cuts_a_block(visit):
    page = visit("depth", **PHONE, reduced_motion="reduce")
    button = page.get_by_role("button", name="plain, block 5, stage 2: cut")
    box = button.bounding_box()
    assert box["width"] >= 24 and box["height"] >= 44
    button.tap()
    assert button.get_attribute("aria-pressed") == "true"
    assert page.get_by_text("Residual, block 5 cut").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 390
