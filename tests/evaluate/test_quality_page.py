"""The quality page: one file, nothing from outside, every number and source on it, for light and dark."""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from napari_sti.evaluate.quality_figures import quality_pictures
from napari_sti.evaluate.quality_page import quality_html, quality_record
from napari_sti.maps.dti import read_dti
from napari_sti.maps.flips import mended, parse_mend
from napari_sti.maps.quality import assess
from napari_sti.maps.quality_lines import quality_lines
from tests.maps import bundled

ABOUT = {
    "inputs": [{"role": "result", "path": "/data/<odd> & name", "sha256": "0123456789abcdef" * 4}],
    "command": "napari-sti quality run -o DIR",
}


class Reader(HTMLParser):
    """Text, tags and addresses of a page; refuses one that is not well formed."""

    void = ("meta", "img", "source", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.addresses, self.images = [], [], [], 0
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.addresses += [given[name] for name in ("src", "srcset", "href") if name in given]
        if tag == "img":
            self.images += 1
            assert given.get("alt")
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


@pytest.fixture(scope="module")
def quality(tmp_path_factory):
    truth = bundled.tensor(name="run <1>")
    study = bundled.acquisition(truth)
    dti = read_dti(*bundled.write_dti(tmp_path_factory.mktemp("dti")), frame="fsl")
    return assess(mended(truth, parse_mend("x,-y,z")), acquisition=study, dti=replace(dti, name="the DTI"))


@pytest.fixture(scope="module")
def pictures(quality):
    return list(quality_pictures(quality))


def test_every_part_has_its_picture(pictures):
    from skimage.io import imread

    assert [p.section for p in pictures] == ["maps", "directions", "data", "values", "streaks", "mask", "dti"]
    for picture in pictures:
        light, dark = (imread(io.BytesIO(content)) for content in (picture.light, picture.dark))
        assert light.shape == dark.shape and light.shape[2] == 4, "transparent, so that the page's ground shows"
        assert (light[..., 3] == 0).any() and light[..., 3].max() == 255
        assert ((light[..., 3] > 0) == (dark[..., 3] > 0)).mean() > 0.98, "laid out alike"
        words = [image[image[..., 3] > 250][:, :3].mean(-1) for image in (light, dark)]
        if picture.section in ("directions", "values", "mask", "streaks"):  # the others hold pictures of brains
            assert np.median(words[0]) < 140 and np.median(words[1]) > 100


def test_the_page_stands_alone(quality, pictures):
    text = quality_html(quality, about=ABOUT, pictures=pictures)
    page = Reader(text)
    assert page.images == len(pictures)
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in page.addresses)
    assert "http" not in re.sub(r"data:[^\"]*", "", text) and "<script" not in text
    for address in page.addresses:
        if address.startswith("data:"):
            assert base64.b64decode(address.partition(",")[2]).startswith(b"\x89PNG")
    assert "prefers-color-scheme: dark" in text and "@media print" in text
    for name in (a for a in page.addresses if a.startswith("#")):
        assert f'id="{name[1:]}"' in text


def test_the_page_says_every_line_with_its_source(quality, pictures):
    said = " ".join(" ".join(Reader(quality_html(quality, about=ABOUT, pictures=pictures)).text).split())
    for line in quality_lines(quality):
        for part in (line.title, line.value, line.rule, line.source):
            assert " ".join(part.split()) in said, part
    assert "They are no verdict" in said and "simulated data" in said and "run <1>" in said
    assert "Proposed mend: x,-y,z." in said and "/data/<odd> & name" in said and "0123456789abcdef" in said
    assert "napari-sti quality run -o DIR" in said and "fits worst" in said


def test_the_record_is_plain(quality):
    record = json.loads(json.dumps(quality_record(quality, about=ABOUT), allow_nan=False))
    assert record["mend"] == "x,-y,z" and len(record["coherence"]) == 24 and len(record["fit"]) == 7
    assert record["dti"]["frame"] == "fsl" and record["worst"] == quality.fit.worst
    assert {line["key"] for line in record["lines"]} >= {"flips", "worst", "rim_msa", "rank", "angle"}


def test_the_poorest_input_makes_a_page(quality):
    """An isotropic tensor alone: no study, no DTI, no directions."""
    chi = np.zeros((9, 8, 7, 6), np.float32)
    chi[3:6, 2:6, 2:5, [0]] = chi[3:6, 2:6, 2:5, [3]] = chi[3:6, 2:6, 2:5, [5]] = 0.01
    from napari_sti.core.tensor_field import TensorField

    alone = assess(TensorField(chi, np.eye(4), chi.any(-1)))
    drawn = list(quality_pictures(alone))
    assert [p.section for p in drawn] == ["maps", "values", "mask"]
    text = quality_html(alone, about={}, pictures=drawn)
    assert "isotropic: there are none" in text and "not computed: there is no study" in text
    assert quality_record(alone, about={})["mend"] == ""
