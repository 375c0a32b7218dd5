"""The recipe of the trained models: prints, views, schedule, release; what it learns is true."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from matcher.codes import DIMENSIONS
from matcher.embedding import CORE_AT_PX, PATCH_PX, cut
from matcher.features import MAP_STEP_PX, Features
from matcher.pose import Pose
from matcher.runtime import MANIFEST, open_session, read_model
from matcher.spectrum import STEP_PX
from matcher.vocabulary import TEN_FINGERS
from models.synthesis.fingers import FLAT_PX, MASTER_PX
from models.synthesis.persons import Person
from models.training import prints
from models.training.prints import (
    FRAME_PX,
    SENSOR_LEAST_PX,
    Shard,
    draw_sensor,
    make_shard,
    place,
    press_once,
    read_shard,
    shard_path,
    write_shard,
)
from models.training.release import enter
from models.training.stock import Stock, join, open_stock, unpack
from models.training.views import Spoiling, draw_view, invent, occlude, stripe

ROOT = Path(__file__).parents[2]
STILL = Spoiling(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def shard() -> Shard:
    """A shard of two fingers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prints, "FINGERS_PER_SHARD", 2)
        return make_shard(5)


def test_only_the_training_may_import_pytorch() -> None:
    guilty = []
    for room in ("matcher", "models", "interfaces", "node", "benchmarks"):
        for path in (ROOT / room).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = {n.name for i in ast.walk(tree) if isinstance(i, ast.Import) for n in i.names}
            names |= {i.module or "" for i in ast.walk(tree) if isinstance(i, ast.ImportFrom)}
            if any(name.partition(".")[0] == "torch" for name in names):
                guilty.append(path)
    assert {path.parent for path in guilty} == {ROOT / "models" / "training"}


def test_every_sensor_begins_on_a_cell_and_lies_in_the_frame() -> None:
    rng = np.random.default_rng(0)
    for parts in (draw_sensor(rng) for _ in range(200)):
        for part, length in zip(parts, FRAME_PX, strict=True):
            assert part.start % STEP_PX == 0
            assert SENSOR_LEAST_PX <= part.stop - part.start <= length >= part.stop


def test_the_maps_of_a_part_lie_at_their_place_in_the_frame() -> None:
    part = Features(
        np.full((150, 130), 7, np.int8),
        np.full((150, 130), 255, np.uint8),
        np.ones((3, 38, 33), np.float32),
    )
    ridges, inside, flow = place(part, (80, 16))
    assert ridges.shape == (FRAME_PX[0] // MAP_STEP_PX, FRAME_PX[1] // MAP_STEP_PX)
    assert np.argwhere(ridges).min(axis=0).tolist() == [40, 8]
    assert np.argwhere(inside).max(axis=0).tolist() == [189, 137]
    assert np.argwhere(flow[0]).min(axis=0).tolist() == [10, 2]


def test_a_shard_holds_its_own_fingers_with_their_truth(shard: Shard) -> None:
    assert shard.finger.tolist() == 8 * [10] + 8 * [11]
    assert shard.ridges.shape == (16, 200, 180)
    assert (shard.coverage > 0).all()
    assert np.isfinite(shard.pose).all()


def test_the_same_number_gives_the_same_shard(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prints, "FINGERS_PER_SHARD", 2)
    again = make_shard(5)
    assert all(
        np.array_equal(getattr(shard, name), getattr(again, name)) for name in Shard.__slots__
    )


def test_a_print_that_is_spared_differs_in_nothing_else() -> None:
    finger = Person(5, flat_only=True).finger(TEN_FINGERS[5])
    usual, again = press_once(finger, (5, 0)), press_once(finger, (5, 0))
    whole = press_once(finger, (5, 0), whole=True)
    assert np.array_equal(usual[0], again[0])
    assert usual[3] == whole[3]
    assert whole[1].sum() >= usual[1].sum()


def test_fingers_for_flat_prints_have_no_ridges_beyond_them() -> None:
    skin = Person(5, flat_only=True).finger(TEN_FINGERS[5]).skin
    rows, columns = ((MASTER_PX - side) // 2 for side in FLAT_PX)
    ridges = skin.ridges
    assert not ridges[:rows].any()
    assert not ridges[:, :columns].any()
    assert np.abs(ridges[rows:-rows, columns:-columns]).mean() > 0.3


def test_a_shard_that_is_there_is_not_made_again(
    tmp_path: Path, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def make(number: int) -> Shard:
        made.append(number)
        return shard

    monkeypatch.setattr(prints, "make_shard", make)
    for _ in range(2):
        path = write_shard(3, tmp_path)
    assert made == [3]
    assert np.array_equal(read_shard(path).ridges, shard.ridges)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_missing_shards_stop_the_training(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_stock(tmp_path, shards=2)


def test_prints_without_a_finger_are_left_out(tmp_path: Path, shard: Shard) -> None:
    blank = shard.inside.copy()
    blank[[0, 5]] = 0
    path = shard_path(0, tmp_path)
    path.parent.mkdir()
    one = replace(shard, inside=blank)
    np.savez(path, **{name: getattr(one, name) for name in Shard.__slots__})
    stock = join([path])
    assert len(stock) == (blank.any(axis=(1, 2))).sum() <= 14


def test_an_unspoilt_view_is_the_patch_that_the_matcher_cuts(shard: Shard) -> None:
    stock, rng = Stock(shard), np.random.default_rng(0)
    x, y, angle = (float(value) for value in shard.pose[0])
    expected = cut(stock.features(0), Pose(x, y, angle, 1.0))
    view = draw_view(stock, 0, rng, STILL)
    assert np.abs(view - expected).mean() < 0.01


def test_spoiling_moves_the_view_but_keeps_its_finger(shard: Shard) -> None:
    stock, rng = Stock(shard), np.random.default_rng(1)
    still = draw_view(stock, 0, rng, STILL)
    spoilt = draw_view(stock, 0, rng, replace(Spoiling(), occluded=0.0))
    assert np.abs(still - spoilt).mean() > 0.02
    assert np.corrcoef(still[1].ravel(), spoilt[1].ravel())[0, 1] > 0.7


def test_bits_of_an_area_come_back(shard: Shard) -> None:
    area = unpack(shard.inside[0])
    assert area.shape == shard.ridges.shape[1:]
    assert set(np.unique(area)) <= {0, 255}
    assert not shard.ridges[0][area == 0].any() or (shard.ridges[0][area == 0] != 0).mean() < 0.2


def test_occlusion_takes_away_and_adds_nothing() -> None:
    rng = np.random.default_rng(2)
    view = np.ones((2, PATCH_PX, PATCH_PX), np.float32)
    occlude(view, rng)
    assert 0 < view.mean() < 1
    assert set(np.unique(view)) == {0.0, 1.0}


def test_invented_ridges_stay_inside_the_finger() -> None:
    rng = np.random.default_rng(3)
    views = np.zeros((8, 2, PATCH_PX, PATCH_PX), np.float32)
    views[:, 0] = np.arange(8)[:, None, None]
    views[:, 1, :, : PATCH_PX // 2] = 1
    views[:, 0] *= views[:, 1]
    invent(views, rng, 1.0)
    assert len(np.unique(views[3, 0])) > 1
    assert not views[:, 0, :, PATCH_PX // 2 :].any()


def test_stripes_lie_beside_the_finger_only() -> None:
    rng = np.random.default_rng(4)
    views = np.zeros((16, 2, PATCH_PX, PATCH_PX), np.float32)
    views[:, 1, 40:100, 40:100] = 1
    stripe(views, rng, 1.0)
    assert views[:, 0].any()
    assert not views[:, 0, 40:100, 40:100].any()
    assert (views[:, 1][views[:, 0] != 0] == 1).all()


def test_a_release_changes_the_hash_of_its_own_entry_only(tmp_path: Path) -> None:
    path = tmp_path / "manifest.toml"
    entry = '[[model]]\nid = "{}"\nfile = "x"\nsha256 = "{}"\n\n'
    path.write_text(entry.format("one", "0" * 64) + entry.format("two", "1" * 64))
    enter("two", "f" * 64, path)
    assert path.read_text() == entry.format("one", "0" * 64) + entry.format("two", "f" * 64)
    with pytest.raises(LookupError):
        enter("three", "f" * 64, path)


def test_the_core_of_a_view_lies_where_the_matcher_puts_it() -> None:
    assert CORE_AT_PX[0] == (PATCH_PX - 1) / 2, "a mirrored patch must keep its core"


def test_training_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from models.training.schedule import Plan, Training  # noqa: PLC0415 (needs the extra)

    def train(steps: int, path: Path) -> list[float]:
        torch.manual_seed(0)
        network = torch.nn.Linear(3, 1)
        training = Training(network, Plan(40, 8, 1e-2, save_every=10), path)

        def lose(_step: int) -> object:
            if training.step >= steps:
                raise KeyboardInterrupt
            return network(torch.randn(8, 3)).square().mean()

        try:
            training.run(lose, lambda *_: None)
        except KeyboardInterrupt:
            return []
        return [float(value) for value in network.weight.detach().ravel()]

    whole = train(40, tmp_path / "whole.pt")
    train(23, tmp_path / "cut.pt")
    assert train(40, tmp_path / "cut.pt") == whole


def test_what_is_drawn_ahead_is_that_of_its_step() -> None:
    pytest.importorskip("torch")
    from models.training.schedule import Ahead  # noqa: PLC0415 (needs the extra)

    ahead = Ahead(lambda step: step * step, threads=2)
    assert [ahead.take(step) for step in (7, 8, 9, 10)] == [49, 64, 81, 100]
    ahead.close()


def test_a_teacher_answers_with_what_it_had_before_the_mean_was_taken() -> None:
    pytest.importorskip("torch")
    from models.training.distil import Teacher  # noqa: PLC0415 (needs the extra)

    content = read_model(MANIFEST.parent, "finger-vector-3")
    patches = np.random.default_rng(0).normal(size=(20, 2, PATCH_PX, PATCH_PX)).astype(np.float32)
    answers = Teacher(content).answer(patches)
    (centred,) = open_session(MANIFEST.parent, "finger-vector-3").run(None, {"patch": patches})
    weights = {one.name: one for one in onnx.load_from_string(content).graph.initializer}
    mean = onnx.numpy_helper.to_array(weights["mean_of_real_prints"])
    assert np.linalg.norm(mean) > 0.3
    np.testing.assert_allclose(answers, centred + mean, atol=1e-5)


def test_a_lesson_lies_half_way_between_the_teachers_answer_and_the_fingers_centre(
    shard: Shard,
) -> None:
    pytest.importorskip("torch")
    from models.training.distil import (  # noqa: PLC0415 (needs the extra)
        Course,
        Teacher,
        draw_lesson,
        find_centres,
    )
    from models.training.schedule import Plan  # noqa: PLC0415 (needs the extra)
    from models.training.vectors import draw_batch  # noqa: PLC0415 (needs the extra)

    stock, teacher = Stock(shard), Teacher(read_model(MANIFEST.parent, "finger-vector-3"))
    classes = np.unique(shard.finger, return_inverse=True)[1]
    centres = find_centres(stock, classes, teacher)
    assert centres.shape == (4, DIMENSIONS)
    plan = Plan(10, 16, 1e-3)
    lesson = draw_lesson(Course(stock, classes, teacher, centres), 3, plan)
    own, wanted = teacher.answer(lesson.views.contiguous().numpy()), lesson.answers.numpy()
    label = draw_batch(stock, classes, 3, plan).label.numpy()
    to_centre = (wanted * centres[label]).sum(axis=1)
    np.testing.assert_allclose((wanted * own).sum(axis=1), to_centre, atol=1e-5)
    assert np.mean((own @ centres.T).argmax(axis=1) == label) > 0.7, "of the own finger"
