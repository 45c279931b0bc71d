// anywidget's own front end: its package calls AMD's `define` with what makes its classes.

import * as base from "@jupyter-widgets/base";
import { factory } from "./amd.ts";
import "anywidget";

export const anywidget = factory()(base) as Record<string, unknown>;
