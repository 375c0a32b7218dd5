"""Generate `interfaces/pb` from the protocol files: `make proto`.

`--check` generates into a temporary folder and fails when the committed code differs.
"""

from __future__ import annotations

import argparse
import filecmp
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent
GENERATED = PROTO.parent / "pb"


def generate(into: Path) -> None:
    """Write message, stub and typing modules for every .proto file below `into`."""
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    services = [name for name in sources if "service " in (PROTO / name).read_text()]
    _run("--python_out", "--mypy_out", into=into, sources=sources)
    _run("--grpc_python_out", "--mypy_grpc_out", into=into, sources=services)
    for module in (*into.rglob("*.py"), *into.rglob("*.pyi")):
        _root_imports(module)


def _run(*outputs: str, into: Path, sources: list[str]) -> None:
    arguments = ["protoc", f"-I{PROTO}", f"-I{files('grpc_tools') / '_proto'}"]
    arguments += [f"{output}={into}" for output in outputs]
    if protoc.main([*arguments, *sources]) != 0:
        raise SystemExit("protoc refused the protocol files; its message stands above")


def _root_imports(module: Path) -> None:
    """The compiler names modules by the proto path; in the product they live in interfaces.pb."""
    text = module.read_text()
    text = text.replace("from eurodac.", "from interfaces.pb.eurodac.")
    text = text.replace("import eurodac.", "import interfaces.pb.eurodac.")
    if module.suffix == ".pyi":
        text = text.replace("[eurodac.", "[interfaces.pb.eurodac.")
    module.write_text(text)


def differences(fresh: Path) -> list[str]:
    """Names of generated files that differ between `fresh` and the committed folder."""
    wanted = {path.relative_to(fresh) for path in fresh.rglob("*.py*") if path.is_file()}
    present = {
        path.relative_to(GENERATED)
        for path in GENERATED.rglob("*_pb2*.py*")
        if "__pycache__" not in path.parts
    }
    changed = {
        name
        for name in wanted & present
        if not filecmp.cmp(fresh / name, GENERATED / name, shallow=False)
    }
    return sorted(map(str, changed | (wanted ^ present)))


def main() -> None:
    """Generate, or with --check compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the committed code is stale")
    if not parser.parse_args().check:
        generate(GENERATED)
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        if stale := differences(Path(folder)):
            sys.exit(f"generated code is stale, run `make proto`: {', '.join(stale)}")


if __name__ == "__main__":
    main()
