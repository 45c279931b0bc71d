// The frame programs (src/frames): each is built into one script of its own, fetched when an output first needs it and
// handed to frames as a Blob. Vite builds a worker that way, so that is what it is asked for.

import plotly from "../frames/plotly.ts?worker&url";
import vega from "../frames/vega.ts?worker&url";
import widgets from "../frames/widgets.ts?worker&url";

const ADDRESSES = { plotly, vega, widgets } as const;

export type Program = keyof typeof ADDRESSES;

const fetched = new Map<Program, Promise<Blob>>();

/** The program's script. Rejects with what to tell the reader. */
export function program(name: Program): Promise<Blob> {
  const known = fetched.get(name) ?? load(name);
  fetched.set(name, known);
  known.catch(() => fetched.delete(name)); // the next output tries again
  return known;
}

async function load(name: Program): Promise<Blob> {
  const response = await fetch(ADDRESSES[name]);
  if (!response.ok) throw new Error(`The part of the page that shows this could not be loaded (${response.status}).`);
  return new Blob([await response.arrayBuffer()], { type: "text/javascript" });
}
