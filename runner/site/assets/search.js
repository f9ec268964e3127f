// The search in the bar of every page: as you type, over names, columns, descriptions and SQL. The index is a script of its
// own, loaded when the box is first used: pages that are opened from a disk may not read files otherwise.
"use strict";
(() => {
  const MOST = 40; // results that are shown
  const form = document.getElementById("site-search");
  const box = document.getElementById("site-search-box");
  const list = document.getElementById("site-search-list");
  const status = form.querySelector("[role=status]");
  const root = document.body.dataset.root;
  let index = null; // [{kind, name, address, detail, text, parent, low, …}], short names first
  let shown = []; // the entries in the list
  let active = -1;
  let loading = false;

  const WORD = /[^a-z0-9]/;

  function prepared(rows) {
    let page = null;
    const entries = rows.map(([kind, name, address, detail = "", text = ""]) => {
      const entry = { kind, name, address, detail, text, parent: null };
      entry.low = name.toLowerCase();
      entry.lowDetail = detail.toLowerCase();
      entry.lowText = text.toLowerCase();
      if (address.startsWith("#")) {
        entry.parent = page;
        entry.address = page.address + address;
      } else {
        page = entry;
      }
      return entry;
    });
    return entries.sort((one, other) => one.name.length - other.name.length); // of equal fits the shorter name comes first
  }

  function load() {
    if (index || loading) return;
    loading = true;
    const script = document.createElement("script");
    script.src = root + "/data/search.js";
    script.onload = () => {
      index = prepared(window.sluiceSearch);
      delete window.sluiceSearch;
      if (box.value.trim()) search();
    };
    script.onerror = () => {
      loading = false;
      say("The index could not be loaded.");
    };
    document.head.append(script);
  }

  // Lower is better; -1: it is not there. Names before columns before descriptions before SQL.
  function rank(entry, term) {
    const base = entry.parent ? 5 : 0;
    const at = entry.low.indexOf(term);
    if (at === 0) return base + (entry.low.length === term.length ? 0 : 1);
    if (at > 0) return base + (WORD.test(entry.low[at - 1]) ? 2 : 3);
    if (entry.parent) {
      const dot = term.indexOf(".");
      if (dot > 0 && entry.parent.low.endsWith(term.slice(0, dot)) && entry.low.startsWith(term.slice(dot + 1))) return base;
      const table = entry.parent.low.indexOf(term);
      if (table >= 0) return table === 0 ? 6.5 : 9.5; // halves: it is in the table's name, not in its own
    }
    const said = entry.lowDetail.indexOf(term);
    if (said >= 0) return said === 0 || WORD.test(entry.lowDetail[said - 1]) ? 11 : 12;
    return entry.lowText.includes(term) ? 13 : -1;
  }

  function found(words) {
    const terms = words.toLowerCase().split(/\s+/).filter(Boolean);
    const buckets = new Map();
    let total = 0;
    for (const entry of index) {
      let sum = 0;
      let isOwn = false;
      for (const term of terms) {
        const one = rank(entry, term);
        if (one < 0) {
          sum = -1;
          break;
        }
        sum += one;
        isOwn = isOwn || Number.isInteger(one);
      }
      // A column counts by its own words: those of its table alone find the table.
      if (sum < 0 || !isOwn) continue;
      total += 1;
      const bucket = buckets.get(sum);
      if (bucket === undefined) buckets.set(sum, [entry]);
      else if (bucket.length < MOST) bucket.push(entry);
    }
    const best = [];
    for (const sum of [...buckets.keys()].sort((one, other) => one - other)) {
      if (best.length >= MOST) break;
      best.push(...buckets.get(sum).slice(0, MOST - best.length));
    }
    return { best, total, terms };
  }

  function marked(text, terms) {
    const part = document.createDocumentFragment();
    const low = text.toLowerCase();
    let from = 0;
    while (from < text.length) {
      let at = -1;
      let size = 0;
      for (const term of terms) {
        const here = low.indexOf(term, from);
        if (here >= 0 && (at < 0 || here < at)) [at, size] = [here, term.length];
      }
      if (at < 0) break;
      part.append(text.slice(from, at));
      const mark = document.createElement("mark");
      mark.textContent = text.slice(at, at + size);
      part.append(mark);
      from = at + size;
    }
    part.append(text.slice(from));
    return part;
  }

  // What is shown below a name: its description, or the part of its SQL where a word stands.
  function said(entry, terms) {
    const hidden = terms.find((term) => !entry.low.includes(term) && !entry.lowDetail.includes(term) && entry.lowText.includes(term));
    if (hidden === undefined) return entry.detail;
    const at = entry.lowText.indexOf(hidden);
    const start = Math.max(0, at - 30);
    return (start ? "… " : "") + entry.text.slice(start, at + 90);
  }

  function element(tag, name, content) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (content !== undefined) made.append(content);
    return made;
  }

  function option(entry, number, terms) {
    const made = element("div");
    made.id = "site-search-" + number;
    made.setAttribute("role", "option");
    const name = element("span", "name");
    name.append(marked(entry.name, terms));
    const kind = entry.parent ? `${entry.kind} of ${entry.parent.name}` : entry.kind;
    made.append(name, " ", element("span", "kind", kind));
    const text = said(entry, terms);
    if (text) {
      const line = element("span", "said");
      line.append(marked(text, terms));
      made.append(" ", line);
    }
    return made;
  }

  function choose(number) {
    list.querySelector('[aria-selected="true"]')?.setAttribute("aria-selected", "false");
    active = number;
    const one = list.children[number];
    if (number < 0 || !one) {
      active = -1;
      box.removeAttribute("aria-activedescendant");
      return;
    }
    one.setAttribute("aria-selected", "true");
    box.setAttribute("aria-activedescendant", one.id);
    one.scrollIntoView({ block: "nearest" });
  }

  function open(is) {
    list.hidden = !is;
    box.setAttribute("aria-expanded", String(is));
    if (!is) choose(-1);
  }

  function say(text) {
    status.textContent = text;
  }

  function search() {
    const words = box.value.trim();
    if (!words) {
      shown = [];
      list.replaceChildren();
      open(false);
      say("");
      return;
    }
    if (!index) return;
    const { best, total, terms } = found(words);
    shown = best;
    list.replaceChildren(...best.map((entry, number) => option(entry, number, terms)));
    open(best.length > 0);
    if (best.length) choose(0);
    say(total === 0 ? "Nothing found." : total > best.length ? `${best.length} of ${total} results` : `${total} results`);
    form.classList.toggle("empty", total === 0);
  }

  function go(number, elsewhere) {
    const entry = shown[number];
    if (!entry) return;
    const address = root + "/" + entry.address.split("#").map(encodeURI).join("#");
    if (elsewhere) window.open(address, "_blank", "noopener");
    else {
      open(false);
      location.href = address;
    }
  }

  box.addEventListener("focus", () => {
    load();
    if (shown.length) open(true);
  });
  box.addEventListener("input", () => {
    load();
    search();
  });
  box.addEventListener("blur", () => open(false));
  box.addEventListener("keydown", (event) => {
    const last = shown.length - 1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden && shown.length) open(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(active + step > last ? 0 : active + step < 0 ? last : active + step);
    } else if (event.key === "Enter") {
      event.preventDefault();
      go(active, event.ctrlKey || event.metaKey);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (!list.hidden) open(false);
      else {
        box.value = "";
        search();
        box.blur();
      }
    }
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
  list.addEventListener("mousemove", (event) => {
    const one = event.target.closest("[role=option]");
    const number = [...list.children].indexOf(one);
    if (number >= 0 && number !== active) choose(number);
  });
  list.addEventListener("click", (event) => {
    const one = event.target.closest("[role=option]");
    if (one) go([...list.children].indexOf(one), event.ctrlKey || event.metaKey);
  });
  document.addEventListener("keydown", (event) => {
    const busy = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || busy || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
  form.hidden = false;
})();
