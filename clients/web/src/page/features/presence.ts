// Who is here: everybody's avatar in the bar, going where somebody is, and following them until the reader acts.

import type { PresentPeer } from "../../core/messages.ts";
import { readExecution } from "../../core/schema.ts";
import { colours } from "../colours.ts";
import type { Command } from "../commands.ts";
import { askText } from "../dialogs.ts";
import { bringToView } from "../bring_to_view.ts";
import { h } from "../dom.ts";
import { icon } from "../icons.ts";
import { openMenu } from "../menu.ts";
import type { Page } from "../page.ts";
import { goToViewPlace, readViewPlace, viewPlace } from "../view_place.ts";
import { rename } from "../you.ts";

const KINDS: Record<string, string> = { person: "", agent: "agent", program: "program", daemon: "runs the cells" };
const OWN_ACTS = ["wheel", "touchmove", "pointerdown", "keydown"] as const;
const FLASH = 1200; // milliseconds

export function presence(page: Page): void {
  const { bar, cells, commands, executions, people } = page;
  const list = h("ul", { class: "people", "aria-label": "Who is here" });
  const said = h("span", { class: "heard", role: "status" });
  const chip = h("div", { class: "following" });
  let followed: string | null = null;
  let drawn = "";

  bar.people.append(list, said);

  const jump = ({ peer, state }: PresentPeer) => {
    page.sections.reveal(people.cellOf(peer.peer_id) ?? "");
    const view = readViewPlace(state["view"]);
    const cell = cells.get(people.cellOf(peer.peer_id));
    if (cell === undefined && (view === null || !goToViewPlace(cells, view))) return page.toasts.say(`${peer.name} is in no cell.`);
    if (cell !== undefined) bringToView(cell.element);
    cell?.element.classList.add("pointed-at", colours.of(peer));
    setTimeout(() => cell?.element.classList.remove("pointed-at", colours.of(peer)), FLASH);
  };

  // --- following -----------------------------------------------------------------------------------------------------

  const stop = () => {
    if (followed === null) return;
    followed = null;
    chip.remove();
    for (const act of OWN_ACTS) document.removeEventListener(act, acted, true);
    document.documentElement.classList.remove("is-following");
    said.textContent = "No longer following.";
    draw();
  };
  const acted = (event: Event) => {
    const isModifier = event instanceof KeyboardEvent && ["Shift", "Control", "Alt", "Meta"].includes(event.key);
    if (!isModifier && !(event.target instanceof Node && chip.contains(event.target))) stop();
  };
  const follow = (present: PresentPeer) => {
    stop();
    const { peer } = present;
    followed = peer.peer_id;
    chip.className = `following ${colours.of(peer)}`;
    chip.replaceChildren(icon("follow"), h("span", {}, `Following ${peer.name}`), h("button", { type: "button", click: stop }, "Stop"));
    document.body.append(chip);
    said.textContent = `Following ${peer.name} until you act.`;
    document.documentElement.classList.add("is-following");
    setTimeout(() => {
      for (const act of OWN_ACTS) if (followed !== null) document.addEventListener(act, acted, true); // not the act that began it
    });
    draw();
    keepUp();
  };
  const align = () => {
    const view = readViewPlace(people.get(followed ?? "")?.state["view"]);
    return view !== null && goToViewPlace(cells, view);
  };
  let seen: object | null = null;
  const keepUp = () => {
    if (followed === null) return;
    const present = people.get(followed);
    if (present === undefined) {
      page.toasts.say("Who you followed has left.");
      return stop();
    }
    if (seen === present.state) return;
    seen = present.state;
    if (align()) return;
    cells.get(people.cellOf(followed))?.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
  };

  // --- the avatars ---------------------------------------------------------------------------------------------------

  const runner = (): string | null => {
    const { root, running } = executions;
    return root === null || running === null ? null : (readExecution(root, running)?.requested_by.peer_id ?? null);
  };
  const menuFor = (present: PresentPeer, at: Element) => {
    const { peer } = present;
    const isFollowed = followed === peer.peer_id;
    const entry = (id: string, title: string, run: () => void, isOn?: () => boolean): Command => ({ id, title, group: "Go", run, ...(isOn && { isOn }) });
    openMenu(
      peer.name,
      [
        { section: 0, command: entry("jump", `Go to where ${peer.name} is`, () => jump(present)) },
        { section: 0, command: entry("follow", `Follow ${peer.name}`, () => (isFollowed ? stop() : follow(present)), () => isFollowed) },
      ],
      at,
    );
  };
  const avatar = (present: PresentPeer, isSelf: boolean) => {
    const { peer } = present;
    const kind = KINDS[peer.kind] ?? "";
    const runs = runner() === peer.peer_id ? "a cell of theirs runs" : "";
    const notes = [isSelf ? "you" : "", kind, isSelf ? "" : runs].filter(Boolean).join(", ");
    const title = notes === "" ? peer.name : `${peer.name} (${notes})`;
    const look = ["avatar", peer.kind, colours.of(peer), runs === "" ? "" : "runs", followed === peer.peer_id ? "followed" : ""];
    const letters = h("span", { "aria-hidden": "true" }, initials(peer.name));
    const isDaemon = peer.kind === "daemon"; // it is nowhere, so nobody can go there
    const press = ({ currentTarget }: MouseEvent) => {
      if (isSelf) void rechristen(page);
      else if (isDaemon) page.toasts.say("This is the service's process that runs the cells of the notebook.");
      else menuFor(present, currentTarget as Element);
    };
    const hasMenu = !isSelf && !isDaemon;
    const more = { type: "button", class: look.filter(Boolean).join(" "), title, click: press, "data-peer": peer.peer_id, ...(hasMenu && { "aria-haspopup": "menu" }) };
    const picture = isDaemon ? icon("gear") : peer.kind === "agent" ? icon("agent") : letters;
    return h("li", {}, h("button", more, picture, h("span", { class: "heard" }, isSelf ? `${title}: change your name` : title)));
  };
  const draw = () => {
    const { others, self } = people;
    const ordered = others.toSorted((a, b) => Number(a.peer.kind === "daemon") - Number(b.peer.kind === "daemon"));
    const look = JSON.stringify([ordered.map(({ peer }) => [peer, colours.of(peer)]), runner(), followed]);
    if (look === drawn) return; // cursors move all the time: buttons must not
    drawn = look;
    list.replaceChildren(...ordered.map((other) => avatar(other, false)), avatar(self, true));
  };

  const tell = () => people.others.some(({ peer }) => peer.kind === "person") && people.sayView(viewPlace(cells));
  addEventListener("scroll", tell, { passive: true });
  addEventListener("scrollend", align); // what came into view on the way may have another height than it seemed to have
  people.changed.add(draw);
  people.changed.add(keepUp);
  people.came.add(() => tell());
  executions.changed.add((patches) => (patches === null || patches.some(({ path }) => path[0] === "queue")) && draw());
  commands.add(
    { id: "people.rename", title: "Change your name…", group: "View", run: () => void rechristen(page) },
    { id: "people.unfollow", title: "Stop following", group: "Go", when: () => followed !== null, run: stop },
    {
      id: "people.follow",
      title: "Follow somebody who is here…",
      group: "Go",
      when: () => people.others.some(({ peer }) => peer.kind !== "daemon"),
      run: () => (list.querySelector(".avatar:not(.daemon)") as HTMLElement | null)?.focus(),
    },
  );
  draw();
}

async function rechristen(page: Page): Promise<void> {
  const { name: before } = page.session.peer;
  const name = await askText("What are you called?", "Your name, as the others see it", before);
  if (name === null || name === "" || name === before) return;
  rename(name);
  page.rename(name);
}

function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  return words.length > 1 ? `${[...(words[0] ?? "")][0]}${[...(words.at(-1) ?? "")][0]}` : [...name].slice(0, 2).join("");
}
