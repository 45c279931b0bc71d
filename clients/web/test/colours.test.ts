import assert from "node:assert/strict";
import { test } from "node:test";
import { Colours } from "../src/page/colours.ts";

const person = (name: string) => ({ name, kind: "person" as const });

test("everybody has the colour of their name, here or not, in however many tabs", () => {
  const [one, other] = [new Colours(), new Colours()];
  one.setHere([person("Ada"), person("Ada")]);
  assert.equal(one.of(person("Ada")), other.of(person("Ada")));
});

test("those who are here have colours of their own, the same in every order of hearing of them", () => {
  const people = [..."abcdefghij"].map((letter) => person(`Ada ${letter}`));
  const [one, other] = [new Colours(), new Colours()];
  one.setHere(people);
  other.setHere(people.toReversed());
  assert.equal(new Set(people.map((who) => one.of(who))).size, 10);
  assert.deepEqual(people.map((who) => other.of(who)), people.map((who) => one.of(who)));
  one.setHere([...people, person("one more than there are colours")]);
});
