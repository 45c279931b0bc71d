// A small AMD loader: modules of the page's own, and those that a notebook's environment brings, fetched by whoever is
// handed in. Code is run with `define` as a name of its own: nothing of the loader is global, where libraries look for it.
//
// A module is asked for by the name of its package ("bqplot") or of a file of it ("bqplot/index"). What a module depends on
// is one of the page's, or another package, or lies beside the module.

type Make = ((...dependencies: unknown[]) => unknown) | object;

interface Definition {
  readonly dependencies: readonly string[];
  readonly make: Make;
}

/** Fetches the code of `package/file`; rejects with what to tell the reader. */
export type Fetch = (module: string) => Promise<string>;

const OFFERED: readonly string[] = ["require", "exports", "module"]; // what a module that names nothing is given

export class Modules {
  readonly #own: Readonly<Record<string, () => unknown>>;
  readonly #fetch: Fetch;
  readonly #made = new Map<string, Promise<unknown>>();

  constructor(own: Readonly<Record<string, () => unknown>>, fetch: Fetch) {
    this.#own = own;
    this.#fetch = fetch;
  }

  /** What a module offers. Rejects if there is none, or if it fails. */
  async require(name: string): Promise<unknown> {
    return Object.hasOwn(this.#own, name) ? this.#own[name]?.() : this.#module(path(name));
  }

  #module(file: string): Promise<unknown> {
    const known = this.#made.get(file) ?? this.#fetch(file).then((code) => this.#make(file, run(code, file)));
    this.#made.set(file, known);
    return known;
  }

  async #make(file: string, { dependencies, make }: Definition): Promise<unknown> {
    const module = { id: file, uri: `/nbextensions/${file}.js`, exports: {} };
    const given = await Promise.all(dependencies.map((name) => this.#dependency(name, file, module)));
    const made: unknown = typeof make === "function" ? await (make as (...given: unknown[]) => unknown)(...given) : make;
    return made ?? module.exports;
  }

  async #dependency(name: string, file: string, module: { exports: object }): Promise<unknown> {
    if (name === "module") return module;
    if (name === "exports") return module.exports;
    if (name === "require") return (names: string[], then: Function) => Promise.all(names.map((each) => this.require(each))).then((all) => then(...all));
    if (name.startsWith(".")) return this.#module(beside(name, file));
    return this.require(name).catch((error: unknown) => this.#module(beside(name, file)).catch(() => Promise.reject(error)));
  }
}

/** What code defines. Throws if it defines nothing. */
function run(code: string, file: string): Definition {
  let defined: Definition | null = null;
  const define = Object.assign((...parts: unknown[]) => (defined = definition(parts)), { amd: {} });
  new Function("define", `${code}\n//# sourceURL=${file}.js`)(define);
  if (defined === null) throw new Error(`"${file}" is no AMD module: it defines nothing.`);
  return defined;
}

/** `define`'s arguments: perhaps a name, perhaps what it depends on, and what makes it. */
function definition(parts: readonly unknown[]): Definition {
  const make = parts.at(-1) as Make;
  const dependencies = parts.at(-2);
  return { make, dependencies: Array.isArray(dependencies) ? (dependencies as string[]) : OFFERED };
}

/** The file of a module's name. */
function path(name: string): string {
  const bare = name.replace(/^nbextensions\//, "").replace(/\.js$/, "");
  return bare.split("/").length > (bare.startsWith("@") ? 2 : 1) ? bare : `${bare}/index`;
}

/** A name as seen from a module. */
function beside(name: string, file: string): string {
  const parts = file.split("/").slice(0, -1);
  for (const part of name.replace(/\.js$/, "").split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

// --- a package that is bundled here: it is evaluated after this module and before `factory` ---------------------------------

let made: Definition | null = null;

Object.assign(globalThis, { define: (...parts: unknown[]) => (made = definition(parts)) });

export function factory(): (...dependencies: unknown[]) => unknown {
  delete (globalThis as { define?: unknown }).define; // libraries look whether it is there
  if (made === null) throw new Error("The package did not define anything.");
  return made.make as (...dependencies: unknown[]) => unknown;
}
