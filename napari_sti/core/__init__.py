"""The words of the field as types: acquisitions, tensors, frames, units, parameters, progress, errors."""
