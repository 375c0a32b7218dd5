"""The data set <-> its message, whole or as the changes of an update mask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from interfaces.eurodac.dataset import DataSet
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import terms_pb2
from interfaces.wire import records
from interfaces.wire.scalars import (
    category_from,
    category_to,
    day,
    day_to,
    instant_from,
    instant_to,
    sex_from,
    sex_to,
    text,
    texts,
)


@dataclass(frozen=True, slots=True)
class _Form:
    """How one field travels: message value -> term and back."""

    read: Callable[[str, Any], Any]
    write: Callable[[Any], Any]


def dataset_from(message: terms_pb2.DataSet) -> DataSet:
    """The data set that a message states; FormatRefused names the first ill-formed field."""
    return DataSet(**{name: _read(message, name) for name in _FORMS})


def dataset_to(data_set: DataSet) -> terms_pb2.DataSet:
    """The message that states a data set; absent fields stay unset."""
    return _message(data_set, _FORMS)


def changes_from(
    message: terms_pb2.DataSet, mask: FieldMask, *, allowed: Iterable[str] | None = None
) -> Mapping[str, Any]:
    """Field name -> new term for every path of an update mask, in the order of the mask.

    allowed: names that the call may change; None means every field of the data set.
    """
    known = set(_FORMS if allowed is None else allowed)
    if not mask.paths:
        raise FormatRefused("W02 ABSENT", "update_mask", "no path is named", "name the fields")
    if len(mask.paths) > len(_FORMS):
        remedy = f"at most {len(_FORMS)}, each once"
        raise FormatRefused("W03 TOO_LONG", "update_mask", "too many paths", remedy)
    for path in mask.paths:
        if path not in known:
            reason = "a path is not a field that this call may change"
            raise FormatRefused("W01 VALUE", "update_mask", reason, f"use: {sorted(known)}")
    return {path: _read(message, path) for path in mask.paths}


def stated_from(message: terms_pb2.DataSet, allowed: Iterable[str]) -> Mapping[str, Any]:
    """Field name -> term for every field that is set; FormatRefused for one that is not allowed."""
    stated, known = [field.name for field, _ in message.ListFields()], set(allowed)
    for name in stated:
        if name not in known:
            remedy = f"state only: {sorted(known)}"
            raise FormatRefused("W01 VALUE", name, "a field that has no place here", remedy)
    return {name: _read(message, name) for name in stated}


def changes_to(changes: Mapping[str, Any]) -> tuple[terms_pb2.DataSet, FieldMask]:
    """Message and update mask that carry the changes of `changes_from`."""
    message = _message(changes, {name: _FORMS[name] for name in changes})
    return message, FieldMask(paths=list(changes))


def _read(message: Message, name: str) -> Any:
    """One field as a term; an unset field is the term's default. A category is never absent."""
    descriptor = message.DESCRIPTOR.fields_by_name[name]
    value = getattr(message, name)
    if descriptor.is_repeated:
        return _FORMS[name].read(name, value)
    present = message.HasField(name) if descriptor.has_presence else bool(value)
    return _FORMS[name].read(name, value) if present or name == "category" else _DEFAULTS[name]


def _message(terms: object, forms: Mapping[str, _Form]) -> terms_pb2.DataSet:
    message = terms_pb2.DataSet()
    for name, form in forms.items():
        term = terms[name] if isinstance(terms, Mapping) else getattr(terms, name)
        if term == _DEFAULTS.get(name):
            continue
        value = form.write(term)
        if isinstance(value, list):
            getattr(message, name).extend(value)
        elif isinstance(value, Message):
            getattr(message, name).CopyFrom(value)
        else:
            setattr(message, name, value)
    return message


def _same(_: str, value: bool) -> bool:
    return value


_TEXT = _Form(text, str)
_TEXTS = _Form(texts, list)
_DAY = _Form(day, day_to)
_INSTANT = _Form(lambda name, message: instant_from(message, name), instant_to)
_FLAG = _Form(_same, bool)

_FORMS: Mapping[str, _Form] = {
    "category": _Form(lambda _, value: category_from(value), category_to),
    "origin": _TEXT,
    "reference_number": _TEXT,
    "surnames": _TEXTS,
    "forenames": _TEXTS,
    "names_at_birth": _TEXTS,
    "earlier_names": _TEXTS,
    "aliases": _TEXTS,
    "nationalities": _TEXTS,
    "date_of_birth": _TEXT,
    "place_of_birth": _TEXT,
    "sex": _Form(lambda _, value: sex_from(value), sex_to),
    "event": _Form(records.event_from, records.event_to),
    "document": _Form(records.document_from, records.document_to),
    "document_scans": _Form(
        records.scans_from, lambda scans: [records.scan_to(scan) for scan in scans]
    ),
    "biometrics_taken_at": _INSTANT,
    "transmitted_at": _INSTANT,
    "operator_user_id": _TEXT,
    "responsible_state": _TEXT,
    "relocation_state": _TEXT,
    "arrival_after_take_charge_on": _DAY,
    "arrival_after_take_back_on": _DAY,
    "left_member_states_on": _DAY,
    "removed_on": _DAY,
    "arrival_after_relocation_on": _DAY,
    "visa": _Form(records.visa_from, records.visa_to),
    "security_flag": _FLAG,
    "application_rejected": _FLAG,
    "border_procedure_final": _FLAG,
    "avrr_granted": _FLAG,
    "admission_decision": _Form(records.decision_from, records.decision_to),
    "exclusion_ground_applies": _FLAG,
    "council_decision": _Form(records.council_from, records.council_to),
    "marks": _Form(records.marks_from, lambda marks: [records.mark_to(mark) for mark in marks]),
    "case_reference": _TEXT,
}

_DEFAULTS: Mapping[str, Any] = {
    field.name: "" if field.default is MISSING else field.default for field in fields(DataSet)
}

if _FORMS.keys() != {field.name for field in fields(DataSet)}:
    raise AssertionError("every field of the data set travels")
