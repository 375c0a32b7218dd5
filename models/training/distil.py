"""Trains the small network that is shipped to answer as a wide one does.

    python -m models.training.distil finger-vector-3

Of every view the student learns what lies half-way between the teacher's answer to that very view
and its mean answer to unspoilt prints of the finger: the first can be learnt from any view, so
that few fingers teach much, and the second says where the teacher should have looked. The student
takes over the order of the teacher's numbers. The mean of real prints, which was taken from the
teacher's answers in the end, is left in: a student has a mean of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import Tensor
from torch.nn import functional

from matcher.codes import DIMENSIONS
from matcher.embedding import normalise
from matcher.precision import suit
from matcher.runtime import MANIFEST, read_model
from matcher.spectrum import Floats
from models.training.networks import DEVICE, Student, prepare
from models.training.prints import WORKPLACE
from models.training.schedule import Ahead, Plan, Training
from models.training.stock import Stock, open_stock
from models.training.vectors import NO_SPOILING, Watch, draw_batch
from models.training.views import draw_view

VIEWS_AT_ONCE = 16
"""Views that the teacher looks at together: what it keeps between its layers stays in the cache."""

RATE = 3e-3
"""Highest learning rate; the student is small and its targets are smooth."""


DRAWING_THREADS = 2
"""Drawing a batch and asking the teacher takes twice as long as learning from it."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """views: (n, 2, PATCH_PX, PATCH_PX); answers: (n, DIMENSIONS), of length one."""

    views: Tensor
    answers: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What all lessons are drawn from.

    classes: (prints,), number of each print's finger; centres: (2 * fingers, DIMENSIONS), the
    teacher's mean answer to each finger, and after it to the finger in the mirror.
    """

    stock: Stock
    classes: NDArray[np.int64]
    teacher: Teacher
    centres: Floats


class Teacher:
    """A trained network, of which `release` and what follows it may have made a model."""

    def __init__(self, content: bytes) -> None:
        model = onnx.load_from_string(content)
        uncentre(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            suit(model.SerializeToString()), options, providers=["CPUExecutionProvider"]
        )

    def answer(self, views: Floats) -> Floats:
        """Unit vectors of views, one each."""
        parts = np.split(views, range(VIEWS_AT_ONCE, len(views), VIEWS_AT_ONCE))
        found = [self._session.run(None, {"patch": np.ascontiguousarray(p)})[0] for p in parts]
        return normalise(np.concatenate(found))


def uncentre(model: onnx.ModelProto) -> None:
    """Let a network answer with what it had before a mean was taken from it, in place."""
    graph = model.graph
    for node in [one for one in graph.node if one.op_type == "LpNormalization"]:
        (unit,) = node.output
        for later in [one for one in graph.node if unit in one.input]:
            graph.node.remove(later)
        graph.output[0].CopyFrom(
            helper.make_tensor_value_info(unit, TensorProto.FLOAT, ["batch", DIMENSIONS])
        )


def find_centres(stock: Stock, classes: NDArray[np.int64], teacher: Teacher) -> Floats:
    """The teacher's mean answer to unspoilt prints of each finger, see Course."""
    rng = np.random.default_rng(0)
    sums = np.zeros((2 * (int(classes.max()) + 1), DIMENSIONS), np.float32)
    with click.progressbar(range(0, len(stock), VIEWS_AT_ONCE), label="fingers' centres") as bar:
        for first in bar:
            some = range(first, min(first + VIEWS_AT_ONCE, len(stock)))
            views = np.stack([draw_view(stock, index, rng, NO_SPOILING) for index in some])
            for mirrored, seen in enumerate((views, views[..., ::-1])):
                np.add.at(sums, 2 * classes[some] + mirrored, teacher.answer(seen))
    return normalise(sums)


def draw_lesson(course: Course, step: int, plan: Plan) -> Lesson:
    """The views of a step with what the student should answer."""
    batch = draw_batch(course.stock, course.classes, step, plan)
    answers = course.teacher.answer(batch.views.contiguous().cpu().numpy())
    wanted = normalise(answers + course.centres[batch.label.cpu().numpy()])
    return Lesson(batch.views, torch.from_numpy(wanted).to(DEVICE))


def lose(vectors: Tensor, answers: Tensor) -> Tensor:
    """How far the student is off: one less the cosine with what it should answer."""
    cosines = (functional.normalize(vectors.float()) * answers).sum(dim=1)
    return 1 - cosines.mean()


@click.command()
@click.argument("teacher_id")
@click.option("--steps", default=4000, show_default=True)
@click.option("--batch", default=128, show_default=True)
@click.option("--shards", default=33, show_default=True, help="Prints to learn from.")
@click.option("--name", default="distilled", show_default=True, help="Folder of the run.")
@click.option("--workplace", type=click.Path(path_type=Path), default=WORKPLACE)
def main(
    *, teacher_id: str, steps: int, batch: int, shards: int, name: str, workplace: Path
) -> None:
    """Learn from the model TEACHER_ID, or go on; write step-NNNNNN.onnx beside every checkpoint."""
    prepare(1)
    plan = Plan(steps=steps, batch=batch, rate=RATE)
    stock = open_stock(workplace, shards=shards)
    teacher = Teacher(read_model(MANIFEST.parent, teacher_id))
    _, classes = np.unique(stock.prints.finger, return_inverse=True)
    course = Course(stock, classes, teacher, find_centres(stock, classes, teacher))
    lessons = Ahead(lambda step: draw_lesson(course, step, plan), threads=DRAWING_THREADS)
    watch = Watch(open_stock(workplace, held_out=True), workplace / name)
    student = Student().to(DEVICE, memory_format=torch.channels_last)
    training = Training(student, plan, workplace / name / "checkpoint.pt")

    def lose_at(step: int) -> Tensor:
        lesson = lessons.take(step)
        return lose(student(lesson.views), lesson.answers)

    training.run(lose_at, lambda *at: watch.look(training.mean.module, *at))
    lessons.close()


if __name__ == "__main__":
    main()
