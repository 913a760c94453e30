"""Files that are no images, or not whole ones, with what has to be said of each of them when a field is wanted."""

import gzip
import os

import nibabel
import numpy as np

from napari_sti.io.nifti import write_volume
from tests.io.studies import SHAPE, grid

_GIVE = "give a NIfTI image (.nii or .nii.gz)"
_CUT = "the field is cut short or damaged; copy it again"

SAID = {
    "notes.nii": f"this is a text file, not a NIfTI image; {_GIVE}",
    "notes.nii.gz": f"the name ends in .gz, but this is a text file, not a NIfTI image; {_GIVE}",
    "plain.nii.gz": "the name ends in .gz, but the file is not compressed; rename it to end in .nii",
    "rubbish.nii.gz": f"what is compressed in this file is no NIfTI image; {_GIVE}",
    "text-inside.nii.gz": f"what is compressed in this file is a text file, not a NIfTI image; {_GIVE}",
    "cut.nii.gz": _CUT,
    "cut-header.nii.gz": _CUT,
    "cut.nii": _CUT,
    "checksum.nii.gz": _CUT,
    "empty.nii.gz": "the file of the field is empty; copy it again",
    "four.nii.gz": "the field has 4 dimensions (7x9x6x3) where 3 are expected; give one volume per file",
    "nan.nii": "the affine in the header holds NaN or infinite numbers; copy that of a good image",
    "scan.nii": "this is a DICOM file, not a NIfTI image; convert it with dcm2niix",
    "picture.nii.gz": "the name ends in .gz, but this is a PNG picture, not a NIfTI image",
    "gone.nii.gz": "the file of the field does not exist; check the path",
}


def make_bad_file(folder, name):
    """Write one of them and return its path."""
    path, rng = folder / name, np.random.default_rng(0)
    field = rng.normal(0, 0.02, SHAPE).astype(np.float32)
    write_volume(folder / "whole.nii.gz", field, grid(), overwrite=True)
    write_volume(folder / "whole.nii", field, grid(), overwrite=True)
    packed, plain = (folder / "whole.nii.gz").read_bytes(), (folder / "whole.nii").read_bytes()
    text = "Notes about the scan \N{EM DASH} and more of them.\n".encode() * 30
    if name == "four.nii.gz":
        write_volume(path, np.stack([field] * 3, -1), grid())
    elif name != "gone.nii.gz":
        path.write_bytes(
            {
                "notes.nii": text,
                "notes.nii.gz": text,
                "plain.nii.gz": plain,
                "rubbish.nii.gz": gzip.compress(b"\x00\xff" + rng.bytes(5000)),
                "text-inside.nii.gz": gzip.compress(text),
                "cut.nii.gz": packed[: len(packed) // 2],
                "cut-header.nii.gz": packed[:60],
                "cut.nii": plain[:-100],
                "checksum.nii.gz": packed[:-8] + bytes(8),
                "empty.nii.gz": b"",
                "nan.nii": _with_nan(plain),
                "scan.nii": bytes(128) + b"DICM" + bytes(300),
                "picture.nii.gz": b"\x89PNG\r\n\x1a\n" + bytes(300),
            }[name]
        )
    for whole in ("whole.nii", "whole.nii.gz"):
        os.unlink(folder / whole)
    return path


def _with_nan(plain):
    header = nibabel.Nifti1Header(plain[:348], check=False)
    header["srow_y"] = np.nan
    return header.binaryblock + plain[348:]
