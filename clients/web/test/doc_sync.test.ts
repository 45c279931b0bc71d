// When a tab says that it has what the hub has.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DocSync } from "../src/core/doc_sync.ts";
import { Replica } from "../src/core/replica.ts";
import { coreIsReady } from "./core.ts";

await coreIsReady;

test("of messages that are taken in together the last one says what the hub needs", () => {
  const hub = Replica.empty<{ cells?: object; metadata?: object }>();
  hub.change((draft) => void (draft.cells = {}), "remote");
  const tab = new DocSync(Replica.load([hub.save()]), () => true);
  tab.replica.change((draft) => void (draft.metadata = {}), "remote");
  const own = tab.replica.lastChange();
  const conversation = hub.startSync();
  tab.connected();
  hub.receive(conversation, tab.pump(0) as Uint8Array);
  const needs = hub.generate(conversation) as Uint8Array;
  hub.apply([own?.chunk as Uint8Array], "remote"); // by another way
  const hasAll = hub.generate(conversation) as Uint8Array;
  tab.receive([needs, hasAll], 1);
  assert.equal(tab.joined, true);
  assert.equal(tab.unsaved, 0);
});
