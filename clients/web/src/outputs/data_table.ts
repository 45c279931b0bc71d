// A table of any length: only the rows near the part that shows are on the page. A click on a column's name sorts by it.

import { order, printed, type Sorting, type Table, widths } from "../core/table.ts";
import { h } from "../page/dom.ts";

const ROW = 27; // pixels
const TALLEST = 16; // rows that show at once
const BEYOND = 8; // rows made above and below
const MOST_COLUMNS = 200;

export function dataTable(whole: Table): HTMLElement {
  const table = { ...whole, columns: whole.columns.slice(0, MOST_COLUMNS) };
  let sorting: Sorting | null = null;
  let rows = order(table, sorting);
  let shown = { from: -1, to: -1 };
  const template = widths(table).map((characters) => `calc(${characters}ch + 1.75em)`).join(" ");
  const body = h("div", { class: "rows", role: "rowgroup" });
  const columns = table.columns.map(({ name, isNumeric, isKey }, index) => {
    const title = h("button", { type: "button", click: () => sortBy(index) }, name);
    return h("div", { role: "columnheader", class: kind(isNumeric, isKey), "aria-sort": "none" }, title);
  });
  const head = h("div", { class: "row head", role: "row", "aria-rowindex": "1" }, ...columns);
  const attributes = { class: "data-table", role: "table", tabindex: "0", "aria-label": "Table", "aria-rowcount": `${rows.length + 1}` };
  const scroller = h("div", attributes, h("div", { role: "rowgroup" }, head), body);
  scroller.style.setProperty("--columns", template);
  scroller.style.maxHeight = `${(TALLEST + 1) * ROW + 2}px`;
  body.style.height = `${rows.length * ROW}px`;

  const show = () => {
    const first = Math.floor(scroller.scrollTop / ROW);
    const from = Math.max(0, first - BEYOND);
    const to = Math.min(rows.length, first + TALLEST + BEYOND);
    if (from === shown.from && to === shown.to) return;
    shown = { from, to };
    const made = Array.from(rows.subarray(from, to), (row, index) => {
      const cells = table.columns.map(({ name, isNumeric, isKey }) =>
        h("div", { role: isKey ? "rowheader" : "cell", class: kind(isNumeric, isKey) }, printed(table.rows[row]?.[name])),
      );
      const element = h("div", { class: (from + index) % 2 ? "row odd" : "row", role: "row", "aria-rowindex": `${from + index + 2}` }, ...cells);
      element.style.top = `${(from + index) * ROW}px`;
      return element;
    });
    body.replaceChildren(...made);
  };
  const sortBy = (index: number) => {
    const column = table.columns[index]?.name ?? "";
    if (sorting?.column !== column) sorting = { column, descending: false };
    else sorting = sorting.descending ? null : { column, descending: true };
    for (const [other, element] of columns.entries()) {
      const way = sorting === null || other !== index ? "none" : sorting.descending ? "descending" : "ascending";
      element.setAttribute("aria-sort", way);
    }
    rows = order(table, sorting);
    shown = { from: -1, to: -1 };
    show();
  };
  scroller.addEventListener("scroll", show, { passive: true });
  show();
  return h("div", {}, scroller, h("p", { class: "note" }, size(whole)));
}

function size({ rows, columns }: Table): string {
  const some = columns.length > MOST_COLUMNS ? `, of which the first ${MOST_COLUMNS} show` : "";
  return `${rows.length.toLocaleString("en")} rows × ${columns.length.toLocaleString("en")} columns${some}`;
}

const kind = (isNumeric: boolean, isKey: boolean) => `${isNumeric ? "number" : "text"}${isKey ? " key" : ""}`;
