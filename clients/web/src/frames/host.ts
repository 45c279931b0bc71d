// What a frame program finds in its frame (public/output-frame.html) and how it talks to the page.
//
// A program is one script without imports at run time. It is loaded into a frame that has no network and no origin, sets
// `hear`, and is then told its input. What it says to the page, any script of the output could say as well.

export interface Host {
  readonly output: HTMLElement;
  readonly dark: boolean;
  /** To the page. */
  say(message: unknown): void;
  /** From the page: first the input, then messages. */
  hear: (message: any) => void;
  /** Light has become dark, or dark light. */
  recolour: () => void;
}

export const host = (globalThis as unknown as { quireFrame: Host }).quireFrame;

export const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function style(css: string): void {
  const element = document.createElement("style");
  element.textContent = css;
  document.head.append(element);
}

/** What went wrong, in place of the output. */
export function failed(error: unknown): void {
  const text = document.createElement("p");
  text.setAttribute("role", "alert");
  text.style.color = "var(--bad)";
  text.textContent = error instanceof Error ? error.message : `${error}`;
  host.output.replaceChildren(text);
}
