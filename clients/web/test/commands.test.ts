import assert from "node:assert/strict";
import { test } from "node:test";
import { type Command, Commands, type Pressed, spell } from "../src/page/commands.ts";
import { rank } from "../src/page/matching.ts";

const key = (name: string, more: Partial<Pressed> = {}): Pressed => ({
  key: name,
  ctrlKey: false,
  shiftKey: false,
  altKey: false,
  metaKey: false,
  ...more,
});

const command = (id: string, keys: string[], more: Partial<Command> = {}): Command => ({ id, title: id, group: "Cells", keys, run: () => {}, ...more });

function registry(...all: Command[]): Commands {
  const commands = new Commands();
  commands.add(...all);
  return commands;
}

test("d twice deletes, once or late it does not", () => {
  const commands = registry(command("delete", ["d d"]));
  assert.equal(commands.press(key("d"), 0, "command"), null);
  assert.equal(commands.press(key("d"), 300, "command")?.id, "delete");
  assert.equal(commands.press(key("d"), 400, "command"), null);
  assert.equal(commands.press(key("d"), 4000, "command"), null);
});

test("Enter edits, with a modifier it runs", () => {
  const commands = registry(command("edit", ["Enter"]), command("next", ["Shift+Enter"]), command("stay", ["Ctrl+Enter"]));
  assert.equal(commands.press(key("Enter"), 0, "command")?.id, "edit");
  assert.equal(commands.press(key("Enter", { shiftKey: true }), 10, "command")?.id, "next");
  assert.equal(commands.press(key("Enter", { metaKey: true }), 20, "command")?.id, "stay");
  assert.equal(commands.press(key("c", { ctrlKey: true }), 30, "command"), null);
});

test("letters know Shift, signs are what they are however the keyboard makes them", () => {
  const commands = registry(command("merge", ["Shift+m"]), command("help", ["?"]), command("split", ["Ctrl+_"]));
  assert.equal(commands.press(key("M", { shiftKey: true }), 0, "command")?.id, "merge");
  assert.equal(commands.press(key("m"), 1000, "command"), null);
  assert.equal(commands.press(key("?", { shiftKey: true }), 2000, "command")?.id, "help");
  assert.equal(commands.press(key("_", { ctrlKey: true, shiftKey: true }), 3000, "command")?.id, "split");
});

test("a key works where its command does, and only when it can be done", () => {
  let possible = true;
  const commands = registry(
    command("delete", ["x"]),
    command("run", ["Ctrl+Enter"], { where: "cell" }),
    command("save", ["Ctrl+s", "s"], { where: "anywhere", when: () => possible }),
  );
  const works = (name: Pressed) => (["command", "edit", "elsewhere"] as const).map((place) => commands.press(name, 0, place) !== null);
  assert.deepEqual(works(key("x")), [true, false, false]);
  assert.deepEqual(works(key("Enter", { ctrlKey: true })), [true, true, false]);
  assert.deepEqual(works(key("s", { ctrlKey: true })), [true, true, true]);
  assert.deepEqual(works(key("s")), [true, false, false]); // typed, elsewhere
  possible = false;
  assert.deepEqual(works(key("s", { ctrlKey: true })), [false, false, false]);
  assert.equal(commands.run("save"), false);
});

test("no id and no key is taken twice", () => {
  const commands = registry(command("delete", ["d d"]));
  assert.throws(() => commands.add(command("delete", [])), /two commands/);
  assert.throws(() => commands.add(command("duplicate", ["d d"])), /d d is a key of delete/);
});

test("keys are spelled for people", () => {
  assert.equal(spell("Ctrl+Shift+p"), "Ctrl+Shift+P");
  assert.equal(spell("d d"), "D D");
  assert.equal(spell("Ctrl+_"), "Ctrl+Shift+-");
  assert.equal(spell("Alt+ArrowUp"), "Alt+↑");
  assert.equal(spell("Ctrl+Shift+p", true), "⌘⇧P");
});

test("a few letters find a command, beginnings of words first", () => {
  const titles = ["Restart the kernel", "Run all cells", "Run all above", "Delete cells"];
  const found = (query: string) => rank(query, titles, (title) => title);
  assert.deepEqual(found("raa"), ["Run all above"]);
  assert.equal(found("rac")[0], "Run all cells");
  assert.equal(found("kern")[0], "Restart the kernel");
  assert.deepEqual(found("zz"), []);
  assert.deepEqual(found(""), titles);
});
