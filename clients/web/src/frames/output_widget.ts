// The Output widget: what the kernel captured for it, drawn inside its frame. Only what changed is drawn again.

import { DOMWidgetView, type WidgetModel } from "@jupyter-widgets/base";
import { OutputModel as BaseModel } from "@jupyter-widgets/output";
import { draw, type Drawn } from "./captured.ts";
import type { ResolvedOutput } from "../outputs/resolved.ts";

class OutputModel extends BaseModel {
  override defaults() {
    return { ...super.defaults(), msg_id: "", outputs: [] };
  }
}

class OutputView extends DOMWidgetView {
  #drawn: Drawn[] = [];

  override render(): void {
    super.render();
    this.el.classList.add("jupyter-widgets", "captured");
    this.listenTo(this.model, "change:outputs", () => this.#show());
    this.#show();
  }

  override remove(): void {
    for (const drawn of this.#drawn.splice(0)) drawn.remove();
    super.remove();
  }

  #show(): void {
    const outputs = (this.model.get("outputs") ?? []) as ResolvedOutput[];
    for (const drawn of this.#drawn.splice(outputs.length)) drawn.remove();
    for (const [index, output] of outputs.entries()) {
      const before = this.#drawn[index];
      if (before?.update(output) === true) continue;
      const next = draw(output, (id) => this.#view(id));
      if (before === undefined) this.el.append(next.element);
      else {
        before.element.replaceWith(next.element);
        before.remove();
      }
      this.#drawn[index] = next;
    }
  }

  async #view(modelId: string): Promise<DOMWidgetView> {
    const manager = this.model.widget_manager as unknown as { get_model(id: string): Promise<WidgetModel>; create_view(model: WidgetModel): Promise<DOMWidgetView> };
    return manager.create_view(await manager.get_model(modelId));
  }
}

export const outputs: Record<string, unknown> = { OutputModel, OutputView };
