"""Compiled kernels are kept apart by the state of all sources that went into them."""

from pathlib import Path

import matcher
from matcher import find_kernels

SOURCES = Path(matcher.__file__).parent


def copy_sources(folder: Path) -> Path:
    for source in SOURCES.glob("*.py"):
        (folder / source.name).write_bytes(source.read_bytes())
    return folder


def test_a_changed_constant_of_any_kernel_leads_to_another_folder(tmp_path: Path) -> None:
    sources, base = copy_sources(tmp_path), Path("kept")
    before = find_kernels(base, sources)
    assert before == find_kernels(base, SOURCES)
    for name in ("codes.py", "scans.py", "cylinders.py", "vocabulary.py"):
        (sources / name).write_text((sources / name).read_text("utf-8") + "\nMORE = 1\n", "utf-8")
        after = find_kernels(base, sources)
        assert after != before
        before = after


def test_files_without_kernels_keep_the_folder(tmp_path: Path) -> None:
    sources, base = copy_sources(tmp_path), Path("kept")
    before = find_kernels(base, sources)
    (sources / "errors.py").write_text('"""Other errors."""\n', "utf-8")
    assert find_kernels(base, sources) == before


def test_a_child_process_uses_the_folder_of_its_parent() -> None:
    folder = find_kernels(Path("kept"), SOURCES)
    assert find_kernels(folder, SOURCES) == folder
