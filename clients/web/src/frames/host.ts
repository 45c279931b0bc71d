// What a frame program finds in its frame (public/output-frame.html) and how it talks to the page.
//
// A program is one script without imports at run time. It is loaded into a frame that has no network and no origin, and
// offers one way to draw. What it says to the page, any script of the output could say as well.

/** Draws `input` into `place`; resolves when it has. */
export type Draw = (place: HTMLElement, input: any) => Promise<unknown>;

export interface Host {
  readonly dark: boolean;
  /** To the page. */
  say(message: unknown): void;
  /** From the page, after the input. */
  hear: (message: any) => void;
  /** The program that was loaded last. */
  draw: Draw;
  /** Called when light has become dark, or dark light. */
  readonly recolour: Set<() => void>;
  /** Run another program in this frame; what it draws with. */
  load(code: Blob): Promise<Draw>;
}

export const host = (globalThis as unknown as { quireFrame: Host }).quireFrame;

export const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function style(css: string): void {
  const element = document.createElement("style");
  element.textContent = css;
  document.head.append(element);
}

/** What went wrong, in place of the output. */
export function failed(place: HTMLElement, error: unknown): void {
  const text = document.createElement("p");
  text.setAttribute("role", "alert");
  text.style.color = "var(--bad)";
  text.textContent = error instanceof Error ? error.message : `${error}`;
  place.replaceChildren(text);
}
