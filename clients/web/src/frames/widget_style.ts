// How widgets look in a frame: their own style sheets in the page's colours, and the icons that they may name.

import icons from "@fortawesome/fontawesome-free/css/fontawesome.min.css?inline";
import olderIcons from "@fortawesome/fontawesome-free/css/v4-shims.min.css?inline";
import solid from "@fortawesome/fontawesome-free/webfonts/fa-solid-900.woff2?inline";
import base from "@jupyter-widgets/base/css/index.css?inline";
import controls from "@jupyter-widgets/controls/css/widgets.css?inline";
import tabs from "@lumino/widgets/style/tabbar.css?inline";
import tabPanels from "@lumino/widgets/style/tabpanel.css?inline";
import lumino from "@lumino/widgets/style/widget.css?inline";
import ansi from "../page/styles/ansi.css?inline";
import own from "./widgets.css?inline";
import { style } from "./host.ts";

const FONT = `@font-face { font-family: "Font Awesome 7 Free"; font-weight: 900; src: url("${solid}") format("woff2"); }`;

for (const css of [lumino, tabs, tabPanels, base, controls, icons, olderIcons, FONT, ansi, own]) style(css);
