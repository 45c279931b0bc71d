import assert from "node:assert/strict";
import { test } from "node:test";
import { altairChart } from "../src/core/altair.ts";

const html = (given: string) => `
<div id="altair-viz-1"></div>
<script type="text/javascript">
  (function(spec, embedOpt){
    function displayChart(vegaEmbed) { vegaEmbed(outputDiv, spec, embedOpt) }
  })(${given});
</script>`;

test("the chart in Altair's HTML is read, and no other HTML is taken for one", () => {
  assert.deepEqual(altairChart(html('{"mark": "bar", "title": "})({"}, {"mode": "vega-lite"}')), {
    spec: { mark: "bar", title: "})({" },
    mode: "vega-lite",
  });
  assert.equal(altairChart(html('{"marks": []}, {"mode": "vega"}'))?.mode, "vega");
  for (const other of ["<b>vegaEmbed</b>", html("{spec: document.cookie}"), html("{}, {}) + alert(1"), ""]) assert.equal(altairChart(other), null);
});
