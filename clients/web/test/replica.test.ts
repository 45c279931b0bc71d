// What this tab's core does with a hub that asks for what nobody has any more. The hub's binding, an older one, falls silent
// then, which is why notebook_doc/replica.py filters what it is asked; should this test fail, so must replica.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as Automerge from "@automerge/automerge/slim";
import { Replica } from "../src/core/replica.ts";
import { coreIsReady } from "./core.ts";

await coreIsReady;

const LOST = "ab".repeat(32);

function withText(name: string): Replica<Record<string, string>> {
  const replica = Replica.empty<Record<string, string>>();
  replica.change((draft) => void (draft[name] = "written here"), "remote");
  return replica;
}

for (const alone of [true, false]) {
  test(`a hub that asks for what is lost for good ${alone ? "alone" : "and our heads"} still gets everything`, () => {
    const tab = withText("tab");
    const hub = withText("hub");
    const [ours, theirs] = [tab.startSync(), hub.startSync()];
    for (let round = 0; round < 5; round++) {
      if (round === 2) tab.change((draft) => void (draft["later"] = "too"), "remote");
      const message = hub.generate(theirs);
      if (message !== null) {
        const said = Automerge.decodeSyncMessage(message);
        const need = [LOST, ...(alone ? [] : tab.heads())];
        tab.receive(ours, Automerge.encodeSyncMessage({ ...said, need: [...said.need, ...need] }));
      }
      const answer = tab.generate(ours);
      if (answer !== null) hub.receive(theirs, answer);
    }
    assert.deepEqual(hub.heads(), tab.heads());
    assert.deepEqual(Object.keys(hub.value).sort(), ["hub", "later", "tab"]);
  });
}

test("what is written here stays this peer's when the hub has sent the whole document", () => {
  const actor = "ab".repeat(16);
  const hub = withText("hub");
  const tab = Replica.empty<Record<string, string>>(actor);
  const [ours, theirs] = [tab.startSync(), hub.startSync()];
  for (let round = 0; round < 3; round++) {
    const [asked, told] = [tab.generate(ours), hub.generate(theirs)];
    if (asked !== null) hub.receive(theirs, asked);
    if (told !== null) tab.receive(ours, told);
  }
  const before = tab.heads();
  tab.change((draft) => void (draft["tab"] = "written here"), "remote");
  assert.deepEqual(tab.changesSince(before).map((change) => change.actor), [actor]);
});

test("a replica knows which changes it holds, its own, those of others, and none that never came", () => {
  const [mine, theirs] = [withText("mine"), withText("theirs")];
  const [told, between] = [theirs.heads(), mine.heads()];
  assert.ok(mine.contains(between) && mine.contains([]) && !mine.contains(told));
  mine.change((draft) => void (draft["later"] = "too"), "remote");
  const both = Replica.load<Record<string, string>>([mine.saveSince([]), theirs.saveSince([])]);
  for (const replica of [mine, both]) assert.ok(replica.contains(between) && !replica.contains([...between, LOST]));
  assert.ok(both.contains([...told, ...between, ...mine.heads()]) && !mine.contains(told));
  assert.deepEqual(both.hashesSince([...told, ...between]), mine.heads());
});
