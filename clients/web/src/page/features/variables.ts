// The panel of variables: what the kernel has in memory, beside whatever it runs.
//
// A view of the kernel's answer of a moment, asked for when the panel opens and again when an execution has ended. Which
// cell a name is from is the dataflow's to say. Owns the answer, and what was typed to filter it.

import type { ErrorInfo } from "../../core/messages.ts";
import { readKernel } from "../../core/schema.ts";
import { goTo } from "../cell_deeds.ts";
import { h } from "../dom.ts";
import type { Page } from "../page.ts";
import { nameOf } from "../run_plan.ts";

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[] | null;
  readonly length: number | null;
  readonly text: string;
}

const SETTLE = 150; // milliseconds after an execution has ended, in which the next one may end, too

export function variables(page: Page): void {
  let filter = "";
  page.panels.register({ id: "variables", title: "Variables", icon: "variables", mount: (host) => {
    const panel = new VariablesPanel(page, host, filter, (text) => (filter = text));
    return () => panel.end();
  } });
}

class VariablesPanel {
  readonly #page: Page;
  readonly #field: HTMLInputElement;
  readonly #status = h("p", { class: "search-status", role: "status" });
  readonly #list = h("ul", { class: "variables", "aria-label": "Variables" });
  readonly #ends: (() => void)[];
  #variables: readonly Variable[] = [];
  #before = new Map<string, string>(); // what each was until something changed last
  #owners: ReadonlyMap<string, string> = new Map(); // the cell that each name is from, as drawn
  #leftOut = 0;
  #asking = false;
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(page: Page, host: HTMLElement, filter: string, filtered: (text: string) => void) {
    this.#page = page;
    const typed = () => {
      filtered(this.#field.value);
      this.#draw();
    };
    this.#field = h("input", { type: "search", "aria-label": "Filter", placeholder: "Filter", value: filter, autocomplete: "off", spellcheck: "false", autofocus: true, input: typed });
    host.append(h("div", { class: "search-row" }, this.#field), this.#status, this.#list);
    const { executions, flow, linkChanged } = page;
    this.#ends = [
      executions.changed.add((patches) => {
        const isOther = ({ path }: { path: readonly unknown[] }) => path[0] === "kernel" ? path[1] === "lifecycle" : path[0] === "executions" && path[2] === "ended";
        if (patches === null || patches.some(isOther)) this.#soon();
      }),
      flow.changed.add(() => this.#ownersChanged()),
      linkChanged.add((state) => state === "online" && this.#soon()),
    ];
    void this.#ask();
  }

  end(): void {
    clearTimeout(this.#timer);
    for (const end of this.#ends) end();
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), SETTLE);
  }

  /** Ask the kernel; once more if something ended meanwhile. */
  async #ask(): Promise<void> {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    const why = this.#whyNot();
    if (why !== null) return this.#took([], 0, why);
    this.#asking = true;
    try {
      const { variables, left_out } = await this.#page.requests.call({ method: "list_variables" });
      this.#took(variables as Variable[], Number(left_out), null);
    } catch (error) {
      const { code, message, hint } = error as ErrorInfo;
      if (code === "kernel_busy") this.#say(`${message} What is below is from before.`);
      else if (code !== "superseded") this.#took([], 0, `${message} ${hint}`);
    } finally {
      this.#asking = false;
    }
    if (!this.#again) return;
    this.#again = false;
    this.#soon();
  }

  #whyNot(): string | null {
    const { executions, link, session } = this.#page;
    if (!session.mayRun) return "What the kernel has is not shown to viewers.";
    if (link !== "online") return "Offline: the kernel cannot be asked.";
    const { lifecycle } = executions.root === null ? { lifecycle: "none" } : readKernel(executions.root);
    return lifecycle === "ready" ? null : "No kernel runs. When a cell has run, its variables are here.";
  }

  #took(variables: readonly Variable[], leftOut: number, why: string | null): void {
    // An answer that says nothing new leaves the marks: one run may be followed by two.
    const [before, now] = [looksOf(this.#variables), looksOf(variables)];
    if (before.size !== now.size || [...now].some(([name, look]) => before.get(name) !== look)) this.#before = before;
    this.#variables = variables;
    this.#leftOut = leftOut;
    this.#draw();
    this.#say(why ?? (variables.length === 0 ? "The kernel has no variables yet." : ""));
  }

  /** Draw anew if a name is from another cell now: most edits change no such thing. */
  #ownersChanged(): void {
    const owners = ownersOf(this.#page);
    if (this.#variables.some(({ name }) => owners.get(name) !== this.#owners.get(name))) this.#draw();
  }

  #say(text: string): void {
    this.#status.textContent = text;
    this.#status.hidden = text === "";
  }

  #draw(): void {
    const wanted = this.#field.value.trim().toLowerCase();
    const owners = (this.#owners = ownersOf(this.#page));
    const shown = this.#variables.filter(({ name, type }) => `${name} ${type}`.toLowerCase().includes(wanted)).sort((a, b) => a.name.localeCompare(b.name));
    const more = this.#leftOut === 0 ? null : h("li", { class: "quiet" }, `and ${this.#leftOut} more`);
    this.#list.replaceChildren(...shown.map((one) => this.#row(one, owners.get(one.name))), ...(more === null ? [] : [more]));
  }

  #row(one: Variable, owner: string | undefined): HTMLElement {
    const before = this.#before.get(one.name);
    const isNew = this.#before.size > 0 && before !== looks(one);
    const name =
      owner === undefined
        ? h("span", { class: "name" }, one.name)
        : h("button", { type: "button", class: "cell-link name", title: `Go to ${nameOf(this.#page, owner)}, which defines it`, click: () => goTo(this.#page, owner) }, one.name);
    return h(
      "li",
      { class: isNew ? "changed" : "", title: one.text },
      name,
      h("span", { class: "kind" }, [one.type, sizeOf(one)].filter(Boolean).join(" ")),
      one.text === "" ? null : h("code", {}, one.text),
    );
  }
}

const looks = ({ type, shape, length, text }: Variable) => JSON.stringify([type, shape, length, text]);

const looksOf = (all: readonly Variable[]) => new Map(all.map((one) => [one.name, looks(one)]));

function sizeOf({ shape, length, type }: Variable): string {
  if (shape !== null && shape.length > 0) return shape.map((one) => one.toLocaleString("en")).join(" × ");
  return length === null || type === "str" ? "" : length.toLocaleString("en");
}

/** Which cell defines each name; of several the last. */
function ownersOf({ flow, notebook }: Page): Map<string, string> {
  return new Map(notebook.cellIds().flatMap((id) => (flow.get(id)?.defines ?? []).map((name) => [name, id] as const)));
}
