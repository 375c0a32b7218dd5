"""The networks as PyTorch modules, and how they become ONNX files."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import torch
from torch import Tensor, nn

from matcher.codes import DIMENSIONS
from matcher.embedding import PATCH_PX

OPSET = 17
"""Operator set that every onnxruntime of the last years reads."""


DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
"""Where training runs."""

HAS_SHORT_FLOATS = DEVICE.type == "cuda" or torch.backends.cpu.get_cpu_capability() == "AVX512"
"""Whether bfloat16 is the faster type; with AVX2 alone it is eight times slower than float32."""


def prepare(threads: int) -> None:
    """Set the threads and the seed of a run, before its network is made."""
    cv2.setNumThreads(1)
    torch.set_num_threads(threads)
    torch.manual_seed(1)


def convolve(source: int, target: int, *, side: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution with batch normalisation and rectifier."""
    layer = nn.Conv2d(source, target, side, stride, side // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(target), nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two convolutions whose result is added to what went in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolve(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add the detail to what went in."""
        return torch.relu(x + self.second(self.first(x)))


class PoseNet(nn.Module):
    """Votes for the core: flow (n, 3, rows, columns) to (n, 5, rows / 2, columns / 2)."""

    def __init__(self, widths: tuple[int, int, int] = (16, 32, 48)) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.fine = nn.Sequential(convolve(3, fine, side=5, stride=2), convolve(fine, fine))
        self.middle = nn.Sequential(convolve(fine, middle, stride=2), Residual(middle))
        self.coarse = nn.Sequential(
            convolve(middle, coarse, stride=2), Residual(coarse), Residual(coarse)
        )
        self.to_middle = nn.Conv2d(coarse, middle, 1)
        self.join_middle = convolve(middle, middle)
        self.to_fine = nn.Conv2d(middle, fine, 1)
        self.join_fine = convolve(fine, fine)
        self.votes = nn.Conv2d(fine, 5, 1)

    def forward(self, flow: Tensor) -> Tensor:
        """See the whole print at the coarsest grid, then find the place on finer ones."""
        fine = self.fine(flow)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        grown = nn.functional.interpolate(self.to_middle(coarse), scale_factor=2.0)
        middle = self.join_middle(middle + grown)
        grown = nn.functional.interpolate(self.to_fine(middle), scale_factor=2.0)
        votes: Tensor = self.votes(self.join_fine(fine + grown))
        return votes


@dataclass(frozen=True, slots=True)
class Widths:
    """Channels of the stages of a VectorNet, and of its head."""

    stem: int = 16
    fine: int = 32
    middle: int = 64
    coarse: int = 128
    head: int = 40


FULL = Widths()
"""The network that teaches the one that is shipped."""


class VectorNet(nn.Module):
    """Patches (n, 2, PATCH_PX, PATCH_PX) to vectors (n, DIMENSIONS), not normalised.

    The head keeps the place of everything it sees: after the pose is taken out, where a minutia
    lies says whose it is.
    """

    def __init__(self, widths: Widths = FULL) -> None:
        super().__init__()
        w = widths
        self.stages = nn.Sequential(
            convolve(2, w.stem, side=7, stride=2),
            convolve(w.stem, w.fine, stride=2),
            convolve(w.fine, w.fine),
            convolve(w.fine, w.middle, stride=2),
            Residual(w.middle),
            convolve(w.middle, w.coarse, stride=2),
            Residual(w.coarse),
            convolve(w.coarse, w.head, side=1),
        )
        side = PATCH_PX // 16
        self.flatten = nn.Flatten()
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(w.head * side * side, DIMENSIONS, bias=False)
        self.even = nn.BatchNorm1d(DIMENSIONS)

    def forward(self, patch: Tensor) -> Tensor:
        """The vectors of patches."""
        vectors: Tensor = self.even(self.head(self.drop(self.flatten(self.stages(patch)))))
        return vectors


class Student(nn.Module):
    """As VectorNet, in a thirteenth of its products: what is shipped.

    6.6 million products for a patch, half a millisecond of a core without products of bytes. The
    first convolution steps over four pixels, as a ridge and its valley are four to five wide:
    on finer grids a network of this size could afford no more than a few channels. All widths
    are multiples of eight, which a runtime would fill up to anyway.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            nn.Conv2d(2, 24, 6, 4, 1, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(inplace=True),
            convolve(24, 32, stride=2),
            convolve(32, 64, stride=2),
            convolve(64, 40, side=1),
        )
        side = PATCH_PX // 16
        self.flatten = nn.Flatten()
        self.head = nn.Linear(40 * side * side, DIMENSIONS, bias=False)
        self.even = nn.BatchNorm1d(DIMENSIONS)

    def forward(self, patch: Tensor) -> Tensor:
        """The vectors of patches."""
        vectors: Tensor = self.even(self.head(self.flatten(self.stages(patch))))
        return vectors


def write_onnx(network: nn.Module, example: Tensor, names: tuple[str, str]) -> bytes:
    """A network as an ONNX file that takes batches of any number, and flows of any size."""
    source, result = names
    axes: dict[str, dict[int, str]] = {source: {0: "batch"}, result: {0: "batch"}}
    if example.shape[2] != PATCH_PX:
        axes[source] |= {2: "rows", 3: "columns"}
        axes[result] |= {2: "vote_rows", 3: "vote_columns"}
    out = io.BytesIO()
    network.eval()
    torch.onnx.export(
        network,
        (example,),
        out,
        dynamo=False,
        opset_version=OPSET,
        input_names=[source],
        output_names=[result],
        dynamic_axes=axes,
    )
    return out.getvalue()
