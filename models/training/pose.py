"""Trains the network that finds the pose.

python -m models.training.pose --steps 1200
"""

from __future__ import annotations

from pathlib import Path

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from matcher.pose import NEIGHBOURS, decode, pad, to_votes
from matcher.spectrum import STEP_PX, Floats
from models.training.networks import DEVICE, PoseNet, prepare, write_onnx
from models.training.prints import FLOW_LEVELS, WORKPLACE
from models.training.schedule import Plan, Training
from models.training.stock import Stock, open_stock

LARGEST_TURN = 0.5
"""Radians by which prints are turned beyond how they were pressed."""

OCCLUDED = 0.35
"""Share of prints from which one more piece is cut off."""

PLACE_WEIGHT, ANGLE_WEIGHT = 1.0, 2.0
"""Worth of a vote's width of distance and of a radian against the vote itself."""

Target = tuple[float, float, float]
"""Core x, y in pixels at 500 dpi, and angle."""


def draw_example(stock: Stock, index: int, rng: np.random.Generator) -> tuple[Floats, Target]:
    """A padded flow, turned, mirrored and cut at random, and where its core went."""
    flow = stock.prints.flow[index].astype(np.float32) / np.float32(FLOW_LEVELS)
    x, y, angle = (float(value) for value in stock.prints.pose[index])
    if rng.random() < 0.5:
        flow, (x, y, angle) = mirror(flow, (x, y, angle))
    flow, pose = turn(flow, (x, y, angle), rng.normal(0.0, 0.5 * LARGEST_TURN))
    if rng.random() < OCCLUDED:
        occlude(flow, rng)
    return pad(flow), pose


def mirror(flow: Floats, pose: Target) -> tuple[Floats, Target]:
    """The same print seen in a mirror."""
    x, y, angle = pose
    flipped = flow[:, :, ::-1] * np.array([1, -1, 1], np.float32)[:, None, None]
    return flipped, (flow.shape[2] * STEP_PX - 1 - x, y, np.pi - angle)


def turn(flow: Floats, pose: Target, angle: float) -> tuple[Floats, Target]:
    """The same print turned counter-clockwise around the middle of the frame."""
    _, rows, columns = flow.shape
    middle = ((columns - 1) / 2, (rows - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, float(np.degrees(angle)), 1.0)
    turned = np.stack([cv2.warpAffine(plane, matrix, (columns, rows)) for plane in flow])
    # Normals are measured with y downwards, so a counter-clockwise turn lowers them.
    cosine, sine = np.float32(np.cos(2 * angle)), np.float32(np.sin(2 * angle))
    doubled = (turned[0] * cosine + turned[1] * sine, turned[1] * cosine - turned[0] * sine)
    x, y = matrix @ ((pose[0] + 0.5) / STEP_PX - 0.5, (pose[1] + 0.5) / STEP_PX - 0.5, 1.0)
    place = ((x + 0.5) * STEP_PX - 0.5, (y + 0.5) * STEP_PX - 0.5)
    return np.stack([*doubled, turned[2]]), (float(place[0]), float(place[1]), pose[2] + angle)


def occlude(flow: Floats, rng: np.random.Generator) -> None:
    """Take away what lies beyond a random straight line, in place."""
    _, rows, columns = flow.shape
    towards = rng.uniform(0, 2 * np.pi)
    y, x = np.indices((rows, columns)) - np.array([rows / 2, columns / 2])[:, None, None]
    flow[:, x * np.cos(towards) + y * np.sin(towards) > rng.uniform(2, 16)] = 0


def lose(votes: Tensor, targets: NDArray[np.float32]) -> Tensor:
    """How wrong votes are: the wrong place, and around the right one a wrong offset or angle."""
    count, _, rows, columns = votes.shape
    place = torch.from_numpy(to_votes(targets[:, :2]))
    limit = torch.tensor([columns - 1, rows - 1])
    cell = torch.minimum(place.round().long().clamp(min=0), limit)
    label = cell[:, 1] * columns + cell[:, 0]
    strength = functional.cross_entropy(votes[:, 0].reshape(count, -1), label, label_smoothing=0.02)
    grid_y, grid_x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    right = place[:, 0, None, None] - grid_x
    down = place[:, 1, None, None] - grid_y
    near = (right.abs() <= NEIGHBOURS) & (down.abs() <= NEIGHBOURS)
    angle = torch.from_numpy(targets[:, 2])[:, None, None]
    off = functional.smooth_l1_loss(votes[:, 1], right, reduction="none")
    off = off + functional.smooth_l1_loss(votes[:, 2], down, reduction="none")
    turned = (votes[:, 3] - angle.cos()).square() + (votes[:, 4] - angle.sin()).square()
    return strength + ((PLACE_WEIGHT * off + ANGLE_WEIGHT * turned) * near).sum() / near.sum()


def draw_batch(stock: Stock, step: int, plan: Plan) -> tuple[Tensor, NDArray[np.float32]]:
    """The examples of a step."""
    rng = np.random.default_rng((plan.seed, step))
    chosen = rng.integers(0, len(stock), plan.batch)
    flows, targets = zip(*(draw_example(stock, int(k), rng) for k in chosen), strict=True)
    return torch.from_numpy(np.stack(flows)), np.array(targets, np.float32)


def judge(network: torch.nn.Module, stock: Stock) -> tuple[NDArray[np.float64], Floats]:
    """Errors on held-out prints: distance in pixels at 500 dpi and degrees, (n, 2); confidence."""
    network.eval()
    flows = stock.prints.flow.astype(np.float32) / np.float32(FLOW_LEVELS)
    with torch.no_grad():
        padded = torch.from_numpy(np.stack([pad(flow) for flow in flows])).to(DEVICE)
        votes = network(padded).cpu().numpy()
    poses = [decode(one) for one in votes]
    true_x, true_y, true_angle = stock.prints.pose.T
    far = [np.hypot(p.x - x, p.y - y) for p, x, y in zip(poses, true_x, true_y, strict=True)]
    off = np.array([p.angle for p in poses]) - true_angle
    degrees = np.degrees(np.abs((off + np.pi) % (2 * np.pi) - np.pi))
    confidence = np.array([p.confidence for p in poses], np.float32)
    return np.stack([np.array(far), degrees], axis=1), confidence


def describe(errors: NDArray[np.float64]) -> str:
    """Errors in a line."""
    middle, tail = np.percentile(errors, [50, 90], axis=0)
    return (
        f"core {middle[0]:.1f} px (90 %: {tail[0]:.1f}), "
        f"angle {middle[1]:.1f}° (90 %: {tail[1]:.1f})"
    )


@click.command()
@click.option("--steps", default=1200, show_default=True)
@click.option("--batch", default=64, show_default=True)
@click.option("--shards", default=20, show_default=True, help="Prints to learn from.")
@click.option("--threads", default=2, show_default=True)
@click.option("--workplace", type=click.Path(path_type=Path), default=WORKPLACE)
def main(*, steps: int, batch: int, shards: int, threads: int, workplace: Path) -> None:
    """Train, or go on training, and write pose.onnx beside the checkpoint."""
    prepare(threads)
    stock = open_stock(workplace, shards=shards)
    held_out = open_stock(workplace, held_out=True)
    plan = Plan(steps=steps, batch=batch, rate=4e-3, save_every=150)
    network = PoseNet().to(DEVICE, memory_format=torch.channels_last)
    training = Training(network, plan, workplace / "pose" / "checkpoint.pt")

    def lose_at(step: int) -> Tensor:
        flows, targets = draw_batch(stock, step, plan)
        with torch.autocast(DEVICE.type, torch.bfloat16):
            votes = network(flows.to(DEVICE, memory_format=torch.channels_last))
        return lose(votes.float().cpu(), targets)

    def watch(step: int, loss: float) -> None:
        click.echo(f"{step}: {loss:.3f}; {describe(judge(training.mean.module, held_out)[0])}")

    training.run(lose_at, watch)
    example = torch.zeros(1, 3, 64, 64, device=DEVICE)
    content = write_onnx(training.mean.module, example, ("flow", "votes"))
    (workplace / "pose" / "pose.onnx").write_bytes(content)


if __name__ == "__main__":
    main()
