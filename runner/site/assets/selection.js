// What a selector chooses, as runner.selection does it: the same grammar, the same methods, the same messages.
// sluiceSelection.chosen(graph, {include, exclude, selector, indirect, strict}) gives a Set of ids or throws a Refused.
"use strict";
(() => {
  const EXAMPLES = "Examples: clv+, 2+clv, @clv, tag:daily, path:models/marts, (clv funnel),tag:daily.";
  const TERM =
    /^(?<at>@)?(?:(?<upDepth>\d*)(?<up>\+))?(?:(?<method>[\p{L}\p{N}_.]+):)?(?<value>[^]*?)(?:(?<down>\+)(?<downDepth>\d*))?$/u;
  const BEFORE = /(?<at>@)?(?:(?<upDepth>\d*)(?<up>\+))?\(/y;
  const AFTER = /(?<down>\+)(?<downDepth>\d*)(?=[\s,)]|$)/y;
  const FILES = [".sql", ".py", ".csv"];
  const TESTS = new Set(["test", "unit_test"]);
  const EVERYTHING = { term: true, raw: "", method: "fqn", arguments: [], value: "*", around: {}, indirect: "empty" };

  /** A selector that cannot be followed, or that chooses nothing. `quiet`: nothing is wrong, it just holds of nothing now. */
  class Refused extends Error {
    constructor(message, { quiet = false, nearest = null, unknownMethod = false } = {}) {
      super(message + (nearest === null ? "" : ` Did you mean "${nearest}"?`));
      Object.assign(this, { quiet, nearest, unknownMethod });
    }
  }

  // The grammar.

  const depth = (digits) => (digits ? parseInt(digits, 10) : null);

  function around(before, after, raw) {
    const down = Boolean(after && after.down);
    if (before.at && down) {
      throw new Refused(`the selector "${raw}" has "@" beside "+". "@" already takes descendants and their ancestors.`);
    }
    return {
      up: Boolean(before.up),
      upDepth: depth(before.upDepth),
      down,
      downDepth: after ? depth(after.downDepth) : null,
      at: Boolean(before.at),
    };
  }

  const reaches = (one) => Boolean(one.up || one.down || one.at);

  function term(text, indirect) {
    const found = TERM.exec(text).groups;
    const [method, ...rest] = found.method ? found.method.split(".") : [defaultMethod(found.value)];
    return { term: true, raw: text, method, arguments: rest, value: found.value, around: around(found, found, text), indirect };
  }

  function defaultMethod(value) {
    if (value.includes("/")) return "path";
    return FILES.some((end) => value.toLowerCase().endsWith(end)) ? "file" : "fqn";
  }

  /** A selector's text as an expression: terms, groups (`union`, `intersection`, `difference`), parentheses. */
  function parse(texts, indirect = "eager", mustMatch = true) {
    const text = texts.join(" ");
    let at = 0;
    const wrong = (what) => {
      const shown = text.length <= 100 ? text : `${text.slice(0, 97)}...`;
      return new Refused(`the selector "${shown}" has ${what}. ${EXAMPLES}`);
    };
    const skip = () => {
      while (at < text.length && /\s/.test(text[at])) at += 1;
    };
    function union(closing) {
      const start = at;
      const parts = [];
      for (;;) {
        skip();
        if (at >= text.length || text[at] === ")") break;
        parts.push(intersection());
      }
      if (closing && !parts.length) throw wrong("nothing between the parentheses");
      return { kind: "union", parts, raw: text.slice(start, at).trim(), indirect };
    }
    function intersection() {
      const start = at;
      const parts = [factor()];
      while (text[at] === ",") {
        at += 1;
        parts.push(factor());
      }
      return { kind: "intersection", parts, raw: text.slice(start, at), indirect, mustMatch };
    }
    function factor() {
      BEFORE.lastIndex = at;
      const before = BEFORE.exec(text);
      if (before) return parenthesis(before[0].length, before.groups);
      const start = at;
      while (at < text.length && !" \t\r\n,()".includes(text[at])) at += 1;
      if (text[at] === "(") throw wrong('"(" after a name');
      if (at === start) throw wrong('nothing beside a ","');
      return term(text.slice(start, at), indirect);
    }
    function parenthesis(length, before) {
      const start = at;
      at += length;
      const inner = union(true);
      if (text[at] !== ")") throw wrong('"(" without ")"');
      at += 1;
      AFTER.lastIndex = at;
      const after = AFTER.exec(text);
      if (after) at += after[0].length;
      else if (at < text.length && !" \t\r\n,)".includes(text[at])) throw wrong('neither a blank, "," nor "+" after ")"');
      const raw = text.slice(start, at);
      return { inner, raw, around: around(before, after && after.groups, raw), indirect };
    }
    const whole = union(false);
    if (at < text.length) throw wrong('")" without "("');
    return whole;
  }

  // Patterns.

  const escaped = (text) => text.replace(/[\^$\\.*+?()[\]{}|/]/g, "\\$&");
  const cached = (make) => {
    const known = new Map();
    return (key) => {
      if (!known.has(key)) known.set(key, make(key));
      return known.get(key);
    };
  };

  function expression(source) {
    try {
      return new RegExp(`^(?:${source})$`, "su");
    } catch {
      return /(?!)/; // a range that goes backwards holds nothing
    }
  }

  const inClass = (text) => text.replace(/\\/g, "\\\\").replace(/\[/g, "\\[").replace(/\^/g, "\\^");

  /** fnmatch: `*` any text, `?` any sign, `[abc]`, `[!a-z]`. */
  const wildcard = cached((pattern) => {
    const signs = [...pattern];
    let source = "";
    for (let at = 0; at < signs.length; at += 1) {
      const sign = signs[at];
      if (sign === "*") source += ".*";
      else if (sign === "?") source += ".";
      else if (sign !== "[") source += escaped(sign);
      else {
        let end = at + 1;
        if (signs[end] === "!") end += 1;
        if (signs[end] === "]") end += 1;
        while (end < signs.length && signs[end] !== "]") end += 1;
        if (end >= signs.length) source += "\\[";
        else {
          const not = signs[at + 1] === "!";
          source += `[${not ? "^" : ""}${inClass(signs.slice(at + 1 + not, end).join("")).replace(/\]/g, "\\]")}]`;
          at = end;
        }
      }
    }
    return expression(source);
  });
  const like = (text, pattern) => wildcard(pattern).test(text);

  /** A glob over whole paths that end in `/`: `*` stays within a folder, `**` goes through folders. */
  const glob = cached((pattern) => {
    const parts = pattern.split("/").filter((part) => part !== "" && part !== ".");
    if (pattern.startsWith("/")) parts.unshift("/");
    const source = parts.map((part) => {
      if (part === "**") return "(?:[^/]+/)*";
      return part.replace(/\\?\[!?[^\]]*\]|[*?]|[^*?[]+|\[/g, (text) => {
        if (text === "*") return "[^/]*";
        if (text === "?") return "[^/]";
        if (text.startsWith("[") && text.length > 2) {
          const not = text[1] === "!";
          return `[${not ? "^" : ""}${inClass(text.slice(1 + not, -1))}]`;
        }
        return escaped(text);
      }) + "/";
    });
    return expression(source.join(""));
  });

  // The nearest name, by the measure of Python's difflib.

  function ratio(a, b) {
    const matching = (aFrom, aTo, bFrom, bTo) => {
      let [bestA, bestB, size] = [aFrom, bFrom, 0];
      let lengths = new Map();
      for (let i = aFrom; i < aTo; i += 1) {
        const now = new Map();
        for (let j = bFrom; j < bTo; j += 1) {
          if (a[i] !== b[j]) continue;
          const run = (lengths.get(j - 1) || 0) + 1;
          now.set(j, run);
          if (run > size) [bestA, bestB, size] = [i - run + 1, j - run + 1, run];
        }
        lengths = now;
      }
      if (!size) return 0;
      return size + matching(aFrom, bestA, bFrom, bestB) + matching(bestA + size, aTo, bestB + size, bTo);
    };
    return a.length + b.length ? (2 * matching(0, a.length, 0, b.length)) / (a.length + b.length) : 1;
  }

  function nearest(word, known) {
    const options = [...known];
    const lower = word.toLowerCase();
    const same = options.filter((option) => option.toLowerCase() === lower);
    if (same.length) return same[same.length - 1];
    let best = null;
    for (const option of options) {
      const score = ratio(option, word);
      if (score >= 0.6 && (!best || score > best.score || (score === best.score && option > best.option))) {
        best = { option, score };
      }
    }
    return best && best.option;
  }

  // The graph.

  const homeOf = (node) => node.package || node.fqn[0];
  const nameOf = (node) => (node.name === undefined ? node.label : node.name);
  const named = (graph, kind, value, raw) => {
    const parts = value.split(".");
    if (parts.length > 2) {
      throw new Refused(`the selector "${raw}" has too many dots. Write ${kind}:name or ${kind}:package.name.`);
    }
    const [home, name] = ["*", ...parts].slice(-2);
    return (node) => node.type === kind && like(homeOf(node), home) && like(nameOf(node), name);
  };
  const choice = (known, value, raw) => {
    if (known.includes(value)) return;
    throw new Refused(`the selector "${raw}" has an unknown value "${value}". It is one of: ${known.join(", ")}.`, {
      nearest: nearest(value, known),
    });
  };

  function byFqn(node, value) {
    if (node.type === "source") return false;
    const versioned = node.version !== undefined;
    return isName(node.fqn, value, versioned) || isName(node.fqn.slice(1), value, versioned);
  }

  function isName(fqn, value, versioned) {
    if (!fqn.length) return false;
    const parts = value.split(".");
    const [last, before] = [fqn[fqn.length - 1], fqn[fqn.length - 2]];
    if (versioned && fqn.length > 1) {
      if (before === value || fqn.slice(-2).join("_") === parts.slice(-2).join("_")) return true;
    } else if (last === value) return true;
    const names = fqn.join(".").split(".");
    if (names.length < parts.length) return false;
    for (let index = 0; index < parts.length; index += 1) {
      if (/[*?[\]]/.test(parts[index])) {
        if (like(names.slice(index).join("."), parts.slice(index).join("."))) return true;
        return parts.length === 1 && like(versioned && fqn.length > 1 ? before : last, value);
      }
      if (names[index] !== parts[index]) return false;
    }
    return true;
  }

  function bySource(value, raw) {
    const parts = value.split(".");
    if (parts.length > 3) {
      throw new Refused(
        `the selector "${raw}" has too many dots. A source is source, source.table or package.source.table.`,
      );
    }
    const [home, source, table] = parts.length === 1 ? ["*", value, "*"] : ["*", ...parts].slice(-3);
    return (node) =>
      node.type === "source" &&
      like(homeOf(node), home) &&
      like(node.fqn[node.fqn.length - 2], source) &&
      like(node.fqn[node.fqn.length - 1], table);
  }

  function byPath(graph, value) {
    const pattern = glob(value);
    const there = new Set(graph.present);
    const known = new Map();
    const meant = (path, own) => pattern.test(`${path}/`) && (own || there.has(path));
    const holds = (path, own) => {
      const key = `${own}${path}`;
      if (!known.has(key)) {
        const above = path.slice(0, Math.max(0, path.lastIndexOf("/")));
        known.set(key, meant(path, own) || (above !== "" && holds(above, own)));
      }
      return known.get(key);
    };
    return (node) => {
      const own = homeOf(node) === graph.project;
      return holds(node.path, own) || (node.patch !== undefined && meant(node.patch, own));
    };
  }

  function byFile(node, value) {
    const name = node.path.slice(node.path.lastIndexOf("/") + 1);
    const dot = name.lastIndexOf(".");
    return like(name, value) || like(dot > 0 && dot < name.length - 1 ? name.slice(0, dot) : name, value);
  }

  function byConfig(graph, { arguments: keys, value, raw }) {
    if (!keys.length) {
      throw new Refused(`the selector "${raw}" names no setting. Write for example config.materialized:table.`);
    }
    const lower = value.toLowerCase();
    const insensitive = keys.length === 1 && keys[0] === "severity";
    const is = (one) => {
      if (typeof one === "boolean") return lower === String(one);
      if (typeof one !== "string") return false;
      return insensitive ? one.toLowerCase() === lower : one === value;
    };
    return (node) => {
      if (["exposure", "metric", "semantic_model", "saved_query", "unit_test"].includes(node.type)) return false;
      let found = { ...graph.defaults[node.type], ...node.config };
      for (const key of keys) {
        if (found === null || typeof found !== "object" || Array.isArray(found) || !Object.hasOwn(found, key)) return false;
        found = found[key];
      }
      return (Array.isArray(found) ? found : [found]).some(is);
    };
  }

  function byTestType(node, value) {
    if (node.testType === undefined) return false;
    const also = { generic: ["schema", "data"], singular: ["data"] }[node.testType] || [];
    return value === node.testType || also.includes(value);
  }

  function byVersion(node, value) {
    if (node.type !== "model") return false;
    const mine = node.version;
    if (value === "none" || mine === undefined) return value === "none" && mine === undefined;
    const order = compared(mine, node.latest === undefined ? mine : node.latest);
    return { latest: order === 0, prerelease: order > 0, old: order < 0 }[value];
  }

  function compared(one, other) {
    const number = (text) => (/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : null);
    const [a, b] = [number(one), number(other)];
    if (a !== null && b !== null) return Math.sign(a - b);
    if (a === null && b === null) return one < other ? -1 : Number(one > other);
    return a === null ? 1 : -1;
  }

  function noValue({ raw, method, value }) {
    if (value) throw new Refused(`the selector "${raw}" takes no value. Write ${method}: and narrow it by a ",".`);
  }

  // What a page cannot know: it shows one moment and has neither git nor earlier artifacts.
  const unknowable = {
    changed: "what git says has changed",
    state: "the artifacts of an earlier run",
    source_status: "the artifacts of an earlier run",
  };
  const beyond = ({ raw, method }) => {
    throw new Refused(`"${raw}" needs ${unknowable[method]}, which a page does not have. Ask the project: run ls -s "${raw}".`);
  };

  // Each gives a test of nodes for a term.
  const METHODS = {
    access: (graph, { value }) => (node) => node.type === "model" && node.access === value,
    changed: (graph, one) => beyond(one),
    config: byConfig,
    exposure: (graph, { value, raw }) => named(graph, "exposure", value, raw),
    failed: (graph, one) => {
      noValue(one);
      return (node) => graph.failed.includes(graph.statuses[node.id]);
    },
    file: (graph, { value }) => (node) => byFile(node, value),
    fqn: (graph, { value }) => (node) => byFqn(node, value),
    group: (graph, { value }) => (node) => node.group !== undefined && like(node.group, value),
    metric: (graph, { value, raw }) => named(graph, "metric", value, raw),
    package: (graph, { value }) => {
      const wanted = value === "this" && graph.project ? graph.project : value;
      return (node) => like(homeOf(node), wanted);
    },
    path: (graph, { value }) => byPath(graph, value),
    resource_type: (graph, { value, raw }) => {
      choice(graph.resourceTypes, value, raw);
      return (node) => node.type === value;
    },
    result: (graph, { value }) => (node) => graph.statuses[node.id] === value,
    saved_query: (graph, { value, raw }) => named(graph, "saved_query", value, raw),
    selector: () => () => true, // taken apart before methods are asked
    semantic_model: (graph, { value, raw }) => named(graph, "semantic_model", value, raw),
    source: (graph, { value, raw }) => bySource(value, raw),
    source_status: (graph, one) => beyond(one),
    stale: (graph, one) => {
      noValue(one);
      const stale = new Set(graph.stale);
      return (node) => stale.has(node.id);
    },
    state: (graph, one) => beyond(one),
    tag: (graph, { value }) => (node) => (node.tags || []).some((tag) => like(tag, value)),
    test_name: (graph, { value }) => (node) =>
      node.type === "unit_test" ? like(nameOf(node), value) : node.testName !== undefined && like(node.testName, value),
    test_type: (graph, { value, raw }) => {
      choice(graph.testTypes, value, raw);
      return (node) => byTestType(node, value);
    },
    unit_test: (graph, { value, raw }) => named(graph, "unit_test", value, raw),
    version: (graph, { value, raw }) => {
      choice(graph.versions, value, raw);
      return (node) => byVersion(node, value);
    },
  };
  const DYNAMIC = new Set(["changed", "failed", "result", "source_status", "stale", "state"]);
  const QUIET = { failed: "nothing failed in the last run", stale: "everything is up to date" };

  /** The values that a method can have here: what is offered while typing, and what is nearest to a wrong one. */
  function valuesOf(graph, method, keys = []) {
    const each = (of) => new Set(graph.nodes.flatMap(of));
    switch (method) {
      case "fqn": {
        const names = graph.nodes.filter((node) => !TESTS.has(node.type) && node.type !== "source").map(nameOf);
        return names.length ? names : graph.nodes.map(nameOf);
      }
      case "tag": return each((node) => node.tags || []);
      case "path": return each((node) => [node.path, ...[...node.path.matchAll(/\//g)].map((at) => node.path.slice(0, at.index))]);
      case "file": return each((node) => [node.path.slice(node.path.lastIndexOf("/") + 1)]);
      case "package": return each((node) => [homeOf(node)]);
      case "group": return each((node) => (node.group ? [node.group] : []));
      case "access": return ["public", "protected", "private"];
      case "test_name":
        return each((node) => (TESTS.has(node.type) ? [node.testName || nameOf(node)] : []));
      case "config":
        return each((node) => {
          const found = keys.length && node.config ? node.config[keys[0]] : undefined;
          return found === undefined || found === null ? [] : [String(found)];
        });
      case "resource_type": return graph.resourceTypes;
      case "test_type": return graph.testTypes;
      case "version": return graph.versions;
      case "selector": return Object.keys(graph.selectors);
      case "result": return new Set(Object.values(graph.statuses));
      default: return each((node) => (node.type === method ? [node.label] : []));
    }
  }

  /** The edges of a graph, both ways, by id; made once for each graph. */
  const edges = (() => {
    const known = new WeakMap();
    return (graph) => {
      if (!known.has(graph)) {
        const parents = new Map(graph.nodes.map((node) => [node.id, []]));
        const children = new Map(graph.nodes.map((node) => [node.id, []]));
        for (const node of graph.nodes) {
          for (const at of node.parents || []) {
            parents.get(node.id).push(graph.nodes[at].id);
            children.get(graph.nodes[at].id).push(node.id);
          }
        }
        known.set(graph, { parents, children, byId: new Map(graph.nodes.map((node) => [node.id, node])) });
      }
      return known.get(graph);
    };
  })();

  function walk(next, start, depth = null) {
    const found = new Set();
    let front = new Set(start);
    for (let steps = 0; front.size && (depth === null || steps < depth); steps += 1) {
      const beyondIt = new Set();
      for (const id of front) for (const one of next.get(id)) if (!found.has(one)) beyondIt.add(one);
      for (const one of beyondIt) found.add(one);
      front = beyondIt;
    }
    return found;
  }

  const together = (...sets) => new Set(sets.flatMap((set) => [...set]));
  const COMBINE = {
    union: (sets) => together(...sets),
    intersection: ([first, ...rest]) => new Set([...(first || [])].filter((id) => rest.every((set) => set.has(id)))),
    difference: ([first, ...rest]) => new Set([...first].filter((id) => !rest.some((set) => set.has(id)))),
  };

  class Evaluation {
    constructor(graph, strict) {
      Object.assign(this, { graph, strict, misses: [], ...edges(graph) });
    }

    whole(one) {
      return this.sets(one)[0];
    }

    /** What an expression chooses, and the tests that hang on it but wait for their other parents. */
    sets(one) {
      if (one.term) {
        if (one.method === "selector") return this.sets(this.inherited(one));
        return this.withTests(this.reach(this.matching(one), one.around), one.indirect);
      }
      if (one.inner) {
        if (!reaches(one.around)) return this.sets(one.inner);
        return this.withTests(this.reach(this.plain(one.inner), one.around), one.indirect);
      }
      const found = one.parts.map((part) => this.sets(part));
      const direct = COMBINE[one.kind](found.map(([chosen]) => chosen));
      const waiting = COMBINE[one.kind](found.map(([chosen, later]) => together(chosen, later)));
      const chosen = this.joined(direct, waiting, one.indirect);
      this.mustMatch(one, chosen);
      return [chosen, waiting];
    }

    mustMatch(group, chosen) {
      if (group.mustMatch && this.strict && !chosen.size && !this.isDynamic(group)) {
        throw new Refused(`the selector "${group.raw}" matches nothing: no node is in all of its parts.`);
      }
    }

    isDynamic(one) {
      if (one.term) return DYNAMIC.has(one.method) || (one.method === "selector" && this.isDynamic(this.inherited(one)));
      return one.inner ? this.isDynamic(one.inner) : one.parts.some((part) => this.isDynamic(part));
    }

    plain(one) {
      if (one.term) {
        return one.method === "selector" ? this.plain(this.inherited(one)) : this.reach(this.matching(one), one.around);
      }
      if (one.inner) return this.reach(this.plain(one.inner), one.around);
      const found = COMBINE[one.kind](one.parts.map((part) => this.plain(part)));
      this.mustMatch(one, found);
      return found;
    }

    inherited(one) {
      const known = this.graph.selectors;
      if (!Object.hasOwn(known, one.value)) {
        throw new Refused(`no selector is named "${one.value}".`, { nearest: nearest(one.value, Object.keys(known)) });
      }
      if (!reaches(one.around)) return known[one.value];
      return { inner: known[one.value], raw: one.raw, around: one.around, indirect: one.indirect };
    }

    matching(one) {
      const place = one.place ? `${one.place}: ` : "";
      if (one === EVERYTHING) return new Set(this.byId.keys());
      if (!Object.hasOwn(METHODS, one.method)) {
        const names = Object.keys(METHODS).sort();
        throw new Refused(
          `${place}the selector "${one.raw}" has an unknown method "${one.method}". Methods: ${names.join(", ")}.`,
          { nearest: nearest(one.method, names), unknownMethod: true },
        );
      }
      const test = METHODS[one.method](this.graph, one);
      const found = new Set(this.graph.nodes.filter(test).map((node) => node.id));
      if (!found.size) {
        const miss = this.miss(one, place);
        if (this.strict && !place && !DYNAMIC.has(one.method)) throw miss;
        this.misses.push(miss);
      }
      return found;
    }

    miss({ raw, method, value, arguments: keys }, place) {
      if (method in QUIET) return new Refused(`${QUIET[method]}: ${raw} selects nothing.`, { quiet: true });
      if (method === "result") return new Refused(`${raw} selects nothing.`, { quiet: true });
      const isChoice = ["resource_type", "test_type", "version"].includes(method); // the word is right, only nothing is so
      const close = { nearest: isChoice ? null : nearest(value, valuesOf(this.graph, method, keys)) };
      if (method === "fqn") return new Refused(`${place}no model is named "${value}".`, close);
      const words = keys.map((word) => `.${word}`).join("");
      return new Refused(`${place}the selector "${method}${words}:${value}" matches nothing.`, close);
    }

    reach(found, { at, up, upDepth, down, downDepth }) {
      let chosen = new Set(found);
      if (at) {
        const below = together(found, walk(this.children, found));
        chosen = together(chosen, below, walk(this.parents, below));
      }
      if (up) chosen = together(chosen, walk(this.parents, found, upDepth));
      if (down) chosen = together(chosen, walk(this.children, found, downDepth));
      return chosen;
    }

    testsOn(chosen) {
      const found = new Set();
      for (const id of chosen) {
        for (const child of this.children.get(id)) if (TESTS.has(this.byId.get(child).type)) found.add(child);
      }
      return found;
    }

    withTests(chosen, indirect) {
      if (indirect === "empty") return [chosen, new Set()];
      const direct = new Set(chosen);
      const waiting = new Set();
      let reachable = chosen;
      if (indirect === "buildable") {
        const sources = this.graph.nodes.filter((node) => node.type === "source").map((node) => node.id);
        reachable = together(chosen, walk(this.parents, chosen), sources);
      }
      for (const test of this.testsOn(chosen)) {
        const ready = indirect === "eager" || this.allIn(test, reachable);
        (ready ? direct : waiting).add(test);
      }
      return [direct, waiting];
    }

    /** Whether all that a test reads is there; one that reads a disabled table never is. */
    allIn(test, reachable) {
      return !this.byId.get(test).orphan && this.parents.get(test).every((id) => reachable.has(id));
    }

    joined(direct, waiting, indirect) {
      const same = direct.size === waiting.size && [...direct].every((id) => waiting.has(id));
      if (same || !["cautious", "buildable"].includes(indirect)) return direct;
      const reachable = indirect === "buildable" ? together(direct, walk(this.parents, direct)) : direct;
      const ready = [...waiting].filter((id) => this.byId.get(id).type === "test" && this.allIn(id, reachable));
      return together(direct, ready);
    }

    nothing(one, exclude, otherwise = "") {
      if (this.misses.length) return this.misses[0];
      if (this.isDynamic(one)) return new Refused("nothing is selected now.", { quiet: true });
      if (otherwise) return new Refused(otherwise);
      if (exclude.length) {
        return new Refused(
          "nothing is left to select: --exclude takes away all that --select chooses. Narrow one of them.",
        );
      }
      return new Refused("there is nothing to select: the project holds no model.");
    }
  }

  /** The ids that selectors choose: see runner.selection.select, whose words these are. */
  function chosen(graph, { include = [], exclude = [], selector = null, indirect = "eager", strict = true } = {}) {
    const words = (texts) => texts.filter((text) => text.trim());
    [include, exclude] = [words(include), words(exclude)];
    const evaluation = new Evaluation(graph, strict);
    const name = selector || (include.length || exclude.length ? null : graph.default || null);
    let wanted;
    if (name !== null) {
      wanted = evaluation.inherited({ value: name, around: {} });
      const found = evaluation.whole(wanted);
      if (found.size) return found;
      throw evaluation.nothing(wanted, [], `the selector "${name}" of selectors.yml chooses nothing.`);
    }
    wanted = include.length ? parse(include, indirect, strict) : EVERYTHING;
    const taken = exclude.length ? parse(exclude, indirect, strict) : null;
    const found = evaluation.whole(
      taken ? { kind: "difference", parts: [wanted, taken], raw: include.join(" "), indirect: "eager" } : wanted,
    );
    if (found.size) return found;
    throw evaluation.nothing(wanted, exclude);
  }

  window.sluiceSelection = { chosen, edges, methods: Object.keys(METHODS), nearest, parse, Refused, valuesOf, walk, TESTS };
})();
