// The kernel: what it does, shown in the bar and told where something is wrong; restarting, ending, choosing it.

import { readExecution, readKernel, readQueue } from "../../core/schema.ts";
import type { Command } from "../commands.ts";
import { ask, askWhich } from "../dialogs.ts";
import { h } from "../dom.ts";
import { sayKernel } from "../kernel_status.ts";
import { openMenu } from "../menu.ts";
import type { Page } from "../page.ts";

interface KernelSpec {
  readonly name: string;
  readonly display_name: string;
  readonly language: string;
}

const IN_MENU = ["kernel.interrupt", "run.stop-mine", "run.stop-all", "kernel.restart", "kernel.restart-run", "kernel.shutdown", "kernel.choose"];

export function kernel(page: Page): void {
  const { bar, commands, executions, people, requests, toasts } = page;

  const interrupt = async () => {
    const { root, running } = executions;
    if (root === null || running === null) return toasts.say("Nothing is running.");
    const { name, peer_id } = readExecution(root, running)?.requested_by ?? {};
    if (name !== undefined && peer_id !== page.session.peer.peer_id && !(await mayInterrupt(name))) return;
    requests.ask({ method: "interrupt", execution_id: running }, "interrupt the cell"); // that one, not what follows it
  };
  const mayInterrupt = async (name: string) => {
    const answer = { label: "Interrupt it", value: true, isMain: true, isGrave: true };
    return (await ask(`Interrupt what ${name} runs?`, `What runs now was asked for by ${name}, not by you.`, [answer])) === true;
  };
  const restart = async (thenRun: boolean) => {
    const text = "What it has in memory is lost, and what runs or waits is cancelled.";
    const label = thenRun ? "Restart and run all cells" : "Restart";
    if ((await ask("Restart the kernel?", text, [{ label, value: true, isMain: true, isGrave: true }])) !== true) return;
    requests.ask({ method: "restart_kernel" }, "restart the kernel");
    if (thenRun) requests.ask({ method: "execute", cell_ids: null }, "run all cells");
  };
  const shutDown = async () => {
    const text = "What it has in memory is lost. Another one starts when a cell runs.";
    const answer = await ask("Shut the kernel down?", text, [{ label: "Shut down", value: true, isMain: true, isGrave: true }]);
    if (answer === true) requests.ask({ method: "shutdown_kernel" }, "shut the kernel down");
  };
  const command = (id: string, title: string, act: () => void, more: Partial<Command> = {}): Command => {
    return { id: `kernel.${id}`, title, group: "Kernel", run: () => page.mayRun() && act(), ...more };
  };
  commands.add(
    command("interrupt", "Interrupt what is running", () => void interrupt(), { keys: ["i i"], when: () => executions.running !== null }),
    command("restart", "Restart the kernel…", () => void restart(false), { keys: ["0 0"] }),
    command("restart-run", "Restart the kernel and run all cells…", () => void restart(true)),
    command("shutdown", "Shut the kernel down…", () => void shutDown()),
    command("choose", "Choose another kernel…", () => void choose(page)),
  );

  const indicator = h("button", {
    type: "button",
    class: "kernel",
    "aria-haspopup": "menu",
    click: () => openMenu("Kernel", IN_MENU.map((id, at) => ({ section: at < 3 ? 0 : at < 6 ? 1 : 2, command: commands.get(id) })), indicator),
  });
  const heard = h("span", { class: "heard", role: "status" });
  const line = h("div", { class: "progress-line", role: "progressbar", "aria-label": "Cells that have run" });
  const notice = h("div", { class: "notice", role: "alert" });
  notice.hidden = line.hidden = true;
  bar.middle.append(indicator, heard);
  bar.element.append(line);
  page.notices.append(notice);

  const show = () => {
    const { root } = executions;
    const said = sayKernel({
      kernel: root === null ? null : readKernel(root),
      queued: root === null ? 0 : readQueue(root).length,
      asks: root !== null && executions.running !== null && readExecution(root, executions.running)?.prompt != null,
      hasDaemon: people.hasDaemon,
      isOnline: page.link === "online",
    });
    indicator.hidden = said.text === "";
    if (indicator.textContent !== said.text) {
      indicator.textContent = said.text;
      indicator.setAttribute("aria-label", `Kernel: ${said.text}`);
      if (said.tone !== "busy") heard.textContent = `Kernel: ${said.text}`; // each cell of many would be told
    }
    indicator.dataset["tone"] = said.tone;
    indicator.title = [said.more, "Press for what can be done with it."].filter(Boolean).join(" ");
    showNotice(said.offersRestart ? said.more : "");
    showProgress();
  };
  const showNotice = (text: string) => {
    if ((notice.firstElementChild?.textContent ?? "") === text) return;
    const act = (label: string, id: string) => h("button", { type: "button", class: "plain", click: () => commands.run(id) }, label);
    notice.hidden = text === "";
    notice.replaceChildren(...(text === "" ? [] : [h("span", {}, text), act("Restart…", "kernel.restart"), act("Restart and run all…", "kernel.restart-run")]));
  };
  const showProgress = () => {
    const { progress } = executions;
    line.hidden = progress === null || progress.all < 2;
    if (progress === null) return;
    line.style.setProperty("--done", `${(100 * progress.done) / progress.all}%`);
    line.setAttribute("aria-valuenow", `${progress.done}`);
    line.setAttribute("aria-valuemax", `${progress.all}`);
  };
  executions.changed.add(show);
  people.changed.add(show);
  page.linkChanged.add(show);
  show();
}

async function choose(page: Page): Promise<void> {
  if (!page.mayEdit()) return;
  const found = await page.requests.question({ method: "list_kernels" });
  const kernels = (found?.["kernels"] ?? []) as KernelSpec[];
  if (kernels.length === 0) return page.toasts.say("The server named no kernel: is it connected, and can it run cells?");
  const { root } = page.executions;
  const now = page.notebook.metadataAt(["kernelspec", "name"]) ?? (root === null ? null : readKernel(root).name);
  const choices = kernels.map((spec) => ({ label: spec.display_name, more: `${spec.language}, ${spec.name}`, value: spec, isNow: spec.name === now }));
  const chosen = await askWhich("Choose a kernel", "The notebook remembers it. A kernel that runs is restarted, and what it has in memory is lost.", choices);
  if (chosen === null) return;
  const { name, display_name, language } = chosen;
  page.notebook.setNotebookMetadata([
    { path: ["kernelspec", "name"], value: name },
    { path: ["kernelspec", "display_name"], value: display_name },
    { path: ["kernelspec", "language"], value: language },
    { path: ["language_info"], value: language === page.notebook.metadataAt(["language_info", "name"]) ? page.notebook.metadataAt(["language_info"]) : { name: language } },
  ]);
  if (root !== null && readKernel(root).lifecycle === "ready") page.requests.ask({ method: "restart_kernel" }, "restart the kernel");
}
