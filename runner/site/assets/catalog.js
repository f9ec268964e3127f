// The catalog: its filter, and SQL as written and as compiled in one place. Without it all is there, one after the other.
"use strict";
(() => {
  function filter() {
    const form = document.getElementById("catalog-filter");
    if (!form) return;
    const words = document.getElementById("filter-words");
    const selects = { state: "filter-state", tag: "filter-tag", owner: "filter-owner" };
    for (const [name, id] of Object.entries(selects)) selects[name] = document.getElementById(id);
    const said = document.getElementById("filter-said");
    const rows = [...document.querySelectorAll("table.tables tbody tr, ul.list > li")].map((row) => ({
      row,
      text: row.querySelector("th, li")?.textContent.toLowerCase() ?? row.textContent.toLowerCase(),
      state: row.dataset.state ?? "",
      owner: row.dataset.owner ?? "",
      tag: (row.dataset.tags ?? "").split(" "),
    }));
    const folders = [...document.querySelectorAll("details.folder")].map((folder) => ({
      folder,
      wasOpen: folder.open,
      rows: [...folder.querySelectorAll("tbody tr")],
    }));
    const sections = [...document.querySelectorAll(".areas-content > section")];

    function apply() {
      const terms = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = Object.fromEntries(Object.entries(selects).map(([name, one]) => [name, one?.value ?? ""]));
      const any = terms.length > 0 || Object.values(chosen).some(Boolean);
      let count = 0;
      for (const one of rows) {
        const fits =
          terms.every((term) => one.text.includes(term)) &&
          (!chosen.state || one.state === chosen.state) &&
          (!chosen.owner || one.owner === chosen.owner) &&
          (!chosen.tag || one.tag.includes(chosen.tag));
        one.row.hidden = !fits;
        count += fits ? 1 : 0;
      }
      for (const one of folders) {
        const shown = one.rows.some((row) => !row.hidden);
        one.folder.hidden = !shown;
        one.folder.open = any ? shown : one.wasOpen;
      }
      for (const section of sections) {
        section.hidden = !section.querySelector("tbody tr:not([hidden]), ul.list > li:not([hidden])");
      }
      said.textContent = any ? `${count} of ${rows.length}` : "";
      const asked = new URLSearchParams();
      if (terms.length) asked.set("q", words.value.trim());
      for (const [name, value] of Object.entries(chosen)) if (value) asked.set(name, value);
      history.replaceState(null, "", location.pathname + (any ? "?" + asked : "") + location.hash);
    }

    function read() {
      const asked = new URLSearchParams(location.search);
      words.value = asked.get("q") ?? "";
      for (const [name, one] of Object.entries(selects)) if (one) one.value = asked.get(name) ?? "";
      apply();
    }

    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    document.querySelectorAll("a[data-state]").forEach((link) =>
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        selects.state.value = link.dataset.state;
        apply();
      }),
    );
    form.hidden = false;
    if (location.search) read();
  }

  // Two ways to look at one thing become tabs.
  function tabs(box) {
    const heads = [...box.querySelectorAll(":scope > h3")];
    if (heads.length < 2) return;
    const list = document.createElement("div");
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", "SQL");
    const pairs = heads.map((head) => {
      const panel = document.createElement("div");
      panel.setAttribute("role", "tabpanel");
      panel.id = head.id + "-panel";
      let next = head.nextElementSibling;
      while (next && next.tagName !== "H3") {
        const after = next.nextElementSibling;
        panel.append(next);
        next = after;
      }
      const tab = document.createElement("button");
      tab.type = "button";
      tab.id = head.id;
      tab.textContent = head.textContent;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("aria-labelledby", tab.id);
      head.remove();
      list.append(tab);
      return { tab, panel };
    });
    const choose = (chosen, focus) => {
      for (const { tab, panel } of pairs) {
        const is = tab === chosen;
        tab.setAttribute("aria-selected", String(is));
        tab.tabIndex = is ? 0 : -1;
        panel.hidden = !is;
      }
      if (focus) chosen.focus();
    };
    pairs.forEach(({ tab, panel }, number) => {
      tab.addEventListener("click", () => choose(tab, false));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) choose(pairs[(number + step + pairs.length) % pairs.length].tab, true);
      });
      box.append(panel);
    });
    box.prepend(list);
    const show = () => {
      const target = location.hash && document.getElementById(location.hash.slice(1));
      const pair = target && pairs.find(({ tab, panel }) => tab === target || panel.contains(target));
      if (pair) {
        choose(pair.tab, false);
        target.scrollIntoView();
      }
    };
    choose(pairs[0].tab, false);
    show();
    addEventListener("hashchange", show);
  }

  // A link to something folded unfolds it.
  function unfold() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
    if (target) target.scrollIntoView();
  }

  filter();
  document.querySelectorAll(".tabs").forEach(tabs);
  if (matchMedia("(max-width: 70rem)").matches) document.querySelectorAll("details.neighbours").forEach((one) => (one.open = false));
  unfold();
  addEventListener("hashchange", unfold);
})();
