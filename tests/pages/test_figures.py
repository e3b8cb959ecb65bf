"""The living figures in headless Chromium: the same numbers as Keras', usable by mouse, finger and keyboard.

No built book is needed: the scripts are loaded from ``book/_static/figures`` into a page of their own, as
from a book on disk. Without Chromium the tests are skipped, and in CI (CI=true) that is a failure instead.
"""

import dataclasses
import functools
import os
import shutil
from pathlib import Path

import export_weights
import keras
import living_figures
import numpy as np
import pytest
from keras import layers, ops

import cnnlib
from cnnlib.training import inputs

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "book/_static/figures"
HTML = Path(os.environ.get("BOOK_BUILD", ROOT / "_build")).resolve() / "html"
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium on the path"
)
MNIST = Path(os.environ.get("CNNLIB_DATA", "nowhere")) / "mnist.npz"
NETWORKS = {"lenet5": "lenet5", "lenet5Modern": "lenet5-modern"}  # in the page, in the file's name
PAGE = """<!doctype html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>A figure</title>
<link rel="stylesheet" href="{style}">{scripts}
</head>
<body class="bd-content"><main><h1>A figure</h1><div data-figure="{figure}"></div></main></body>
</html>"""
# The variables of the theme, as the book's pages set them in the dark.
DARK = """html {
    --pst-color-text-base: #ced6dd; --pst-color-background: #14181e; --pst-color-surface: #29313d;
    --pst-color-text-muted: #9ca4af; --pst-color-border: #48566b; --pst-color-primary: #5ca8f5;
    color: #ced6dd; background: #14181e
}"""
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 2}


@pytest.fixture(scope="module")
def browser():
    assert CHROMIUM, "no Chromium on the path"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield running
        running.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Opens a page with one figure, from disk; complaints fail the test."""
    contexts, complaints = [], []

    def go(figure, **options):
        scripts = "".join(
            f'<script src="{(FIGURES / name).as_uri()}"></script>' for name in living_figures.SCRIPTS[figure]
        )
        path = tmp_path / f"{figure}.html"
        path.write_text(PAGE.format(style=(FIGURES / "figures.css").as_uri(), scripts=scripts, figure=figure))
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        page.locator(".living").wait_for()
        return page

    yield go
    for context in contexts:
        context.close()
    assert complaints == []


@functools.cache
def digits():
    """100 digits of scikit-learn as pictures of 28x28 bytes, each in its square of 20x20."""
    data = cnnlib.data.load("digits", size=20)
    digits = data.x_test[:100]
    assert set(data.y_test[:100]) == set(range(10))
    return np.pad(digits, ((0, 0), (4, 4), (4, 4), (0, 0)))


@functools.cache
def exported(name):
    return export_weights.network(FIGURES / f"{name}-weights.js")


def prepared(pictures):
    """What the networks get of pictures of 28x28 bytes."""
    labels = np.zeros(len(pictures), "int64")
    data = dataclasses.replace(
        cnnlib.data.load("digits"), x_train=pictures, y_train=labels, x_test=pictures, y_test=labels
    )
    return inputs.pixel_mapping(cnnlib.recipes.LENET5_MNIST, data)(pictures)


# ------------------------------------------------------------------------------------ the same numbers


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_is_as_keras_computes_it(visit, name):
    page = visit("lenet5")
    model = exported(NETWORKS[name])
    fields = export_weights.read(FIGURES / f"{NETWORKS[name]}-weights.js")
    names = [layer["name"] for layer in fields["layers"]]
    probe = keras.Model(model.input, [model.get_layer(layer).output for layer in names])
    wanted = [ops.convert_to_numpy(values) for values in probe(prepared(digits()))]
    found = page.evaluate(
        """([name, pictures]) => pictures.map((pixels) => {
            const layers = cnnlib[name].layers(pixels);
            delete layers.image;
            return Object.entries(layers).map(
                ([name, x]) => [name, x.maps, x.height, x.width, Array.from(x.data)]
            );
        })""",
        [name, digits().reshape(100, 784).tolist()],
    )
    for number, layers_ in enumerate(found):
        assert [layer[0] for layer in layers_] == names
        for (layer, maps, height, width, values), all_wanted in zip(layers_, wanted):
            values = np.reshape(values, (maps, height, width)).transpose(1, 2, 0)
            np.testing.assert_allclose(
                values, all_wanted[number].reshape(values.shape), rtol=0, atol=1e-3,
                err_msg=f"{layer}, digit {number}",
            )  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_what_the_page_offers_to_others(visit, name):
    page = visit("lenet5")
    found = np.array(
        page.evaluate(
            "([name, pictures]) => pictures.map((pixels) => cnnlib[name].outputs(pixels))",
            [name, digits().reshape(100, 784).tolist()],
        )
    )
    wanted = ops.convert_to_numpy(exported(NETWORKS[name])(prepared(digits())))
    assert found.shape == wanted.shape == (100, 10)
    best = np.argmin if name == "lenet5" else np.argmax
    assert (best(found, axis=1) == best(wanted, axis=1)).all()
    message = page.evaluate(
        "(name) => { try { cnnlib[name].outputs([1, 2]) } catch (error) { return error.message } }", name
    )
    assert message == "expected 784 pixels, got 2"


@pytest.mark.skipif(not MNIST.is_file(), reason="no mnist.npz in CNNLIB_DATA")
def test_the_file_says_how_well_its_network_reads():
    """On the real test digits, where they are."""
    data = cnnlib.data.load("mnist")
    for name, best in (("lenet5", np.argmin), ("lenet5-modern", np.argmax)):
        fields = export_weights.read(FIGURES / f"{name}-weights.js")
        outputs = exported(name).predict(prepared(data.x_test), batch_size=500, verbose=0)
        assert (fields["data"], fields["test_size"]) == ("mnist", len(data.y_test))
        wrong = 100 * np.mean(best(outputs, axis=1) != data.y_test)
        assert abs(wrong - fields["test_error"]) < 0.015  # one digit is 0.01: rounding on another machine


WINDOWS = [(3, 1, 0, 1), (3, 2, 1, 1), (2, 2, 0, 1), (3, 1, 2, 2), (5, 3, 2, 1), (1, 1, 0, 1)]


@pytest.mark.parametrize("k, s, p, d", WINDOWS)
def test_convolution_and_pooling_are_as_keras_computes_them(visit, k, s, p, d):
    generator = np.random.default_rng(k + 10 * s + 100 * p + 1000 * d)
    x = generator.normal(size=(1, 9, 9, 1)).astype("float32") - 3  # mostly negative, for the padding
    kernel = generator.normal(size=(k, k, 1, 1)).astype("float32")
    page = visit("convolution")
    found = page.evaluate(
        """([pixels, kernel, k, s, p, d]) => {
            const { maps, convolution, maxPooling, averagePooling } = cnnlib.layers;
            const x = maps(1, 9, 9);
            x.data.set(pixels);
            const options = { stride: s, padding: p, dilation: d };
            const three = [
                convolution(x, [[{ map: 0, weights: kernel }]], [0.5], k, options),
                maxPooling(x, k, s, Math.min(p, k >> 1)), averagePooling(x, k, s, Math.min(p, k >> 1)),
            ];
            return three.map((y) => [y.height, y.width, Array.from(y.data)]);
        }""",
        [x.ravel().tolist(), kernel.ravel().tolist(), k, s, p, d],
    )
    around = ((0, 0), (p, p), (p, p), (0, 0))
    # A stride and a dilation together are not Keras': what a stride leaves out of a dilated convolution.
    whole = ops.convert_to_numpy(ops.conv(np.pad(x, around), kernel, dilation_rate=d)) + 0.5
    q = min(p, k // 2)
    inside = np.pad(x, ((0, 0), (q, q), (q, q), (0, 0)), constant_values=np.nan)[0, :, :, 0]
    windows = np.lib.stride_tricks.sliding_window_view(inside, (k, k))[::s, ::s]
    wanted = [whole[0, ::s, ::s, 0], np.nanmax(windows, axis=(2, 3)), np.nanmean(windows, axis=(2, 3))]
    for (height, width, values), values_wanted in zip(found, wanted):
        np.testing.assert_allclose(np.reshape(values, (height, width)), values_wanted, atol=1e-4)
    if k > 1 and s > 1 and not q:
        np.testing.assert_allclose(wanted[1], layers.MaxPooling2D(k, s)(x)[0, :, :, 0], atol=1e-5)


# ------------------------------------------------------------------------------------------- LeNet-5


def stroke(page, points, steps=12):
    """Draw with the mouse on the pad; points in shares of its side."""
    pad = page.locator(".living-pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=steps)
    page.mouse.up()
    settle(page)


def settle(page):
    """Waits until the last reading is drawn, and written: numbers stand for 150 ms before the next ones."""
    page.wait_for_timeout(200)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def answers(page):
    return [int(text) for text in page.locator(".living-answer strong").all_inner_texts()]


def clear(page):
    page.get_by_role("button", name="Clear").click()
    settle(page)


HANDWRITING = {
    0: [[
        (0.5, 0.2), (0.33, 0.3), (0.3, 0.5), (0.35, 0.72), (0.5, 0.8), (0.66, 0.7), (0.7, 0.5), (0.65, 0.28),
        (0.5, 0.2),
    ]],
    1: [[(0.5, 0.15), (0.5, 0.85)]],
    2: [[(0.3, 0.3), (0.4, 0.2), (0.55, 0.2), (0.65, 0.33), (0.6, 0.48), (0.3, 0.8), (0.72, 0.8)]],
    3: [[(0.3, 0.22), (0.55, 0.2), (0.65, 0.32), (0.48, 0.47), (0.67, 0.6), (0.6, 0.78), (0.3, 0.8)]],
    4: [[(0.35, 0.2), (0.3, 0.55), (0.7, 0.55)], [(0.66, 0.2), (0.62, 0.85)]],
    5: [[
        (0.68, 0.2), (0.38, 0.2), (0.35, 0.47), (0.55, 0.43), (0.67, 0.55), (0.64, 0.74), (0.48, 0.82),
        (0.32, 0.75),
    ]],
    6: [[
        (0.62, 0.18), (0.42, 0.35), (0.35, 0.6), (0.42, 0.78), (0.57, 0.8), (0.66, 0.68), (0.6, 0.55),
        (0.45, 0.55), (0.36, 0.65),
    ]],
    7: [[(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]],
    8: [[
        (0.62, 0.28), (0.5, 0.2), (0.38, 0.3), (0.45, 0.45), (0.6, 0.56), (0.65, 0.7), (0.5, 0.82),
        (0.36, 0.7), (0.45, 0.53), (0.6, 0.4), (0.62, 0.28),
    ]],
    9: [[
        (0.64, 0.32), (0.52, 0.2), (0.38, 0.28), (0.38, 0.42), (0.5, 0.48), (0.62, 0.4), (0.64, 0.32),
        (0.6, 0.6), (0.55, 0.84),
    ]],
}  # fmt: skip


@pytest.mark.parametrize("digit", HANDWRITING)
def test_a_digit_drawn_by_mouse_is_read(visit, digit):
    page = visit("lenet5")
    clear(page)
    for points in HANDWRITING[digit]:
        stroke(page, points)
    assert answers(page) == [digit, digit]
    page.locator("[role=status]", has_text=f"reads {digit}").wait_for(state="attached")


def test_stored_digits_are_read_as_keras_reads_them_and_a_shifted_one_is_not(visit):
    page = visit("lenet5")
    stored = page.evaluate(
        "() => cnnlib.digits.map((digit) => [...atob(digit.pixels)].map((letter) => letter.charCodeAt(0)))"
    )
    pictures = prepared(np.reshape(stored, (10, 28, 28, 1)).astype("uint8"))
    bests = ("lenet5", np.argmin), ("lenet5-modern", np.argmax)
    wanted = np.stack([best(exported(name)(pictures), axis=1) for name, best in bests], axis=1).tolist()
    for digit in range(10):
        page.get_by_role("button", name=f"test digit, label {digit}").click()
        settle(page)
        assert answers(page) == wanted[digit]
        wrong = sum(answer != digit for answer in wanted[digit])
        assert page.locator(".living-answer em", has_text="misread").count() == wrong
    assert sum(answer == digit for digit in range(10) for answer in wanted[digit]) >= 18
    page.get_by_role("button", name="test digit, label 3").click()
    page.get_by_label("move the picture").check()
    page.locator(".living-pad").focus()
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    settle(page)
    assert page.locator(".living-where").inner_text() == "moved 8 left"
    assert answers(page) != [3, 3] and page.locator(".living-answer em").count() >= 1
    page.get_by_role("button", name="Undo").click()
    settle(page)
    assert answers(page) == [3, 3] and page.locator(".living-answer em").count() == 0


def test_drawing_by_keyboard_alone(visit):
    page = visit("lenet5")
    clear(page)
    page.locator(".living-pad").focus()
    for key in ["ArrowUp"] * 9 + [" "] + ["ArrowDown"] * 18 + [" "]:
        page.keyboard.press(key)
    settle(page)
    assert answers(page) == [1, 1]
    page.keyboard.press("Delete")
    page.locator("[role=status]", has_text="an empty picture").wait_for(state="attached")


def test_centring_is_as_in_mnist_and_can_be_turned_off(visit):
    page = visit("lenet5")
    small = [[[3, 3], [9, 3], [5, 10]]]
    pixels = np.reshape(page.evaluate("(s) => Array.from(cnnlib.lenet5.centred(s))", small), (28, 28))
    rows, _ = np.nonzero(pixels)
    assert 19 <= np.ptp(rows) + 1 <= 22  # 20 and soft edges
    weights = pixels / pixels.sum()
    middle = [(weights.sum(axis=1 - axis) * (np.arange(28) + 0.5)).sum() for axis in (0, 1)]
    assert np.allclose(middle, 14, atol=0.1)
    raw = np.reshape(page.evaluate("(s) => Array.from(cnnlib.lenet5.rasterise(s))", small), (28, 28))
    assert np.nonzero(raw)[0].max() <= 12 and np.nonzero(raw)[1].max() <= 12

    clear(page)
    stroke(page, [(0.1, 0.1), (0.28, 0.1), (0.17, 0.35)])
    assert answers(page) == [7, 7]
    before = page.locator(".living-seen canvas").evaluate("c => c.toDataURL()")
    page.get_by_label("scale and centre").uncheck()
    settle(page)
    assert page.locator(".living-seen canvas").evaluate("c => c.toDataURL()") != before
    assert answers(page) != [7, 7]


def test_a_part_can_be_covered(visit):
    page = visit("lenet5")
    page.get_by_role("button", name="test digit, label 7").click()
    page.get_by_label("cover a part").check()
    stroke(page, [(0.3, 0.3), (0.5, 0.5)])
    assert page.locator(".living-where").inner_text() == "partly covered"
    shown = page.locator(".living-seen canvas").evaluate(
        "c => Array.from(c.getContext('2d').getImageData(0, 0, 32, 32).data).filter((_, at) => at % 4 === 0)"
    )
    corner = np.reshape(shown, (32, 32))[12:20, 12:20]
    assert (corner == corner[0, 0]).all()
    page.get_by_role("button", name="test digit, label 3").click()  # uncovered, and covered again by keyboard
    page.locator(".living-pad").focus()
    page.keyboard.press("ArrowDown")
    settle(page)
    assert page.locator(".living-where").inner_text() == "partly covered"


def test_a_finger_draws_on_a_phone_and_the_page_does_not_scroll(visit):
    page = visit("lenet5", **PHONE)
    clear(page)
    pad = page.locator(".living-pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    touch = page.context.new_cdp_session(page)
    points = [(0.25 + 0.05 * n, 0.2) for n in range(11)]
    points += [(0.75 - 0.03 * n, 0.2 + 0.065 * n) for n in range(11)]
    for number, (x, y) in enumerate(points):
        place = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        kind = "touchMove" if number else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    settle(page)
    assert answers(page) == [7, 7]
    assert pad.bounding_box() == box
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_frame_is_done_in_time_on_a_slow_phone(visit):
    """The work for one frame while drawing, on a processor a quarter as fast."""
    page = visit("lenet5", **PHONE)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    clear(page)
    page.evaluate(
        """() => {
            window.spent = [];
            const ask = window.requestAnimationFrame.bind(window);
            window.requestAnimationFrame = (work) => ask((time) => {
                const start = performance.now();
                work(time);
                window.spent.push(performance.now() - start);
            });
        }"""
    )
    stroke(page, [(0.25, 0.2), (0.75, 0.2), (0.45, 0.85), (0.3, 0.5)], steps=30)
    spent = np.array(page.evaluate("window.spent"))
    assert len(spent) > 20
    print(f"milliseconds a frame: median {np.median(spent):.1f}, 95 % {np.quantile(spent, 0.95):.1f}")
    assert np.median(spent) < 1000 / 60 * 2  # a machine under test is shared; measured alone: a third of that


# --------------------------------------------------------------------------------------- convolution


def numbers(page, stage):
    """The numbers of a grid, in rows."""
    texts = page.locator(f".living-grid[aria-label='{stage}'] text").all_text_contents()
    values = [float(text.replace("−", "-").replace("∞", "inf") or "nan") for text in texts]
    side = int(len(values) ** 0.5)
    return np.reshape(values, (side, side))


def test_the_kernel_slides(visit):
    page = visit("convolution")
    picture, output = numbers(page, "the picture"), numbers(page, "the output")
    kernel = np.reshape([-1, 0, 1, -2, 0, 2, -1, 0, 1], (3, 3))
    windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 3))
    assert np.array_equal(output, (windows * kernel).sum(axis=(2, 3)))
    page.locator("[aria-label='the output']").focus()
    for key in ("ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert page.locator(".living-sum").inner_text() == f"Sum of the 9 products: {output[1, 2]:g}."
    page.locator("[role=status]", has_text="row 2, column 3").wait_for(state="attached")


def test_the_numbers_of_the_layer_change_map_and_formula(visit):
    page = visit("convolution")
    for k, s, p, d in [(3, 2, 1, 1), (3, 1, 2, 2), (5, 1, 0, 1), (2, 2, 0, 3)]:
        for key, value in zip("kspd", (k, s, p, d)):
            page.locator(f"select[data-key={key}]").select_option(str(value))
        side = (8 + 2 * p - d * (k - 1) - 1) // s + 1
        assert numbers(page, "the output").shape == (side, side)
        assert page.locator(".living p").filter(has_text="⌊").inner_text().endswith(f"= {side}")
        assert page.locator(".living-kernel input").count() == k * k
    page.locator("select[data-key=k]").select_option("5")  # 3 * 4 + 1 = 13 > 8
    assert "does not fit" in page.locator("[aria-label='the output']").inner_text()


def test_padding_in_max_pooling_is_minus_infinity(visit):
    page = visit("convolution")
    page.locator("select").filter(has_text="negative numbers").select_option("negative numbers")
    page.get_by_label("max pooling").check()
    page.locator("select[data-key=p]").select_option("1")
    picture, output = numbers(page, "the picture"), numbers(page, "the output")
    assert np.isneginf(picture[0]).all() and picture[1:-1, 1:-1].max() < 0
    assert output.max() < 0 and output[0, 0] == picture[1:3, 1:3].max()
    page.get_by_label("average pooling").check()
    assert numbers(page, "the output")[0, 0] == pytest.approx(picture[1:3, 1:3].mean(), abs=0.06)


def test_painting_and_another_kernel(visit):
    page = visit("convolution")
    page.get_by_label("paint with").check()
    page.locator("[aria-label='the picture']").focus()
    for key in ("ArrowRight", "ArrowDown", "7"):
        page.keyboard.press(key)
    assert numbers(page, "the picture")[1, 1] == 7
    box = page.locator("[aria-label='the picture'] svg").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 5.5 / 8, box["y"] + box["height"] * 2.5 / 8)
    assert numbers(page, "the picture")[2, 5] == 9
    page.get_by_role("button", name="blur").click()
    assert numbers(page, "the output")[0, 0] == pytest.approx((8 + 7) / 9, abs=0.06)
    page.locator(".living-kernel input").nth(4).fill("2")
    assert numbers(page, "the output")[0, 0] == pytest.approx(8 / 9 + 14, abs=0.06)


# ----------------------------------------------------------------------------------------------- both


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("figure", living_figures.SCRIPTS)
def test_accessible(visit, figure, theme, options):
    """axe-core has nothing to say; the figure is not wider than the page."""
    from axe_playwright_python.sync_playwright import Axe

    page = visit(figure, color_scheme=theme, **options)
    if theme == "dark":
        page.add_style_tag(content=DARK)
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
    settle(page)
    found = Axe().run(page, options={"preload": False, "resultTypes": ["violations"]}).response["violations"]
    assert [(rule["id"], node["html"][:120]) for rule in found for node in rule["nodes"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(
    "figure, page",
    [
        ("convolution", "01-convolution"),
        ("lenet5", "02-lenet5"),
        ("field", "04-vgg"),
        ("bottleneck", "05-one-by-one"),
        ("depth", "07-resnet"),
        ("networks", "08-comparison"),
    ],
)
def test_the_chapter_has_its_figure_and_no_other_page_its_scripts(figure, page):
    if not (HTML / "index.html").is_file():
        pytest.skip("no built book: run `make book`")
    pages = {path.stem: path.read_text("utf-8") for path in HTML.glob("*.html")}
    assert f'data-figure="{figure}"' in pages[page]
    for script in living_figures.SCRIPTS[figure]:
        assert pages[page].count(f"_static/figures/{script}") == 1
    own = set(living_figures.SCRIPTS[figure]) - {"network.js", "panel.js"}
    others = [text for name, text in pages.items() if name != page]
    assert not any(f"figures/{script}" in text for text in others for script in own)


def test_a_chapters_page_stays_small():
    """Whatever a browser fetches for the figure and the page's own text and pictures: under 1.5 MB."""
    if not (HTML / "02-lenet5.html").is_file():
        pytest.skip("no built book: run `make book`")
    from bs4 import BeautifulSoup

    page = BeautifulSoup((HTML / "02-lenet5.html").read_text("utf-8"), "html.parser")
    own = [tag.get("src") for tag in page.find_all("img")] + [
        tag.get("src") for tag in page.find_all("script") if "figures/" in (tag.get("src") or "")
    ]
    files = [HTML / source.partition("?")[0] for source in own if source and not source.startswith("data:")]
    assert sum(path.stat().st_size for path in [HTML / "02-lenet5.html", *files]) < 1.5e6
