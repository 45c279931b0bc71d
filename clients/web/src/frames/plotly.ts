// Frame program: a Plotly figure (application/vnd.plotly.v1+json).

import Plotly from "plotly.js-dist-min";
import { colour, failed, host } from "./host.ts";

interface Figure {
  data?: unknown[];
  layout?: Record<string, unknown>;
  config?: Record<string, unknown>;
  frames?: unknown[];
}

const LINKS_OUT = { displaylogo: false, showLink: false, showEditInChartStudio: false, plotlyServerURL: "" };

/** The figure's layout, with our paper and ink where it leaves them open. */
function laidOut(layout: Record<string, unknown>): Record<string, unknown> {
  const ink = colour("--ink");
  const line = colour("--line");
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line };
  const template = (layout["template"] ?? {}) as { layout?: Record<string, unknown> };
  const base = template.layout ?? {};
  const themed = { ...base, paper_bgcolor: "transparent", font: { ...(base["font"] as object), color: ink } };
  const dark = host.dark
    ? {
        plot_bgcolor: "transparent",
        xaxis: { ...(base["xaxis"] as object), ...axis },
        yaxis: { ...(base["yaxis"] as object), ...axis },
      }
    : {};
  return { ...layout, autosize: layout["width"] === undefined, template: { ...template, layout: { ...themed, ...dark } } };
}

host.draw = (place, figure: Figure) => {
  const draw = () => {
    const config = { responsive: true, ...figure.config, ...LINKS_OUT };
    const layout = laidOut(figure.layout ?? {});
    place.style.minHeight = `${Number(layout["height"]) || 450}px`;
    return Plotly.react(place, { data: figure.data ?? [], layout, config, frames: figure.frames ?? [] }).catch((error) => failed(place, error));
  };
  host.recolour.add(draw);
  return draw();
};
