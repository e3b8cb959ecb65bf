// The living figure of chapter 8: the papers' own networks, on axes of the reader's choice.
"use strict";

(() => {
  const { element, Panel } = cnnlib.drawing;
  const points = cnnlib.printed;
  const AXES = {
    macs: { text: "MACs of one view", log: true },
    tested: { text: "MACs of all views", log: true },
    parameters: { text: "parameters", log: true },
    activations: { text: "activations of one view", log: true },
    year: { text: "year" },
    top1: { text: "top-1 error (%)" },
    top5: { text: "top-5 error (%)" },
  };
  const HORIZONTAL = ["macs", "tested", "parameters", "activations", "year"];
  const VERTICAL = ["top1", "top5", "parameters", "macs", "activations"];
  const YEARS = { 2012: "living-early", 2014: "living-residual", 2015: "living-plain" };
  // Each way of testing has a mark: a path around 0, 0.
  const MARKS = {
    "10 views": ["10 views", "M-4.5 -4.5h9v9h-9z"],
    "1 view": ["1 view", "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0"],
    "144 views": ["144 views", "M0 -6l6 10h-12z"],
    "slid, 256": ["slid over the picture, shorter side 256", "M0 -6l6 6l-6 6l-6 -6z"],
    "slid, 384": ["slid over the picture, shorter side 384", "M0 6l6 -10h-12z"],
  };

  const whole = (value) => value.toLocaleString("en");
  const short = (value) => {
    for (const [unit, size] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]])
      if (value >= size) return `${Number((value / size).toPrecision(3))} ${unit}`;
    return String(value);
  };
  const titled = ({ name, protocol }) => `${name}, ${protocol}`;
  const of = (point, key) => (AXES[key].log ? Math.log10(point[key]) : point[key]);
  // Ends and ticks of an axis that holds the values; of a logarithmic one at 1, 2 and 5 times powers of ten.
  function scale(key, values) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    if (key === "year") return { ends: [low - 0.5, high + 0.5], ticks: [2012, 2013, 2014, 2015].filter((year) => year >= low && year <= high).map((year) => [year, String(year)]) };
    const room = 0.08 * Math.max(high - low, AXES[key].log ? 0.3 : 2);
    const ends = [low - room, high + room];
    const ticks = [];
    if (AXES[key].log) {
      for (let power = Math.floor(ends[0]); power <= ends[1]; power++)
        for (const factor of [1, 2, 5]) ticks.push([power + Math.log10(factor), short(factor * 10 ** power)]);
    } else {
      const step = ends[1] - ends[0] > 12 ? 5 : ends[1] - ends[0] > 5 ? 2 : 1;
      for (let value = step * Math.ceil(ends[0] / step); value <= ends[1]; value += step) ticks.push([value, String(value)]);
    }
    return { ends, ticks: ticks.filter(([value]) => value >= ends[0] && value <= ends[1]) };
  }

  class NetworksFigure {
    constructor(place) {
      Object.assign(this, { place, x: "macs", y: "top1", chosen: points.find(({ name }) => name === "ResNet 50") });
      this.build();
      this.listen();
      this.draw();
    }

    build() {
      const axis = (label, keys, chosen) => {
        const made = element("select", { "aria-label": label }, ...keys.map((key) => element("option", { value: key }, AXES[key].text)));
        made.value = chosen;
        return [made, element("label", { class: "living-inline" }, `${label} `, made)];
      };
      const [across, acrossLabel] = axis("across", HORIZONTAL, this.x);
      const [up, upLabel] = axis("up", VERTICAL, this.y);
      this.names = element("select", { "aria-label": "network" });
      Object.assign(this, { across, up, boxes: {} });
      const swatch = (path, style) =>
        `<svg viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true" class="living-swatch" xmlns="http://www.w3.org/2000/svg"><path class="living-mark ${style}" d="${path}"/></svg> `;
      const check = (key, text, mark) => {
        const input = element("input", { type: "checkbox" });
        input.checked = true;
        this.boxes[key] = input;
        const words = element("span", {});
        words.innerHTML = mark;
        words.append(text);
        return element("label", { class: "living-inline" }, input, " ", words);
      };
      const group = (legend, labels) => element("fieldset", { class: "living-row" }, element("legend", {}, legend), ...labels);
      this.stage = element("div", {
        class: "living-panel living-stage", tabindex: "0", role: "application", "aria-label": "the networks as points", "aria-describedby": "living-networks-keys",
      });
      this.said = element("p", { class: "living-said" });
      this.left = element("p", { class: "living-keys living-left" });
      this.status = element("p", { class: "living-hidden", role: "status" });
      this.root = element(
        "div", { class: "living living-cloud" },
        element("p", { class: "living-title" }, "The papers' own networks on ImageNet"),
        element("div", { class: "living-row" }, acrossLabel, upLabel),
        this.stage, this.left,
        element("label", { class: "living-inline living-wide" }, "network ", this.names),
        this.said,
        group("tested", Object.entries(MARKS).map(([key, [text, path]]) => check(key, key.startsWith("slid") ? text : `on ${text}`, swatch(path, "living-early")))),
        group("year", Object.entries(YEARS).map(([year, style]) => check(year, year, swatch(MARKS["10 views"][1], `${style} living-full`)))),
        element("p", { class: "living-keys", id: "living-networks-keys" },
          "Point at a network, tap it, or use the arrow keys: left and right go to the next one across, up and down to the next one up. Dotted lines join one network " +
          "tested in several ways. Errors as printed, for the validation images of 2012; parameters, MACs and activations as this book counts them, for one view of " +
          "224x224 pixels (AlexNet: 227x227). Years and recipes differ, and the ways of testing: within one of them and one paper the errors may be compared."),
        this.status,
      );
      this.place.replaceChildren(this.root);
    }

    listen() {
      this.across.addEventListener("change", () => this.set({ x: this.across.value }));
      this.up.addEventListener("change", () => this.set({ y: this.up.value }));
      this.names.addEventListener("change", () => this.set({ chosen: points[this.names.value] }));
      for (const box of Object.values(this.boxes)) box.addEventListener("change", () => this.set({}));
      const point = (event) => {
        if (event.button > 0 || !this.shown.length) return;
        const { left, top } = this.stage.getBoundingClientRect();
        const far = this.shown.map((one) => Math.hypot(this.panel.x(of(one, this.x)) - (event.clientX - left), this.panel.y(of(one, this.y)) - (event.clientY - top)));
        const nearest = this.shown[far.indexOf(Math.min(...far))];
        if (nearest !== this.chosen) this.set({ chosen: nearest });
      };
      this.stage.addEventListener("pointerdown", point);
      this.stage.addEventListener("pointermove", (event) => event.pointerType === "mouse" && point(event));
      this.stage.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const move = { ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowDown: ["y", -1], ArrowUp: ["y", 1] }[event.key];
        if (!move || !this.shown.length) return;
        event.preventDefault();
        const [first, second] = move[0] === "x" ? [this.x, this.y] : [this.y, this.x];
        const order = [...this.shown].sort((a, b) => of(a, first) - of(b, first) || of(a, second) - of(b, second));
        const next = order[order.indexOf(this.chosen) + move[1]];
        if (next) this.set({ chosen: next });
      });
      new ResizeObserver(() => {
        if (this.drawn !== this.root.clientWidth) this.draw();
      }).observe(this.root);
    }

    set(values) {
      Object.assign(this, values);
      this.draw();
    }

    draw() {
      this.drawn = this.root.clientWidth;
      const wanted = points.filter(({ protocol, year }) => this.boxes[protocol].checked && this.boxes[year].checked);
      this.shown = wanted.filter((point) => point[this.x] !== undefined && point[this.y] !== undefined);
      if (!this.shown.includes(this.chosen)) this.chosen = this.shown.find(({ name }) => name === this.chosen?.name) || this.shown[0];
      const lacking = wanted.filter((point) => !this.shown.includes(point));
      this.left.textContent = lacking.length ? `Left out here: ${this.lacking(lacking)}.` : "";
      this.names.replaceChildren(...this.shown.map((point) => element("option", { value: points.indexOf(point) }, titled(point))));
      if (this.chosen) this.names.value = points.indexOf(this.chosen);
      this.drawCloud();
      this.explain();
    }

    // What the points lack of the two axes.
    lacking(list) {
      return [this.x, this.y]
        .map((key) => [key, new Set(list.filter((point) => point[key] === undefined).map(({ name }) => name))])
        .filter(([, names]) => names.size)
        .map(([key, names]) =>
          key === "tested" ? "networks slid over the picture, where it depends on the picture's size what that takes"
            : `${[...names].join(", ")}, of which the source prints no ${AXES[key].text.replace(" (%)", "")}`)
        .join("; ");
    }

    drawCloud() {
      const width = this.stage.clientWidth;
      if (!this.shown.length) {
        this.stage.innerHTML = "";
        return;
      }
      const [across, up] = [this.x, this.y].map((key) => scale(key, this.shown.map((point) => of(point, key))));
      // On a narrow panel every second tick across would touch its neighbour.
      const every = width < 480 ? across.ticks.filter(([, text], at) => across.ticks.length < 6 || at % 2 === 0) : across.ticks;
      const panel = new Panel(width, 340, { x: across.ends, y: up.ends, xTicks: every, yTicks: up.ticks, xLabel: AXES[this.x].text, yLabel: AXES[this.y].text });
      this.panel = panel;
      const place = (point) => [panel.x(of(point, this.x)), panel.y(of(point, this.y))];
      for (const name of new Set(this.shown.map((point) => point.name))) {
        const same = this.shown.filter((point) => point.name === name);
        if (same.length > 1) panel.line(same.map((point) => [of(point, this.x), of(point, this.y)]), 'stroke="currentColor" stroke-dasharray="1 3"');
      }
      const order = [...this.shown.filter((point) => point !== this.chosen), this.chosen];
      for (const point of order) {
        const [x, y] = place(point);
        const [style, large] = point === this.chosen ? ["living-full", 1.4] : ["", 1];
        panel.parts.push(`<path class="living-mark ${YEARS[point.year]} ${style}" transform="translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${large})" d="${MARKS[point.protocol][1]}"/>`);
      }
      // Names where there is room, the chosen one's first; a network's once.
      const taken = this.shown.map((point) => place(point)).map(([x, y]) => [x - 6, y - 6, x + 6, y + 6]);
      const named = new Set();
      for (const point of order.reverse()) {
        if (named.has(point.name)) continue;
        const [x, y] = place(point);
        const long = 6.2 * point.name.length;
        const spots = [[x + 10, y + 4], [x - 10 - long, y + 4], [x - long / 2, y - 11], [x - long / 2, y + 19]];
        const free = ([left, base]) => {
          const box = [left, base - 10, left + long, base + 3];
          if (box[0] < 48 || box[2] > width || box[1] < 14 || box[3] > 304) return false;
          return taken.every((other) => box[2] < other[0] || other[2] < box[0] || box[3] < other[1] || other[3] < box[1]);
        };
        const spot = spots.find(free) || (point === this.chosen && spots[0][0] + long < width ? spots[0] : null);
        if (!spot) continue;
        taken.push([spot[0], spot[1] - 10, spot[0] + long, spot[1] + 3]);
        named.add(point.name);
        panel.text(spot[0], spot[1], point.name, `class="living-halo"${point === this.chosen ? ' font-weight="600"' : ""}`);
      }
      this.stage.innerHTML = panel.html();
    }

    explain() {
      const { chosen } = this;
      this.said.textContent = chosen ? this.words(chosen) : "No network is left: tick a way of testing and a year.";
      clearTimeout(this.later);
      this.later = setTimeout(() => (this.status.textContent = this.said.textContent), 600);
    }

    words({ name, year, parameters, macs, activations, top1, top5, tested, protocol, source }) {
      const errors = [[top1, "top-1"], [top5, "top-5"]].filter(([value]) => value !== undefined).map(([value, kind]) => `${kind} error ${value} %`);
      const all = tested === undefined ? "How many MACs that takes depends on the picture's size: more than one view." : tested > macs ? `All views take ${whole(tested)} MACs.` : "";
      return (
        `${name} (${year}): ${whole(parameters)} parameters; one view takes ${whole(macs)} MACs and gives ${whole(activations)} activations. ` +
        `${tested === undefined ? "Tested" : "Tested on"} ${MARKS[protocol][0]}: ${errors.join(", ")} (${source}). ${all}`
      ).trim();
    }
  }

  const start = () => document.querySelectorAll('[data-figure="networks"]').forEach((place) => new NetworksFigure(place));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
