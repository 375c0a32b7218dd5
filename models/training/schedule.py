"""Training that can be cut off at any step and goes on as if it had not been.

Everything random is drawn from the number of the step, and the learning rate and the margin
depend on the number of the step alone, never on the clock, so that a busy machine trains the
same network as an idle one, only later.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from models.training.networks import DEVICE

Drawn = TypeVar("Drawn")

WARM_SHARE = 0.04
"""Share of all steps over which the learning rate rises from nothing."""

AVERAGE_DECAY = 0.998
"""The network that is kept is the mean of those of about the last 500 steps."""

WEIGHT_DECAY = 0.02
"""Pull of the weights towards zero, per unit of learning rate."""

GRADIENT_MOST = 5.0
"""Norm above which a gradient is shortened: one odd batch must not throw the network away."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast. steps: in all; rate: highest learning rate; save_every: steps."""

    steps: int
    batch: int
    rate: float
    save_every: int = 250
    seed: int = 1


def rate_at(step: int, plan: Plan) -> float:
    """Learning rate of a step: a short rise, then half a cosine down to a hundredth."""
    share = step / plan.steps
    rise = min(1.0, (share + 1 / plan.steps) / WARM_SHARE)
    return plan.rate * rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))


def average(mean: Tensor, now: Tensor, count: Tensor | int) -> Tensor:
    """The running mean after one more step; the first steps are soon forgotten."""
    decay = min(AVERAGE_DECAY, (1 + int(count)) / (10 + int(count)))
    return decay * mean + (1 - decay) * now


class Ahead(Generic[Drawn]):
    """Draws what the next steps learn from while the network learns from this one's."""

    def __init__(self, draw: Callable[[int], Drawn], *, threads: int = 1) -> None:
        self._draw = draw
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads)
        self._drawn: dict[int, Future[Drawn]] = {}

    def take(self, step: int) -> Drawn:
        """What a step learns from; has each thread draw for one of the steps after it."""
        for number in range(step, step + 1 + self._threads):
            if number not in self._drawn:
                self._drawn[number] = self._pool.submit(self._draw, number)
        return self._drawn.pop(step).result()

    def close(self) -> None:
        """Draw no more."""
        self._pool.shutdown(cancel_futures=True)


class Training:
    """A network in training: its optimiser, its running mean and the step it has reached."""

    def __init__(self, network: nn.Module, plan: Plan, path: Path) -> None:
        self.network = network
        self.plan = plan
        self.path = path
        self.step = 0
        self.mean = AveragedModel(network, avg_fn=average, use_buffers=True)
        plain = [p for p in network.parameters() if p.ndim < 2]
        shrunk = [p for p in network.parameters() if p.ndim >= 2]
        groups = [{"params": shrunk, "weight_decay": WEIGHT_DECAY}, {"params": plain}]
        self.optimiser = torch.optim.AdamW(groups, lr=plan.rate, weight_decay=0.0)
        if path.exists():
            self._resume()

    def run(self, lose: Callable[[int], Tensor], watch: Callable[[int, float], None]) -> None:
        """Train to the end of the plan. lose: the loss of a step. watch: told now and then."""
        total, since = 0.0, 0
        while self.step < self.plan.steps:
            total, since = total + self._advance(lose), since + 1
            if self.step % self.plan.save_every == 0 or self.step == self.plan.steps:
                self._save()
                watch(self.step, total / since)
                total, since = 0.0, 0

    def _advance(self, lose: Callable[[int], Tensor]) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(self.step, self.plan)
        self.network.train()
        torch.manual_seed(self.plan.seed * 1_000_003 + self.step)
        loss = lose(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_MOST)
        self.optimiser.step()
        self.mean.update_parameters(self.network)
        self.step += 1
        return float(loss.detach())

    def _save(self) -> None:
        """Replace the checkpoint in one step, so that a crash leaves the old one or the new one."""
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(f".{os.getpid()}.part")
        torch.save(state, unfinished)
        unfinished.replace(self.path)

    def _resume(self) -> None:
        state = torch.load(self.path, map_location=DEVICE, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = int(state["step"])
