// Everything that can be done on the page, once: what it is called, its keys, when it can be done, and doing it.
//
// Keys, palette, menus and the help sheet are drawn from one registry, so none of them knows less than another. It
// refuses a second command of the same id and a key that already means something. Pure but for the clock it is handed.

/** Where the keys of a command work: in command mode, in a cell in either mode, or wherever the focus is. Characters are
 *  keys in command mode alone. */
export type Where = "command" | "cell" | "anywhere";

/** Where a key was pressed: on a cell or on nothing, in a cell's editor, or in a button, a field, a panel. */
export type Place = "command" | "edit" | "elsewhere";

export const GROUPS = ["Run", "Kernel", "Cells", "Edit", "Go", "View", "Notebook"] as const;
export type Group = (typeof GROUPS)[number];

export interface Command {
  /** As `area.verb`; never changes. */
  readonly id: string;
  /** What it does, as a person would say it: "Delete cells". */
  readonly title: string;
  readonly group: Group;
  /** The first is shown. `d d` is two keys in a row, `Shift+m` a letter with Shift; signs stand for themselves. */
  readonly keys?: readonly string[];
  readonly where?: Where;
  /** Whether it can be done now; always, if there is none. */
  readonly when?: () => boolean;
  /** For what is on or off: which of them. */
  readonly isOn?: () => boolean;
  /** Its section in the menu of a cell; not there if there is none. */
  readonly cellMenu?: number;
  /** Too small for the palette: one step with an arrow key. */
  readonly small?: boolean;
  readonly run: () => void;
}

export interface Pressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
}

const TOGETHER = 800; // milliseconds between the two keys of a pair
const WORKS: Record<Place, readonly Where[]> = {
  command: ["command", "cell", "anywhere"],
  edit: ["cell", "anywhere"],
  elsewhere: ["anywhere"],
};

export class Commands {
  readonly #commands = new Map<string, Command>();
  readonly #keys = new Map<string, Command>();
  #before = { name: "", at: -Infinity };

  add(...commands: readonly Command[]): void {
    for (const command of commands) {
      if (this.#commands.has(command.id)) throw new Error(`There are two commands ${command.id}.`);
      this.#commands.set(command.id, command);
      for (const key of command.keys ?? []) {
        const other = this.#keys.get(key);
        if (other !== undefined) throw new Error(`${key} is a key of ${other.id} and of ${command.id}.`);
        this.#keys.set(key, command);
      }
    }
  }

  get(id: string): Command {
    const command = this.#commands.get(id);
    if (command === undefined) throw new Error(`There is no command ${id}.`);
    return command;
  }

  /** By group, and in a group in the order in which they were added. */
  all(): Command[] {
    return [...this.#commands.values()].sort((a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group));
  }

  /** Do it, if it can be done now; says whether it could. */
  run(id: string): boolean {
    return perform(this.get(id));
  }

  /** The command that this key completes here; null if there is none, or it cannot be done now. */
  press(pressed: Pressed, now: number, place: Place): Command | null {
    if (place !== "command" && isText(pressed)) return null;
    const name = nameOf(pressed);
    const pair = now - this.#before.at < TOGETHER ? this.#keys.get(`${this.#before.name} ${name}`) : undefined;
    this.#before = pair === undefined ? { name, at: now } : { name: "", at: -Infinity };
    const command = pair ?? this.#keys.get(name);
    if (command === undefined || !WORKS[place].includes(command.where ?? "command")) return null;
    return canRun(command) ? command : null;
  }
}

/** Characters without Ctrl or Alt are keys in command mode alone; elsewhere they are typed. */
export const isText = ({ key, ctrlKey, altKey, metaKey }: Pressed): boolean => key.length === 1 && !ctrlKey && !altKey && !metaKey;

export const canRun = (command: Command): boolean => command.when?.() ?? true;

export function perform(command: Command): boolean {
  const can = canRun(command);
  if (can) command.run();
  return can;
}

/** Letters are lower case, with Shift said; of signs only what they are, however this keyboard makes them. */
export function nameOf({ key, ctrlKey, shiftKey, altKey, metaKey }: Pressed): string {
  const isSign = key.length === 1 && key.toLowerCase() === key.toUpperCase();
  const parts = [ctrlKey || metaKey ? "Ctrl" : "", altKey ? "Alt" : "", shiftKey && !isSign ? "Shift" : ""];
  return [...parts.filter(Boolean), key.length === 1 ? key.toLowerCase() : key].join("+");
}

const SPELLED: Record<string, string> = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", " ": "Space", _: "Shift+-" };

/** A command's key as it is printed for people: `Ctrl+Shift+P`, `D D`. */
export function spell(keys: string, isMac = false): string {
  const one = (name: string): string => {
    const parts = name.split("+").map((part) => SPELLED[part] ?? (part.length === 1 ? part.toUpperCase() : part));
    if (!isMac) return parts.join("+");
    const marks: Record<string, string> = { Ctrl: "⌘", Alt: "⌥", Shift: "⇧", Enter: "↩" };
    return parts.join("+").split("+").map((part) => marks[part] ?? part).join("");
  };
  return keys === " " ? "Space" : keys.split(" ").map(one).join(" ");
}
