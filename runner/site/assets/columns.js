// The page of columns: a column's way up to the fields of the stores, and down to all that is made of it.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const [frame, drawing] = [$("graph"), $("drawing")];
  const load = window.sluiceLoadColumns;
  const viewer = window.sluiceViewer(frame, drawing);
  const MOST = 400; // columns that are drawn at most
  const LINE = 22;
  const HEAD = 40;
  const tables = new Map([...document.querySelectorAll("#tables [data-id]")].map((one) => {
    const { id, label, kind, store, stored, state, file, title, dashboard } = one.dataset; // a panel has a title and a dashboard
    return [id, { id, label, kind, store, stored, state, file, title, dashboard, page: one.querySelector("a")?.getAttribute("href") || null }];
  }));
  const byLabel = new Map([...tables.values()].map((table) => [table.label, table]));
  let asked = 0;

  const make = (name, attributes = {}, ...inner) => {
    const one = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== null) one.setAttribute(key, value);
    one.append(...inner);
    return one;
  };
  const addressOf = (label, path) => window.sluiceColumnAddress(label, path).replace(/^columns\.html/, "");
  const plural = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;

  /** The path of what becomes rows, after words that say how; of any other path, the path. */
  function counted(path, before) {
    if (!path.endsWith(".*")) return before + path;
    const within = path.slice(0, -2);
    return `${/[\]}]$/.test(within) ? "elements of" : "rows made of"} ${before}${within}`;
  }
  /** What a step is called: a column, what lies within it, or the rows of its table. */
  const said = (label, path) => (path === "*" ? `rows of ${label}` : counted(path, `${label}.`));
  const shortly = (path) => (path === "*" ? "its rows" : counted(path, ""));
  const nameOf = (table) => (table.title ? `${table.dashboard}: ${table.title}` : table.label);
  const called = (table, path) => (table.title ? `${nameOf(table)}: ${path}` : said(table.label, path));

  /** The table and the path that an address names: the longest label of a table that it begins with. */
  function named(text) {
    let found = null;
    for (const table of tables.values()) {
      if ((text === table.label || text.startsWith(`${table.label}.`)) && (!found || table.label.length > found.table.label.length)) {
        found = { table, path: text.slice(table.label.length + 1) };
      }
    }
    return found;
  }

  const entry = (file, path) => file && (file.columns[path] || file.within[path]);

  /** All steps above and below a column: Map(key -> {table, path, rank}) and edges [from, to, copied]. */
  async function followed(table, path, now) {
    const steps = new Map();
    const edges = [];
    const known = new Set();
    const keyOf = (id, one) => `${id}\n${one}`;
    const add = (id, one) => {
      const key = keyOf(id, one);
      if (!steps.has(key)) steps.set(key, { id, path: one, table: tables.get(id) });
      return key;
    };
    const link = (from, to, copied) => {
      const key = `${from}\n${to}`;
      if (!known.has(key)) edges.push([from, to, copied]);
      known.add(key);
    };
    const start = add(table.id, path);
    let cut = 0;
    let front = [start];
    while (front.length && now === asked) {
      const next = [];
      const files = await Promise.all(front.map((key) => load(steps.get(key).id, steps.get(key).table.file)));
      front.forEach((key, at) => {
        for (const [id, one, copied] of entry(files[at], steps.get(key).path)?.from || []) {
          const above = keyOf(id, one);
          if (!steps.has(above) && steps.size >= MOST) cut += 1;
          else {
            if (!steps.has(above)) next.push(add(id, one));
            link(above, key, copied);
          }
        }
      });
      front = next;
    }
    const above = new Set(steps.keys());
    front = [start];
    while (front.length && now === asked) {
      const next = [];
      for (const key of front) {
        const step = steps.get(key);
        const to = entry(await load(step.id, step.table.file), step.path)?.to || [];
        const files = await Promise.all(to.map(([id]) => load(id, tables.get(id)?.file)));
        to.forEach(([id, one], at) => {
          const below = keyOf(id, one);
          const origin = (entry(files[at], one)?.from || []).filter(([table_, inner]) => table_ === step.id && (inner === step.path || inner.startsWith(`${step.path}.`) || inner.startsWith(`${step.path}[`) || inner.startsWith(`${step.path}{`)));
          if (!steps.has(below) && steps.size >= MOST) cut += 1;
          else {
            if (!steps.has(below)) next.push(add(id, one));
            link(key, below, origin.length > 0 && origin.every(([, , copied]) => copied));
          }
        });
      }
      front = next;
    }
    return { steps, edges, start, above, cut };
  }

  // The drawing: a box for each table, a line in it for each column.

  const pen = document.createElement("canvas").getContext("2d");
  const wide = (text, bold) => {
    pen.font = `${bold ? "600 13px" : "12.5px"} system-ui, sans-serif`;
    return Math.ceil(pen.measureText(text).width * 1.05);
  };
  const clipped = (text, most = 44) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  const safe = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const round = (number) => Math.round(number * 10) / 10;

  async function draw({ steps, edges, start, above }) {
    const boxes = new Map();
    const rows = new Map();
    const box = (id, values) => {
      if (!boxes.has(id)) boxes.set(id, { id, lines: [], ...values });
      return boxes.get(id);
    };
    const line = (key, one, text, href) => {
      rows.set(key, { box: one, at: one.lines.length });
      one.lines.push({ key, text, href });
    };
    const links = edges.map(([from, to, copied]) => ({ from, to, copied }));
    for (const [key, { id, path, table }] of steps) {
      line(key, box(id, { name: table.title || table.label, kind: table.title ? `${table.kind} of ${table.dashboard}` : table.kind, state: table.state, last: Boolean(table.title) }), shortly(path), addressOf(table.label, path));
      if (!table.store) continue;
      const stored = entry(await load(id, table.file), path)?.stored || (path === "*" ? "its records" : "");
      if (!stored || !above.has(key)) continue;
      line(`store ${key}`, box(`store ${id}`, { name: table.stored, kind: table.store, first: true, store: true }), stored, null);
      links.push({ from: `store ${key}`, to: key, copied: true });
    }
    for (const one of boxes.values()) {
      one.width = 28 + Math.max(wide(clipped(one.name), true), wide(one.kind), ...one.lines.map(({ text }) => wide(clipped(text))));
      one.height = HEAD + LINE * one.lines.length + 6;
    }
    const laid = window.sluiceLayers([...boxes.values()], links.map(({ from, to }) => [rows.get(from).box.id, rows.get(to).box.id]), { across: 52, between: 18, apart: 24 });
    const level = (key) => {
      const { box: one, at } = rows.get(key);
      return laid.places.get(one.id).y + HEAD + LINE * at + LINE / 2;
    };
    const lines = links.map(({ from, to, copied }, at) => {
      const route = laid.routes[at].map((point) => ({ ...point }));
      route[0].y = level(from);
      route[route.length - 1].y = level(to);
      return `<path class="edge${copied ? "" : " computed"}" d="${curve(route)}"/>`;
    });
    const cards = [...boxes.values()].map((one) => {
      const { x, y } = laid.places.get(one.id);
      const inner = one.lines.map(({ key, text, href }, at) => {
        const top = HEAD + LINE * at;
        const body = `<rect x="1" y="${top}" width="${one.width - 2}" height="${LINE}" rx="4"/><text class="column" x="14" y="${top + 15}">${safe(clipped(text))}</text>`;
        const name = href ? called(steps.get(key).table, steps.get(key).path) : text;
        return href
          ? `<a class="step${key === start ? " start" : ""}" href="${safe(href)}" data-key="${safe(key)}" aria-label="${safe(name)}">${body}</a>`
          : `<g class="step" data-key="${safe(key)}">${body}</g>`;
      });
      return `<g class="table${one.store ? " stored" : one.last ? " shown" : ""}" transform="translate(${x} ${y})"><rect class="box" width="${one.width}" height="${one.height}" rx="${one.store ? 14 : 8}"/>` +
        `<text class="name" x="14" y="18">${safe(clipped(one.name))}</text><text class="kind" x="14" y="33">${safe(one.kind)}</text>${inner.join("")}</g>`;
    });
    const holder = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    holder.innerHTML = `<g transform="translate(14 14)"><g class="edges">${lines.join("")}</g><g class="tables">${cards.join("")}</g></g>`;
    drawing.replaceChildren(...holder.childNodes);
    viewer.resized(laid.width + 28, laid.height + 28);
    lighting(links);
    viewer.fit({ readable: true });
    const { x, y } = laid.places.get(rows.get(start).box.id);
    viewer.show({ x: x + 14, y: y + 14, width: rows.get(start).box.width, height: rows.get(start).box.height });
  }

  function curve(points) {
    let way = `M${round(points[0].x)} ${round(points[0].y)}`;
    for (let at = 1; at < points.length; at += 1) {
      const [from, to] = [points[at - 1], points[at]];
      const bend = (to.x - from.x) / 2;
      way += Math.abs(from.y - to.y) < 0.5
        ? `L${round(to.x)} ${round(to.y)}`
        : `C${round(from.x + bend)} ${round(from.y)} ${round(to.x - bend)} ${round(to.y)} ${round(to.x)} ${round(to.y)}`;
    }
    return way;
  }

  /** Shows the whole way of the column that is pointed at. */
  function lighting(links) {
    const paths = [...drawing.querySelectorAll(".edge")];
    const lines = new Map([...drawing.querySelectorAll(".step")].map((one) => [one.dataset.key, one]));
    const reach = (start, from, to) => {
      const found = new Set([start]);
      for (let grown = true; grown;) {
        grown = false;
        for (const link of links) {
          if (found.has(link[from]) && !found.has(link[to])) {
            found.add(link[to]);
            grown = true;
          }
        }
      }
      return found;
    };
    const light = (key) => {
      drawing.classList.toggle("lit", key !== null);
      if (key === null) return;
      const [up, down] = [reach(key, "to", "from"), reach(key, "from", "to")];
      for (const [one, element] of lines) element.classList.toggle("on", up.has(one) || down.has(one));
      links.forEach(({ from, to }, at) => paths[at].classList.toggle("on", (up.has(from) && up.has(to)) || (down.has(from) && down.has(to))));
    };
    const at = (event) => event.target.closest(".step")?.dataset.key ?? null;
    drawing.onpointerover = (event) => event.pointerType !== "touch" && light(at(event));
    drawing.onpointerleave = () => light(null);
    drawing.onfocusin = (event) => {
      light(at(event));
      frame.scrollTo(0, 0);
    };
    drawing.onfocusout = () => light(null);
  }

  // The same in words.

  const column = (table, path) => make("a", { href: addressOf(table.label, path) }, called(table, path));
  const chart = (table) => (table.page ? make("a", { href: table.page, class: "origin", "aria-label": `The chart: ${nameOf(table)}` }, "the chart") : "");

  async function tree(id, path, seen) {
    const file = await load(id, tables.get(id)?.file);
    const from = entry(file, path)?.from || [];
    if (!from.length) return null;
    const list = make("ul", { class: "ways-up" });
    for (const [parent, one, copied] of from) {
      const table = tables.get(parent);
      const key = `${parent}\n${one}`;
      const item = make("li", {}, make("span", { class: "how", title: copied ? "taken over as it is" : "computed from it" }, copied ? "=" : "~"), " ", column(table, one));
      const stored = table.store && entry(await load(parent, table.file), one)?.stored;
      if (stored) item.append(make("span", { class: "soft" }, ` ${table.store} ${table.stored}: ${stored}`));
      const again = seen.has(key) && !table.store;
      if (again) item.append(make("span", { class: "soft" }, " (as above)"));
      seen.add(key);
      const inner = again || seen.size > MOST ? null : await tree(parent, one, seen);
      if (inner) item.append(inner);
      list.append(item);
    }
    return list;
  }

  function listed(title, items, none) {
    const part = make("section", {}, make("h3", {}, title));
    if (!items.length) part.append(make("p", { class: "soft" }, none));
    else {
      const list = make("ul", { class: "near" });
      list.append(...items);
      part.append(list);
    }
    return part;
  }

  async function words(table, path, found) {
    const file = await load(table.id, table.file);
    const step = entry(file, path);
    const up = await tree(table.id, path, new Set());
    const parts = [make("section", {}, make("h3", {}, "Where it comes from"), up || make("p", { class: "soft" }, table.store ? "It is landed from the store as it is." : "Nothing that is read: a constant, a position, or where the values begin."))];
    const fields = step?.fields || (step?.stored ? [[`${table.label} ${step.stored}`, true]] : []);
    if (!path.includes("*")) {
      parts.push(listed("In the stores", fields.map(([text, copied]) => make("li", {}, make("span", { class: "how" }, copied ? "=" : "~"), text)), "Nothing."));
    }
    if (table.title) parts.push(listed("Shown on", [make("li", {}, nameOf(table), " ", chart(table))], ""));
    else {
      const below = (step?.to || []).filter(([id]) => !tables.get(id).title);
      parts.push(listed("Made of it", below.map(([id, one]) => make("li", {}, column(tables.get(id), one))), "Nothing: no other table reads it."));
      const panels = [...found.steps.values()].filter((one) => one.table.title);
      if (panels.length) parts.push(listed("On dashboards", panels.map((one) => make("li", {}, column(one.table, one.path), " ", chart(one.table))), ""));
    }
    if (found.cut) parts.push(make("p", { class: "soft" }, `${plural(found.cut, "further step")} are left out of the drawing; follow a column to see them.`));
    return parts;
  }

  async function choose(table, path) {
    $("table").value = table ? table.label : "";
    const file = table ? await load(table.id, table.file) : null;
    const list = $("columns");
    list.replaceChildren();
    if (!table) return file;
    for (const [name, { fields }] of Object.entries(file?.columns || {})) {
      const one = make("a", { href: addressOf(table.label, name), "aria-current": name === path ? "true" : undefined }, name);
      list.append(make("li", {}, one, make("span", { class: "origin" }, window.sluiceOriginOf(fields))));
    }
    const current = list.querySelector("[aria-current]");
    if (current) list.parentElement.scrollTop = Math.max(0, current.offsetTop - list.parentElement.offsetTop - 120);
    return file;
  }

  async function go() {
    const now = (asked += 1);
    const [, what, text] = /^#(column|table)=(.*)$/.exec(location.hash) || [];
    const found = text ? named(decodeURIComponent(text)) : null;
    const told = $("told");
    $("view").hidden = true;
    told.replaceChildren();
    $("said").textContent = "";
    if (!found) {
      await choose(null);
      if (text) $("said").textContent = `There is no table of that name: ${decodeURIComponent(text)}.`;
      return;
    }
    const { table } = found;
    let { path } = found;
    const file = await choose(table, path);
    if (now !== asked) return;
    $("chosen").replaceChildren(table.page ? make("a", { href: table.page }, nameOf(table)) : nameOf(table));
    if (!file || file.unknown) {
      $("said").textContent = file?.unknown ? `Its columns cannot be followed: ${file.unknown}` : "Nothing is known of its columns.";
      return;
    }
    if (what === "table" || !path) {
      $("said").textContent = `${plural(Object.keys(file.columns).length, "column")}: choose one.`;
      return;
    }
    path = Object.keys(file.columns).find((one) => one.toLowerCase() === path.toLowerCase()) || path;
    if (!entry(file, path)) {
      $("said").textContent = `"${nameOf(table)}" has no column "${path}".`;
      return;
    }
    const ways = await followed(table, path, now);
    if (now !== asked) return;
    const number = new Set([...ways.steps.values()].map((step) => step.id)).size;
    const panels = [...new Set([...ways.steps.values()].map((step) => step.table))].filter((one) => one.title).length;
    const across = plural(number - panels, "table") + (panels ? ` and ${plural(panels, "panel")}` : "");
    $("said").textContent = `${called(table, path)}: ${plural(ways.steps.size, "column")} of ${across}.`;
    document.title = `${called(table, path)} · columns`;
    $("view").hidden = false;
    await draw(ways);
    const parts = await words(table, path, ways);
    if (now === asked) told.replaceChildren(...parts);
    window.sluiceFollowed = said(table.label, path);
  }

  $("table").addEventListener("change", () => {
    const table = byLabel.get($("table").value.trim());
    if (table) location.hash = `table=${encodeURIComponent(table.label)}`;
    else $("said").textContent = `There is no table of that name: ${$("table").value}.`;
  });
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    $("table").dispatchEvent(new Event("change"));
  });
  const acts = { "zoom-in": () => viewer.zoom(1.25), "zoom-out": () => viewer.zoom(0.8), fit: () => viewer.fit() };
  for (const [id, act] of Object.entries(acts)) $(id).addEventListener("click", act);
  window.addEventListener("hashchange", go);
  document.querySelectorAll("[data-scripted]").forEach((one) => (one.hidden = false));
  $("tables").hidden = true;
  go();
})();
