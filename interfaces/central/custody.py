"""What States change about their own data sets, and whom the centre tells of it (rulebook D, H)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from interfaces import wire
from interfaces.central import detection, figures, notices
from interfaces.central.centre import Centre, apply_once, data_set_in, own, publish
from interfaces.central.entries import Entries
from interfaces.central.errors import UnknownDataSet
from interfaces.central.holdings import Occurrence, StoredDataSet
from interfaces.eurodac import dataset, flags, reference, retention
from interfaces.eurodac.categories import Category, digit
from interfaces.eurodac.dataset import DataSet, Mark
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.interoperability import Trigger
from interfaces.eurodac.retention import ErasureGround
from interfaces.eurodac.sequence import LinkState
from interfaces.eurodac.statistics import RowKind
from interfaces.pb.eurodac.central.v1 import central_pb2


def update_status(
    centre: Centre, state: str, request: central_pb2.UpdateStatusRequest
) -> central_pb2.UpdateStatusResponse:
    """Fields that become known later; a responsible State is told to the others (Art. 16(4)).

    Who updates because it was told tells nobody again.
    """
    changes = wire.changes_from(request.changes, request.update_mask)

    def act(entries: Entries) -> central_pb2.UpdateStatusResponse:
        stored = own(entries, state, request.reference_number)
        before = data_set_in(stored)
        _allow(dataset.check_update(before.category, changes))
        _allow(_check_content(centre, before, changes))
        now = centre.now()
        _write(entries, stored, replace(before, **changes))
        _detect(centre, entries, stored.reference_number)
        responsible = changes.get("responsible_state")
        if responsible and responsible != before.responsible_state and not request.follow_up:
            notices.tell_others(
                entries,
                stored,
                now=now,
                responsibility_changed=central_pb2.ResponsibilityChanged(
                    responsible_state=responsible,
                    source_reference_number=stored.reference_number,
                ),
            )
        if changes.get("application_rejected") and not before.application_rejected:
            figures.remember(entries, stored, RowKind.REJECTED, now)
        return central_pb2.UpdateStatusResponse(received_at=wire.instant_to(now))

    return apply_once(centre, state, request, answer=central_pb2.UpdateStatusResponse, act=act)


def correct(
    centre: Centre, state: str, request: central_pb2.CorrectDataSetRequest
) -> central_pb2.CorrectDataSetResponse:
    """The origin State corrects what it recorded (Art. 40(3))."""
    changes = wire.changes_from(request.changes, request.update_mask)

    def act(entries: Entries) -> central_pb2.CorrectDataSetResponse:
        stored = own(entries, state, request.reference_number)
        before = data_set_in(stored)
        _allow(dataset.check_correction(before.category, changes))
        _allow(_check_content(centre, before, changes))
        now = centre.now()
        _write(entries, stored, replace(before, **changes))
        _detect(centre, entries, stored.reference_number)
        return central_pb2.CorrectDataSetResponse(received_at=wire.instant_to(now))

    return apply_once(centre, state, request, answer=central_pb2.CorrectDataSetResponse, act=act)


def set_mark(
    centre: Centre, state: str, request: central_pb2.SetMarkRequest
) -> central_pb2.SetMarkResponse:
    """Mark a data set; the others of the sequence are told and mark too (Art. 31(1), (4))."""
    kind = wire.mark_type_from(request.type)

    def act(entries: Entries) -> central_pb2.SetMarkResponse:
        stored = own(entries, state, request.reference_number)
        before = data_set_in(stored)
        _allow(flags.check_mark(before.category, kind, follow_up=request.follow_up))
        now = centre.now()
        if kind not in {mark.type for mark in before.marks}:
            mark = Mark(kind, state, now, request.follow_up)
            _write(entries, stored, replace(before, marks=(*before.marks, mark)))
            if not request.follow_up:
                content = central_pb2.DataMarked(
                    source_reference_number=stored.reference_number,
                    type=wire.mark_type_to(kind),
                )
                notices.tell_others(entries, stored, now=now, data_marked=content)
            figures.remember(
                entries, stored, RowKind.MARKED, now, mark=kind, follow_up=request.follow_up
            )
        return central_pb2.SetMarkResponse(received_at=wire.instant_to(now))

    response = apply_once(centre, state, request, answer=central_pb2.SetMarkResponse, act=act)
    _move(centre, request.reference_number)
    return response


def clear_mark(
    centre: Centre, state: str, request: central_pb2.ClearMarkRequest
) -> central_pb2.ClearMarkResponse:
    """Take a mark back; no notice is provided (Art. 31(3))."""
    kind = wire.mark_type_from(request.type)

    def act(entries: Entries) -> central_pb2.ClearMarkResponse:
        stored = own(entries, state, request.reference_number)
        before = data_set_in(stored)
        _allow(flags.check_unmark(kind, centre.policy))
        now = centre.now()
        marks = tuple(mark for mark in before.marks if mark.type != kind)
        if marks != before.marks:
            _write(entries, stored, replace(before, marks=marks))
            figures.remember(entries, stored, RowKind.UNMARKED, now, mark=kind)
        return central_pb2.ClearMarkResponse(received_at=wire.instant_to(now))

    response = apply_once(centre, state, request, answer=central_pb2.ClearMarkResponse, act=act)
    _move(centre, request.reference_number)
    return response


def set_flag(
    centre: Centre, state: str, request: central_pb2.SetSecurityFlagRequest
) -> central_pb2.SetSecurityFlagResponse:
    """Record the security flag where the category has one; the others see it on the next hit."""

    def act(entries: Entries) -> central_pb2.SetSecurityFlagResponse:
        stored = own(entries, state, request.reference_number)
        before = data_set_in(stored)
        _allow(flags.check_flaggable(before.category))
        now = centre.now()
        _write(entries, stored, replace(before, security_flag=True))
        return central_pb2.SetSecurityFlagResponse(received_at=wire.instant_to(now))

    return apply_once(centre, state, request, answer=central_pb2.SetSecurityFlagResponse, act=act)


def delete_flag(
    centre: Centre, state: str, request: central_pb2.DeleteSecurityFlagRequest
) -> central_pb2.DeleteSecurityFlagResponse:
    """Delete the flag after consultation; the others delete theirs (Art. 17(4))."""

    def act(entries: Entries) -> central_pb2.DeleteSecurityFlagResponse:
        stored = own(entries, state, request.reference_number)
        before = data_set_in(stored)
        now = centre.now()
        if before.security_flag:
            if not request.follow_up:
                others = {other.origin for other in notices.others_of(entries, stored)}
                _allow(flags.check_flag_deletion(request.consulted_states, others))
                content = central_pb2.FlagDeleted(source_reference_number=stored.reference_number)
                notices.tell_others(entries, stored, now=now, flag_deleted=content)
            _write(entries, stored, replace(before, security_flag=False))
        return central_pb2.DeleteSecurityFlagResponse(received_at=wire.instant_to(now))

    return apply_once(
        centre, state, request, answer=central_pb2.DeleteSecurityFlagResponse, act=act
    )


def confirm_link(
    centre: Centre, state: str, request: central_pb2.ConfirmLinkRequest
) -> central_pb2.ConfirmLinkResponse:
    """The receiving State has checked its hit and confirms the link (Art. 3(6))."""

    def act(entries: Entries) -> central_pb2.ConfirmLinkResponse:
        stored = own(entries, state, request.reference_number)
        now = _decide(
            centre, entries, stored, hit=request.hit_reference_number, decided=LinkState.CONFIRMED
        )
        return central_pb2.ConfirmLinkResponse(received_at=wire.instant_to(now))

    return apply_once(centre, state, request, answer=central_pb2.ConfirmLinkResponse, act=act)


def report_false_hit(
    centre: Centre, state: str, request: central_pb2.ReportFalseHitRequest
) -> central_pb2.ReportFalseHitResponse:
    """The hit was false; its link goes (Art. 38(6), rulebook E.4)."""

    def act(entries: Entries) -> central_pb2.ReportFalseHitResponse:
        number = request.reference_number
        if entries.data_set(number) is None and entries.has_arrived(number, state):
            # A search, or erased meanwhile: the duty to report outlives what was compared.
            now = centre.now()
            gone = DataSet(_category_of(number), state, reference_number=number)
            entries.occurred(Occurrence(now, RowKind.FALSE_HIT, state, figures.facts(gone)))
            return central_pb2.ReportFalseHitResponse(received_at=wire.instant_to(now))
        stored = own(entries, state, number)
        now = _decide(
            centre,
            entries,
            stored,
            hit=request.hit_reference_number,
            decided=LinkState.REVOKED_FALSE_HIT,
        )
        return central_pb2.ReportFalseHitResponse(received_at=wire.instant_to(now))

    return apply_once(centre, state, request, answer=central_pb2.ReportFalseHitResponse, act=act)


def erase(
    centre: Centre, state: str, request: central_pb2.EraseDataSetRequest
) -> central_pb2.EraseDataSetResponse:
    """Erase before the end of retention; citizenship is told to the others (Art. 30(2))."""
    ground = wire.ground_from(request.ground)
    erased: list[int] = []

    def act(entries: Entries) -> central_pb2.EraseDataSetResponse:
        stored = own(entries, state, request.reference_number)
        now = centre.now()
        _allow(retention.check_erasure(data_set_in(stored), state, ground))
        if ground is ErasureGround.CITIZENSHIP:
            content = central_pb2.DataErased(
                source_reference_number=stored.reference_number, ground=request.ground
            )
            notices.tell_others(entries, stored, now=now, data_erased=content)
        entries.erase(stored, grave_until=retention.grave_end(stored.retained_until, now))
        erased.append(stored.id)
        return central_pb2.EraseDataSetResponse(received_at=wire.instant_to(now))

    answer = central_pb2.EraseDataSetResponse
    try:
        response = apply_once(centre, state, request, answer=answer, act=act)
    except UnknownDataSet:
        if _bury_unknown(centre, state, request.reference_number):
            raise
        return erase(centre, state, request)  # it arrived while we looked for it
    for number in erased:
        publish(centre, number)
    return response


def _bury_unknown(centre: Centre, state: str, number: str) -> bool:
    """Whatever is still under way under a State's own number must not be stored when it arrives;
    False when it has arrived already. Nobody buries another State's number."""
    if reference.parse(number).state != state:
        return True
    with centre.ledger.write() as entries:
        if entries.data_set(number) is not None:
            return False
        entries.bury(number, retention.grave_end(None, centre.now()))
    return True


def sweep(centre: Centre) -> int:
    """Erase what has reached the end of its retention (Art. 29(10)); returns how many."""
    now = centre.now()
    with centre.ledger.write() as entries:
        expired = entries.expired(now)
        for stored in expired:
            entries.erase(stored, grave_until=retention.grave_end(stored.retained_until, now))
        entries.level_graves(now)
    for stored in expired:
        publish(centre, stored.id)
    return len(expired)


def _decide(
    centre: Centre, entries: Entries, stored: StoredDataSet, *, hit: str, decided: LinkState
) -> datetime:
    if entries.link_state(stored.reference_number, hit) is None:
        raise UnknownDataSet
    entries.decide_link(stored.reference_number, hit, decided)
    now = centre.now()
    if decided is LinkState.REVOKED_FALSE_HIT:
        figures.remember(entries, stored, RowKind.FALSE_HIT, now)
    return now


def _category_of(number: str) -> Category:
    """A category of the digit that a number shows; what else is known of it is gone."""
    shown = reference.parse(number).digit
    return next(category for category in Category if digit(category) == shown)


def _check_content(centre: Centre, before: DataSet, changes: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the new values may not be; they obey the rules of a transmission."""
    changed = replace(before, **changes, security_flag=False, marks=())
    found = dataset.check_transmission(changed, fingerprints=True, face=True, policy=centre.policy)
    return tuple(violation for violation in found if violation.field in changes)


def _allow(violations: tuple[Any, ...]) -> None:
    if violations:
        raise RuleBroken(*violations)


def _write(entries: Entries, stored: StoredDataSet, data_set: DataSet) -> None:
    entries.replace(replace(stored, message=wire.dataset_to(data_set).SerializeToString()))


def _detect(centre: Centre, entries: Entries, reference_number: str) -> None:
    """Other identity data or another document may make or end links to other systems."""
    changed = entries.data_set(reference_number)
    if changed is not None:
        detection.detect(centre, entries, changed, Trigger.CHANGED)


def _move(centre: Centre, reference_number: str) -> None:
    """Marked data sets lie in partitions of their own, as Art. 27(2) searches only those."""
    with centre.ledger.read() as entries:
        stored = entries.data_set(reference_number)
    if stored is not None:
        publish(centre, stored.id)
