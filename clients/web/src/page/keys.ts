// The keys of command mode: one key or two of them in a row. Pure but for the clock it is handed.

export type Command =
  | "edit"
  | "next"
  | "previous"
  | "above"
  | "below"
  | "delete"
  | "undelete"
  | "code"
  | "markdown"
  | "raw"
  | "run"
  | "run-next"
  | "run-insert"
  | "move-up"
  | "move-down"
  | "interrupt"
  | "restart"
  | "save"
  | "help";

const KEYS: Record<string, Command> = {
  Enter: "edit",
  ArrowDown: "next",
  j: "next",
  ArrowUp: "previous",
  k: "previous",
  a: "above",
  b: "below",
  "d d": "delete",
  z: "undelete",
  y: "code",
  m: "markdown",
  r: "raw",
  "Ctrl+Enter": "run",
  "Shift+Enter": "run-next",
  "Alt+Enter": "run-insert",
  "Alt+ArrowUp": "move-up",
  "Alt+ArrowDown": "move-down",
  "i i": "interrupt",
  "0 0": "restart",
  s: "save",
  "?": "help",
};

export const HELP: readonly (readonly [string, string])[] = [
  ["Enter", "edit the cell"],
  ["Esc", "back to command mode"],
  ["Shift+Enter", "run, go to the next cell"],
  ["Ctrl+Enter", "run, stay"],
  ["Alt+Enter", "run, insert a cell below"],
  ["J, K or ↓, ↑", "next, previous cell"],
  ["A, B", "insert above, below"],
  ["D D", "delete the cell"],
  ["Z", "undo the deletion"],
  ["Y, M, R", "code, text, raw"],
  ["Alt+↑, Alt+↓", "move the cell"],
  ["I I", "interrupt"],
  ["0 0", "restart the kernel"],
  ["S", "write the file now"],
];

const TOGETHER = 800; // milliseconds between the two keys of a pair

export interface Pressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
}

export class CommandKeys {
  #before = { name: "", at: -Infinity };

  /** The command that this key completes; null if there is none. */
  press(pressed: Pressed, now: number): Command | null {
    const name = nameOf(pressed);
    const pair = now - this.#before.at < TOGETHER ? KEYS[`${this.#before.name} ${name}`] : undefined;
    this.#before = pair === undefined ? { name, at: now } : { name: "", at: -Infinity };
    return pair ?? KEYS[name] ?? null;
  }
}

function nameOf({ key, ctrlKey, shiftKey, altKey, metaKey }: Pressed): string {
  const isNamed = key.length > 1;
  const parts = [ctrlKey || metaKey ? "Ctrl" : "", altKey ? "Alt" : "", shiftKey && isNamed ? "Shift" : ""];
  return [...parts.filter(Boolean), isNamed ? key : key.toLowerCase()].join("+");
}
