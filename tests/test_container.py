"""The container recipe is what it says: its install and start steps are carried out here.

There is no container engine in the tests. The wheel is built and installed by the recipe's own
commands, and the recipe's start and health commands run in its environment, with the container's
paths mapped to folders of the test.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

import pytest

from matcher.engine import Engine
from models.prepare import PREPARED
from node.demo.stage import set_up

ROOT = Path(__file__).parents[1]
RECIPE = (ROOT / "Dockerfile").read_text()
FINAL = RECIPE.rpartition("FROM ")[2]


def _instructions(text: str, name: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", "", text)
    return [
        line.removeprefix(name).strip() for line in joined.splitlines() if line.startswith(name)
    ]


def _start_command(text: str) -> list[str]:
    (line,) = _instructions(text, "CMD ")
    command: list[str] = json.loads(line)
    return command


def _environment() -> dict[str, str]:
    pairs = [part for line in _instructions(FINAL, "ENV ") for part in shlex.split(line)]
    return dict(pair.split("=", 1) for pair in pairs)


def test_the_process_is_not_root_and_the_image_holds_no_tools() -> None:
    assert _instructions(FINAL, "USER ") == ["10001"]
    assert "pip" not in FINAL
    assert "apt-get" not in FINAL


def test_everything_that_is_installed_is_locked_by_hash() -> None:
    installs = [line for line in _instructions(RECIPE, "RUN ") if "pip install" in line]
    downloads = [line for line in _instructions(RECIPE, "RUN ") if "pip download" in line]
    assert len(downloads) == 1
    for line in (*installs, *downloads):
        for command in line.split("&&"):
            if "pip install" in command or "pip download" in command:
                assert "--require-hashes" in command or "--no-deps /src/dist" in command


def test_what_changes_lies_in_the_one_volume() -> None:
    assert _instructions(FINAL, "VOLUME ") == ['["/var/lib/eurodac"]']
    environment = _environment()
    for name in ("NUMBA_CACHE_DIR", "EURODAC_DATA_FOLDER"):
        assert environment[name].startswith("/var/lib/eurodac/")
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_every_file_that_the_recipe_copies_is_there() -> None:
    for line in _instructions(RECIPE, "COPY "):
        if not line.startswith("--from"):
            for name in line.split()[:-1]:
                assert (ROOT / name).exists()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product as the recipe installs it: a wheel, without its sources."""
    folder = tmp_path_factory.mktemp("container")
    (wheel,) = [line for line in _instructions(RECIPE, "RUN ") if "pip wheel" in line]
    command = shlex.split(wheel.replace("/src/dist", str(folder / "dist")))
    _run([sys.executable, "-m", *_after_bin(command)])
    (built,) = (folder / "dist").glob("eurodac_node-*.whl")
    target = folder / "opt"
    _run([sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(target), str(built)])
    return target


def _after_bin(command: list[str]) -> list[str]:
    return [Path(command[0]).name, *command[1:]]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _contents(folder: Path) -> set[tuple[str, int]]:
    return {(str(path), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def volume(tmp_path: Path, engine: Engine) -> Path:
    """The container's volume with settings, key and certificates. engine: skips without models."""
    assert engine
    stage = set_up(tmp_path / "stage", ("DK",), PREPARED)
    volume = tmp_path / "var"
    volume.mkdir()
    settings = (stage.folder / "node-DK.toml").read_text()
    folder = re.search(r'data_folder = "(.*)"', settings)
    assert folder is not None
    shutil.copytree(folder[1], volume / "store")
    shutil.copytree(stage.folder / "pki" / "DK", volume / "pki")
    kept = [
        line
        for line in settings.splitlines()
        if not line.startswith(("data_folder", "models", "listen"))
    ]
    (volume / "node.toml").write_text("\n".join(kept))
    return volume


@pytest.fixture
def kernels(installed: Path, volume: Path) -> None:
    """Kernels of an earlier start, since compiling them again takes a minute and a half.

    numba keeps them below a name made of the folder of their sources.
    """
    compiled = Path(os.environ["NUMBA_CACHE_DIR"])
    here, there = (_name_kernels(folder / "matcher") for folder in (ROOT, installed))
    shutil.copytree(compiled / here, volume / "kernels" / compiled.name / there)


def _name_kernels(sources: Path) -> str:
    return f"{sources.name}_{sha1(str(sources).encode(), usedforsecurity=False).hexdigest()}"


@pytest.fixture
def environment(installed: Path, volume: Path, kernels: None) -> dict[str, str]:
    """The recipe's environment with its paths mapped to this machine. kernels: are in place."""
    assert kernels is None
    mapped = {
        name: value.replace("/var/lib/eurodac", str(volume)).replace(
            "/opt/eurodac/models", str(PREPARED)
        )
        for name, value in _environment().items()
        if name != "PATH"
    }
    mapped["EURODAC_LISTEN"] = mapped["EURODAC_LISTEN"].replace("0.0.0.0:7443", "127.0.0.1:0")
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed), **mapped}


@pytest.fixture
def started(
    environment: dict[str, str], installed: Path, volume: Path
) -> Iterator[subprocess.Popen[str]]:
    command = [part.replace("/var/lib/eurodac", str(volume)) for part in _start_command(FINAL)]
    assert command[0] == "eurodac-node"
    running = subprocess.Popen(
        [sys.executable, str(installed / "bin" / "eurodac-node"), *command[1:]],
        env=environment,
        cwd=volume,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield running
    running.kill()
    running.wait()
    assert running.stdout is not None
    running.stdout.close()


def test_the_installed_product_starts_is_healthy_and_writes_into_its_volume_only(
    started: subprocess.Popen[str], environment: dict[str, str], installed: Path, volume: Path
) -> None:
    before = _contents(installed)
    assert started.stdout is not None
    ready = json.loads(started.stdout.readline())
    (line,) = _instructions(FINAL, "HEALTHCHECK ")
    command = json.loads(line[line.index("[") :])
    health = subprocess.run(
        [
            *(sys.executable, str(installed / "bin" / "eurodac-node")),
            *command[1:],
            *("--node", f"127.0.0.1:{ready['port']}"),
        ],
        env=environment,
        cwd=volume,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (health.returncode, health.stdout.strip()) == (0, "serving")
    assert _contents(installed) == before
    assert (volume / "store" / "store.sqlite").exists()
    started.terminate()
    assert started.wait(timeout=60) == 0
