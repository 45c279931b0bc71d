// When the bar says where edits are: at once, save that they are on their way.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { Session } from "../src/core/session.ts";
import { SafetyOfEdits } from "../src/page/safety.ts";
import type { Said } from "../src/page/saving.ts";

/** A bar that writes down what it is told, and the numbers of a session. */
function bar() {
  const state = { unsaved: 0 };
  const said: string[] = [];
  let busy = false;
  const heads = () => ["here"];
  const session = { notebook: { heads }, mayEdit: true, notebookSync: { joined: true, get unsaved() { return state.unsaved; } } };
  const safety = new SafetyOfEdits(session as unknown as Session, {
    setSaving: ({ text }: Said) => void (text !== said.at(-1) && said.push(text)),
    setBusy: (isBusy: boolean) => void (busy = isBusy),
    setPath: () => {},
  });
  safety.setLink("online");
  return { safety, state, said, isBusy: () => busy };
}

test("an edit that is soon on the server changes no word, and is marked as on its way", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { safety, state, said, isBusy } = bar();
  for (let key = 0; key < 10; key++) {
    state.unsaved = 1;
    safety.show();
    assert.equal(isBusy(), true);
    mock.timers.tick(50);
    state.unsaved = 0;
    safety.show();
    assert.equal(isBusy(), false);
    mock.timers.tick(1000);
  }
  assert.deepEqual(said, ["Saved on the server"]);
  mock.timers.reset();
});

test("edits that stay on their way are said to be, however many follow, until they are there", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { safety, state, said } = bar();
  for (let key = 0; key < 10; key++) {
    state.unsaved++;
    safety.show();
    mock.timers.tick(100);
  }
  assert.deepEqual(said, ["Saved on the server", "Saving…"]);
  state.unsaved = 0;
  safety.show();
  assert.deepEqual(said, ["Saved on the server", "Saving…", "Saved on the server"]);
  mock.timers.reset();
});

test("what is only here is said at once when the link is lost", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { safety, state, said } = bar();
  state.unsaved = 1;
  safety.show();
  safety.setLink("offline");
  assert.equal(said.at(-1), "Offline · 1 edit only here");
  state.unsaved = 2;
  safety.show();
  assert.equal(said.at(-1), "Offline · 2 edits only here");
  mock.timers.tick(1000);
  assert.equal(said.at(-1), "Offline · 2 edits only here");
  mock.timers.reset();
});
