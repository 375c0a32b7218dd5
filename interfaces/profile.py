"""The services of the profile, from all of its protocol files."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor, ServiceDescriptor

from interfaces.pb.eurodac.central.v1 import central_pb2
from interfaces.pb.eurodac.central.v1 import interoperability_pb2 as central_interoperability_pb2
from interfaces.pb.eurodac.central.v1 import police_pb2 as central_police_pb2
from interfaces.pb.eurodac.nap.v1 import clock_pb2, interoperability_pb2, nap_pb2, police_pb2

NAP_FILES: tuple[FileDescriptor, ...] = (
    nap_pb2.DESCRIPTOR,
    clock_pb2.DESCRIPTOR,
    police_pb2.DESCRIPTOR,
    interoperability_pb2.DESCRIPTOR,
)
"""Stations, desks and experts -> national access point."""

CENTRAL_FILES: tuple[FileDescriptor, ...] = (
    central_pb2.DESCRIPTOR,
    central_police_pb2.DESCRIPTOR,
    central_interoperability_pb2.DESCRIPTOR,
)
"""National access point -> central system."""


def services(files: tuple[FileDescriptor, ...]) -> tuple[ServiceDescriptor, ...]:
    """Every service of some files."""
    return tuple(service for file in files for service in file.services_by_name.values())


def calls(files: tuple[FileDescriptor, ...]) -> Mapping[str, MethodDescriptor]:
    """Every call of some files by its name, which no two services share.

    >>> calls(NAP_FILES)["Enrol"].containing_service.name
    'EnrolmentService'
    """
    found = {method.name: method for service in services(files) for method in service.methods}
    if len(found) != sum(len(service.methods) for service in services(files)):
        raise ValueError("two services have a call of the same name")
    return found
