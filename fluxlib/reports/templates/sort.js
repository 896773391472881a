// Tables with one row of headers sort by a column: a click on its header, another for the other
// way round, a third for the order they came in. Values that are missing stay last. Tables of the
// class "fixed" are read in their own order.
const texts = new Intl.Collator(undefined, { numeric: true });

function readNumber(text) {
  return text === "" || !/^[-+]?[\d.,]+(e[-+]?\d+)?\s*%?$/i.test(text)
    ? NaN
    : parseFloat(text.replaceAll(",", ""));
}

function sortRows(table, column, direction, original) {
  const textOf = new Map(original.map((row) => [row, row.cells[column].textContent.trim()]));
  const missing = (row) => ["", "–"].includes(textOf.get(row));
  const known = original.filter((row) => !missing(row));
  const numbers = new Map(known.map((row) => [row, readNumber(textOf.get(row))]));
  const areNumbers = [...numbers.values()].every((value) => !Number.isNaN(value));
  const compare = (a, b) =>
    areNumbers
      ? numbers.get(a) - numbers.get(b)
      : texts.compare(textOf.get(a), textOf.get(b));
  known.sort((a, b) => direction * compare(a, b));
  table.tBodies[0].append(...known, ...original.filter(missing));
}

for (const table of document.querySelectorAll("table:not(.fixed)")) {
  const original = [...(table.tBodies[0]?.rows ?? [])];
  const heads = [...(table.tHead?.rows ?? [])];
  const isGrid = !table.querySelector("[colspan], [rowspan]");
  if (heads.length !== 1 || original.length < 3 || !isGrid) continue;
  for (const [column, head] of [...heads[0].cells].entries()) {
    if (!head.textContent.trim()) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const order = { ascending: "descending", descending: null }[head.ariaSort];
      const next = order === undefined ? "ascending" : order;
      for (const other of heads[0].cells) other.removeAttribute("aria-sort");
      if (next) {
        head.ariaSort = next;
        sortRows(table, column, next === "ascending" ? 1 : -1, original);
      } else {
        table.tBodies[0].append(...original);
      }
    });
  }
}
