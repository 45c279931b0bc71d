// Altair's charts as it shows them unless told otherwise: HTML that fetches Vega from the network and hands it the chart. An
// output has no network, and the page has Vega: so the chart is taken out of that HTML. Pure.

export interface Chart {
  readonly spec: unknown;
  readonly mode: "vega" | "vega-lite";
}

const CALL = /\(function\(spec, embedOpt\)\{[\s\S]*\n\s*\}\)\((\{.*\})\);\s*<\/script>\s*$/;

/** The chart of Altair's HTML; null if it is any other. */
export function altairChart(html: string): Chart | null {
  const given = html.includes("vegaEmbed") ? CALL.exec(html)?.[1] : undefined;
  if (given === undefined) return null;
  try {
    const [spec, options] = JSON.parse(`[${given}]`) as [unknown, { mode?: unknown }?];
    return { spec, mode: options?.mode === "vega" ? "vega" : "vega-lite" };
  } catch {
    return null; // another version's, which says what it lacks by itself
  }
}
