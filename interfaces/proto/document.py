"""Write the message reference of `interfaces/ICD.md` from the protocol files: `make docs`.

The prose of the ICD is written by hand; everything below its marker line is generated from the
comments in the .proto files, so that the two cannot differ. `--check` fails when it is stale.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from grpc_tools import protoc

from interfaces.eurodac.codes import CODES

PROTO = Path(__file__).resolve().parent
ICD = PROTO.parent / "ICD.md"
MARKER = "<!-- generated from the protocol files by `make docs`: do not edit below -->\n"

Comments = Mapping[tuple[int, ...], str]

_NAMED_TYPES = (FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_ENUM)
_FILE_MESSAGES, _FILE_ENUMS, _FILE_SERVICES = 4, 5, 6
"""Field numbers in FileDescriptorProto, by which comments are located."""
_MESSAGE_FIELDS, _MESSAGE_NESTED, _MESSAGE_ENUMS = 2, 3, 4
"""Field numbers in DescriptorProto."""


def reference() -> str:
    """The refusal codes, and every service, message and enumeration, as Markdown."""
    lines = [*_codes(), *(line for file in _described() for line in _file(file))]
    return "\n".join(lines)


def _codes() -> Iterator[str]:
    yield "## Codes of the law and of samples\n"
    yield "| code | name | rule | remedy |\n|---|---|---|---|"
    for code, row in sorted(CODES.items()):
        yield f"| `{code}` | {row.name} | {row.rule} | {row.remedy} |"
    yield ""


def _described() -> list[FileDescriptorProto]:
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "descriptors"
        arguments = ["protoc", f"-I{PROTO}", f"-I{files('grpc_tools') / '_proto'}"]
        arguments += ["--include_source_info", f"--descriptor_set_out={out}", *sources]
        if protoc.main(arguments) != 0:
            raise SystemExit("protoc refused the protocol files; its message stands above")
        return list(descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file)


def _file(file: FileDescriptorProto) -> Iterator[str]:
    comments = {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in file.source_code_info.location
    }
    yield f"## {file.name}\n"
    for index, service in enumerate(file.service):
        yield f"### service {service.name}\n"
        yield "| call | request | answer | what for |\n|---|---|---|---|"
        for number, method in enumerate(service.method):
            stream_in = "stream " if method.client_streaming else ""
            stream_out = "stream " if method.server_streaming else ""
            comment = comments.get((_FILE_SERVICES, index, 2, number), "")
            yield (
                f"| `{method.name}` | {stream_in}{_short(method.input_type)} "
                f"| {stream_out}{_short(method.output_type)} | {comment} |"
            )
        yield ""
    for index, enum in enumerate(file.enum_type):
        yield from _enum(enum, (_FILE_ENUMS, index), comments)
    for index, message in enumerate(file.message_type):
        yield from _message(message, (_FILE_MESSAGES, index), comments)


def _message(
    message: DescriptorProto, path: tuple[int, ...], comments: Comments, outer: str = ""
) -> Iterator[str]:
    name = outer + message.name
    yield f"### {name}\n"
    if path in comments:
        yield f"{comments[path]}\n"
    entries = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    if message.field:
        yield "| field | no. | type | meaning |\n|---|---|---|---|"
    for index, field in enumerate(message.field):
        comment = comments.get((*path, _MESSAGE_FIELDS, index), "")
        choice = _choice(message, field)
        yield f"| `{field.name}` | {field.number} | {_type(field, entries)} | {choice}{comment} |"
    yield ""
    for index, enum in enumerate(message.enum_type):
        yield from _enum(enum, (*path, _MESSAGE_ENUMS, index), comments, f"{name}.")
    for index, nested in enumerate(message.nested_type):
        if not nested.options.map_entry:
            yield from _message(nested, (*path, _MESSAGE_NESTED, index), comments, f"{name}.")


def _enum(
    enum: EnumDescriptorProto, path: tuple[int, ...], comments: Comments, outer: str = ""
) -> Iterator[str]:
    yield f"### {outer}{enum.name}\n"
    if path in comments:
        yield f"{comments[path]}\n"
    yield "| value | no. | meaning |\n|---|---|---|"
    for index, value in enumerate(enum.value):
        yield f"| `{value.name}` | {value.number} | {comments.get((*path, 2, index), '')} |"
    yield ""


def _choice(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    if field.proto3_optional:
        return "optional. "
    if field.HasField("oneof_index"):
        return f"one of `{message.oneof_decl[field.oneof_index].name}`. "
    return ""


def _type(field: FieldDescriptorProto, entries: Mapping[str, DescriptorProto]) -> str:
    if field.type in _NAMED_TYPES:
        name = _short(field.type_name)
        if name in entries:
            key, value = entries[name].field
            return f"map of {_type(key, {})} to {_type(value, {})}"
    else:
        name = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
    return f"list of {name}" if repeated else name


def _short(type_name: str) -> str:
    """Last part of a type's full name.

    >>> _short(".eurodac.central.v1.DataSet")
    'DataSet'
    """
    return type_name.rpartition(".")[2]


def main() -> None:
    """Write the reference into the ICD, or with --check compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the reference is stale")
    prose, marker, committed = ICD.read_text().partition(MARKER)
    if not marker:
        sys.exit(f"{ICD.name} has lost its marker line")
    fresh = "\n" + reference()
    if not parser.parse_args().check:
        ICD.write_text(prose + MARKER + fresh)
    elif fresh != committed:
        sys.exit(f"{ICD.name} is stale, run `make docs`")


if __name__ == "__main__":
    main()
