// Where columns come from: a file for each table, loaded when it is asked for.
"use strict";
(() => {
  window.sluiceColumns ||= {};
  const loading = new Map();

  /** Gives what a table's file says, null where it has none. */
  window.sluiceLoadColumns = (id, file) => {
    if (!file) return Promise.resolve(null);
    if (!loading.has(id)) {
      loading.set(id, new Promise((resolve) => {
        const script = document.createElement("script");
        script.src = `${document.body.dataset.root}/${file}`;
        script.onload = () => resolve(window.sluiceColumns[id] || null);
        script.onerror = () => resolve(null);
        document.head.append(script);
      }));
    }
    return loading.get(id);
  };

  /** The address of a column, or of what lies within it. */
  window.sluiceColumnAddress = (label, path) => `columns.html#column=${encodeURIComponent(`${label}.${path}`)}`;

  /** Where a column comes from, in a line. */
  window.sluiceOriginOf = (fields) => {
    if (!fields?.length) return "";
    const said = fields.slice(0, 2).map(([text]) => text).join(", ") + (fields.length > 2 ? ` and ${fields.length - 2} more` : "");
    return fields.every(([, copied]) => copied) ? `= ${said}` : `from ${said}`;
  };
})();
