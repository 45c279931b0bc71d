"""Widgets without a kernel, as their file has them, and widgets whose code the page lacks: never an empty box."""

from __future__ import annotations

from typing import Any

import nbformat

from tests.web.tabs import Service

CONTROLS = ("@jupyter-widgets/controls", "2.0.0")
SAVED = {
    "box": ("VBoxModel", *CONTROLS, {"children": ["IPY_MODEL_slider", "IPY_MODEL_said"]}),
    "slider": ("IntSliderModel", *CONTROLS, {"description": "speed", "value": 42, "max": 100}),
    "said": (
        "OutputModel",
        "@jupyter-widgets/output",
        "1.0.0",
        {"outputs": [{"output_type": "stream", "name": "stdout", "text": ["printed in the widget\n"]}]},
    ),
    "mixed": ("HBoxModel", *CONTROLS, {"children": ["IPY_MODEL_slider", "IPY_MODEL_map"]}),
    "map": ("LeafletMapModel", "jupyter-leaflet", "^0.19", {}),
}


def _write(service: Service) -> None:
    def shown(model: str) -> Any:
        data = {"application/vnd.jupyter.widget-view+json": {"model_id": model, "version_major": 2, "version_minor": 0}}
        return nbformat.v4.new_code_cell(model, outputs=[nbformat.v4.new_output("display_data", data)])

    def entry(name: str, module: str, version: str, state: dict[str, Any]) -> dict[str, Any]:
        return {"model_name": name, "model_module": module, "model_module_version": version, "state": state}

    saved = {"state": {model: entry(*what) for model, what in SAVED.items()}, "version_major": 2, "version_minor": 0}
    widgets = {"application/vnd.jupyter.widget-state+json": saved}
    cells = [shown(model) for model in ("box", "map", "mixed", "unknown")]
    service.notebook.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"widgets": widgets}), service.notebook)


def test_saved_widgets_are_drawn_as_the_file_has_them_and_what_cannot_be_says_so(service: Service) -> None:
    _write(service)
    tab = service.open()
    box = tab.cell(0).frame_locator(".html-output")
    box.locator(".widget-slider", has_text="speed").get_by_text("42").wait_for()
    box.get_by_text("printed in the widget").wait_for()
    tab.cell(0).get_by_text("no kernel runs this widget").wait_for()

    box.locator(".noUi-handle").press("ArrowRight")  # nobody is asked
    box.get_by_text("43").wait_for()
    lacks = 'it has no code of "jupyter-leaflet"'
    tab.cell(1).frame_locator(".html-output").get_by_text(lacks).wait_for()
    mixed = tab.cell(2).frame_locator(".html-output")
    mixed.get_by_text(lacks).wait_for()
    mixed.locator(".widget-slider", has_text="speed").wait_for()
    tab.cell(3).get_by_text("This widget went with its kernel").wait_for()
    assert tab.page.locator(".toast").count() == 0
    assert service.errors == []
