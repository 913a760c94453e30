"""What stands on a page that was drawn."""


def words(figure):
    """Everything that is written in a figure."""
    found = [t.get_text() for t in figure.texts]
    for axes in figure.axes:
        found += [t.get_text() for t in axes.texts] + [axes.get_title(), axes.get_xlabel()]
    return [w for w in found if w]


def pictures(figure):
    return [image for axes in figure.axes for image in axes.images]


def assert_nothing_overlaps(figure):
    """Texts on the page do not overlap each other, and none sticks out."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes = [t.get_window_extent(renderer) for t in figure.texts]
    boxes += [t.get_window_extent(renderer) for axes in figure.axes for t in axes.texts]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            inner = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
            assert min(inner) <= 1, (a, b)
    page = figure.bbox
    assert all(b.x0 >= page.x0 - 1 and b.x1 <= page.x1 + 1 and b.y0 >= page.y0 - 1 for b in boxes)
