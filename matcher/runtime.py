"""Loads model files by their manifest id: the one place where weights enter the matcher.

The manifest travels with the code and fixes the SHA-256 of every file; the folder of prepared
models is only data. The very bytes that were hashed are the ones that are loaded, so that a
file swapped in between changes nothing.
"""

from __future__ import annotations

import hashlib
import io
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from matcher.errors import ModelUnavailable
from matcher.precision import suit

MANIFEST = Path(__file__).resolve().parent.parent / "models" / "manifest.toml"
"""The list of models, next to the recipes that make them."""

PREPARED = MANIFEST.parent / "prepared"
"""Where models lie unless the caller says otherwise."""

REMEDY = "run: eurodac-node models prepare"
"""What the operator can do about a missing or altered model."""

MAX_MODEL_BYTES = 512 * 1024 * 1024
"""No model file is read beyond this size; the largest in the manifest has 23 MB."""

SESSION_THREADS = 1
"""Threads per inference: requests run side by side, so one inference must not take all cores."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model of the manifest: its id, file name, hash, licence and what it is."""

    id: str
    what: str
    file: str
    sha256: str
    licence: str
    dimension: int


@cache
def manifest() -> Mapping[str, ModelEntry]:
    """All models by id.

    >>> manifest()["face-resnet128-1"].dimension
    128
    """
    with MANIFEST.open("rb") as file:
        tables = tomllib.load(file)["model"]
    names = ModelEntry.__slots__
    entries = [ModelEntry(**{name: table[name] for name in names}) for table in tables]
    return MappingProxyType({entry.id: entry for entry in entries})


def read_model(models: Path, model_id: str) -> bytes:
    """The bytes of a model file, hash checked. Raises ModelUnavailable with the remedy."""
    if model_id not in manifest():
        raise ModelUnavailable(f"model {model_id} is not in the manifest")
    entry = manifest()[model_id]
    try:
        with (models / entry.file).open("rb") as file:
            content = file.read(MAX_MODEL_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise ModelUnavailable(f"model {model_id}: {reason}; {REMEDY}") from error
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ModelUnavailable(f"model {model_id} differs from the manifest; {REMEDY}")
    return content


def open_session(
    models: Path, model_id: str, *, threads: int = SESSION_THREADS
) -> onnxruntime.InferenceSession:
    """An inference session on the processor; safe to share between threads.

    An 8-bit network runs in float32 where that is faster (`matcher.precision`).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        suit(read_model(models, model_id)), options, providers=["CPUExecutionProvider"]
    )


def open_arrays(models: Path, model_id: str) -> Mapping[str, NDArray[np.generic]]:
    """The named arrays of a model that is not a network."""
    content = read_model(models, model_id)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return MappingProxyType({name: archive[name] for name in archive.files})
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ModelUnavailable(f"model {model_id} is no array archive") from error
