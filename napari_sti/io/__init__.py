"""Files in and out: NIfTI volumes, B0 directions, study files, acquisitions, results."""
