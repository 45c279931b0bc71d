// Moving cells with the pointer: a line shows where they would go; Escape, or letting go where they are, leaves them.

import { h } from "./dom.ts";

export interface Dragging {
  /** The cells, as they stand on the page. */
  readonly list: HTMLElement;
  /** All cells in order. */
  order(): readonly string[];
  /** Put these at an index among the others. */
  drop(cellIds: readonly string[], index: number): void;
}

const BEGINS = 4; // pixels the pointer moves before it is more than a press
const EDGE = 70; // pixels from the top or bottom of the screen where it scrolls
const SPEED = 14; // pixels a frame

/** Follow the pointer that went down on the handle of one of these cells. */
export function drag({ list, order, drop }: Dragging, cellIds: readonly string[], down: PointerEvent): void {
  const handle = down.currentTarget as HTMLElement;
  const moving = new Set(cellIds);
  const line = h("div", { class: "drop-line", "aria-hidden": "true" });
  let at: number | null = null;
  let pointer = down.clientY;
  let frame = 0;

  const others = () => order().filter((id) => !moving.has(id));
  const show = () => {
    const cells = [...list.querySelectorAll<HTMLElement>(".stretch:not(.far) > .cell:not([hidden])")]; // near the screen
    const before = cells.find((cell) => {
      const { top, height } = cell.getBoundingClientRect();
      return pointer < top + height / 2;
    });
    const top = (before ?? cells.at(-1))?.getBoundingClientRect()[before === undefined ? "bottom" : "top"] ?? 0;
    line.style.top = `${top - list.getBoundingClientRect().top}px`;
    const all = order();
    const indexOf = (cell: HTMLElement | undefined) => all.indexOf(cell?.dataset["cell"] ?? "");
    const place = before === undefined ? indexOf(cells.at(-1)) + 1 : indexOf(before);
    at = all.slice(0, place).filter((id) => !moving.has(id)).length;
  };
  const scroll = () => {
    const by = pointer < EDGE ? -SPEED : pointer > innerHeight - EDGE ? SPEED : 0;
    if (by !== 0) {
      scrollBy(0, by);
      show();
    }
    frame = requestAnimationFrame(scroll);
  };
  const move = ({ clientY }: PointerEvent) => {
    pointer = clientY;
    if (at === null && Math.abs(clientY - down.clientY) < BEGINS) return;
    if (at === null) {
      list.append(line);
      list.classList.add("dragging");
      frame = requestAnimationFrame(scroll);
    }
    show();
  };
  const end = (drops: boolean) => {
    cancelAnimationFrame(frame);
    line.remove();
    list.classList.remove("dragging");
    handle.removeEventListener("pointermove", move);
    handle.removeEventListener("pointerup", up);
    handle.removeEventListener("lostpointercapture", lost);
    document.removeEventListener("keydown", escape, true);
    if (!drops || at === null) return;
    const before = order().filter((id, index) => !moving.has(id) && index < order().indexOf(cellIds[0] as string)).length;
    const isTogether = order().indexOf(cellIds.at(-1) as string) - order().indexOf(cellIds[0] as string) === cellIds.length - 1;
    if (at !== before || !isTogether) drop(cellIds, Math.min(at, others().length));
  };
  const up = () => end(true);
  const lost = () => end(false);
  const escape = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    end(false);
  };
  handle.setPointerCapture(down.pointerId);
  handle.addEventListener("pointermove", move);
  handle.addEventListener("pointerup", up);
  handle.addEventListener("lostpointercapture", lost);
  document.addEventListener("keydown", escape, true);
}
