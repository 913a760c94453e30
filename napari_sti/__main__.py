"""``python -m napari_sti`` is ``napari-sti``."""

from napari_sti.cli import main

raise SystemExit(main())
