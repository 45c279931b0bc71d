import assert from "node:assert/strict";
import { test } from "node:test";
import { spans } from "../src/core/ansi.ts";
import { saySafety } from "../src/page/saving.ts";

test("colours of a terminal are spans, and its other sequences are nothing", () => {
  assert.deepEqual(spans("a\x1b[31;1mred\x1b[0mb\x1b[2K\x1b]8;;http://x\x07c"), [
    { text: "a", style: {} },
    { text: "red", style: { fg: "1", bold: true } },
    { text: "b", style: {} },
    { text: "c", style: {} },
  ]);
  assert.deepEqual(spans("\x1b[38;5;196mx")[0]?.style, { fg: "#ff0000" });
  assert.deepEqual(spans("\x1b[48;2;1;2;300mx")[0]?.style, { bg: "#0102ff" });
});

test("text in a terminal is never markup", () => {
  assert.deepEqual(spans("<b>&"), [{ text: "<b>&", style: {} }]);
});

test("the page says where the notebook is safe", () => {
  const knows = { fileError: null, storageError: null, written: null, mayEdit: true } as const;
  const safe = { link: "online", joined: true, unsaved: 0, inFile: true, ...knows } as const;
  assert.equal(saySafety(safe).text, "Saved");
  assert.equal(saySafety({ ...safe, inFile: false }).text, "Saved on the server");
  assert.equal(saySafety({ ...safe, unsaved: 2 }).text, "Saving…");
  assert.equal(saySafety({ ...safe, link: "offline", unsaved: 2 }).text, "Offline · 2 edits only here");
  assert.equal(saySafety({ ...safe, inFile: false, fileError: "The disk is full." }).tone, "warn");
  assert.equal(saySafety({ ...safe, unsaved: 2, storageError: "The disk is full." }).text, "Not saved: the server's disk fails");
  assert.equal(saySafety({ ...safe, mayEdit: false }).text, "Read only");
  assert.match(saySafety({ ...safe, written: new Date().setHours(14, 3, 0) / 1000 }).more, /in the file, last written .*0?[2|14].03/);
});
