// The living figure of chapter 5: what a neck in front of a window saves, and what narrow ones cost in recorded runs.
"use strict";

window.cnnlib = window.cnnlib || {};

// The arithmetic, apart from the page: tests hold it against cnnlib.account.
cnnlib.neck = (() => {
  // A k x k convolution from `before` maps to `after` on n x n places, and the same behind a 1x1 convolution
  // that makes `width` maps. From `from` maps on the two cost as much as the one, or more.
  function costs({ before, after, k, n, width }) {
    const layer = (side, maps, units) => {
      const weights = side * side * maps * units;
      return { macs: n * n * weights, weights, parameters: weights + units };
    };
    const [direct, narrowing, behind] = [layer(k, before, after), layer(1, before, width), layer(k, width, after)];
    const through = Object.fromEntries(Object.keys(direct).map((key) => [key, narrowing[key] + behind[key]]));
    return { direct, narrowing, behind, through, from: Math.ceil((k * k * before * after) / (before + k * k * after)) };
  }

  // Which of the widths is nearest in relation: 11 lies nearer to 8 than to 16.
  function nearest(widths, width) {
    const far = widths.map((one) => Math.abs(Math.log(one / width)));
    return far.indexOf(Math.min(...far));
  }

  return { costs, nearest };
})();

(() => {
  const { element, Panel } = cnnlib.drawing;
  const { costs, nearest } = cnnlib.neck;
  const { necks, images, tests, passes } = cnnlib.neckRuns;
  const WIDTHS = necks.map(({ width }) => width);
  const WINDOWS = [1, 3, 5, 7, 9, 11];
  const EXAMPLES = {
    "GoogLeNet 3a, 5x5": { before: 192, after: 32, k: 5, n: 28, width: 16 },
    "GoogLeNet 3a, 3x3": { before: 192, after: 128, k: 3, n: 28, width: 96 },
    "ResNet-50, 3x3 on 56x56": { before: 256, after: 64, k: 3, n: 56, width: 64 },
  };
  const NUMBERS = { before: ["maps before, c", 2048], after: ["after, c′", 2048], n: ["side, n", 512] };

  const whole = (value) => value.toLocaleString("en");
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const short = (value) => {
    for (const [unit, size] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]])
      if (value >= size) return `${Number((value / size).toPrecision(3))} ${unit}`;
    return String(value);
  };
  const maps = (count) => `${whole(count)} map${count === 1 ? "" : "s"}`;
  // Two decimals, or four where they would say 1.00 of what is not 1.
  const ratio = (value) => value.toFixed(value !== 1 && Math.abs(value - 1) < 0.005 ? 4 : 2);
  const compared = ({ macs: direct }, { macs: through }) =>
    through < direct ? `${ratio(direct / through)} times fewer` : through > direct ? `${ratio(through / direct)} times as many` : "as many";
  // Multiples of 1, 2 or 5 times a power of ten, at most `count` of them up to `most`.
  const ticks = (most, count) => {
    const rough = most / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
    return Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => at * step);
  };
  const svg = (width, height, parts) =>
    `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" aria-hidden="true" xmlns="http://www.w3.org/2000/svg">${parts.join("")}</svg>`;

  class BottleneckFigure {
    constructor(place) {
      Object.assign(this, { place, ...EXAMPLES["GoogLeNet 3a, 5x5"] });
      this.build();
      this.listen();
      this.draw();
    }

    build() {
      this.slider = element("input", { type: "range", min: 1, step: 1, "aria-label": "maps in the neck" });
      this.widthText = element("output", { class: "living-value" });
      this.inputs = {};
      const numbers = Object.entries(NUMBERS).map(([key, [text, max]]) => {
        this.inputs[key] = element("input", { type: "number", min: 1, max, step: 1, inputmode: "numeric" });
        return element("label", { class: "living-inline" }, `${text} `, this.inputs[key]);
      });
      this.window = element("select", {}, ...WINDOWS.map((k) => element("option", { value: k }, `${k}x${k}`)));
      numbers.splice(2, 0, element("label", { class: "living-inline" }, "window, k ", this.window));
      const examples = Object.entries(EXAMPLES).map(([name, values]) => {
        const made = element("button", { type: "button" }, name);
        made.addEventListener("click", () => this.set(values));
        return made;
      });
      const panel = (label, more = "") => element("div", { class: `living-panel ${more}`, role: "img", "aria-label": label });
      this.bars = panel("the maps, directly and through the neck");
      this.chart = panel("multiplications by width of the neck", "living-drag");
      this.errors = panel("test error by width of the neck");
      this.macs = panel("MACs of the network by width of the neck");
      this.said = element("p", { class: "living-said living-saved" });
      this.table = element("table", { class: "living-totals" });
      this.found = element("p", { class: "living-said living-found" });
      this.status = element("p", { class: "living-hidden", role: "status" });
      this.root = element(
        "div", { class: "living" },
        element("p", { class: "living-title" }, "A neck in front of a window"),
        element("label", { class: "living-slide living-long" }, "maps in the neck ", this.slider, this.widthText),
        element("div", { class: "living-pair" }, this.bars, this.chart),
        this.said, this.table,
        element("div", { class: "living-row" }, ...numbers),
        element("div", { class: "living-buttons", role: "group", "aria-label": "layers of this book's networks" }, ...examples),
        element("p", { class: "living-keys" },
          "Drag in the graph, or use the slider: its arrow keys move by one map. Left: bars of maps, as high as they are many. Right: what the 1x1 layer and " +
          "the window behind it cost together, by the neck's width; dashed, the window without a neck; dotted, the width from which on nothing is saved."),
        element("p", { class: "living-title" }, "Recorded: necks in the small network"),
        element("div", { class: "living-pair" }, this.errors, this.macs),
        this.found,
        element("p", { class: "living-keys" },
          "The width that is nearest to the slider's is filled. Left: a dot a seed, and the mean. Right: multiplications (MACs) of one image. " +
          `CIFAR-10 brought to 16x16 pixels, ${whole(images)} training and ${whole(tests)} test images, ${passes} passes. In this network 24 maps come ` +
          "before the neck, and a pool stands behind it: the 1x1 works on 16x16 places, the 5x5 on 8x8. So the quotient above is not the network's."),
        this.status,
      );
      this.place.replaceChildren(this.root);
    }

    listen() {
      this.slider.addEventListener("input", () => this.set({ width: Number(this.slider.value) }));
      this.window.addEventListener("change", () => this.set({ k: Number(this.window.value) }));
      for (const [key, input] of Object.entries(this.inputs)) {
        input.addEventListener("input", () => {
          if (input.value !== "" && input.validity.valid) this.set({ [key]: input.valueAsNumber }, input);
        });
        input.addEventListener("change", () => this.set({})); // what cannot be is put back
      }
      const drag = (event) => {
        if (event.button > 0) return;
        const { left } = this.chart.getBoundingClientRect();
        const share = (event.clientX - left - this.graph.x(0)) / (this.graph.x(this.most) - this.graph.x(0));
        this.set({ width: Math.max(1, Math.min(this.most, Math.round(share * this.most))) });
      };
      this.chart.addEventListener("pointerdown", (event) => {
        this.chart.setPointerCapture(event.pointerId);
        drag(event);
      });
      this.chart.addEventListener("pointermove", (event) => event.buttons && drag(event));
      for (const panel of [this.errors, this.macs])
        panel.addEventListener("pointerdown", (event) => {
          if (event.button > 0) return;
          const at = event.clientX - panel.getBoundingClientRect().left;
          const far = WIDTHS.map((width) => Math.abs(this.measured.x(Math.log2(width)) - at));
          this.set({ width: WIDTHS[far.indexOf(Math.min(...far))] });
        });
      new ResizeObserver(() => {
        if (this.drawn !== this.root.clientWidth) this.draw();
      }).observe(this.root);
    }

    // The widest neck to choose: all maps before it, or the widest that was recorded.
    get most() {
      return Math.max(this.before, ...WIDTHS);
    }

    // `typed` is left as the reader has it.
    set(values, typed = null) {
      Object.assign(this, values);
      this.width = Math.min(this.width, this.most);
      this.draw(typed);
    }

    draw(typed = null) {
      this.drawn = this.root.clientWidth;
      this.costs = costs(this);
      this.slider.max = this.most;
      this.slider.value = this.width;
      this.window.value = this.k;
      for (const [key, input] of Object.entries(this.inputs)) if (input !== typed) input.value = this[key];
      this.widthText.textContent = whole(this.width);
      this.slider.setAttribute("aria-valuetext", `${maps(this.width)}: ${compared(this.costs.direct, this.costs.through)}`);
      this.drawBars();
      this.drawChart();
      this.explain();
      this.drawMeasured();
      const text = `${this.said.textContent} ${this.found.textContent}`;
      clearTimeout(this.later);
      this.later = setTimeout(() => (this.status.textContent = text), 600);
    }

    drawBars() {
      const { before, after, width, k } = this;
      const { direct, narrowing, behind } = this.costs;
      const [full, height, thick, tall] = [this.bars.clientWidth, 256, 26, 84];
      const scale = tall / Math.max(before, after, width);
      const parts = [];
      const text = (x, y, words, more = 'text-anchor="middle"') => parts.push(`<text x="${x}" y="${y}" font-size="11" fill="currentColor" ${more}>${words}</text>`);
      const row = (y, title, stations, steps) => {
        text(0, y - tall / 2 - 8, title, "");
        for (const [x, count, style] of stations) {
          const high = Math.max(1.5, count * scale);
          parts.push(`<rect class="${style}" x="${x - thick / 2}" y="${(y - high / 2).toFixed(1)}" width="${thick}" height="${high.toFixed(1)}" rx="1"/>`);
          text(x, y + tall / 2 + 13, whole(count));
        }
        steps.forEach(([side, { macs }], at) => {
          const [from, to] = [stations[at][0] + thick / 2 + 4, stations[at + 1][0] - thick / 2 - 4];
          parts.push(`<path d="M${from} ${y}H${to}m-6 -4l6 4l-6 4" fill="none" stroke="currentColor"/>`);
          text((from + to) / 2, y - 8, `${side}x${side}`, 'text-anchor="middle" font-weight="600"');
          const exact = whole(macs);
          text((from + to) / 2, y + 16, exact.length * 6 < to - from ? exact : short(macs));
        });
      };
      const [left, middle, right] = [16, full / 2, full - 16];
      row(62, "directly", [[left, before, "living-others"], [right, after, "living-others"]], [[k, direct]]);
      row(192, "through the neck", [[left, before, "living-others"], [middle, width, "living-neck"], [right, after, "living-others"]], [[1, narrowing], [k, behind]]);
      this.bars.innerHTML = svg(full, height, parts);
    }

    // Both parts grow in proportion to the width: two triangles, one upon the other.
    drawChart() {
      const { most, width, k } = this;
      const { direct, through, from } = this.costs;
      const widest = costs({ ...this, width: most });
      const high = Math.max(direct.macs, widest.through.macs);
      const panel = new Panel(this.chart.clientWidth, 256, {
        x: [0, most], y: [0, 1.06 * high],
        xTicks: ticks(most, 5).map((value) => [value, whole(value)]), yTicks: ticks(high, 5).map((value) => [value, short(value)]),
        xLabel: "maps in the neck", yLabel: "multiplications",
      });
      this.graph = panel;
      const at = (x, y) => `${panel.x(x).toFixed(1)} ${panel.y(y).toFixed(1)}`;
      panel.parts.push(
        `<path class="living-one" fill-opacity=".8" d="M${at(0, 0)}L${at(most, widest.narrowing.macs)}L${at(most, 0)}Z"/>`,
        `<path class="living-behind" fill-opacity=".55" d="M${at(0, 0)}L${at(most, widest.through.macs)}L${at(most, widest.narrowing.macs)}Z"/>`,
      );
      panel.line([[0, direct.macs], [most, direct.macs]], 'stroke="currentColor" stroke-width="1.5" stroke-dasharray="6 4"');
      panel.text(panel.x(0) + 5, panel.y(direct.macs) + (panel.y(direct.macs) < 45 ? 14 : -5), "without a neck", 'class="living-halo"');
      if (from <= most) {
        panel.line([[from, 0], [from, 1.06 * high]], 'stroke="currentColor" stroke-dasharray="1 3"');
        const late = from > most / 2;
        panel.text(panel.x(from) + (late ? -4 : 4), 37, `from ${whole(from)}`, `class="living-halo" text-anchor="${late ? "end" : "start"}"`);
      }
      panel.line([[width, 0], [width, through.macs]], 'class="living-here" stroke-width="2.5"');
      panel.dot(width, through.macs, 'class="living-handle"', 6);
      this.legend(panel, [["living-one", "1x1"], ["living-behind", `${k}x${k} behind`]]);
      this.chart.innerHTML = panel.html();
    }

    // Swatches with their words, to the right above a panel.
    legend(panel, entries) {
      let end = panel.width - 8;
      for (const [style, words] of [...entries].reverse()) {
        end -= 6 * words.length;
        panel.text(end, 11, words);
        panel.parts.push(`<rect class="${style}" x="${end - 14}" y="2" width="10" height="10"/>`);
        end -= 26;
      }
    }

    explain() {
      const { width, before } = this;
      const { direct, through, from } = this.costs;
      const saves = from > 2 ? `A neck of up to ${maps(from - 1)} saves some; from ${whole(from)} on nothing is saved.`
        : from > 1 ? "A neck of one map saves some; from 2 on nothing is saved." : "No neck saves anything here.";
      const none = width >= before ? ` With ${maps(before)} before it that is no neck.` : "";
      this.said.textContent =
        `Through a neck of ${maps(width)}: ${whole(through.macs)} multiplications in place of ${whole(direct.macs)}, ${compared(direct, through)}.${none} ${saves}`;
      const cell = (text, attributes) => element(attributes ? "th" : "td", attributes || {}, text);
      const lines = { multiplications: "macs", weights: "weights", "weights and biases": "parameters" };
      this.table.replaceChildren(
        element("tr", {}, cell(""), ...["directly", "through the neck", "quotient"].map((text) => cell(text, { scope: "col" }))),
        ...Object.entries(lines).map(([name, key]) =>
          element("tr", {}, cell(name, { scope: "row" }), cell(whole(direct[key])), cell(whole(through[key])), cell(ratio(direct[key] / through[key])))),
      );
    }

    drawMeasured() {
      const chosen = necks[nearest(WIDTHS, this.width)];
      const axis = { x: [0.5, 5.5], xTicks: WIDTHS.map((width) => [Math.log2(width), String(width)]), xLabel: "maps in the neck" };
      const every = necks.flatMap(({ errors }) => errors);
      const [low, high] = [5 * Math.floor(Math.min(...every) / 5), 5 * Math.ceil(Math.max(...every) / 5)];
      const percents = Array.from({ length: (high - low) / 5 + 1 }, (_, at) => [low + 5 * at, String(low + 5 * at)]);
      const panel = new Panel(this.errors.clientWidth, 230, { ...axis, y: [low - 0.5, high + 0.5], yTicks: percents, yLabel: "test error (%)" });
      this.measured = panel;
      panel.line(necks.map(({ width, errors }) => [Math.log2(width), mean(errors)]), 'class="living-plain" stroke-width="2"');
      for (const neck of necks)
        for (const error of neck.errors)
          panel.dot(Math.log2(neck.width), error, `class="living-mark living-plain${neck === chosen ? " living-full" : ""}"`, 4);
      this.errors.innerHTML = panel.html();

      const most = Math.max(...necks.map(({ macs }) => macs));
      const cost = new Panel(this.macs.clientWidth, 230, { ...axis, y: [0, 1.05 * most], yTicks: ticks(most, 5).map((value) => [value, short(value)]), yLabel: "MACs" });
      for (const neck of necks) {
        const x = cost.x(Math.log2(neck.width));
        const wide = (cost.x(1) - cost.x(0)) * 0.5;
        let base = 0;
        const stack = [["living-others", neck.macs - neck.narrowing - neck.behind], ["living-one", neck.narrowing], ["living-behind", neck.behind]];
        for (const [style, part] of stack) {
          const [bottom, above] = [cost.y(base), cost.y(base + part)];
          const faint = neck === chosen ? "" : ' opacity=".4"';
          cost.parts.push(`<rect class="${style}"${faint} x="${(x - wide / 2).toFixed(1)}" y="${above.toFixed(1)}" width="${wide.toFixed(1)}" height="${(bottom - above).toFixed(1)}"/>`);
          base += part;
        }
      }
      this.legend(cost, [["living-others", "other layers"], ["living-one", "1x1 to the neck"], ["living-behind", "5x5"]]);
      this.macs.innerHTML = cost.html();

      const { width, errors, macs, narrowing, behind, less } = chosen;
      const apart = less ? `, ${less[0].toFixed(2)} points more than with 32 (95 % interval ${less[1].toFixed(2)} to ${less[2].toFixed(2)})` : "";
      const recorded = width === this.width ? `Recorded with ${maps(width)}:` : `Nearest to it among the recorded widths are ${maps(width)}:`;
      this.found.textContent =
        `${recorded} ${mean(errors).toFixed(2)} % of the test images wrong in the mean of ${errors.length} seeds ` +
        `(${Math.min(...errors).toFixed(2)} to ${Math.max(...errors).toFixed(2)})${apart}. An image takes ${whole(macs)} MACs, ` +
        `${whole(narrowing)} of them in the 1x1 that makes the neck, ${whole(behind)} in the 5x5 behind it.`;
    }
  }

  const start = () => document.querySelectorAll('[data-figure="bottleneck"]').forEach((place) => new BottleneckFigure(place));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
