// The panel of the notebook's packages: where it runs, what it declares and has, what is being installed, and the question
// whether it may be.
//
// A view of RuntimeDoc's `env`, `trust` and `missing`; it asks the daemon and, when that has installed something, declares
// it. The panel opens by itself when there is something to approve, once for each question.

import { declareAnswered, packageName, questionLines, readEnvironment, readMissing, readTrust, type Declare, type Environment, type Missing, type Trust } from "../../core/environment.ts";
import { fromHex, type ErrorInfo } from "../../core/messages.ts";
import { button, h } from "../dom.ts";
import type { Mark } from "../cell_marks.ts";
import type { Page } from "../page.ts";

const ID = "packages";
const KEYS = ["env", "trust", "missing"];
const DOING: Record<string, string> = {
  waiting: "Waits for your approval",
  resolving: "Looks for versions that fit together …",
  downloading: "Downloads …",
  building: "Builds packages …",
  installing: "Installs …",
  starting: "Starts the kernel …",
  failed: "Could not be made",
};

export function environment(page: Page): void {
  const { executions, panels, requests, notebook } = page;
  let draw: (() => void) | null = null; // while the panel is open
  let asked = ""; // the question that the panel has opened for
  let busy = false;
  let marked = new Map<string, Mark>();

  const install = async (method: "add_packages" | "remove_packages", packages: string[]) => {
    if (busy || packages.length === 0 || !page.mayEdit()) return;
    busy = true;
    draw?.();
    try {
      const result = await requests.call({ method, packages });
      if (!declareAnswered(notebook, result["declare"] as Declare)) {
        page.toasts.say("It is installed, but the header that declares the packages was edited meanwhile. Add it there.");
        return;
      }
      const done = method === "add_packages" ? "Installed" : "No longer declared:";
      page.toasts.say(`${done} ${packages.join(", ")}. ${result["why"] ?? ""}`);
    } catch (error) {
      tell(error as ErrorInfo);
    } finally {
      busy = false;
      draw?.();
    }
  };
  const tell = ({ message, hint }: ErrorInfo) => page.toasts.say(`${message.split("\n")[0]} ${hint}`);
  const approve = async (trust: Trust, remember: boolean) => {
    try {
      await requests.call({ method: "approve_dependencies", digest: trust.digest, heads: trust.heads.map(fromHex), remember });
    } catch (error) {
      tell(error as ErrorInfo);
    }
  };
  const sync = async () => {
    try {
      await requests.call({ method: "sync_environment", restart: true });
    } catch (error) {
      tell(error as ErrorInfo);
    }
  };

  panels.register({
    id: ID,
    title: "Packages",
    icon: "package",
    mount(host) {
      const shown = h("div", { class: "environment" });
      const field = h("input", { type: "text", placeholder: "Add packages: pandas, numpy>=2", "aria-label": "Packages to add" });
      const submit = (event: Event) => {
        event.preventDefault();
        const packages = field.value.split(",").map((one) => one.trim()).filter(Boolean);
        void install("add_packages", packages).then(() => (field.value = ""));
      };
      host.append(h("form", { class: "add-packages", submit }, field, h("button", { type: "submit", class: "plain" }, "Add")), shown);
      draw = () => {
        field.disabled = busy;
        const root = executions.root;
        const [env, trust] = [readEnvironment(root), readTrust(root)];
        shown.replaceChildren(
          ...questionOf(trust, approve),
          ...standing(env, busy),
          ...restartOf(env, () => void sync()),
          packagesOf(env, (name) => void install("remove_packages", [name])),
          ...missingOf(readMissing(root), (name) => void install("add_packages", [name])),
          ...logOf(env),
        );
      };
      draw();
      return () => (draw = null);
    },
  });

  const add = (name: string) => {
    panels.open(ID, false); // how it goes is seen there
    void install("add_packages", [name]);
  };
  const markMissing = () => {
    const marks = new Map<string, Mark>();
    for (const { cellId, module, package: name } of readMissing(executions.root)) {
      const old = marked.get(cellId);
      const title = `The module ${module} is not installed. Press to add the package ${name}.`;
      marks.set(cellId, old?.title === title ? old : { icon: "package", title, tone: "warn", text: name, press: () => add(name) });
    }
    for (const cellId of new Set([...marks.keys(), ...marked.keys()])) {
      const view = page.cells.get(cellId);
      view?.marks.set("packages", marks.get(cellId) ?? null);
      view?.label();
    }
    marked = marks;
  };
  let waiting = false;
  executions.changed.add((patches) => {
    if (waiting || (patches !== null && !patches.some(({ path }) => KEYS.includes(`${path[0]}`)))) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const trust = readTrust(executions.root);
      panels.setCount(ID, trust.asks ? 1 : readMissing(executions.root).length);
      if (trust.asks && trust.digest !== asked) {
        asked = trust.digest;
        panels.open(ID, false);
      }
      markMissing();
      draw?.();
    });
  });
  page.cells.added.add((view) => view.marks.set("packages", marked.get(view.id) ?? null));
}

function questionOf(trust: Trust, approve: (trust: Trust, remember: boolean) => Promise<void>): HTMLElement[] {
  if (!trust.asks) return [];
  const remember = h("input", { type: "checkbox" });
  const press = () => void approve(trust, remember.checked);
  return [
    h(
      "section",
      { class: "trust-question", role: "group", "aria-label": "Approve what is installed" },
      h("h3", {}, "This notebook would install:"),
      h("ul", {}, ...questionLines(trust).map((line) => h("li", {}, line))),
      h("p", {}, trust.why),
      h("label", {}, remember, " these packages in any notebook"),
      h("p", {}, h("button", { type: "button", class: "plain approve", click: press }, "Approve and install")),
    ),
  ];
}

function standing(env: Environment, busy: boolean): HTMLElement[] {
  const source = env.source === "" || env.source === "kernelspec" ? "The installed kernel" : env.source;
  const where = h("p", { class: "environment-source", title: env.path ?? "" }, h("strong", {}, source), env.reason === "" ? "" : ` · ${env.reason}`);
  const doing = DOING[env.phase] ?? (busy ? "Works …" : null);
  const progress = doing === null ? [] : [h("p", { class: `environment-phase ${env.phase}`, role: "status" }, doing)];
  const failed = env.error === null || env.phase === "waiting" ? [] : [h("p", { class: "environment-error", role: "alert" }, `${env.error} ${env.hint ?? ""}`)];
  return [where, ...progress, ...failed];
}

function restartOf(env: Environment, press: () => void): HTMLElement[] {
  if (env.restart === null) return [];
  return [h("div", { class: "environment-restart" }, h("p", {}, env.restart), h("button", { type: "button", class: "plain", click: press }, "Restart the kernel with them"))];
}

function packagesOf(env: Environment, remove: (name: string) => void): HTMLElement {
  const inline = env.source.endsWith(":inline");
  const rows = env.declared.map((one) => {
    const name = packageName(one);
    const version = env.installed[name] ?? "";
    const differs = env.drift.find(({ declared }) => declared === one);
    const said = differs === undefined ? version : `${differs.installed || "not installed"}${differs.locked ? `, locked ${differs.locked}` : ""}`;
    return h(
      "li",
      { class: differs === undefined ? "" : "differs" },
      h("span", {}, one),
      h("span", { class: "version" }, said),
      inline ? button(`Declare ${name} no longer`, "remove", () => remove(name)) : null,
    );
  });
  return rows.length === 0 ? h("p", { class: "quiet" }, "It declares no packages.") : h("ul", { class: "package-list", "aria-label": "Packages" }, ...rows);
}

function missingOf(missing: readonly Missing[], add: (name: string) => void): HTMLElement[] {
  const names = [...new Map(missing.map((one) => [one.package, one])).values()];
  return names.map((one) =>
    h("p", { class: "missing-module" }, `${one.module} could not be imported. `, h("button", { type: "button", class: "plain", click: () => add(one.package) }, `Add ${one.package}`)),
  );
}

function logOf(env: Environment): HTMLElement[] {
  if (env.log.length === 0) return [];
  const open = env.phase === "failed" || env.error !== null || ["resolving", "downloading", "building", "installing"].includes(env.phase);
  return [h("details", { open }, h("summary", {}, "What the installer says"), h("pre", { class: "environment-log" }, env.log.join("\n")))];
}
