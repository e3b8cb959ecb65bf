// What several living figures draw with: elements of the page, and panels with axes.
"use strict";

window.cnnlib = window.cnnlib || {};

cnnlib.drawing = (() => {
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  // A panel of width x height with axes; `x` and `y` are [low, high], ticks are [value, text].
  class Panel {
    constructor(width, height, { x, y, xTicks, yTicks, xLabel, yLabel }) {
      Object.assign(this, { width, height, parts: [] });
      const [left, right, top, bottom] = [46, 8, 26, 36];
      this.x = (value) => left + ((value - x[0]) / (x[1] - x[0])) * (width - left - right);
      this.y = (value) => height - bottom - ((value - y[0]) / (y[1] - y[0])) * (height - top - bottom);
      const text = (at, below, words, more = "") =>
        this.parts.push(`<text x="${at.toFixed(1)}" y="${below.toFixed(1)}" font-size="11" fill="currentColor" ${more}>${words}</text>`);
      for (const [value, words] of yTicks) {
        this.parts.push(`<path class="living-gridline" d="M${left} ${this.y(value).toFixed(1)}H${width - right}"/>`);
        text(left - 5, this.y(value), words, 'text-anchor="end" dy=".35em"');
      }
      for (const [value, words] of xTicks) text(this.x(value), height - bottom + 14, words, 'text-anchor="middle"');
      this.parts.push(`<path d="M${left} ${top}V${height - bottom}H${width - right}" fill="none" stroke="currentColor"/>`);
      text((left + width - right) / 2, height - 5, xLabel, 'text-anchor="middle"');
      text(0, 11, yLabel);
      this.text = text;
    }

    line(points, style) {
      const d = points.map(([x, y], at) => `${at ? "L" : "M"}${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`).join("");
      this.parts.push(`<path d="${d}" fill="none" ${style}/>`);
    }

    dot(x, y, style, r = 3.5) {
      this.parts.push(`<circle cx="${this.x(x).toFixed(1)}" cy="${this.y(y).toFixed(1)}" r="${r}" ${style}/>`);
    }

    square(x, y, style, r = 3.5) {
      this.parts.push(`<rect x="${(this.x(x) - r).toFixed(1)}" y="${(this.y(y) - r).toFixed(1)}" width="${2 * r}" height="${2 * r}" ${style}/>`);
    }

    html() {
      return `<svg viewBox="0 0 ${this.width} ${this.height}" width="${this.width}" height="${this.height}" aria-hidden="true" xmlns="http://www.w3.org/2000/svg">${this.parts.join("")}</svg>`;
    }
  }

  return { element, Panel };
})();
