// The page's icons: strokes on 24 by 24, one path each.

const PATHS = {
  run: "M7 5.2v13.6a.6.6 0 0 0 .92.5l10.6-6.8a.6.6 0 0 0 0-1L7.92 4.7A.6.6 0 0 0 7 5.2z",
  stop: "M7 7h10v10H7z",
  restart: "M5 12a7 7 0 1 0 2.2-5.1M5 4v4h4",
  runAll: "M4 5.5v13l8-6.5zM12.5 5.5v13l8-6.5z",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  remove: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 11v5M13.5 11v5",
  plus: "M12 5v14M5 12h14",
  help: "M9.5 9.5a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.1.9-1.1 1.7M12 17h.01",
  close: "M6 6l12 12M18 6L6 18",
  more: "M12 5.5h.01M12 12h.01M12 18.5h.01",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20",
  command: "M5 8l4 4-4 4M12 17h7",
  history: "M4.5 12a7.5 7.5 0 1 0 2.2-5.3L4.5 9M4.5 4.5V9H9M12 8v4l3 2",
  comment: "M5 5h14v10H11l-4 4v-4H5z",
  package: "M12 3.5l7.5 4v9L12 20.5l-7.5-4v-9zM4.5 7.5l7.5 4 7.5-4M12 11.5v9",
  graph: "M6 8.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM18 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM6 20.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8.3 7l7.3 4M8.3 17l7.3-4",
  proposal: "M12 20h8M4 20l1-4L15.5 5.5l3 3L8 19z",
  warning: "M12 4l9 16H3zM12 10v4M12 17h.01",
  stale: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 8v4.5l3 1.5",
  list: "M4.5 6h.01M4.5 12h.01M4.5 18h.01M9 6h11M9 12h8M9 18h9",
  variables: "M9 4.5c-3 0-2 3-2 5 0 1.5-.8 2.5-2.5 2.5 1.7 0 2.5 1 2.5 2.5 0 2-1 5 2 5M15 4.5c3 0 2 3 2 5 0 1.5.8 2.5 2.5 2.5-1.7 0-2.5 1-2.5 2.5 0 2 1 5-2 5",
  grip: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
  chevron: "M9 6l6 6-6 6",
  theme: "M12 20a8 8 0 1 0 0-16zM12 4a8 8 0 0 0 0 16",
  copy: "M9 9h10v11H9zM5 15V4h10",
  save: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
  gear: "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.2 2.2M16.2 16.2l2.2 2.2M5.6 18.4l2.2-2.2M16.2 7.8l2.2-2.2",
  agent: "M12 4l1.8 5.2L19 11l-5.2 1.8L12 18l-1.8-5.2L5 11l5.2-1.8zM18.5 16l.8 2.2 2.2.8-2.2.8-.8 2.2-.8-2.2-2.2-.8 2.2-.8z",
  follow: "M3 12s3.5-6 9-6 9 6 9 6-3.5 6-9 6-9-6-9-6zM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
} as const;

export type IconName = keyof typeof PATHS;

const FILLED: readonly IconName[] = ["run", "stop", "runAll"];
const DOTTED: readonly IconName[] = ["more", "grip"];

export function icon(name: IconName): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  if (FILLED.includes(name)) svg.classList.add("filled");
  if (DOTTED.includes(name)) svg.classList.add("dotted");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
