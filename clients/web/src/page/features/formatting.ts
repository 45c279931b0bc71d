// Formatting cells by command, and before they run where the service is set to.

import type { ErrorInfo } from "../../core/messages.ts";
import { Formatter } from "../formatting.ts";
import type { Page } from "../page.ts";

export function formatting(page: Page): void {
  const { commands, notebook, requests, sections, selection, toasts } = page;
  const formatter = new Formatter(page);
  requests.before = (body) => formatter.before(body);

  const format = () => {
    if (!page.mayEdit() || !page.mayRun()) return;
    if (page.link !== "online") return toasts.say("The server formats cells, and it cannot be reached.");
    const code = sections.withFolded(selection.ids).filter((id) => notebook.type(id) === "code");
    if (code.length === 0) return toasts.say("Cells of code are formatted; this is text.");
    const failed = ({ message, hint }: ErrorInfo) => toasts.say(`Could not format: ${message} ${hint}`);
    formatter.format(code).then((why) => why !== null && toasts.say(why), failed);
  };
  commands.add({
    id: "cell.format",
    title: "Format cells",
    group: "Cells",
    keys: ["Alt+Shift+f"],
    where: "cell",
    cellMenu: 4,
    when: () => selection.active !== null,
    run: format,
  });
}
