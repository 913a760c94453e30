import itertools

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sti.viz import views


@pytest.fixture
def viewer():
    model = ViewerModel()
    model.add_image(np.zeros((4, 5, 6)))
    return model


EXPECTED = {  # letters at the right, left, top and bottom edge
    ("axial", False): ("R", "L", "A", "P"),
    ("axial", True): ("L", "R", "A", "P"),
    ("coronal", False): ("R", "L", "S", "I"),
    ("coronal", True): ("L", "R", "S", "I"),
    ("sagittal", False): ("A", "P", "S", "I"),
    ("sagittal", True): ("P", "A", "S", "I"),
}


@pytest.mark.parametrize(("plane", "radiological"), EXPECTED)
def test_planes_have_their_letters_in_two_and_three_dimensions(viewer, plane, radiological):
    for ndisplay in (2, 3):
        viewer.dims.ndisplay = ndisplay
        views.show_plane(viewer, plane, radiological=radiological)
        axes = views.screen_axes(viewer)
        assert axes.letters() == EXPECTED[plane, radiological]
        assert axes.plane == plane
        assert not axes.mirrored
        if plane == "sagittal":
            assert axes.convention is None
        else:
            assert axes.convention == ("radiological" if radiological else "neurological")


def test_napari_calls_only_the_true_views_right_handed(viewer):
    # Its label is defined for the order (0, 1, 2); an odd order of the dimensions reverses it.
    for plane, radiological in EXPECTED:
        views.show_plane(viewer, plane, radiological=radiological)
        odd = np.linalg.det(np.eye(3)[list(viewer.dims.order)]) < 0
        assert (str(viewer.scene.camera.handedness) == "left") == odd


def test_mirrored_views_are_found(viewer):
    views.show_axial(viewer)
    viewer.dims.ndisplay = 3
    depth, vertical, _ = viewer.scene.camera.orientation
    viewer.scene.camera.orientation = (depth, vertical, "left")
    assert views.screen_axes(viewer).mirrored


def test_letters_follow_rolled_dimensions(viewer):
    views.show_axial(viewer)
    viewer.dims.roll()
    axes = views.screen_axes(viewer)
    assert axes.letters() == ("A", "P", "S", "I")
    viewer.dims.transpose()
    assert views.screen_axes(viewer).letters() == ("S", "I", "A", "P")


def test_letters_turn_with_the_camera(viewer):
    views.show_axial(viewer)
    viewer.dims.ndisplay = 3
    # Seen from the front, top of the head up: the person's right is on the left.
    viewer.scene.camera.set_view_direction((0, -1, 0), (1, 0, 0))
    axes = views.screen_axes(viewer)
    assert axes.letters() == ("L", "R", "S", "I")
    viewer.scene.camera.angles = (20, 40, 10)
    assert any(len(letter) == 2 for letter in views.screen_axes(viewer).letters())


def test_screen_axes_stay_orthonormal_and_keep_their_handedness(viewer):
    for (plane, radiological), angles in itertools.product(EXPECTED, [(0, 0, 0), (30, -50, 70), (90, 0, 45)]):
        views.show_plane(viewer, plane, radiological=radiological)
        viewer.dims.ndisplay = 3
        viewer.scene.camera.angles = angles
        axes = views.screen_axes(viewer)
        matrix = np.array([axes.right, axes.up, axes.towards])
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
        assert not axes.mirrored


def test_fewer_than_three_dimensions_have_no_axes():
    model = ViewerModel()
    model.add_image(np.zeros((4, 5)))
    views.show_axial(model)
    assert views.screen_axes(model) is None


def test_four_dimensions_keep_the_volumes_first():
    model = ViewerModel()
    model.add_image(np.zeros((2, 4, 5, 6)))
    views.show_coronal(model)
    assert tuple(model.dims.order) == (0, 2, 3, 1)
    assert views.screen_axes(model).letters() == ("R", "L", "S", "I")
    views.go_to(model, np.array([1.0, 2.0, 3.0]))
    assert tuple(model.dims.point[1:]) == (1.0, 2.0, 3.0)
