"""A process that trains the toy, to be killed: ``python train_toy.py FOLDER STEPS PAUSE SAVE_EVERY [DEVICES]``."""

import sys
from pathlib import Path
from types import MappingProxyType

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from napari_sti.learn import engine, keeper, registry
from tests.learn.toy import Toy


def main() -> None:
    """Train."""
    folder, steps, pause, save_every = sys.argv[1], *map(float, sys.argv[2:5])
    registry._found = lambda: MappingProxyType({"toy": Toy()})  # type: ignore[assignment]
    keeper.SAVE_EVERY = save_every
    devices = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    strategy = "ddp" if devices > 1 else "auto"
    params = {"steps": int(steps), "pause": pause}
    engine.train("toy", params, folder, device="cpu", devices=devices, strategy=strategy)


if __name__ == "__main__":
    main()
