// Markdown as DOM, safe whoever wrote it: HTML in it is sanitised, links open elsewhere without a way back, and nothing
// is fetched from other machines. Math ($…$, $$…$$) is drawn by a part that is loaded when first needed.

import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";

const markdown = new MarkdownIt({ html: true, linkify: false });

markdown.inline.ruler.after("escape", "math", (state, silent) => {
  if (state.src[state.pos] !== "$") return false;
  const display = state.src.startsWith("$$", state.pos);
  const fence = display ? "$$" : "$";
  const start = state.pos + fence.length;
  const end = state.src.indexOf(fence, start);
  const formula = state.src.slice(start, end);
  if (end < 0 || formula.trim() === "") return false;
  // "$5 and $6" is money, not math
  if (!display && (/^\s|\s$/.test(formula) || /\d/.test(state.src[end + 1] ?? ""))) return false;
  if (!silent) {
    const token = state.push("math", "", 0);
    token.content = formula;
    token.meta = { display };
  }
  state.pos = end + fence.length;
  return true;
});
markdown.renderer.rules["math"] = (tokens, index) => {
  const token = tokens[index];
  const escaped = markdown.utils.escapeHtml(token?.content ?? "");
  return `<span class="math${token?.meta?.["display"] ? " display" : ""}">${escaped}</span>`;
};

/** Columns are aligned by attribute: the page's policy takes no styles from texts. */
markdown.core.ruler.push("alignment", ({ tokens }) => {
  for (const token of tokens) {
    const style = token.type === "td_open" || token.type === "th_open" ? token.attrGet("style") : null;
    if (style !== null) token.attrs = [["align", `${style}`.replace("text-align:", "")]];
  }
});

const purify = DOMPurify(window);
purify.addHook("afterSanitizeAttributes", (node) => {
  if (node instanceof HTMLAnchorElement && node.hasAttribute("href")) {
    if (node.getAttribute("href")?.startsWith("#")) return;
    node.target = "_blank";
    node.rel = "noopener noreferrer";
  }
});

/** Sanitised HTML as nodes. */
export function safe(html: string): DocumentFragment {
  return purify.sanitize(html, {
    RETURN_DOM_FRAGMENT: true,
    USE_PROFILES: { html: true, mathMl: true },
    FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "dialog"],
    FORBID_ATTR: ["style", "id", "name"],
    ALLOW_DATA_ATTR: false,
  });
}

/** The nodes of this text. `picture` gives the address of an image that the text names, null if it cannot be shown. */
export function renderMarkdown(text: string, picture: (address: string) => string | null = asIs): DocumentFragment {
  const nodes = safe(markdown.render(text));
  for (const image of nodes.querySelectorAll("img")) {
    const address = picture(image.getAttribute("src") ?? "");
    if (address === null) image.replaceWith(`[image: ${image.alt || image.getAttribute("src")}]`);
    else image.src = address;
  }
  for (const code of nodes.querySelectorAll("pre")) code.tabIndex = 0; // keys can scroll it
  for (const element of nodes.querySelectorAll<HTMLElement>(".math")) {
    void typeset(element, element.textContent ?? "", element.classList.contains("display"));
  }
  return nodes;
}

/** Draw a formula with KaTeX, whose fonts come with the page; if it cannot be read, its text stays, marked. */
export async function typeset(element: HTMLElement, formula: string, display: boolean): Promise<void> {
  const [{ default: katex }] = await Promise.all([import("katex"), import("katex/dist/katex.css")]);
  // It makes its nodes itself and takes no HTML, links or styles from the formula (`trust`); MathML is for screen readers.
  katex.render(formula, element, { displayMode: display, output: "htmlAndMathml", throwOnError: false, trust: false, strict: "ignore" });
}

const asIs = (address: string): string | null => (address.startsWith("data:image/") ? address : null);
