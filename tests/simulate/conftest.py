import pytest

from napari_sti.simulate.anatomy import anatomy_on, brain_grid
from napari_sti.simulate.fibres import fibre_field


@pytest.fixture(scope="session")
def anatomy():
    """The brain at 4 mm."""
    return anatomy_on(brain_grid((4.0, 4.0, 4.0)))


@pytest.fixture(scope="session")
def fibres(anatomy):
    return fibre_field(anatomy)
