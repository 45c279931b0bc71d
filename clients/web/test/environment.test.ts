// The environment in the page: what is read of RuntimeDoc, and how packages are declared.

import assert from "node:assert/strict";
import { test } from "node:test";
import { declare, declareAnswered, packageName, questionLines, readEnvironment, readMissing, readTrust } from "../src/core/environment.ts";
import { Notebook } from "../src/core/notebook.ts";
import { Replica } from "../src/core/replica.ts";
import type { NotebookRoot, RuntimeRoot } from "../src/core/schema.ts";
import { coreIsReady } from "./core.ts";

await coreIsReady;

const runtime = (maps: object): RuntimeRoot => maps as RuntimeRoot;

test("what is absent or of another type reads as nothing to say", () => {
  for (const maps of [{}, { env: 3, trust: [], missing: null }, { env: { declared: "x", log: 1 }, trust: { packages: {} } }]) {
    assert.equal(readEnvironment(runtime(maps)).phase, "none");
    assert.deepEqual(readEnvironment(runtime(maps)).declared, []);
    assert.equal(readTrust(runtime(maps)).asks, false);
    assert.deepEqual(readMissing(runtime(maps)), []);
  }
  assert.equal(readEnvironment(null).inSync, true);
});

test("the question shows all that would be installed and from where", () => {
  const trust = readTrust(
    runtime({ trust: { state: "tampered", packages: ["a"], pip: ["b"], python: ">=3.11", channels: ["c"], options: ["no-index"], project: true, path: "/p" } }),
  );
  assert.ok(trust.asks && trust.tampered);
  assert.deepEqual(questionLines(trust), ["a", "b", "the project in /p, whose build it runs", "for Python >=3.11", "from the channel c", "with no-index"]);
});

test("packages are declared in the list that is there, which is made where there is none", () => {
  const replica = Replica.empty<NotebookRoot>();
  replica.change((draft) => Object.assign(draft, { cells: {}, metadata: {}, comments: {}, versions: {} }), "remote");
  const notebook = new Notebook(replica);
  declare(notebook, ["quire", "uv"], ["pandas", "numpy"], []);
  declare(notebook, ["quire", "uv"], ["numpy>=2"], ["numpy"]);
  assert.deepEqual(notebook.ownMetadata(), { quire: { uv: { dependencies: ["pandas", "numpy>=2"] } } });
  declare(notebook, ["quire", "uv"], [], ["pandas"]);
  assert.deepEqual(notebook.ownMetadata(), { quire: { uv: { dependencies: ["numpy>=2"] } } });
});

test("a header that declares packages is changed where it differs, unless it says something else by now", () => {
  const replica = Replica.empty<NotebookRoot>();
  replica.change((draft) => Object.assign(draft, { cells: {}, metadata: {}, comments: {}, versions: {} }), "remote");
  const notebook = new Notebook(replica);
  const cell_id = notebook.addCell(0, "code", '# ///\n# ["a"]\n# ///\nimport a');
  const told = { cell_id, old: '# ///\n# ["a"]\n# ///', new: '# ///\n# ["a", "b"]\n# ///' };
  assert.equal(declareAnswered(notebook, told), true);
  assert.equal(notebook.source(cell_id), '# ///\n# ["a", "b"]\n# ///\nimport a');
  assert.equal(declareAnswered(notebook, told), false);
  assert.equal(declareAnswered(notebook, null), true);
  assert.equal(declareAnswered(notebook, { place: [], add: ["c"], remove: [] }), true);
  assert.deepEqual(notebook.ownMetadata(), { dependencies: ["c"] });
});

test("a requirement begins with its package's name", () => {
  assert.equal(packageName("Py_Tiny>=2"), "py-tiny");
  assert.equal(packageName("conda-forge::gdal =3"), "gdal");
  assert.equal(packageName(">=2"), "");
});
