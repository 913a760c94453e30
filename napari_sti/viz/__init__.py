"""From results to napari layers; the only room below the widgets that knows napari."""
