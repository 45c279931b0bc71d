// Frame program: a widget and all that is inside of it, live. The page sends state and takes what people set.

import type { DOMWidgetView } from "@jupyter-widgets/base";
import { attach, loaded } from "./captured.ts";
import { failed, host } from "./host.ts";
import { brought, type Given, Manager } from "./widget_manager.ts";
import "./widget_style.ts";

type Told =
  | Given
  | { update: string; state: Record<string, unknown>; number: number }
  | { custom: string; content: unknown; buffers: Uint8Array[] }
  | { captured: string; outputs: object[] }
  | { closed: string }
  | { link: string }
  | { loaded: string; code: Blob | null }
  | { module: string; code: string | null; why: string };

const manager = new Manager();

host.hear = (told: Told) => {
  if ("model" in told) manager.give(told);
  else if ("update" in told) manager.comms.get(told.update)?.update(told.state, told.number);
  else if ("custom" in told) manager.comms.get(told.custom)?.custom(told.content, told.buffers);
  else if ("captured" in told) manager.comms.get(told.captured)?.model?.set("outputs", told.outputs);
  else if ("link" in told) void manager.get_model(told.link).catch(console.warn);
  else if ("loaded" in told) loaded(told.loaded, told.code);
  else if ("module" in told) brought(told.module, told.code, told.why);
  else if ("closed" in told) {
    manager.comms.get(told.closed)?.closed();
    manager.comms.delete(told.closed);
  }
};

host.draw = (place, { view }: { view: string }) => {
  const show = async () => attach((await manager.create_view(await manager.get_model(view))) as DOMWidgetView, place);
  return show().catch((error) => failed(place, error));
};
