"""``python -m napari_sti`` is ``napari-sti``."""

from napari_sti.cli.program import main

raise SystemExit(main())
