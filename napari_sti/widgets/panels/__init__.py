"""The panels, one file each: a module here with a subclass of `Panel` becomes a tab of the workbench."""

import importlib
import pkgutil

from napari_sti.widgets.panel import Panel


def panel_types() -> list[type[Panel]]:
    """Every panel of this folder, in the order of the work."""
    found: set[type[Panel]] = set()
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for value in vars(loaded).values():
            if isinstance(value, type) and issubclass(value, Panel) and value is not Panel:
                found.add(value)
    return sorted(found, key=lambda panel: panel.order)


def panel_titles() -> dict[str, str]:
    """Titles of the panels by their ids."""
    return {panel.id: panel.title for panel in panel_types()}
