"""Writes a landmark cascade as a file of plain numpy arrays, the same bytes on every machine."""

from __future__ import annotations

import io
import zipfile
from dataclasses import fields

import numpy as np

from models.conversion.forest import Forest, read_forest

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of every archive member: the earliest that a zip file can state, so it never changes."""

_UNIX = 3
"""System that made the archive, stated as the same everywhere."""


def convert_landmarks(blob: bytes) -> bytes:
    """The cascade as an uncompressed npz archive with the arrays of `forest.Forest`.

    Raises Malformed when the blob is not a shape predictor of the allowed size.
    """
    forest = read_forest(blob)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as members:
        for field in fields(Forest):
            member = zipfile.ZipInfo(f"{field.name}.npy", _EPOCH)
            member.create_system = _UNIX
            members.writestr(member, _array_bytes(getattr(forest, field.name)))
    return archive.getvalue()


def _array_bytes(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(values), (1, 0), allow_pickle=False)
    return buffer.getvalue()
