"""What a brush is called: its edges stand for whatever lies beyond them."""

import numpy as np
import pytest

from napari_sti.widgets.session.separate_brush import span_words

EDGES = np.linspace(0, 0.08, 9)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        ((0.02, 0.05), "0.020 to 0.050 ppm"),
        ((0.0, 0.05), "up to 0.050 ppm"),
        ((0.05, 0.08), "0.050 ppm and above"),
        ((0.0, 0.08), "any"),
    ],
)
def test_a_brush_that_ends_at_an_edge_says_and_above(span, words) -> None:
    assert span_words(span, EDGES) == words
