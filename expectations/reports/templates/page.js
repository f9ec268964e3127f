(() => {
  "use strict";
  const reveal = () => {
    const aim = document.getElementById(location.hash.slice(1));
    if (aim && aim.tagName === "DETAILS") aim.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();
  const box = document.getElementById("search");
  if (!box) return;
  box.closest("form").hidden = false;
  const said = document.getElementById("found");
  const suites = [...document.querySelectorAll("details.suite")].map((suite) => ({
    suite,
    rows: [...suite.querySelectorAll("tbody tr")].map((row) => [row, `${suite.dataset.name} ${row.textContent}`.toLowerCase()]),
  }));
  const all = suites.reduce((sum, one) => sum + one.rows.length, 0);
  const filter = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { suite, rows } of suites) {
      let here = 0;
      for (const [row, text] of rows) {
        const fits = words.every((word) => text.includes(word));
        row.hidden = !fits;
        here += fits;
      }
      suite.hidden = here === 0;
      suite.open = words.length > 0 && here > 0;
      found += here;
    }
    said.textContent = words.length ? `${found.toLocaleString("en")} of ${all.toLocaleString("en")} checks` : "";
  };
  box.addEventListener("input", filter);
  box.form.addEventListener("submit", (event) => event.preventDefault());
})();
