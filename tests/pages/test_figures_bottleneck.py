"""The living figure of chapter 5: its arithmetic is the account's, its errors are the records'; it is used.

As in ``test_figures`` no built book is needed, and without Chromium the tests are skipped.
"""

import itertools
import re

import keras
import pytest
from test_figures import PHONE, browser, visit
from test_figures import pytestmark as needs_chromium

import cnnlib
from cnnlib import experiments

pytestmark = needs_chromium
assert browser and visit  # two fixtures

START = (192, 32, 5, 28, 16)  # maps before and after, window, side, maps in the neck
OTHERS = [(192, 128, 3, 28, 96), (256, 64, 3, 56, 64), (3, 7, 11, 9, 40), (1, 1, 1, 1, 1), (24, 32, 5, 8, 32)]
EXAMPLES = {
    "GoogLeNet 3a, 5x5": ("googlenet", "inception_3a_5x5_reduce", "inception_3a_5x5"),
    "GoogLeNet 3a, 3x3": ("googlenet", "inception_3a_3x3_reduce", "inception_3a_3x3"),
    "ResNet-50, 3x3 on 56x56": ("resnet-50", "stage2_block2_conv1", "stage2_block2_conv2"),
}  # fmt: skip
COSTS = "([before, after, k, n, width]) => cnnlib.neck.costs({ before, after, k, n, width })"


def convolutions(*steps, side, maps):
    """Parameters and MACs of convolutions given as (window, maps), by the account."""
    x = image = keras.Input((side, side, maps))
    for k, width in steps:
        x = keras.layers.Conv2D(width, k, padding="same", kernel_initializer="zeros")(x)
    account = cnnlib.account(keras.Model(image, x))
    return account.parameters, account.macs


def numbers(text):
    """The whole numbers in a text, but for windows such as 5x5."""
    text = re.sub(r"\d+x\d+", "", text)
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?![\d.])", text)]


def table(page):
    rows = page.locator(".living-totals tr").all()[1:]
    return [[cell.inner_text() for cell in row.locator("td").all()] for row in rows]


@pytest.mark.parametrize("layer", [START, *OTHERS], ids=str)
def test_every_cost_is_as_the_account_has_it(visit, layer):
    before, after, k, side, width = layer
    found = visit("bottleneck").evaluate(COSTS, layer)
    direct = convolutions((k, after), side=side, maps=before)
    through = convolutions((1, width), (k, after), side=side, maps=before)
    for name, (parameters, macs) in {"direct": direct, "through": through}.items():
        assert (found[name]["parameters"], found[name]["macs"]) == (parameters, macs)
    assert found["direct"]["weights"] == direct[0] - after
    assert found["through"]["weights"] == through[0] - width - after


def test_from_this_width_on_nothing_is_saved(visit):
    page = visit("bottleneck")
    for before, after, k in itertools.product((1, 3, 16, 192), (1, 4, 24, 32), (1, 3, 5)):
        whole = k * k * before * after
        saving = [b for b in range(1, before + 1) if b * (before + k * k * after) < whole]
        assert page.evaluate(COSTS, [before, after, k, 28, 1])["from"] == len(saving) + 1
    said = page.locator(".living-saved")
    assert "A neck of up to 154 maps saves some; from 155 on nothing is saved." in said.inner_text()
    slider = page.get_by_label("maps in the neck", exact=True)
    slider.fill("154")
    assert "times fewer" in said.inner_text()
    slider.fill("155")
    assert "times as many" in said.inner_text() and "no neck" not in said.inner_text()
    slider.fill("192")
    assert "With 192 maps before it that is no neck." in said.inner_text()
    page.get_by_label("maps before").fill("2")
    page.get_by_label("after, c′").fill("1")
    page.get_by_label("window").select_option("1x1")
    assert "No neck saves anything here." in said.inner_text()


def test_it_starts_with_the_chapter_s_numbers(visit):
    page = visit("bottleneck")
    text = page.locator(".living-saved").inner_text()
    assert numbers(text)[:3] == [16, 12_443_648, 120_422_400] and "9.68 times fewer" in text
    direct = convolutions((5, 32), side=28, maps=192)
    through = convolutions((1, 16), (5, 32), side=28, maps=192)
    assert table(page) == [
        ["120,422,400", "12,443,648", "9.68"],
        ["153,600", "15,872", "9.68"],
        [f"{direct[0]:,}", f"{through[0]:,}", f"{direct[0] / through[0]:.2f}"],
    ]
    drawn = page.locator("[aria-label^='the maps']").inner_text()
    assert {"2,408,448", "10,035,200", "120,422,400", "192", "16", "32"} <= set(re.split(r"\s+", drawn))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_layers_of_the_networks(visit, name):
    page = visit("bottleneck")
    page.get_by_role("button", name=name, exact=True).click()
    network, first, second = EXAMPLES[name]
    account = cnnlib.account(cnnlib.models.build(network, kernel_initializer="zeros"))
    narrow, wide = account.row(first), account.row(second)
    assert page.get_by_label("maps in the neck", exact=True).input_value() == str(narrow.shape[-1])
    drawn = numbers(page.locator("[aria-label^='the maps']").inner_text())
    assert {narrow.macs, wide.macs, narrow.shape[-1], wide.shape[-1]} <= set(drawn)
    assert table(page)[0][1] == f"{narrow.macs + wide.macs:,}"


def test_the_measured_necks_are_the_records_and_the_account_s(visit):
    page = visit("bottleneck")
    recorded = experiments.recorded("nin-neck")
    for width, runs in recorded.items():
        page.get_by_label("maps in the neck", exact=True).fill(width)
        text = page.locator(".living-found").inner_text()
        found = cnnlib.records.summary(runs, "final_test_error")
        errors = [run.final["test_error"] for run in runs]
        assert text.startswith(f"Recorded with {width} maps: {found.mean:.2f} % of the test images wrong")
        assert f"of {found.n} seeds ({min(errors):.2f} to {max(errors):.2f})" in text
        if width != "32":
            less = cnnlib.records.difference(runs, recorded["32"], "final_test_error")
            assert f", {less.mean:.2f} points more than with 32" in text
            assert f"(95 % interval {less.low:.2f} to {less.high:.2f})" in text
        account = cnnlib.account(cnnlib.models.build("nin", input_shape=(16, 16, 3), **runs[0].options))
        wanted = [account.macs, account.row("cccp2").macs, account.row("conv2").macs]
        assert numbers(text.partition("An image takes")[2])[:3] == wanted
        filled = page.locator("[aria-label^='test error'] .living-full")
        assert filled.count() == len(errors)
        # As high as their errors: the axis goes from 55 to 75 with half a point on either side.
        places = [float(dot.get_attribute("cy")) for dot in filled.all()]
        shares = [(194 - y) / (194 - 26) * 21 + 54.5 for y in places]
        assert shares == pytest.approx(errors, abs=0.02)


def test_the_nearest_recorded_width_is_shown(visit):
    page = visit("bottleneck")
    wanted = {1: 2, 2: 2, 3: 4, 5: 4, 6: 8, 11: 8, 12: 16, 22: 16, 23: 32, 192: 32}
    found = page.evaluate(
        "(widths) => widths.map((one) => cnnlib.neck.nearest([2, 4, 8, 16, 32], one))", list(wanted)
    )
    assert [[2, 4, 8, 16, 32][at] for at in found] == list(wanted.values())
    page.get_by_label("maps in the neck", exact=True).fill("11")
    text = page.locator(".living-found").inner_text()
    assert text.startswith("Nearest to it among the recorded widths are 8 maps:")


def test_a_width_is_chosen_by_keys_and_by_dragging(visit):
    page = visit("bottleneck")
    slider = page.get_by_label("maps in the neck", exact=True)
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert "Through a neck of 15 maps" in page.locator(".living-saved").inner_text()
    assert slider.get_attribute("aria-valuetext") == "15 maps: 10.32 times fewer"
    page.locator("[role=status]", has_text="15 maps").wait_for(state="attached")
    page.keyboard.press("End")
    assert "Through a neck of 192 maps" in page.locator(".living-saved").inner_text()
    box = page.locator("[aria-label^='multiplications'] svg").bounding_box()
    left, right = box["x"] + 46, box["x"] + box["width"] - 8
    page.mouse.move(right - 20, box["y"] + 100)
    page.mouse.down()
    page.mouse.move((left + right) / 2, box["y"] + 60)
    page.mouse.up()
    assert "Through a neck of 96 maps" in page.locator(".living-saved").inner_text()
    page.mouse.move(left, box["y"] + 60)  # not pressed
    assert slider.input_value() == "96"
    panel = page.locator("[aria-label^='test error'] svg")
    panel.scroll_into_view_if_needed()
    box = panel.bounding_box()
    page.mouse.click(box["x"] + 46 + (box["width"] - 54) * 0.3, box["y"] + 100)
    assert slider.input_value() == "4"


def test_other_layers_are_typed_and_what_cannot_be_is_put_back(visit):
    page = visit("bottleneck")
    before = page.get_by_label("maps before")
    for text in ("", "0", "2.5", "5000"):
        before.fill(text)
        assert "120,422,400" in page.locator(".living-saved").inner_text()
        before.blur()
        assert before.input_value() == "192"
    page.get_by_label("maps in the neck", exact=True).fill("100")
    before.fill("64")
    page.get_by_label("side, n").fill("14")
    page.get_by_label("window").select_option("3x3")
    text = page.locator(".living-saved").inner_text()
    through = convolutions((1, 64), (3, 32), side=14, maps=64)
    assert numbers(text)[:3] == [64, through[1], convolutions((3, 32), side=14, maps=64)[1]]
    before.fill("2")  # as wide as the recorded ones it can still be
    assert page.get_by_label("maps in the neck", exact=True).get_attribute("max") == "32"
    for label in ("maps before", "after, c′"):
        page.get_by_label(label).fill("2048")
    page.get_by_label("side, n").fill("512")
    page.get_by_label("window").select_option("11x11")
    assert f"{512**2 * 121 * 2048**2:,}" in page.locator(".living-saved").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_on_a_phone_a_finger_chooses(visit):
    page = visit("bottleneck", **PHONE)
    svg = page.locator("[aria-label^='multiplications'] svg")
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    page.touchscreen.tap(box["x"] + 46 + (box["width"] - 54) / 4, box["y"] + 120)
    assert "Through a neck of 48 maps" in page.locator(".living-saved").inner_text()
    panel = page.locator("[aria-label^='MACs of the network'] svg")
    panel.scroll_into_view_if_needed()
    box = panel.bounding_box()
    page.touchscreen.tap(box["x"] + 46 + (box["width"] - 54) * 0.1, box["y"] + 120)
    assert page.locator(".living-found").inner_text().startswith("Recorded with 2 maps")
