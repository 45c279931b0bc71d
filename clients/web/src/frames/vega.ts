// Frame program: a Vega-Lite or Vega specification. Expressions are interpreted, never compiled; nothing is loaded.

import embed from "vega-embed";
import { expressionInterpreter } from "vega-interpreter";
import { colour, failed, host } from "./host.ts";

type Spec = Parameters<typeof embed>[1];

host.draw = (place, { spec, mode }: { spec: Spec; mode: "vega" | "vega-lite" }) => {
  const draw = () => {
    const [ink, line] = [colour("--ink"), colour("--line")];
    const config = {
      background: "transparent",
      title: { color: ink },
      style: { "guide-label": { fill: ink }, "guide-title": { fill: ink } },
      axis: { domainColor: line, gridColor: line, tickColor: line },
      view: { stroke: line },
    };
    return embed(place, spec, {
      mode,
      config,
      ast: true,
      expr: expressionInterpreter,
      actions: false,
      tooltip: { theme: host.dark ? "dark" : "light" },
      defaultStyle: true,
    }).catch((error) => failed(place, error));
  };
  host.recolour.add(draw);
  return draw();
};
