import assert from "node:assert/strict";
import { test } from "node:test";
import { spans, styleAfter } from "../src/core/ansi.ts";
import { saySafety } from "../src/page/saving.ts";

test("colours of a terminal are spans, and its other sequences are nothing", () => {
  assert.deepEqual(spans("a\x1b[31;1mred\x1b[0mb\x1b[2K\x1b]0;title\x07c"), [
    { text: "a", style: {} },
    { text: "red", style: { fg: "1", bold: true } },
    { text: "b", style: {} },
    { text: "c", style: {} },
  ]);
  assert.deepEqual(spans("\x1b[38;5;196mx")[0]?.style, { fg: "#ff0000" });
  assert.deepEqual(spans("\x1b[48;2;1;2;300mx")[0]?.style, { bg: "#0102ff" });
});

test("a text can be drawn in parts, each in the style in which the one before it ended", () => {
  const text = "a\x1b[31mred\nred \x1b[1mbold\n\x1b]8;;https://x\x07link\nlink\x1b]8;;\x07 none\x1b[0m plain";
  const lines = text.split(/(?<=\n)/);
  let style = {};
  const inParts = lines.flatMap((line) => {
    const found = spans(line, style);
    style = styleAfter(line, style);
    return found;
  });
  const letters = (all: ReturnType<typeof spans>) => all.flatMap((span) => [...span.text].map((letter) => ({ letter, ...span.style })));
  assert.deepEqual(letters(inParts), letters(spans(text)));
});

test("addresses of the web are links, those that a program names too, and nothing else is one", () => {
  assert.deepEqual(spans("see https://jupyter.org/a?b=(c), or\nhttp://x."), [
    { text: "see ", style: {} },
    { text: "https://jupyter.org/a?b=(c", style: { link: "https://jupyter.org/a?b=(c" } },
    { text: "), or\n", style: {} },
    { text: "http://x", style: { link: "http://x" } },
    { text: ".", style: {} },
  ]);
  assert.deepEqual(spans("\x1b]8;;https://x\x1b\\here\x1b[0m\x1b]8;;\x1b\\ there"), [
    { text: "here", style: { link: "https://x" } },
    { text: " there", style: {} },
  ]);
  assert.deepEqual(spans("\x1b]8;;javascript:alert(1)\x07no\x1b]8;;\x07 data:text/html,x"), [
    { text: "no", style: {} },
    { text: " data:text/html,x", style: {} },
  ]);
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
