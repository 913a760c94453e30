"""A worker that knows the odd methods: a program, started by the tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import odd_methods

from napari_sti.jobs import worker
from napari_sti.simulate import sample

odd_methods.install(setattr)
sample.sample_study = lambda *, oblique, progress: Path(f"sample-{oblique}") / "study.yaml"
worker.main()
