"""Preparing models from the archive of weights: by hash, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from matcher import runtime
from matcher.errors import MatcherError, ModelUnavailable
from models import prepare as preparation
from models.conversion.landmarks import convert_landmarks
from models.prepare import prepare

ROOT = Path(__file__).parents[2]

ONE = b"\x01\x01"
LEAF = b"\x81\x02\x81\x01" + 2 * (ONE + b"\x81\x02")
BLOB = (
    ONE  # version
    + LEAF  # one landmark at (1/4, 1/4)
    + ONE * 2  # one stage of one tree
    + (ONE + b"\x01\x00" + b"\x01\x00" + ONE + b"\x01\x04")  # one split: 0 with 0, above 16
    + (b"\x01\x02" + LEAF + LEAF)
    + (ONE + ONE + b"\x01\x00")  # one anchor
    + (ONE + ONE + 2 * (ONE + b"\x81\x03"))  # one offset
)
"""The smallest shape predictor there can be."""

MEMBER = "weights-1/folder/landmarks.dat"
FOREIGN = "weights-1/folder/other.dat"


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest of one tiny model, in the place of the real one."""
    path = tmp_path / "manifest.toml"
    path.write_text(
        f"""
        [source.tiny]
        folder = "weights-1/folder"
        [[model]]
        id = "face-landmarks5-1"
        file = "tiny.npz"
        sha256 = "{hashlib.sha256(convert_landmarks(BLOB)).hexdigest()}"
        source = "tiny"
        source_file = "landmarks.dat"
        source_sha256 = "{hashlib.sha256(BLOB).hexdigest()}"
        source_bytes = {len(BLOB)}
        """
    )
    monkeypatch.setattr(preparation, "MANIFEST", path)
    return path


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.usefixtures("manifest")
def test_the_named_member_becomes_the_prepared_file(tmp_path: Path) -> None:
    sdist = archive(tmp_path / "a.tar.gz", {FOREIGN: b"x" * 999, MEMBER: BLOB})
    (path,) = prepare(sdist, tmp_path / "deep" / "prepared")
    assert path.read_bytes() == convert_landmarks(BLOB)
    assert [one.name for one in path.parent.iterdir()] == ["tiny.npz"]


@pytest.mark.usefixtures("manifest")
def test_preparing_again_needs_no_archive_and_changes_nothing(tmp_path: Path) -> None:
    sdist = archive(tmp_path / "a.tar.gz", {MEMBER: BLOB})
    (path,) = prepare(sdist, tmp_path / "prepared")
    before = path.stat().st_mtime_ns
    sdist.unlink()
    prepare(sdist, tmp_path / "prepared")
    assert path.stat().st_mtime_ns == before


@pytest.mark.usefixtures("manifest")
def test_an_altered_prepared_file_is_replaced(tmp_path: Path) -> None:
    sdist = archive(tmp_path / "a.tar.gz", {MEMBER: BLOB})
    (path,) = prepare(sdist, tmp_path / "prepared")
    path.write_bytes(b"something else")
    prepare(sdist, tmp_path / "prepared")
    assert path.read_bytes() == convert_landmarks(BLOB)


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize(
    "members",
    [
        {},
        {FOREIGN: BLOB},
        {MEMBER: BLOB[:-1]},
        {MEMBER: BLOB + b"\0"},
        {MEMBER: BLOB[:-1] + b"\x07"},
    ],
    ids=["empty", "other name", "shorter", "longer", "altered"],
)
def test_an_archive_without_the_exact_weights_is_refused_and_leaves_nothing(
    tmp_path: Path, members: dict[str, bytes]
) -> None:
    sdist = archive(tmp_path / "a.tar.gz", members)
    with pytest.raises(ModelUnavailable):
        prepare(sdist, tmp_path / "prepared")
    assert not (tmp_path / "prepared").exists()


@pytest.mark.usefixtures("manifest")
def test_a_damaged_or_missing_archive_is_refused(tmp_path: Path) -> None:
    whole = archive(tmp_path / "a.tar.gz", {MEMBER: BLOB}).read_bytes()
    for length in range(0, len(whole), 7):
        broken = tmp_path / "b.tar.gz"
        broken.write_bytes(whole[:length])
        try:
            prepare(broken, tmp_path / f"prepared-{length}")
        except MatcherError:
            continue
        # The members may be whole although the end of the archive is missing.
        assert (tmp_path / f"prepared-{length}" / "tiny.npz").exists()
    with pytest.raises(ModelUnavailable):
        prepare(tmp_path / "none.tar.gz", tmp_path / "prepared")


def test_a_result_that_the_manifest_does_not_know_is_not_written(
    tmp_path: Path, manifest: Path
) -> None:
    known = hashlib.sha256(convert_landmarks(BLOB)).hexdigest()
    manifest.write_text(manifest.read_text().replace(known, "0" * 64))
    sdist = archive(tmp_path / "a.tar.gz", {MEMBER: BLOB})
    with pytest.raises(ModelUnavailable, match="does not know"):
        prepare(sdist, tmp_path / "prepared")
    assert list((tmp_path / "prepared").iterdir()) == []


@pytest.mark.usefixtures("manifest")
def test_progress_is_told_from_the_first_step_to_the_last(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    sdist = archive(tmp_path / "a.tar.gz", {MEMBER: BLOB})
    prepare(sdist, tmp_path / "prepared", progress=lambda *step: told.append(step))
    assert told[0][1:] == (0, 1)
    assert told[-1][1:] == (1, 1)


def test_every_model_has_a_converter_or_was_trained_here_a_card_and_a_free_licence() -> None:
    entries = runtime.manifest()
    trained = {path.stem for path in (ROOT / "models").glob("*.onnx")}
    assert entries.keys() == preparation.CONVERTERS.keys() | trained
    for entry in entries.values():
        assert (ROOT / "models" / "cards" / f"{entry.id}.md").is_file()
        assert entry.licence == ("Apache-2.0" if entry.id in trained else "CC0-1.0")


def test_every_trained_model_has_the_hash_of_its_entry() -> None:
    for path in (ROOT / "models").glob("*.onnx"):
        content = path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == runtime.manifest()[path.stem].sha256


def test_the_lock_fetches_the_archive_that_the_manifest_names() -> None:
    lock = (ROOT / "models" / "weights.lock").read_text()
    manifest_text = (ROOT / "models" / "manifest.toml").read_text()
    digest = lock.partition("sha256:")[2].strip()
    assert len(digest) == 64
    assert f'sha256 = "{digest}"' in manifest_text


def test_a_trained_model_is_copied_from_beside_the_manifest(tmp_path: Path, manifest: Path) -> None:
    content = b"trained here"
    digest = hashlib.sha256(content).hexdigest()
    entry = f'[[model]]\nid = "own"\nfile = "own.onnx"\nsha256 = "{digest}"\n'
    manifest.write_text(entry)
    (tmp_path / "own.onnx").write_bytes(content)
    (path,) = prepare(tmp_path / "no archive", tmp_path / "prepared")
    assert path.read_bytes() == content
    (tmp_path / "own.onnx").write_bytes(b"altered")
    assert prepare(tmp_path / "no archive", tmp_path / "prepared") == (path,)
    with pytest.raises(ModelUnavailable, match="own"):
        prepare(tmp_path / "no archive", tmp_path / "elsewhere")
