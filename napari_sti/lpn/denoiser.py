"""Any denoiser as something to be checked: one of ours, a TorchScript file, or an ONNX file.

A TorchScript or ONNX file is a program for its own interpreter. Neither can reach files or the network by what these
interpreters offer, but both run what is in the file, which may take for ever or crash: load only what you would run.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from napari_sti.core.errors import InputError
from napari_sti.lpn.networks.base import Lpn

TORCHSCRIPT = (".ts", ".jit", ".torchscript")


@dataclass(frozen=True)
class Denoiser:
    """A map from images to images.

    Parameters
    ----------
    name : str
        For people.
    function : callable
        (B, ...) tensor to a tensor of the same shape.
    network : Lpn, optional
        If it is a learned proximal network: then psi is known.
    differentiable : bool
        Whether autograd goes through it.
    """

    name: str
    function: Callable[[torch.Tensor], torch.Tensor]
    network: Lpn | None = field(default=None, repr=False)
    differentiable: bool = True

    def __call__(self, y: torch.Tensor) -> torch.Tensor:
        """Denoise, and refuse what does not keep the shape or gives no numbers.

        Raises
        ------
        InputError
            If the images do not fit.
        """
        try:
            result = self.function(y)
        except InputError:
            raise
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
            raise InputError(
                f"the denoiser {self.name} fails on images of shape {tuple(y.shape)} ({reason})"
            ) from error
        if not isinstance(result, torch.Tensor) or result.shape != y.shape:
            got = f"shape {tuple(result.shape)}" if isinstance(result, torch.Tensor) else type(result).__name__
            raise InputError(f"the denoiser {self.name} turns images of shape {tuple(y.shape)} into {got}")
        return result


def as_denoiser(source: "Denoiser | Lpn | torch.nn.Module | Callable[[torch.Tensor], torch.Tensor]") -> Denoiser:
    """Make a denoiser out of a network or a function."""
    if isinstance(source, Denoiser):
        return source
    if isinstance(source, Lpn):
        return Denoiser(source.family, source.prox, source)
    return Denoiser(type(source).__name__, source)


def load_denoiser(path: str | Path) -> Denoiser:
    """Read a TorchScript (.ts, .jit, .torchscript) or ONNX (.onnx) file, to run on the CPU.

    What such a file can do to the machine is said in `napari_sti.lpn.question.RISK`.

    Raises
    ------
    InputError
        If it is missing or damaged, has another ending, or onnxruntime is not installed.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError("there is no such file of a denoiser", file=file, mend="check the path")
    if file.suffix.lower() in TORCHSCRIPT:
        return _torchscript(file)
    if file.suffix.lower() == ".onnx":
        return _onnx(file)
    raise InputError(
        "this is neither TorchScript nor ONNX by its name",
        file=file,
        mend=f"give a file that ends in {', '.join(TORCHSCRIPT)} or .onnx",
    )


def _torchscript(file: Path) -> Denoiser:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(str(file), map_location="cpu")  # type: ignore[no-untyped-call]
        module.eval()
    except (RuntimeError, ValueError, OSError) as error:
        raise InputError(
            "this is not a readable TorchScript file", file=file, mend="save it with torch.jit.save"
        ) from error
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return Denoiser(file.name, module)


def _onnx(file: Path) -> Denoiser:
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError:
        raise InputError("ONNX files need onnxruntime", file=file, mend="run pip install onnxruntime") from None
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what is wrong is said below, in one sentence
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has its own kinds of errors
        raise InputError("this is not a readable ONNX file", file=file, mend="export it again") from error
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(entry.name for entry in inputs)
        raise InputError(f"the ONNX file takes {len(inputs)} inputs ({names}), not one image", file=file)
    return Denoiser(file.name, lambda y: _run_onnx(session, inputs[0].name, y), differentiable=False)


def _run_onnx(session: Any, name: str, y: torch.Tensor) -> torch.Tensor:
    try:
        result = session.run(None, {name: y.detach().cpu().float().numpy()})[0]
    except Exception as error:
        raise RuntimeError(str(error)) from error
    return torch.from_numpy(result).to(y)
