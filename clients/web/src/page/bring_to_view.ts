// Bringing something of a cell onto the screen, however far away it is.

const SMOOTH = 1.5; // screens; over a longer way the reader is there at once
const ARRIVES = 1000; // milliseconds that a smooth way takes at most
const SETTLES = 30; // frames in which cells that came near may still take their heights

let stop = () => {}; // what is under way

/** To the middle of the screen, or its beginning to the top. Cells get heights of their own only when they come near, so
 *  where something is may change on the way: it is looked after until it stands still, or the reader goes elsewhere. */
export function bringToView(element: Element, block: "center" | "start" = "center"): void {
  stop();
  const reader = new AbortController();
  stop = () => reader.abort();
  const once = { once: true, passive: true, capture: true, signal: reader.signal };
  for (const kind of ["wheel", "touchstart", "keydown", "pointerdown"]) addEventListener(kind, stop, once);

  let frames = SETTLES;
  const settle = () => {
    if (reader.signal.aborted || !element.isConnected) return;
    element.scrollIntoView({ block });
    if (frames-- > 0) requestAnimationFrame(settle);
    else reader.abort();
  };
  const { top, bottom } = element.getBoundingClientRect();
  if (Math.max(-bottom, top - innerHeight) >= SMOOTH * innerHeight) return settle();
  element.scrollIntoView({ block, behavior: "smooth" });
  const timer = setTimeout(settle, ARRIVES);
  addEventListener("scrollend", () => {
    clearTimeout(timer);
    settle();
  }, once);
}
