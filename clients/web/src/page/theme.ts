// Light or dark: as the system has it, or as the reader of this browser wants it. Owns that choice.

import { Signal } from "../core/signal.ts";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "quire.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export function theme(): Theme {
  const kept = localStorage.getItem(KEY);
  return THEMES.find((each) => each === kept) ?? "system";
}

export function setTheme(chosen: Theme): void {
  localStorage.setItem(KEY, chosen);
  show();
}

/** Whether the page is dark now. */
export const isDark = (): boolean => document.documentElement.dataset["theme"] === "dark";

/** The page became light, or dark. */
export const themeChanged = new Signal();

/** Show the page in it from now on, also when the system or another tab changes. */
export function beginTheme(): void {
  show();
  system.addEventListener("change", show);
  addEventListener("storage", ({ key }) => key === KEY && show());
}

function show(): void {
  const chosen = theme();
  const root = document.documentElement;
  root.style.colorScheme = chosen === "system" ? "light dark" : chosen;
  root.dataset["theme"] = chosen === "system" ? (system.matches ? "dark" : "light") : chosen;
  themeChanged.emit();
}
