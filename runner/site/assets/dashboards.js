// Charts that say their numbers: a mark's words beside it under the pointer, and mark after mark with the arrow keys.
"use strict";
(() => {
  const shown = (plot) => [...plot.querySelectorAll(".size")].find((one) => one.offsetParent !== null);
  const marksOf = (plot) => [...shown(plot).querySelectorAll("[data-label]")];

  function say(plot, mark) {
    hush(plot);
    if (!mark) return;
    mark.classList.add("at");
    const box = plot.querySelector(".said");
    const frame = plot.getBoundingClientRect();
    const at = mark.getBoundingClientRect();
    box.textContent = mark.dataset.label;
    box.hidden = false;
    const left = at.left + at.width / 2 - frame.left - box.offsetWidth / 2;
    box.style.left = `${Math.max(0, Math.min(left, frame.width - box.offsetWidth))}px`;
    const above = at.top - frame.top - box.offsetHeight - 6;
    box.style.top = `${above >= -box.offsetHeight ? above : at.bottom - frame.top + 6}px`;
  }

  function hush(plot) {
    plot.querySelectorAll(".at").forEach((one) => one.classList.remove("at"));
    plot.querySelector(".said").hidden = true;
  }

  function step(plot, key) {
    const marks = marksOf(plot);
    const last = marks.length - 1;
    const now = marks.findIndex((one) => one.classList.contains("at"));
    const next = { ArrowRight: now + 1, ArrowDown: now + 1, ArrowLeft: now - 1, ArrowUp: now - 1, Home: 0, End: last }[key];
    if (next === undefined) return false;
    say(plot, marks[Math.max(0, Math.min(next, last))]);
    return true;
  }

  document.querySelectorAll(".plot").forEach((plot) => {
    if (!plot.querySelector("[data-label]")) return;
    const box = document.createElement("div");
    box.className = "said";
    box.hidden = true;
    box.setAttribute("role", "status");
    plot.append(box);
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", "Chart: arrow keys read its marks one by one");
    plot.addEventListener("pointerover", (event) => say(plot, event.target.closest("[data-label]")));
    plot.addEventListener("pointerleave", () => hush(plot));
    plot.addEventListener("blur", () => hush(plot));
    plot.addEventListener("keydown", (event) => {
      if (event.key === "Escape") hush(plot);
      else if (!event.altKey && !event.ctrlKey && !event.metaKey && step(plot, event.key)) event.preventDefault();
    });
  });
})();
