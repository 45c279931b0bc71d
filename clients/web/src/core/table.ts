// Tabular data (application/vnd.dataresource+json) as rows and columns: read defensively, printed, sorted. Pure.

import { record } from "./schema.ts";

export interface Column {
  readonly name: string;
  readonly isNumeric: boolean;
  readonly isKey: boolean;
}

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export interface Sorting {
  readonly column: string;
  readonly descending: boolean;
}

const NUMERIC: readonly unknown[] = ["integer", "number"];
const DIGITS = new Intl.NumberFormat("en", { maximumSignificantDigits: 7, useGrouping: false });

/** Reads a tabular data resource; whatever it is, the result is a table. */
export function readResource(value: unknown): Table {
  const resource = record(value);
  const rows = Array.isArray(resource["data"]) ? resource["data"].map(record) : [];
  const schema = record(resource["schema"]);
  const key = schema["primaryKey"];
  const keys = Array.isArray(key) ? key.map(String) : key === undefined ? [] : [String(key)];
  const fields = Array.isArray(schema["fields"]) ? schema["fields"].map(record) : Object.keys(rows[0] ?? {}).map((name) => ({ name, type: typeof rows[0]?.[name] }));
  const columns = fields.map((field) => {
    const name = String(field["name"]);
    return { name, isNumeric: NUMERIC.includes(field["type"]), isKey: keys.includes(name) };
  });
  return { columns: [...columns.filter(({ isKey }) => isKey), ...columns.filter(({ isKey }) => !isKey)], rows };
}

/** A value as a cell of the table shows it. */
export function printed(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Number.isInteger(value) ? `${value}` : DIGITS.format(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The indices of the rows in this order; what is missing comes last, whichever way. */
export function order({ rows }: Table, sorting: Sorting | null): Uint32Array {
  const indices = Uint32Array.from(rows.keys());
  if (sorting === null) return indices;
  const { column, descending } = sorting;
  const isMissing = (value: unknown) => value === null || value === undefined || Number.isNaN(value);
  return indices.sort((left, right) => {
    const [a, b] = [rows[left]?.[column], rows[right]?.[column]];
    if (isMissing(a) || isMissing(b)) return Number(isMissing(a)) - Number(isMissing(b)) || left - right;
    const difference = typeof a === "number" && typeof b === "number" ? a - b : printed(a).localeCompare(printed(b), undefined, { numeric: true });
    return (descending ? -difference : difference) || left - right;
  });
}

/** Characters that each column needs, judged by its name and some of its values. */
export function widths({ columns, rows }: Table): number[] {
  const step = Math.max(1, Math.floor(rows.length / 200));
  return columns.map(({ name }) => {
    let most = name.length + 2;
    for (let row = 0; row < rows.length; row += step) most = Math.max(most, printed(rows[row]?.[name]).length);
    return Math.min(most, 48);
  });
}
