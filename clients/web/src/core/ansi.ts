// Terminal text as spans: colours and weights of SGR sequences, links of OSC 8 and web addresses that stand in the text; every
// other escape sequence is dropped. Pure.
//
// Carriage returns and backspaces have been dealt with by the daemon, which keeps streams as a terminal would show them.

export interface Style {
  readonly fg?: string; // "0" to "15", or "#rrggbb"
  readonly bg?: string;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  readonly inverse?: boolean;
  readonly struck?: boolean;
  readonly link?: string; // an address of the web, and no other
}

export interface Span {
  readonly text: string;
  readonly style: Style;
}

// CSI sequences, OSC sequences (ended by BEL or ST), two-character escapes, and an escape that the text ends in.
const ESCAPE = /\x1b\[([0-?]*)([ -/]*[@-~])|\x1b\]([^\x07\x1b]*)(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]?|\x1b/g;
const ADDRESS = /https?:\/\/[^\s<>"'`\x00-\x1f]*[^\s<>"'`\x00-\x1f.,;:!?)\]}]/g;

/** The spans of a text that begins in this style. */
export function spans(text: string, begin: Style = {}): Span[] {
  const found: Span[] = [];
  let style = begin;
  let start = 0;
  const add = (end: number) => {
    if (end > start) found.push(...linked(text.slice(start, end), style));
  };
  for (const match of text.matchAll(ESCAPE)) {
    add(match.index);
    start = match.index + match[0].length;
    style = after(style, match);
  }
  add(text.length);
  return found;
}

/** The style in which a text ends that begins in this one. */
export function styleAfter(text: string, begin: Style): Style {
  return text.includes("\x1b") ? [...text.matchAll(ESCAPE)].reduce(after, begin) : begin;
}

function after(style: Style, match: RegExpExecArray | RegExpMatchArray): Style {
  if (match[2] === "m") return apply(style, match[1] ?? "");
  const address = /^8;[^;]*;(.*)$/.exec(match[3] ?? "")?.[1];
  if (address === undefined) return style;
  const { link: _, ...rest } = style;
  return /^https?:\/\//.test(address) ? { ...rest, link: address } : rest;
}

/** Web addresses in a text are links, if it is none already. */
function linked(text: string, style: Style): Span[] {
  if (style.link !== undefined || !text.includes("://")) return [{ text, style }];
  const found: Span[] = [];
  let at = 0;
  for (const { 0: address, index } of text.matchAll(ADDRESS)) {
    if (index > at) found.push({ text: text.slice(at, index), style });
    found.push({ text: address, style: { ...style, link: address } });
    at = index + address.length;
  }
  if (at < text.length) found.push({ text: text.slice(at), style });
  return found;
}

function apply(style: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map((part) => Number.parseInt(part || "0", 10));
  let next: Record<string, string | boolean | undefined> = { ...style };
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] as number;
    if (code === 0) next = style.link === undefined ? {} : { link: style.link };
    else if (code === 1) next["bold"] = true;
    else if (code === 2) next["dim"] = true;
    else if (code === 3) next["italic"] = true;
    else if (code === 4) next["underline"] = true;
    else if (code === 7) next["inverse"] = true;
    else if (code === 9) next["struck"] = true;
    else if (code === 22) next["bold"] = next["dim"] = undefined;
    else if (code === 23) next["italic"] = undefined;
    else if (code === 24) next["underline"] = undefined;
    else if (code === 27) next["inverse"] = undefined;
    else if (code === 29) next["struck"] = undefined;
    else if (code >= 30 && code <= 37) next["fg"] = `${code - 30}`;
    else if (code >= 40 && code <= 47) next["bg"] = `${code - 40}`;
    else if (code >= 90 && code <= 97) next["fg"] = `${code - 82}`;
    else if (code >= 100 && code <= 107) next["bg"] = `${code - 92}`;
    else if (code === 39) next["fg"] = undefined;
    else if (code === 49) next["bg"] = undefined;
    else if (code === 38 || code === 48) {
      const key = code === 38 ? "fg" : "bg";
      if (codes[i + 1] === 5) {
        next[key] = indexed(codes[i + 2] ?? 0);
        i += 2;
      } else if (codes[i + 1] === 2) {
        next[key] = rgb(codes[i + 2] ?? 0, codes[i + 3] ?? 0, codes[i + 4] ?? 0);
        i += 4;
      }
    }
  }
  return Object.fromEntries(Object.entries(next).filter(([, value]) => value !== undefined)) as Style;
}

function indexed(n: number): string {
  if (n < 16) return `${n}`;
  if (n >= 232) return rgb(8 + 10 * (n - 232), 8 + 10 * (n - 232), 8 + 10 * (n - 232));
  const level = (v: number) => (v === 0 ? 0 : 55 + 40 * v);
  const m = n - 16;
  return rgb(level(Math.floor(m / 36)), level(Math.floor(m / 6) % 6), level(m % 6));
}

function rgb(...parts: number[]): string {
  return `#${parts.map((part) => Math.min(255, Math.max(0, part || 0)).toString(16).padStart(2, "0")).join("")}`;
}
