// The parts of the page that add commands, panels and marks, in the order of their buttons.

import { cellCommands } from "./features/cell_commands.ts";
import { cellMenu } from "./features/cell_menu.ts";
import { environment } from "./features/environment.ts";
import { helpSheet } from "./features/help_sheet.ts";
import { navigation } from "./features/navigation.ts";
import { palette } from "./features/palette.ts";
import { running } from "./features/running.ts";
import type { Feature } from "./page.ts";

export const FEATURES: readonly Feature[] = [navigation, cellCommands, running, environment, cellMenu, palette, helpSheet];
