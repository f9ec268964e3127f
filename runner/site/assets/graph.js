// The lineage page: chooses by a selector, lays out what is chosen, draws it, and tells of a node.
"use strict";
(() => {
  const graph = window.sluiceGraph;
  const { chosen, edges, parse, Refused, valuesOf, methods, TESTS } = window.sluiceSelection;
  const FOLD = 250; // from so many nodes on, folders are drawn instead of what is in them
  const FOLDERS = 60; // as deep into the folders as gives at most so many
  const ROWS = 300; // rows of the table that are shown at once
  const STATES = {
    failed: "its last run failed",
    skipped: "left out of its last run",
    stale: "a run would build it again",
    missing: "never built",
    fresh: "as a run would build it now",
  };
  // Drawn in a square of 16; each state has a form of its own, not only a colour.
  const MARKS = {
    fresh: "M2.5 8.5 6.5 12.5 13.5 4",
    stale: "M8 1.5a6.5 6.5 0 1 0 .01 0M8 4.5V8.5L11 10",
    failed: "M3 3 13 13M13 3 3 13",
    skipped: "M3 4 8 8 3 12ZM9 4 14 8 9 12Z",
    missing: "M8 2a6 6 0 1 0 .01 0M5 8h6",
  };
  const $ = (id) => document.getElementById(id);
  const [frame, drawing, panel] = [$("graph"), $("drawing"), $("panel")];
  const { parents, children, byId } = edges(graph);
  const rows = new Map([...document.querySelectorAll("#rows tr[data-id]")].map((row) => [row.dataset.id, row]));
  const viewer = window.sluiceViewer(frame, drawing);
  let unfolded = new Set();
  let everything = false; // all folders unfolded
  let view = { nodes: new Map(), routes: [], above: new Map(), below: new Map() };
  let opened = null;
  let shown = new Set();

  const isDrawn = (id) => byId.get(id).facts !== undefined;
  const drawable = graph.nodes.filter((node) => node.facts).map((node) => node.id);
  const make = (name, attributes = {}, ...inner) => {
    const svg = ["svg", "g", "a", "rect", "path", "text", "title"].includes(name) && attributes.svg !== false;
    const one = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (key !== "svg" && value !== undefined) one.setAttribute(key, value);
    one.append(...inner);
    return one;
  };
  const plural = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
  const address = (id) => rows.get(id)?.querySelector("th a")?.getAttribute("href") || null;
  const asked = () => ({ select: $("select").value.trim(), exclude: $("exclude").value.trim() });
  // A "+" in an address is a "+": people write `lineage.html?select=clv+` by hand.
  const wayTo = (values) =>
    `?${Object.entries(values).filter(([, value]) => value).map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&")}`;
  const wordsOf = (address) =>
    new Map(address.replace(/^[?#]/, "").split("&").filter(Boolean).map((pair) => {
      const [key, ...value] = pair.split("=");
      return [key, plain(value.join("="))];
    }));
  const plain = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };

  // What is chosen.

  function choose() {
    const { select, exclude } = asked();
    const said = $("said");
    said.classList.remove("wrong");
    let found;
    try {
      found = chosen(graph, { include: [select], exclude: [exclude] });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      said.replaceChildren(error.message);
      if (error.nearest !== null) offer(said, select, error.nearest);
      said.classList.toggle("wrong", !error.quiet);
      if (error.quiet) show(new Set());
      else if (!view.nodes.size) show(new Set(drawable));
      return;
    }
    const checks = [...found].filter((id) => TESTS.has(byId.get(id).type));
    let tables = new Set([...found].filter(isDrawn));
    const words = `${tables.size.toLocaleString("en")} of ${plural(drawable.length, "node")}`;
    if (!tables.size && checks.length) {
      tables = new Set(checks.flatMap((id) => parents.get(id)).filter(isDrawn));
      said.textContent = `${plural(checks.length, "test")}; drawn: what they read, ${plural(tables.size, "node")}.`;
    } else {
      said.textContent = `${words}${checks.length ? `, with ${plural(checks.length, "test")}` : ""}.`;
    }
    show(tables);
  }

  /** Offers the nearest name in place of the wrong one. */
  function offer(place, select, name) {
    const wrong = /"([^"]*)"/.exec(place.textContent)?.[1];
    const last = wrong?.includes(":") ? wrong.slice(wrong.indexOf(":") + 1) : wrong;
    const field = select.includes(last) ? "select" : "exclude";
    const button = make("button", { type: "button", class: "quiet" }, `Use "${name}"`);
    button.addEventListener("click", () => {
      $(field).value = $(field).value.replace(last, name);
      apply();
      $(field).focus();
    });
    place.append(" ", button);
  }

  /** Takes what stands in the boxes, and makes it the page's address. */
  function apply({ replace = false } = {}) {
    remember(replace);
    choose();
  }

  function remember(replace) {
    const node = opened && nameOf(opened);
    try {
      history[replace ? "replaceState" : "pushState"](null, "", wayTo({ ...asked(), node }) || location.pathname);
    } catch {
      // a browser that keeps pages of a disk at their address
    }
  }

  /** What an address calls a node: its label, where no other has the same. */
  const nameOf = (id) => {
    const { label } = byId.get(id);
    return drawable.find((one) => byId.get(one).label === label) === id ? label : id;
  };

  function fromAddress() {
    const words = wordsOf(location.search || location.hash);
    $("select").value = words.get("select") || "";
    $("exclude").value = words.get("exclude") || "";
    choose();
    const node = words.get("node");
    const id = node && (byId.has(node) ? node : drawable.find((one) => byId.get(one).label === node));
    if (id) open(id, { quiet: true });
    else close();
  }

  // What is drawn.

  function show(ids) {
    shown = ids;
    const started = performance.now();
    const [units, links] = folded(ids);
    draw(units, links);
    list(ids);
    $("fold").hidden = ids.size < FOLD;
    $("fold").textContent = everything ? "Fold folders" : "Unfold all";
    viewer.fit({ readable: true });
    window.sluiceDrawn = { nodes: units.length, edges: links.length, milliseconds: performance.now() - started };
  }

  const folderOf = (node) => {
    if (node.type === "source") return [node.facts.store || "sources", node.fqn[node.fqn.length - 2]];
    if (node.type === "exposure") return ["exposures"];
    if (node.type !== "model") return [`${node.type}s`];
    const folders = node.fqn.slice(1, -1);
    return [...(node.fqn[0] === graph.project ? [] : [node.fqn[0]]), ...(folders.length ? folders : ["models"])];
  };

  /** The units to draw and the links between them: nodes, or folders where there are too many nodes. */
  function folded(ids) {
    const home = new Map();
    if (ids.size >= FOLD && !everything) {
      const ways = new Map([...ids].map((id) => [id, folderOf(byId.get(id))]));
      const name = (way, depth) => way.slice(0, depth).join(" / ");
      let depth = 1;
      while (depth < 6 && new Set([...ways.values()].map((way) => name(way, depth + 1))).size <= FOLDERS) depth += 1;
      const members = new Map();
      for (const [id, way] of ways) {
        const folder = name(way, depth);
        if (!members.has(folder)) members.set(folder, []);
        members.get(folder).push(id);
      }
      for (const [folder, all] of members) {
        if (all.length > 1 && !unfolded.has(folder)) for (const id of all) home.set(id, folder);
      }
    }
    const units = new Map();
    for (const id of ids) {
      const folder = home.get(id);
      if (folder === undefined) units.set(id, nodeUnit(byId.get(id)));
      else if (units.has(`/${folder}`)) units.get(`/${folder}`).members.push(id);
      else units.set(`/${folder}`, { id: `/${folder}`, folder, members: [id] });
    }
    for (const unit of units.values()) if (unit.folder) Object.assign(unit, folderUnit(unit));
    const links = new Map();
    const of = (id) => (home.has(id) ? `/${home.get(id)}` : id);
    for (const [from, to, through] of linked(ids)) {
      const [a, b] = [of(from), of(to)];
      const key = `${a}\n${b}`;
      if (a === b) continue;
      if (!links.has(key)) links.set(key, { from: a, to: b, through });
      else links.get(key).through &&= through;
    }
    stores(units, links);
    return [[...units.values()], [...links.values()]];
  }

  /** What hangs on what among the chosen: [from, to, through]; `through` where only nodes that are not chosen lead there. */
  function linked(ids) {
    const found = [];
    const known = new Map();
    const nearest = (id) => {
      if (known.has(id)) return known.get(id);
      const all = new Set();
      known.set(id, all);
      for (const parent of parents.get(id)) {
        if (ids.has(parent)) all.add(parent);
        else for (const one of nearest(parent)) all.add(one);
      }
      return all;
    };
    const above = new Map();
    const ancestors = (id) => {
      if (!above.has(id)) above.set(id, window.sluiceSelection.walk(parents, [id]));
      return above.get(id);
    };
    for (const id of ids) {
      const direct = parents.get(id).filter((one) => ids.has(one));
      for (const one of direct) found.push([one, id, false]);
      const further = [...nearest(id)].filter((one) => !direct.includes(one));
      const near = [...direct, ...further];
      for (const one of further) {
        if (!near.some((other) => other !== one && ancestors(other).has(one))) found.push([one, id, true]);
      }
    }
    return found;
  }

  const clipped = (text, most = 34) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  const pen = document.createElement("canvas").getContext("2d");
  const fonts = { name: "600 13px system-ui, sans-serif", kind: "11.5px system-ui, sans-serif" };
  const wide = (text, font) => {
    pen.font = fonts[font];
    return Math.ceil(pen.measureText(text).width * 1.04);
  };

  function nodeUnit(node) {
    const { kind, state } = node.facts;
    const name = clipped(node.label);
    return {
      id: node.id, name, kind, state, node,
      width: Math.max(120, 50 + Math.max(wide(name, "name"), wide(kind, "kind"))), height: 44,
      first: node.type === "source", last: node.type === "exposure",
    };
  }

  function folderUnit({ folder, members }) {
    const states = {};
    for (const id of members) {
      const { state } = byId.get(id).facts;
      states[state] = (states[state] || 0) + 1;
    }
    const name = clipped(folder);
    const kinds = new Set(members.map((id) => byId.get(id).type));
    const kind = plural(members.length, kinds.size === 1 ? [...kinds][0] : "node");
    return {
      name, kind, states,
      state: Object.keys(STATES).find((state) => states[state]),
      width: Math.max(150, 34 + Math.max(wide(name, "name"), wide(kind, "kind"))), height: 56,
      first: kinds.size === 1 && kinds.has("source"), last: kinds.size === 1 && kinds.has("exposure"),
    };
  }

  /** Adds what landed tables are copies of: each store's collections and tables, as the roots of the drawing. */
  function stores(units, links) {
    for (const unit of [...units.values()]) {
      const landed = unit.node ? [unit.node] : unit.members.map((id) => byId.get(id));
      const store = landed[0].facts.store;
      if (landed[0].type !== "source" || !store) continue;
      const one = unit.node !== undefined;
      const name = one ? clipped(unit.node.facts.stored) : store;
      const kind = one ? unit.node.facts.object : plural(landed.length, landed[0].facts.object);
      const id = `store:${unit.id}`;
      units.set(id, {
        id, name, kind, store, group: store, first: true, of: unit.id,
        width: Math.max(96, 30 + Math.max(wide(name, "name"), wide(kind, "kind"))), height: 44,
      });
      links.set(id, { from: id, to: unit.id, through: false });
      unit.first = false;
    }
  }

  const svg = (html) => {
    const holder = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    holder.innerHTML = html;
    return [...holder.childNodes];
  };
  const safe = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

  function draw(units, links) {
    const laid = laidOut(units, links);
    const margin = { x: 14, top: 34, bottom: 14 };
    const parts = [];
    const boxes = new Map();
    for (const unit of units) {
      if (unit.group === undefined) continue;
      const place = laid.places.get(unit.id);
      const box = boxes.get(unit.group) || { left: Infinity, top: Infinity, right: 0, bottom: 0 };
      boxes.set(unit.group, {
        left: Math.min(box.left, place.x), top: Math.min(box.top, place.y),
        right: Math.max(box.right, place.x + unit.width), bottom: Math.max(box.bottom, place.y + unit.height),
      });
    }
    for (const [name, { left, top, right, bottom }] of boxes) {
      parts.push(
        `<g class="store"><rect x="${left - 10}" y="${top - 26}" width="${right - left + 20}" height="${bottom - top + 36}" rx="10"/>` +
        `<text x="${left - 1}" y="${top - 10}">${safe(name)}</text></g>`,
      );
    }
    const lines = links.map(({ through }, at) => {
      return `<path class="edge${through ? " through" : ""}" d="${curve(laid.routes[at])}"/>`;
    });
    parts.push(`<g class="edges">${lines.join("")}</g>`);
    const cards = units.map((unit) => card(unit, laid.places.get(unit.id)));
    parts.push(`<g class="nodes">${cards.join("")}</g>`);
    drawing.classList.toggle("many", links.length > 300);
    drawing.replaceChildren(...svg(`<g transform="translate(${margin.x} ${margin.top})">${parts.join("")}</g>`));
    viewer.resized(laid.width + 2 * margin.x, laid.height + margin.top + margin.bottom);
    const elements = [...drawing.querySelectorAll(".node")];
    const paths = [...drawing.querySelectorAll(".edge")];
    const nodes = new Map(units.map((unit, at) => {
      const { x, y } = laid.places.get(unit.id);
      return [unit.id, { unit, element: elements[at], x: x + margin.x, y: y + margin.top, above: [], below: [], edges: [] }];
    }));
    links.forEach(({ from, to }, at) => {
      nodes.get(from).below.push(to);
      nodes.get(to).above.push(from);
      nodes.get(from).edges.push(paths[at]);
      nodes.get(to).edges.push(paths[at]);
    });
    view = { nodes, links, paths };
    const first = elements.find((one) => one.matches("a"));
    if (first) first.setAttribute("tabindex", "0");
    mark();
  }

  /** The places of all units: what hangs together in layers, what stands alone below it in rows. */
  function laidOut(units, links) {
    const tied = new Set(links.flatMap(({ from, to }) => [from, to]));
    const alone = units.filter(({ id }) => !tied.has(id));
    const laid = window.sluiceLayers(units.filter(({ id }) => tied.has(id)), links.map(({ from, to }) => [from, to]));
    if (!alone.length) return laid;
    const [gap, room] = [16, Math.max(laid.width, 900)];
    let [x, y, right] = [0, laid.height ? laid.height + 3 * gap : 0, laid.width];
    for (const unit of alone) {
      if (x && x + unit.width > room) [x, y] = [0, y + 56 + gap];
      laid.places.set(unit.id, { x, y });
      right = Math.max(right, x + unit.width);
      x += unit.width + gap;
    }
    return { ...laid, width: right, height: y + 56 };
  }

  function card(unit, { x, y }) {
    const { width, height, name, kind, state, store } = unit;
    const at = `transform="translate(${x} ${y})" data-unit="${safe(unit.id)}"`;
    if (store) {
      return `<g class="node stored" ${at}><rect width="${width}" height="${height}" rx="16"/>` +
        `<text class="name" x="15" y="19">${safe(name)}</text><text class="kind" x="15" y="34">${safe(kind)}</text></g>`;
    }
    const label = unit.folder ? `Folder ${unit.folder}: ${kind}. Unfold` : `${unit.node.label}: ${kind}, ${state}`;
    const href = unit.folder ? "#" : address(unit.id) || "#";
    const start = `<a class="node ${state}${unit.folder ? " folder" : ` ${unit.node.type}`}" ${at} href="${safe(href)}" tabindex="-1" aria-label="${safe(label)}">`;
    if (unit.folder) {
      let from = 12;
      const bar = Object.keys(STATES).filter((one) => unit.states[one]).map((one) => {
        const length = ((width - 24) * unit.states[one]) / unit.members.length;
        const piece = `<rect class="share ${one}" x="${from}" y="44" width="${length}" height="4"/>`;
        from += length;
        return piece;
      });
      return `${start}<rect class="behind" x="5" y="-5" width="${width - 10}" height="20" rx="8"/>` +
        `<rect class="box" width="${width}" height="${height}" rx="8"/>` +
        `<text class="name" x="12" y="19">${safe(name)}</text><text class="kind" x="12" y="35">${safe(kind)}</text>${bar.join("")}</a>`;
    }
    return `${start}<rect class="box" width="${width}" height="${height}" rx="8"/>` +
      `<path class="mark" transform="translate(12 14)" d="${MARKS[state]}"/>` +
      `<text class="name" x="38" y="19">${safe(name)}</text><text class="kind" x="38" y="34">${safe(kind)}</text></a>`;
  }

  /** A smooth line through points, level at each of them. */
  function curve(points) {
    let line = `M${round(points[0].x)} ${round(points[0].y)}`;
    for (let at = 1; at < points.length; at += 1) {
      const [from, to] = [points[at - 1], points[at]];
      if (Math.abs(from.y - to.y) < 0.5) line += `H${round(to.x)}`;
      else {
        const bend = (to.x - from.x) / 2;
        line += `C${round(from.x + bend)} ${round(from.y)} ${round(to.x - bend)} ${round(to.y)} ${round(to.x)} ${round(to.y)}`;
      }
    }
    return line;
  }
  const round = (number) => Math.round(number * 10) / 10;

  // What is pointed at, and what is opened.

  function reach(start, way) {
    const found = new Set([start]);
    const waiting = [start];
    while (waiting.length) {
      for (const one of view.nodes.get(waiting.pop())[way]) {
        if (!found.has(one)) {
          found.add(one);
          waiting.push(one);
        }
      }
    }
    return found;
  }

  let lit = null;
  function light(unit) {
    if (unit === lit) return;
    lit = unit;
    drawing.classList.toggle("lit", unit !== null);
    if (unit === null) return;
    const [above, below] = [reach(unit, "above"), reach(unit, "below")];
    for (const [id, { element }] of view.nodes) {
      element.classList.toggle("on", above.has(id) || below.has(id));
      element.classList.toggle("here", id === unit);
    }
    view.links.forEach(({ from, to }, at) => {
      view.paths[at].classList.toggle("on", (above.has(from) && above.has(to)) || (below.has(from) && below.has(to)));
    });
  }

  const unitAt = (target) => target.closest?.(".node")?.dataset.unit ?? null;
  let pointed = 0;
  drawing.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    clearTimeout(pointed);
    const unit = unitAt(event.target);
    pointed = setTimeout(() => light(unit ?? (opened && view.nodes.has(opened) ? opened : null)), unit ? 60 : 160);
  });
  frame.addEventListener("pointerleave", () => {
    clearTimeout(pointed);
    light(opened && view.nodes.has(opened) ? opened : null);
  });
  drawing.addEventListener("focusin", (event) => {
    const unit = unitAt(event.target);
    if (unit === null) return;
    drawing.querySelector('a[tabindex="0"]')?.setAttribute("tabindex", "-1");
    event.target.setAttribute("tabindex", "0");
    light(unit);
    frame.scrollTo(0, 0); // the drawing is moved, not scrolled
    viewer.show(area(unit));
  });
  drawing.addEventListener("focusout", () => light(opened && view.nodes.has(opened) ? opened : null));
  const area = (unit) => {
    const { x, y, unit: { width, height } } = view.nodes.get(unit);
    return { x, y, width, height };
  };
  drawing.addEventListener("click", (event) => {
    const unit = unitAt(event.target);
    if (unit === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const { unit: found } = view.nodes.get(unit);
    if (found.folder) unfold(found.folder);
    else open(found.of ?? unit);
  });
  frame.addEventListener("keydown", (event) => {
    const unit = unitAt(event.target);
    const steps = { ArrowLeft: "above", ArrowRight: "below", ArrowUp: -1, ArrowDown: 1 };
    if (unit === null || event.shiftKey || !(event.key in steps)) return;
    event.preventDefault();
    const step = steps[event.key];
    const here = view.nodes.get(unit);
    const reachable = (id) => view.nodes.get(id).element.matches("a");
    let next;
    if (typeof step === "string") {
      next = here[step].filter(reachable).sort((a, b) => Math.abs(view.nodes.get(a).y - here.y) - Math.abs(view.nodes.get(b).y - here.y))[0];
    } else {
      const beside = [...view.nodes].filter(([id, one]) => reachable(id) && Math.abs(one.x - here.x) < 1 && (one.y - here.y) * step > 0);
      next = beside.sort((a, b) => Math.abs(a[1].y - here.y) - Math.abs(b[1].y - here.y))[0]?.[0];
    }
    if (next) view.nodes.get(next).element.focus({ preventScroll: true });
  });

  function unfold(folder) {
    unfolded.add(folder);
    show(shown);
  }

  function mark() {
    lit = null;
    drawing.classList.remove("lit");
    for (const [id, { element }] of view.nodes) element.classList.toggle("opened", id === opened);
    if (opened && view.nodes.has(opened)) light(opened);
  }

  /** Tells of a node beside the drawing. */
  function open(id, { quiet = false } = {}) {
    opened = id;
    const node = byId.get(id);
    panel.replaceChildren(...told(node));
    panel.hidden = false;
    document.body.classList.add("told");
    mark();
    if (view.nodes.has(id)) viewer.show(area(id), { readable: !quiet });
    if (!quiet) {
      remember(true);
      panel.querySelector("h2").focus({ preventScroll: true });
    }
    columnsOf(node, panel.querySelector(".columns"));
  }

  /** Lists a table's columns, each with where it comes from. */
  async function columnsOf(node, place) {
    const file = await window.sluiceLoadColumns(node.id, node.facts.file);
    const all = Object.entries(file?.columns || {});
    if (!all.length) return;
    const items = html("ul", { class: "near" });
    for (const [name, { fields }] of all) {
      const one = html("a", { href: window.sluiceColumnAddress(node.label, name) }, name);
      items.append(html("li", {}, one, html("span", { class: "origin" }, window.sluiceOriginOf(fields))));
    }
    place.replaceChildren(html("h3", {}, `Columns and where they come from (${all.length})`), items);
  }

  function close() {
    const before = opened;
    opened = null;
    panel.hidden = true;
    document.body.classList.remove("told");
    mark();
    return before;
  }

  const html = (name, attributes, ...inner) => make(name, { ...attributes, svg: false }, ...inner);
  function link(id) {
    const node = byId.get(id);
    const one = html("a", { href: wayTo({ ...asked(), node: nameOf(id) }), "data-open": id, class: node.facts.state }, node.label);
    return html("li", {}, stateMark(node.facts.state), one);
  }
  const stateMark = (state) => {
    const picture = make("svg", { viewBox: "0 0 16 16", class: `state ${state}`, "aria-hidden": "true" }, make("path", { d: MARKS[state] }));
    return picture;
  };

  const selectorOf = ({ type, label }) => (type === "source" || type === "exposure" ? `${type}:${label}` : label);

  function told(node) {
    const { facts } = node;
    const page = address(node.id);
    const heading = html("h2", { tabindex: "-1" }, page ? html("a", { href: page }, node.label) : node.label);
    const closing = html("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
    closing.addEventListener("click", () => {
      const before = close();
      remember(true);
      view.nodes.get(before)?.element.focus({ preventScroll: true });
    });
    const state = html("p", { class: `standing ${facts.state}` }, stateMark(facts.state), html("strong", {}, facts.state), `: ${reason(node)}`);
    const list = html("dl", { class: "facts" });
    const fact = (word, ...value) => value[0] && list.append(html("dt", {}, word), html("dd", {}, ...value));
    fact("Kind", `${node.type === "model" ? "model, " : ""}${facts.kind}`);
    if (facts.store) fact("Lands", `${facts.store} ${facts.object} ${facts.stored}`);
    fact("Owner", facts.owner);
    fact("Tags", (node.tags || []).join(", "));
    fact("Group", node.group);
    fact("File", html("code", {}, node.path));
    if (facts.ran) fact("Last run", `${facts.ran[0]} UTC: ${facts.ran[1]}${facts.ran[2] ? `, ${Number(facts.ran[2]).toFixed(1)} s` : ""}`);
    const checks = children.get(node.id).filter((id) => TESTS.has(byId.get(id).type)).length;
    if (checks) fact("Tests", `${checks}`);
    const name = selectorOf(node);
    const ways = html("p", { class: "ways" });
    for (const [text, select] of [["All it comes from", `+${name}`], ["All made of it", `${name}+`], ["Both", `+${name}+`], ["One step", `1+${name}+1`]]) {
      ways.append(html("a", { href: wayTo({ select, node: nameOf(node.id) }), "data-select": select }, text));
    }
    if (page?.startsWith("dashboards/")) ways.prepend(html("a", { href: page }, "Open the dashboard"));
    const parts = [html("header", {}, heading, closing), state];
    if (facts.about) parts.push(html("p", { class: "about" }, facts.about));
    parts.push(ways, list);
    const near = (title, ids) => {
      if (!ids.length) return;
      const items = html("ul", { class: "near" });
      items.append(...ids.slice(0, 40).map(link));
      if (ids.length > 40) items.append(html("li", { class: "soft" }, `and ${ids.length - 40} more`));
      parts.push(html("h3", {}, `${title} (${ids.length})`), items);
    };
    near("Reads", parents.get(node.id).filter(isDrawn));
    if (facts.panels) {
      const items = html("ul", { class: "near" });
      items.append(...facts.panels.map(([title, number]) => html("li", {}, html("a", { href: `${page}#panel-${number}` }, title))));
      parts.push(html("h3", {}, `Panels (${facts.panels.length})`), items);
    }
    near("Read by", children.get(node.id).filter(isDrawn));
    parts.push(html("div", { class: "columns" }));
    return parts;
  }

  function reason({ type, facts }) {
    const said = facts.state === "failed" || facts.state === "skipped" ? facts.message : facts.why;
    if (type === "exposure") return facts.state === "fresh" ? "all that it reads is as it should be" : "as the worst of what it reads";
    if (type === "source") return { fresh: "landed in time", stale: "older than it may be", missing: "never landed" }[facts.state] || STATES[facts.state];
    return said && facts.state !== "missing" ? `${STATES[facts.state]}: ${said}` : STATES[facts.state];
  }

  panel.addEventListener("click", (event) => {
    const one = event.target.closest("a[data-open], a[data-select]");
    if (!one || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (one.dataset.select) {
      $("select").value = one.dataset.select;
      $("exclude").value = "";
      apply();
    } else {
      if (!shown.has(one.dataset.open)) {
        $("select").value = `${$("select").value.trim()} ${selectorOf(byId.get(one.dataset.open))}`.trim();
        apply();
      }
      open(one.dataset.open);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && opened && !$("offers").childElementCount) {
      const before = close();
      remember(true);
      view.nodes.get(before)?.element.focus({ preventScroll: true });
    }
  });

  // The same as a table.

  function list(ids) {
    let number = 0;
    const all = $("all-rows").getAttribute("aria-pressed") === "true";
    for (const [id, row] of rows) {
      const is = ids.has(id);
      number += is;
      row.hidden = !is || (!all && number > ROWS);
    }
    $("counted").textContent = plural(number, "node");
    $("all-rows").hidden = number <= ROWS;
  }

  // Words that are offered while one types.

  function completing(box) {
    const offers = $("offers");
    let at = -1;
    const word = () => {
      const before = box.value.slice(0, box.selectionStart);
      const start = /[^\s,()]*$/.exec(before).index;
      const operators = /^(@|\d*\+)?/.exec(before.slice(start))[0].length;
      return { start: start + operators, text: before.slice(start + operators) };
    };
    function suggestions() {
      const { text } = word();
      const [, method, typed] = /^(?:([\w.]+):)?(.*)$/.exec(text);
      const lower = typed.toLowerCase();
      if (method) {
        const [name, ...keys] = method.split(".");
        if (!methods.includes(name)) return [];
        return rank([...valuesOf(graph, name, keys)], lower).map((value) => [`${method}:${value}`, value]);
      }
      if (!lower) return [];
      const settings = [...new Set(graph.nodes.flatMap((node) => Object.keys(node.config || {})))].map((key) => `config.${key}:`);
      const words = [...methods.filter((one) => !["config", "metric", "saved_query", "semantic_model", "changed", "state", "source_status"].includes(one)).map((one) => `${one}:`), ...settings];
      const names = rank([...valuesOf(graph, "fqn")], lower).map((value) => [value, value]);
      const sources = rank([...valuesOf(graph, "source")], lower).map((value) => [`source:${value}`, `source:${value}`]);
      return [...names, ...sources, ...words.filter((one) => one.startsWith(lower)).map((one) => [one, one])].slice(0, 9);
    }
    const rank = (values, lower) => values.filter((one) => one.toLowerCase().includes(lower))
      .sort((a, b) => Number(b.toLowerCase().startsWith(lower)) - Number(a.toLowerCase().startsWith(lower)) || a.length - b.length || (a < b ? -1 : 1))
      .slice(0, 9);
    function offerAll() {
      const found = suggestions().filter(([value]) => value !== word().text);
      at = -1;
      offers.replaceChildren(...found.map(([value, text], index) => {
        const one = html("li", { role: "option", id: `offer-${index}`, "data-value": value, "aria-selected": "false" }, text);
        one.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          take(value);
        });
        return one;
      }));
      offers.hidden = !found.length;
      box.setAttribute("aria-expanded", String(Boolean(found.length)));
      box.removeAttribute("aria-activedescendant");
      box.closest(".asks").insertBefore(offers, box.nextSibling);
    }
    function take(value) {
      const { start, text } = word();
      const after = box.value.slice(start + text.length);
      box.value = box.value.slice(0, start) + value + after;
      box.setSelectionRange(start + value.length, start + value.length);
      if (value.endsWith(":")) return offerAll();
      done();
      return apply();
    }
    function done() {
      offers.replaceChildren();
      offers.hidden = true;
      at = -1;
      box.setAttribute("aria-expanded", "false");
      box.removeAttribute("aria-activedescendant");
    }
    let typing = 0;
    box.addEventListener("input", () => {
      offerAll();
      clearTimeout(typing);
      typing = setTimeout(() => apply({ replace: true }), 250);
    });
    box.addEventListener("blur", done);
    box.addEventListener("keydown", (event) => {
      const all = [...offers.children];
      if (event.key === "Escape" && all.length) {
        done();
        event.stopPropagation();
      } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && all.length) {
        event.preventDefault();
        at = (at + (event.key === "ArrowDown" ? 1 : -1) + all.length + 1) % (all.length + 1);
        all.forEach((one, index) => one.setAttribute("aria-selected", String(index === at)));
        if (at < all.length && at >= 0) box.setAttribute("aria-activedescendant", `offer-${at}`);
        else at = -1;
      } else if (event.key === "Enter") {
        event.preventDefault();
        clearTimeout(typing);
        if (at >= 0 && all[at]) take(all[at].dataset.value);
        else {
          done();
          apply();
        }
      }
    });
  }

  completing($("select"));
  completing($("exclude"));
  $("ask").addEventListener("submit", (event) => event.preventDefault());
  $("ask").addEventListener("reset", () => setTimeout(apply));
  $("examples").addEventListener("click", (event) => {
    const one = event.target.closest("a");
    if (!one) return;
    event.preventDefault();
    const to = wordsOf(one.getAttribute("href").replace(/^[^?]*/, ""));
    $("select").value = to.get("select") || "";
    $("exclude").value = to.get("exclude") || "";
    apply();
  });
  const acts = { "zoom-in": () => viewer.zoom(1.25), "zoom-out": () => viewer.zoom(0.8), fit: () => viewer.fit() };
  for (const [id, act] of Object.entries(acts)) $(id).addEventListener("click", act);
  $("fold").addEventListener("click", () => {
    everything = !everything;
    if (!everything) unfolded = new Set();
    show(shown);
  });
  $("all-rows").addEventListener("click", () => {
    $("all-rows").setAttribute("aria-pressed", "true");
    list(shown);
  });
  let width = frame.clientWidth;
  new ResizeObserver(() => {
    if (frame.clientWidth !== width) viewer.fit({ readable: true });
    if (frame.clientWidth !== width && view.nodes.has(opened)) viewer.show(area(opened));
    width = frame.clientWidth;
  }).observe(frame);
  window.addEventListener("popstate", fromAddress);
  document.querySelectorAll("[data-scripted]").forEach((one) => (one.hidden = false));
  if (matchMedia("(min-width: 60rem)").matches) $("table").open = false;
  fromAddress();
})();
