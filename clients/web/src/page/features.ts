// The parts of the page that add commands, panels and marks, in the order of their buttons.

import { agents } from "./features/agents.ts";
import { appearance } from "./features/appearance.ts";
import { cellCommands } from "./features/cell_commands.ts";
import { cellMenu } from "./features/cell_menu.ts";
import { clipboard } from "./features/clipboard.ts";
import { comments } from "./features/comments.ts";
import { dataflow } from "./features/dataflow.ts";
import { environment } from "./features/environment.ts";
import { formatting } from "./features/formatting.ts";
import { helpSheet } from "./features/help_sheet.ts";
import { history } from "./features/history.ts";
import { kernel } from "./features/kernel.ts";
import { navigation } from "./features/navigation.ts";
import { outline } from "./features/outline.ts";
import { palette } from "./features/palette.ts";
import { presence } from "./features/presence.ts";
import { proposals } from "./features/proposals.ts";
import { running } from "./features/running.ts";
import { search } from "./features/search.ts";
import { sections } from "./features/sections.ts";
import { variables } from "./features/variables.ts";
import type { Feature } from "./page.ts";

export const FEATURES: readonly Feature[] = [
  navigation,
  clipboard,
  cellCommands,
  formatting,
  running,
  kernel,
  outline,
  variables,
  dataflow,
  environment,
  presence,
  appearance,
  sections,
  search,
  cellMenu,
  palette,
  helpSheet,
  comments,
  history,
  proposals,
  agents,
];
