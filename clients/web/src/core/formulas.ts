// LaTeX of an output (text/latex) as text and formulas: what stands between dollars, brackets or as an environment is math,
// as everywhere in notebooks; a text without any is one formula. Pure.

export type Part = { readonly text: string } | { readonly formula: string; readonly display: boolean };

const MATH = /(?<!\\)\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\)|\\begin\{([a-z]+\*?)\}[\s\S]+?\\end\{\4\}|(?<!\\)\$((?:\\.|[^$\\])+)\$/g;

export function formulas(source: string): Part[] {
  const parts: Part[] = [];
  let at = 0;
  const text = (end: number) => {
    if (source.slice(at, end).trim() !== "") parts.push({ text: source.slice(at, end) });
  };
  for (const match of source.matchAll(MATH)) {
    text(match.index);
    const [whole, dollars, brackets, round, , dollar] = match;
    const inline = round ?? dollar;
    const asked = inline?.replace(/^\s*\\displaystyle\s*/, "");
    parts.push({ formula: (asked ?? dollars ?? brackets ?? whole).trim(), display: inline === undefined || asked !== inline });
    at = match.index + whole.length;
  }
  if (parts.length === 0 && at === 0) return [{ formula: source.trim(), display: true }];
  text(source.length);
  return parts;
}
