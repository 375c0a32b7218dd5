"""Biometrics in the words of ISO/IEC 2382-37: samples in; references and candidate lists out."""

import os
from hashlib import sha256
from pathlib import Path

# Before numpy loads its linear algebra: threads of our own share the cores, and a library that
# starts one more thread per core for every small product made an extraction six times dearer.
for _library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_library, "1")


def find_kernels(base: Path, sources: Path) -> Path:
    """Where compiled kernels of these sources are kept below a folder.

    numba keeps the machine code of a function under the state of its own file only, while
    functions and constants of others are compiled into it: after a change of those, stale code
    would walk through memory of another layout. So every state of all sources has a folder.

    >>> find_kernels(Path("kept"), Path(__file__).parent).parent.name
    'kept'
    """
    files = [file for file in sorted(sources.glob("*.py")) if b"numba" in file.read_bytes()]
    files.append(sources / "vocabulary.py")
    content = b"".join(file.name.encode() + b"\0" + file.read_bytes() for file in files)
    name = sha256(content).hexdigest()[:16]
    # A child process inherits what is set below.
    return base if base.name == name else base / name


def _choose_base() -> Path:
    """The folder that the operator names, that of the code, or that of the user."""
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(named)
    beside = Path(__file__).parent / "__pycache__"
    is_ours = os.access(beside if beside.exists() else beside.parent, os.W_OK)
    return beside if is_ours else Path.home() / ".cache" / "eurodac-node" / "kernels"


os.environ["NUMBA_CACHE_DIR"] = str(find_kernels(_choose_base(), Path(__file__).parent))
