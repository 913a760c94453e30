"""Methods of source separation: one file is one method."""
