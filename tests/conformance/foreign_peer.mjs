// A peer made of nothing of ours: @automerge/automerge and docs/wire-protocol.md.
//
// It connects to the address of its first argument, begins with empty Automerge documents or the seeds it is handed,
// keeps both documents in sync, and does what it is told on standard input: one JSON object a line, each answered by one
// JSON object a line on standard output. It ends when standard input does.

import { createInterface } from "node:readline";
import * as Automerge from "@automerge/automerge";
import { decode, encode } from "@msgpack/msgpack";
import WebSocket from "ws";

const NOTEBOOK_SYNC = 0x00;
const RUNTIME_SYNC = 0x05;
const SESSION = 0x07;

const { url, notebook_id, token, role, seeds } = JSON.parse(process.argv[2]);

const begin = (seed) => (seed ? Automerge.load(Buffer.from(seed, "hex")) : Automerge.init());
const documents = {
  [NOTEBOOK_SYNC]: { doc: begin(seeds?.notebook), sync: Automerge.initSyncState() },
  [RUNTIME_SYNC]: { doc: begin(seeds?.runtime), sync: Automerge.initSyncState() },
};
const socket = new WebSocket(url, { perMessageDeflate: false });
let error = null; // the hub's last word, if it was one

function frame(type, payload) {
  socket.send(Buffer.concat([Buffer.from([type]), payload]));
}

function pump(type) {
  if (socket.readyState !== WebSocket.OPEN) return;
  const held = documents[type];
  for (let count = 0; count < 10; count++) {
    const [sync, message] = Automerge.generateSyncMessage(held.doc, held.sync);
    held.sync = sync;
    if (message === null) return;
    frame(type, message);
  }
  error = { code: "starts_over", message: "the hub claims to have sent what it has not" };
}

function change(type, edit) {
  documents[type].doc = Automerge.change(documents[type].doc, edit);
  pump(type);
}

socket.on("open", () => {
  const peer = { peer_id: "foreign", name: "JavaScript", kind: "program" };
  frame(SESSION, encode({ type: "hello", protocol: 1, schema: 1, notebook_id, peer, token, role, genesis: null }));
});

socket.on("message", (data) => {
  const [type, payload] = [data[0], data.subarray(1)];
  if (type === SESSION) {
    const message = decode(payload);
    if (message.type === "welcome") [NOTEBOOK_SYNC, RUNTIME_SYNC].forEach(pump);
    else if (message.type === "runtime_epoch") {
      documents[RUNTIME_SYNC] = { doc: begin(seeds?.runtime), sync: Automerge.initSyncState() };
      frame(SESSION, encode({ type: "runtime_epoch_taken", epoch: message.epoch }));
      pump(RUNTIME_SYNC);
    } else error = message;
  } else if (type in documents) {
    const held = documents[type];
    [held.doc, held.sync] = Automerge.receiveSyncMessage(held.doc, held.sync, payload);
    pump(type);
  }
});
socket.on("error", (failure) => (error = { code: "socket", message: String(failure) }));

const scalar = (value) => new Automerge.ImmutableString(value);

const commands = {
  heads: () => ({
    notebook: Automerge.getHeads(documents[NOTEBOOK_SYNC].doc),
    runtime: Automerge.getHeads(documents[RUNTIME_SYNC].doc),
    closed: socket.readyState === WebSocket.CLOSED,
    error,
  }),

  cells: () => {
    const cells = Object.values(documents[NOTEBOOK_SYNC].doc.cells ?? {});
    const key = (cell) => `${cell.position} ${cell.id}`;
    return cells
      .sort((a, b) => (key(a) < key(b) ? -1 : 1))
      .map((cell) => ({ id: `${cell.id}`, cell_type: `${cell.cell_type}`, source: cell.source }));
  },

  // `index` and `remove` count UTF-16 code units, as JavaScript does.
  splice: ({ cell, index, remove, insert }) =>
    change(NOTEBOOK_SYNC, (doc) => Automerge.splice(doc, ["cells", cell, "source"], index, remove, insert)),

  add: ({ cell, cell_type, position, source }) =>
    change(NOTEBOOK_SYNC, (doc) => {
      doc.cells[cell] = {
        id: scalar(cell),
        cell_type: scalar(cell_type),
        position: scalar(position),
        source, // a plain string is a Text
        metadata: {},
      };
    }),

  move: ({ cell, position }) => change(NOTEBOOK_SYNC, (doc) => (doc.cells[cell].position = scalar(position))),

  remove: ({ cell }) => change(NOTEBOOK_SYNC, (doc) => delete doc.cells[cell]),

  executions: () =>
    Object.entries(documents[RUNTIME_SYNC].doc.executions ?? {}).map(([id, execution]) => ({
      id,
      status: `${execution.status}`,
      outputs: execution.outputs.map((output) => `${output.text?.map((content) => content.inline).join("")}`),
    })),

  meddle: () => change(RUNTIME_SYNC, (doc) => (doc.queue = [scalar("not mine to write")])),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...parameters } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(commands[command](parameters) ?? {})}\n`);
}
socket.terminate();
