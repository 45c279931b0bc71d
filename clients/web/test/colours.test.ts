import assert from "node:assert/strict";
import { test } from "node:test";
import type { PeerInfo } from "../src/core/messages.ts";
import { colourName, colourOf, coloursOf } from "../src/page/colours.ts";

const person = (peer_id: string, name: string): PeerInfo => ({ peer_id, name, kind: "person" });

test("everybody has the colour of their name, whichever tab they sit in", () => {
  const colours = coloursOf([person("1", "Ada")]);
  assert.equal(colours.get("1"), colourOf(colourName(person("2", "Ada"))));
});

test("those who are here have colours of their own, the same in every order of hearing of them", () => {
  const peers = [..."abcdefghij"].map((id) => person(id, "Ada"));
  const colours = coloursOf(peers);
  assert.equal(new Set(colours.values()).size, 10);
  assert.deepEqual(coloursOf(peers.toReversed()), colours);
  assert.equal(coloursOf([...peers, person("k", "Ada")]).size, 11);
});
