// Zooms the timeline of a run: all lanes and the axis have an inner <svg class="span"> that is widened and moved.
"use strict";
(() => {
  const gantt = document.querySelector("table.gantt");
  const bar = document.querySelector(".zooming");
  if (!gantt || !bar) return;
  const spans = gantt.querySelectorAll("svg.span");
  const axis = gantt.querySelector("svg.axis svg.span");
  const marks = document.getElementById("marks");
  const said = bar.querySelector("output");
  const whole = Number(gantt.dataset.seconds) || 1;
  const most = Math.max(1, whole / 0.2); // a fifth of a second fills the width
  const svg = "http://www.w3.org/2000/svg";
  let zoom = 1;
  let left = 0; // the second at the left edge

  const step = (seconds) => {
    const raw = seconds / 6;
    const size = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 5, 10].map((factor) => factor * size).find((one) => one >= raw);
  };
  const made = (name, values, text) => {
    const one = document.createElementNS(svg, name);
    for (const [key, value] of Object.entries(values)) one.setAttribute(key, value);
    if (text) one.textContent = text;
    return one;
  };

  function draw() {
    const shown = whole / zoom;
    left = Math.min(Math.max(left, 0), whole - shown);
    for (const span of spans) {
      span.setAttribute("x", `${(-100 * left * zoom) / whole}%`);
      span.setAttribute("width", `${100 * zoom}%`);
    }
    const each = step(shown);
    const digits = Math.max(0, -Math.floor(Math.log10(each) + 1e-9));
    const texts = [];
    const lines = [];
    for (let at = Math.ceil(left / each - 1e-9) * each; at <= left + shown + 1e-9; at += each) {
      const place = (at - left) / shown;
      const x = `${(100 * at) / whole}%`;
      const anchor = place < 0.04 ? "start" : place > 0.94 ? "end" : "middle";
      texts.push(made("text", { x, y: 13, "text-anchor": anchor }, `${at.toFixed(digits)} s`));
      lines.push(made("line", { class: "grid", x1: x, x2: x, y1: 0, y2: "100%" }));
    }
    axis.replaceChildren(...texts);
    marks.replaceChildren(...lines);
    said.textContent = zoom === 1 ? "" : `${left.toFixed(1)} to ${(left + shown).toFixed(1)} s of ${whole.toFixed(1)} s`;
    for (const button of bar.querySelectorAll("button")) {
      button.disabled = zoom === 1 ? button.dataset.zoom !== "in" : button.dataset.zoom === "in" && zoom >= most;
    }
  }

  function act(what, at = 0.5) {
    const middle = left + (whole / zoom) * at;
    if (what === "in") zoom = Math.min(most, zoom * 2);
    if (what === "out") zoom = Math.max(1, zoom / 2);
    if (what === "all") zoom = 1;
    if (what === "in" || what === "out") left = middle - (whole / zoom) * at;
    if (what === "left") left -= whole / zoom / 4;
    if (what === "right") left += whole / zoom / 4;
    draw();
  }

  bar.hidden = false;
  bar.addEventListener("click", (event) => {
    const what = event.target.dataset && event.target.dataset.zoom;
    if (what) act(what);
  });
  const keys = { "+": "in", "=": "in", "-": "out", 0: "all", ArrowLeft: "left", ArrowRight: "right" };
  bar.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act(keys[event.key]);
  });
  gantt.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return; // the page scrolls as ever
      event.preventDefault();
      const lane = axis.ownerSVGElement.getBoundingClientRect();
      act(event.deltaY < 0 ? "in" : "out", Math.min(1, Math.max(0, (event.clientX - lane.left) / lane.width)));
    },
    { passive: false },
  );
  draw();
})();
