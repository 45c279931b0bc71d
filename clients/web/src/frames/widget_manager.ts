// The widget library's manager in a frame: models are made of the state that the page sends for those it is asked for.
//
// It knows the packages that the page brings, and anywidget, whose widgets carry their own code; of others it asks the page
// for the AMD module that the notebook's environment has. In the place of a widget that nobody has code of stands what is
// lacking; what is around it is drawn.

import * as base from "@jupyter-widgets/base";
import { ManagerBase } from "@jupyter-widgets/base-manager";
import * as controls from "@jupyter-widgets/controls";
import { Modules } from "./amd.ts";
import { anywidget } from "./anywidget.ts";
import { host } from "./host.ts";
import { outputs } from "./output_widget.ts";
import { FrameComm, fromOutside, isFromOutside, views } from "./widget_comm.ts";

type Classes = Record<string, unknown>;

const PACKAGES: Record<string, () => Classes> = {
  "@jupyter-widgets/base": () => base as Classes,
  "@jupyter-widgets/controls": () => controls as Classes,
  "@jupyter-widgets/output": () => outputs,
  anywidget: () => anywidget,
};

/** What the page tells of a widget. */
export interface Given {
  readonly model: string;
  readonly state: Record<string, unknown> | null; // null: there is no such widget
  readonly outputs?: readonly object[] | null;
}

const wanted = new Map<string, PromiseWithResolvers<string>>();

const modules = new Modules(PACKAGES, (module) => {
  const code = Promise.withResolvers<string>();
  wanted.set(module, code);
  host.say({ module });
  return code.promise;
});

/** The page sends a module of the notebook's environment, or why there is none. */
export function brought(module: string, code: string | null, why: string): void {
  if (code !== null) wanted.get(module)?.resolve(code);
  else wanted.get(module)?.reject(new Error(why));
}

/** A widget whose code is not here. */
function lackingModel(module: string, why: string): typeof base.DOMWidgetModel {
  return class extends base.DOMWidgetModel {
    constructor(attributes: any, options: any) {
      super({ ...attributes, _view_name: "LackingView", _view_module: module }, options);
    }

    readonly why = why;
  };
}

class LackingView extends base.DOMWidgetView {
  override render(): void {
    super.render();
    const [name, module] = [this.model.name ?? this.model.get("_model_name"), this.model.get("_view_module")];
    const { why } = this.model as unknown as { why?: string };
    const text = `This page cannot draw ${name}: it has no code of "${module}". ${why ?? ""} Python can still read and set it.`;
    this.el.append(Object.assign(document.createElement("p"), { textContent: text, className: "lacking" }));
    this.el.setAttribute("role", "note");
  }
}

export class Manager extends ManagerBase {
  readonly comms = new Map<string, FrameComm>();
  readonly #wanted = new Map<string, PromiseWithResolvers<base.WidgetModel>>();

  override get_model(id: string): Promise<base.WidgetModel> {
    if (this.has_model(id)) return super.get_model(id);
    const wanted = this.#wanted.get(id) ?? Promise.withResolvers<base.WidgetModel>();
    if (!this.#wanted.has(id)) {
      this.#wanted.set(id, wanted);
      host.say({ want: id });
    }
    return wanted.promise;
  }

  /** The page tells of a widget that was asked for. */
  give({ model: id, state, outputs: captured }: Given): void {
    const wanted = this.#wanted.get(id);
    this.#wanted.delete(id);
    if (wanted === undefined) return;
    if (state === null) {
      wanted.reject(new Error("This widget is gone. Run the cell that makes it again."));
      return;
    }
    const comm = new FrameComm(id);
    this.comms.set(id, comm);
    const options = {
      model_id: id,
      model_name: `${state["_model_name"]}`,
      model_module: `${state["_model_module"]}`,
      model_module_version: `${state["_model_module_version"]}`,
      comm,
    };
    const made = this.new_model(options, views(state));
    made.then((model) => {
      comm.model = model;
      const { set_state } = model;
      model.set_state = (found) => fromOutside(() => set_state.call(model, found));
      if (captured !== null && captured !== undefined) model.set("outputs", captured);
    }, () => {});
    made.then(wanted.resolve, wanted.reject);
  }

  protected override async loadClass(name: string, module: string): Promise<any> {
    const found = ((await modules.require(module)) as Classes | undefined)?.[name];
    if (found === undefined) throw new Error(`The code of "${module}" has no ${name}.`);
    return found;
  }

  protected override async loadModelClass(name: string, module: string): Promise<typeof base.WidgetModel> {
    return this.loadClass(name, module).catch((error: unknown) => lackingModel(module, error instanceof Error ? error.message : `${error}`));
  }

  protected override async loadViewClass(name: string, module: string): Promise<typeof base.WidgetView> {
    return this.loadClass(name, module).catch(() => LackingView);
  }

  protected override async _create_comm(): Promise<never> {
    throw new Error("Widgets are made by the kernel.");
  }

  protected override async _get_comm_info(): Promise<{}> {
    return {};
  }
}

// A player runs where somebody started it; every other frame shows what it does.
const { animate } = controls.PlayModel.prototype;
controls.PlayModel.prototype.animate = function (this: controls.PlayModel) {
  if (!isFromOutside()) animate.call(this);
};

// A link acts when it is made, too: that is not the reader's doing.
const { updateBindings } = controls.DirectionalLinkModel.prototype;
controls.DirectionalLinkModel.prototype.updateBindings = function (this: controls.DirectionalLinkModel) {
  fromOutside(() => updateBindings.call(this));
};
