"""Loading models: only files with the manifest's hash, and a remedy when one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from matcher.errors import ModelUnavailable
from matcher.runtime import PREPARED, manifest, open_arrays, open_session, read_model


def test_a_missing_model_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="eurodac-node models prepare"):
        read_model(tmp_path, "face-resnet128-1")


def test_an_altered_model_is_refused(tmp_path: Path) -> None:
    for entry in manifest().values():
        (tmp_path / entry.file).write_bytes(b"not the weights")
        with pytest.raises(ModelUnavailable, match="differs from the manifest"):
            read_model(tmp_path, entry.id)


def test_a_model_with_one_changed_bit_is_refused(tmp_path: Path) -> None:
    source = PREPARED / manifest()["face-detector-mmod-1"].file
    if not source.exists():
        pytest.skip("the models are not prepared")
    content = bytearray(source.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / source.name).write_bytes(content)
    with pytest.raises(ModelUnavailable):
        open_session(tmp_path, "face-detector-mmod-1")


def test_an_id_outside_the_manifest_is_refused(tmp_path: Path) -> None:
    for model_id in ("face-landmarks68-1", "../face-resnet128-1"):
        with pytest.raises(ModelUnavailable, match="not in the manifest"):
            open_arrays(tmp_path, model_id)


def test_a_folder_in_the_place_of_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / manifest()["face-resnet128-1"].file).mkdir()
    with pytest.raises(ModelUnavailable):
        read_model(tmp_path, "face-resnet128-1")
