import assert from "node:assert/strict";
import { test } from "node:test";
import { readSavedWidget } from "../src/core/saved_widgets.ts";

const SLIDER = { model_name: "IntSliderModel", model_module: "@jupyter-widgets/controls", model_module_version: "2.0.0", state: { value: 3 } };

test("a saved widget has its state, its class and its bytes in their places", () => {
  assert.deepEqual(readSavedWidget(SLIDER), {
    state: { value: 3, _model_name: "IntSliderModel", _model_module: "@jupyter-widgets/controls", _model_module_version: "2.0.0" },
    outputs: null,
  });
  const buffers = [{ encoding: "base64", path: ["value", "data"], data: "AQI=" }, { encoding: "hex", path: ["more"], data: "0aff" }];
  const state = readSavedWidget({ ...SLIDER, state: { value: { shape: [2] } }, buffers })?.state ?? {};
  assert.deepEqual(state["value"], { shape: [2], data: Uint8Array.of(1, 2) });
  assert.deepEqual(state["more"], Uint8Array.of(10, 255));
});

test("what an output widget shows is read as frames draw it", () => {
  const outputs = [
    { output_type: "stream", name: "stdout", text: ["a\n", "b"] },
    { output_type: "display_data", data: { "text/plain": ["x"], "image/png": "AQI=\n", "application/json": { a: 1 } }, metadata: {} },
  ];
  const found = readSavedWidget({ ...SLIDER, model_name: "OutputModel", state: { outputs } })?.outputs ?? [];
  assert.equal(found[0]?.["text"], "a\nb");
  const data = found[1]?.["data"] as Record<string, unknown>;
  assert.deepEqual([data["text/plain"], data["application/json"]], ["x", { a: 1 }]);
  assert.equal((data["image/png"] as Blob).size, 2);
});

test("what says nothing of a widget is none", () => {
  for (const entry of [undefined, null, 3, [], {}, { model_name: 1, model_module: "x" }]) assert.equal(readSavedWidget(entry), null);
});
