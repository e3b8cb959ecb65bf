"""The living figure of chapter 8: its numbers are the account's and the papers'; it is used.

As in ``test_figures`` no built book is needed, and without Chromium the tests are skipped.
"""

import json
import re

import export_depth_and_cost
import numpy as np
import pytest
from test_figures import FIGURES, PHONE, browser, visit
from test_figures import pytestmark as needs_chromium

import cnnlib

pytestmark = needs_chromium
assert browser and visit  # two fixtures


def points():
    """The list in the exported file; that it is what the tool writes, another test says."""
    text = (FIGURES / "networks-printed.js").read_text("utf-8")
    return json.loads(text.partition("cnnlib.printed =\n")[2].rstrip().removesuffix(";"))


def names(page):
    return page.get_by_label("network", exact=True).locator("option").all_text_contents()


def said(page):
    return page.locator(".living-said").inner_text()


@pytest.mark.parametrize("name", ["AlexNet", "VGG A-LRN", "GoogLeNet", "plain 18", "ResNet 34 C"])
def test_what_is_said_of_a_network_is_its_account_s(visit, name):
    page = visit("networks")
    if name == "GoogLeNet":
        page.get_by_label("up", exact=True).select_option("top-5 error (%)")
    (network, options) = next(row[1:3] for row in export_depth_and_cost.PRINTED if row[0] == name)
    account = cnnlib.account(cnnlib.models.build(network, **options, kernel_initializer="zeros"))
    titles = [title for title in names(page) if title.startswith(f"{name}, ")]
    assert titles
    for title in titles:
        page.get_by_label("network", exact=True).select_option(title)
        text = said(page)
        assert f"{account.parameters:,} parameters; one view takes {account.macs:,} MACs" in text
        assert f"gives {account.activations:,} activations" in text
        views = export_depth_and_cost.VIEWS[title.removeprefix(f"{name}, ")]
        assert (f"All views take {account.macs * (views or 1):,} MACs." in text) == ((views or 1) > 1)


def test_every_network_s_errors_are_said_with_their_protocol_and_source(visit):
    page = visit("networks")
    for axis in ("top-1 error (%)", "top-5 error (%)"):
        page.get_by_label("up", exact=True).select_option(axis)
        key = {"top-1 error (%)": "top1", "top-5 error (%)": "top5"}[axis]
        wanted = [point for point in points() if key in point]
        assert names(page) == [f"{point['name']}, {point['protocol']}" for point in wanted]
        for point in wanted:
            page.get_by_label("network", exact=True).select_option(f"{point['name']}, {point['protocol']}")
            text = said(page)
            assert text.startswith(f"{point['name']} ({point['year']}): ")
            for field, kind in (("top1", "top-1"), ("top5", "top-5")):
                found = re.search(rf"{kind} error ([\d.]+) %", text)
                assert (float(found[1]) if found else None) == point.get(field)
            assert f"({point['source']})" in text
            views = re.match(r"\d+ views?", point["protocol"])
            assert (f"Tested on {views[0]}:" if views else "Tested slid over the picture") in text


def test_points_stand_where_their_numbers_say(visit):
    """Between two points of the error axis lies what lies between their errors; MACs by their logarithm."""
    page = visit("networks")
    page.get_by_label("up", exact=True).select_option("top-5 error (%)")
    found = page.evaluate(
        """() => [...document.querySelectorAll(".living-stage path.living-mark")]
            .map((mark) => mark.getAttribute("transform").match(/[\\d.]+/g).slice(0, 2).map(Number))"""
    )
    shown = [point for point in points() if "top5" in point]
    chosen = next(point for point in shown if point["name"] == "ResNet 50")
    order = [point for point in shown if point is not chosen] + [chosen]
    assert len(found) == len(order)
    for at, key in ((1, "top5"), (0, "macs")):
        values = np.array([point[key] for point in order], float)
        values = np.log10(values) if key == "macs" else values
        places = np.array([place[at] for place in found])
        slope, base = np.polyfit(values, places, 1)
        np.testing.assert_allclose(slope * values + base, places, atol=0.2)
        assert slope > 0 if key == "macs" else slope < 0


def test_years_and_ways_of_testing_are_left_out(visit):
    page = visit("networks")
    page.get_by_label("up", exact=True).select_option("top-5 error (%)")
    for label in ("on 1 view", "on 144 views", "slid over the picture, shorter side 256"):
        page.get_by_label(label, exact=True).uncheck()
    page.get_by_label("slid over the picture, shorter side 384", exact=True).uncheck()
    assert {title.partition(", ")[2] for title in names(page)} == {"10 views"}
    page.get_by_label("2015", exact=True).uncheck()
    assert names(page) == ["AlexNet, 10 views", "VGG D, 10 views", "GoogLeNet, 10 views"]
    assert said(page).startswith("AlexNet (2012)")  # the one that was chosen is gone
    for year in ("2012", "2014"):
        page.get_by_label(year, exact=True).uncheck()
    assert said(page).startswith("No network is left")
    page.locator("[role=application]").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_label("2012", exact=True).check()
    assert said(page).startswith("AlexNet (2012)")


def test_what_lacks_a_number_is_named(visit):
    page = visit("networks")
    left = page.locator(".living-left")
    assert left.inner_text() == "Left out here: GoogLeNet, of which the source prints no top-1 error."
    page.get_by_label("across").select_option("MACs of all views")
    assert "networks slid over the picture" in left.inner_text()
    assert not [title for title in names(page) if "slid" in title]
    for up in ("parameters", "activations of one view", "MACs of one view"):
        page.get_by_label("up", exact=True).select_option(up)
        for across in ("MACs of one view", "parameters", "activations of one view", "year"):
            page.get_by_label("across").select_option(across)
            assert left.inner_text() == "" and len(names(page)) == len(points())
    assert page.locator(".living-stage path.living-mark").count() == len(points())


def test_a_network_is_chosen_by_keys_and_by_the_mouse(visit):
    page = visit("networks")
    page.locator("[role=application]").focus()
    page.keyboard.press("ArrowRight")
    assert said(page).startswith("ResNet 101 (2015)")
    page.locator("[role=status]", has_text="ResNet 101").wait_for(state="attached")
    page.keyboard.press("ArrowDown")
    assert said(page).startswith("ResNet 152 (2015)")  # the next lower error
    for _ in range(40):
        page.keyboard.press("ArrowUp")
    assert said(page).startswith("AlexNet (2012)")
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    assert said(page).startswith("VGG E (2014)")
    stage = page.locator(".living-stage svg").bounding_box()
    mark = page.locator(".living-stage text", has_text="plain 34").bounding_box()
    page.mouse.move(mark["x"] - 8, mark["y"] + mark["height"] / 2)  # without a click
    assert said(page).startswith("plain 34 (2015)") and stage["width"] > 600


def test_on_a_phone_a_finger_chooses(visit):
    page = visit("networks", **PHONE)
    mark = page.locator(".living-stage text", has_text="AlexNet")
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    page.touchscreen.tap(box["x"] - 6, box["y"] + box["height"] / 2)
    assert said(page).startswith("AlexNet (2012)")
    page.get_by_label("across").select_option("year")
    ticks = page.locator(".living-stage text").all_text_contents()
    assert {"2012", "2013", "2014", "2015"} <= set(ticks)
