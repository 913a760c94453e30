"""One thread: the volumes of tests are too small for two to pay, and tests may run side by side."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
