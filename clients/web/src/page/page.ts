// What a part of the page may rely on. A feature is a function that is given the page and adds to it: commands, panels,
// marks on cells, listeners. `features.ts` lists them; none knows another.

import type { Incoming } from "../core/messages.ts";
import type { Notebook, NotebookEvent } from "../core/notebook.ts";
import type { Session } from "../core/session.ts";
import type { Signal } from "../core/signal.ts";
import type { Structure } from "../core/structure.ts";
import type { LinkState } from "../link.ts";
import type { CellList } from "./cell_list.ts";
import type { Commands } from "./commands.ts";
import type { Executions } from "./executions.ts";
import type { FlowState } from "./flow_state.ts";
import type { People } from "./people.ts";
import type { Requests } from "./requests.ts";
import type { Sections } from "./sections.ts";
import type { Selection } from "./selection.ts";
import type { SidePanel } from "./side_panel.ts";
import type { Toasts } from "./toast.ts";
import type { TopBar } from "./top_bar.ts";

export interface Page {
  readonly session: Session;
  readonly notebook: Notebook;
  /** Edits beyond typing, each with what takes it back. */
  readonly structure: Structure;
  readonly selection: Selection;
  /** Which cells are folded away under headings. */
  readonly sections: Sections;
  /** The cells' views; hear of `added` to put something on each. */
  readonly cells: CellList;
  readonly executions: Executions;
  /** What the daemon says of the dataflow. */
  readonly flow: FlowState;
  readonly people: People;
  readonly requests: Requests;
  readonly commands: Commands;
  readonly panels: SidePanel;
  readonly toasts: Toasts;
  readonly bar: TopBar;
  readonly link: LinkState;
  /** NotebookDoc changed, whoever changed it; the views have taken it in. */
  readonly edited: Signal<NotebookEvent[]>;
  /** The hub said something. */
  readonly heard: Signal<Incoming>;
  readonly linkChanged: Signal<LinkState>;
  /** Be called this from now on. */
  rename(name: string): void;
  /** May this tab run cells; if not, the reader is told. */
  mayRun(): boolean;
  /** May this tab edit; if not, the reader is told. */
  mayEdit(): boolean;
  /** Between bar and cells: what is wrong and can be mended. */
  readonly notices: HTMLElement;
  /** A message that stays under the bar, with something to do about it; null takes it away. */
  say(text: string | null, ...actions: HTMLElement[]): void;
}

export type Feature = (page: Page) => void;
