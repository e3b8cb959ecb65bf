"""How many frames a second the living figures reach while one plays with them; see README.md.

    make book && python benchmarks/frames.py [--slower 4] [--seconds 5] [--build _build]

Opens the pages of the built book in headless Chromium, as wide as a phone and with a processor that is held
to a quarter of its speed, and drags a pointer over each figure. A frame is late if it comes more than half a
frame after its time. Needs Chromium on the path, and a machine that does nothing else.
"""

import argparse
import itertools
import math
import pathlib
import shutil
import statistics
import time

# What is dragged on which page: the figure, and what in it follows the pointer.
DRAGGED = {
    ("01-convolution", "convolution"): ".living svg >> nth=0",
    ("02-lenet5", "lenet5"): ".living-pad",
    ("04-vgg", "field"): "[aria-label='the layers'] svg",
    ("05-one-by-one", "bottleneck"): "input[type=range] >> nth=0",
    ("07-resnet", "depth"): "input[type=range] >> nth=0",
    ("08-comparison", "networks"): ".living svg >> nth=0",
}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 2}
FRAME = 1000 / 60  # ms
WATCH = """() => {
    window.watched = [];
    const next = (now) => { window.watched.push(now); window.watching = requestAnimationFrame(next); };
    window.watching = requestAnimationFrame(next);
}"""
WATCHED = "() => { cancelAnimationFrame(window.watching); return window.watched; }"


def scribble(box, part):
    """Where the pointer is at a part of the way: a line that winds over the whole box."""
    across, down = math.sin(7 * 2 * math.pi * part), math.sin(3 * 2 * math.pi * part)
    return box["x"] + box["width"] * (0.5 + 0.4 * across), box["y"] + box["height"] * (0.5 + 0.35 * down)


def drag(page, box, seconds):
    """Times of all frames, ms, and the seconds of the page's main thread, while the pointer is dragged."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def busy():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    page.mouse.move(*scribble(box, 0))
    page.mouse.down()
    page.evaluate(WATCH)
    start, before, moves = time.perf_counter(), busy(), 0
    while (part := (time.perf_counter() - start) / seconds) < 1:
        page.mouse.move(*scribble(box, part))
        moves += 1
    spent, times = busy() - before, page.evaluate(WATCHED)
    page.mouse.up()
    return times, spent, moves


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slower", type=float, default=4, help="how many times slower the processor is made")
    parser.add_argument("--seconds", type=float, default=5, help="for how long each figure is dragged")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("_build"), help="the built book")
    options = parser.parse_args()
    html = (options.build / "html").resolve()
    if not (html / "index.html").is_file():
        raise SystemExit(f"--build: expected a built book, found no {html}/index.html; run: make book")
    chromium = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    if chromium is None:
        raise SystemExit("No Chromium on the path.")
    from playwright.sync_api import sync_playwright

    print("figure        frames/s   longest, ms   late   a frame's work, ms   moves/s")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        for (name, figure), what in DRAGGED.items():
            page = browser.new_context(**PHONE).new_page()
            page.goto((html / f"{name}.html").as_uri())
            target = page.locator(f"[data-figure={figure}]").locator(what)
            target.scroll_into_view_if_needed()
            page.wait_for_timeout(1000)
            held = page.context.new_cdp_session(page)
            held.send("Emulation.setCPUThrottlingRate", {"rate": options.slower})
            times, spent, moves = drag(page, target.bounding_box(), options.seconds)
            gaps = [after - before for before, after in itertools.pairwise(times)]
            late = sum(gap > 1.5 * FRAME for gap in gaps) / len(gaps)
            print(
                f"{figure:<12} {1000 / statistics.mean(gaps):>9.1f} {max(gaps):>13.1f} {100 * late:>4.0f} %"
                f" {1000 * spent / len(gaps):>20.1f} {moves / options.seconds:>9.0f}",
                flush=True,
            )
            page.context.close()
        browser.close()


if __name__ == "__main__":
    main()
