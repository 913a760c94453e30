"""Ellipsoids: their axes, what is negative, and the outline that a slice shows."""

import numpy as np
import pytest

from napari_sti.viz import glyphs
from napari_sti.viz.glyphs import NEGATIVE, ellipsoids, semi_axes


def random_frames(n, seed=0):
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, 3, 3)))[0]
    return q * np.sign(np.linalg.det(q))[:, None, None]


def make(values, vectors=None, **keywords):
    values = np.atleast_2d(values)
    n = len(values)
    given = {
        "centres": np.arange(3 * n, dtype=float).reshape(n, 3) * 10,
        "colors": np.tile([1.0, 0, 0], (n, 1)),
        "radius": 1.0,
        "limit": 0.03,
        "towards": np.array([0, 0, 1.0]),
        "flat": False,
    }
    vectors = np.broadcast_to(np.eye(3), (n, 3, 3)) if vectors is None else vectors
    return ellipsoids(values, vectors, **(given | keywords)), given["centres"]


def test_anisotropic_part_is_four_to_one_at_the_limit_whatever_the_mean():
    for mean in (-0.1, 0.0, 0.05):
        axes = semi_axes(mean + np.array([[0.02, -0.01, -0.01]]), "anisotropic", 0.03)
        np.testing.assert_allclose(axes, [[1, 0.25, 0.25]], atol=1e-5)
        np.testing.assert_allclose(semi_axes(np.full((1, 3), mean), "anisotropic", 0.03), [[0.5] * 3], atol=1e-6)


def test_no_axis_is_negative_or_longer_than_the_longest():
    values = np.sort(np.random.default_rng(1).normal(0, 0.2, (200, 3)), axis=1)[:, ::-1]
    for shape in ("anisotropic", "signed"):
        axes = semi_axes(values, shape, 0.03)
        assert (axes > 0).all() and (axes <= 1).all() and np.isfinite(axes).all()
    assert np.isfinite(semi_axes(np.full((1, 3), np.nan), "signed", 0.03)).all()


@pytest.mark.parametrize("flat", [True, False])
def test_corners_lie_on_the_ellipsoid(flat):
    values = np.array([[0.02, 0.0, -0.01], [0.03, -0.01, -0.02]])
    vectors = random_frames(2)
    towards = np.array([0.6, 0, 0.8])
    mesh, centres = make(values, vectors, flat=flat, towards=towards, rings=4)
    points = (mesh.vertices.reshape(2, -1, 3) - centres[:, None]) @ vectors
    axes = semi_axes(values, "anisotropic", 0.03)
    np.testing.assert_allclose(((points / axes[:, None]) ** 2).sum(-1), 1, atol=1e-4)
    if flat:
        normals = np.einsum("nvi,nji->nvj", points / axes[:, None] ** 2, vectors)
        facing = normals @ towards / np.linalg.norm(normals, axis=-1)
        assert facing.min() > -1e-4, "only what faces the viewer"
        np.testing.assert_allclose(facing[:, -12:], 0, atol=1e-4), "up to the very outline"


def test_longest_axis_is_the_principal_eigenvector():
    vectors = random_frames(5, seed=4)
    mesh, centres = make(np.tile([0.02, -0.005, -0.015], (5, 1)), vectors, rings=5)
    points = mesh.vertices.reshape(5, -1, 3) - centres[:, None]
    longest = points[np.arange(5), np.linalg.norm(points, axis=2).argmax(axis=1)]
    longest /= np.linalg.norm(longest, axis=1, keepdims=True)
    assert (np.abs(np.einsum("ni,ni->n", longest, vectors[:, :, 0])) > 0.95).all()


def test_what_is_diamagnetic_is_grey():
    mesh, centres = make([0.02, 0.02, -0.02], shape="signed", rings=5)
    grey = np.ptp(mesh.colors[:, :3], axis=1) < 1e-4
    height = np.abs(mesh.vertices - centres[0])[:, 2]
    assert grey.any() and not grey.all()
    assert height[grey].min() >= height[~grey].max() - 1e-3, "around the axis whose eigenvalue is negative"
    everywhere, _ = make([-0.01, -0.02, -0.03], shape="signed")
    assert (np.ptp(everywhere.colors[:, :3], axis=1) < 1e-4).all() and everywhere.colors[0, 0] <= NEGATIVE[0]
    none, _ = make([0.03, 0.02, 0.01], shape="signed")
    assert not (np.ptp(none.colors[:, :3], axis=1) < 1e-4).any()


def test_faces_of_all_ellipsoids_name_their_own_corners():
    mesh, _ = make(np.tile([0.02, 0, -0.01], (7, 1)))
    each = len(mesh.vertices) // 7
    assert (np.ptp(mesh.faces // each, axis=1) == 0).all() and mesh.faces.max() == len(mesh.vertices) - 1


def test_nothing_makes_an_empty_mesh():
    mesh, _ = make(np.zeros((0, 3)))
    assert mesh.vertices.shape == (0, 3) and len(mesh.faces) == 0


def test_templates_cover_the_half_ball():
    for rings in (2, 3, 4, 5):
        points, faces = glyphs._half_ball(rings)
        corners = points[faces]
        areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
        assert 0.85 * 2 * np.pi < areas.sum() < 2 * np.pi
