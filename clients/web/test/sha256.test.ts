import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { sha256 } from "../src/core/sha256.ts";
import { random } from "./core.ts";

test("a digest is what everybody else computes", () => {
  const next = random(1);
  for (let length = 0; length < 300; length++) {
    const text = Array.from({ length }, () => "ab \0é✓😀"[Math.floor(next() * 6)]).join("").toWellFormed();
    assert.equal(sha256(text), createHash("sha256").update(text).digest("hex"), `${length} characters`);
  }
});
