"""Acts on links between systems: who sees them, who verifies them, and the records of the other
systems that the stand-in plays (rulebook L.3, L.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from interfaces import wire
from interfaces.central import detection
from interfaces.central.centre import Centre, apply_once, data_set_in, own
from interfaces.central.crossings import Crossings, ForeignRecord, IdentityLink, sides
from interfaces.central.entries import Entries
from interfaces.central.errors import UnknownDataSet
from interfaces.eurodac import interoperability, reference, retention
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.interoperability import VISIBILITY, Reader, Side, System
from interfaces.eurodac.likeness import identity_part
from interfaces.eurodac.links import Colour, LinkRow, Verdict, conclude, link_row
from interfaces.formats.errors import FormatRefused
from interfaces.pb.eurodac.central.v1 import interoperability_pb2 as pb
from matcher import templates

MOST_RECORDS = 200
"""Records held for other systems: a trial's worth; each is compared with every new data set, at
about a millisecond per pair of fingers."""

MOST_LINKS = 200
"""Links in one answer: at some two kilobytes each well within one message."""


def list_links(
    centre: Centre, state: str, request: pb.ListIdentityLinksRequest
) -> pb.ListIdentityLinksResponse:
    """The links of a data set as this State may see them, or those that wait for it.

    A State's own unknown number is NOT_FOUND; of others' numbers nothing shows, not even that.
    """
    _insist_on_switch(centre)
    number = wire.text("reference_number", request.reference_number)
    with centre.ledger.read() as entries:
        if number and reference.parse(number).state == state:
            own(entries, state, number)
        views = [_View(entries, link) for link in Crossings(entries).links(number)]
        shown = [view.shown_to(state) for view in views if number or view.awaits(state)]
    return pb.ListIdentityLinksResponse(
        links=[link for link in shown if link is not None][:MOST_LINKS]
    )


def verify_link(
    centre: Centre, state: str, request: pb.VerifyIdentityLinkRequest
) -> pb.VerifyIdentityLinkResponse:
    """Take the conclusion of the responsible authority; the link has its new colour at once.

    The answer is kept for repetitions and outlives the link, so it names neither record.
    """
    _insist_on_switch(centre)
    verdict = _named(pb.LinkVerdict, "LINK_VERDICT_", Verdict, ("verdict", request.verdict))
    authority = _named(pb.System, "SYSTEM_", System, ("authority", request.authority))

    def act(entries: Entries) -> pb.VerifyIdentityLinkResponse:
        crossings = Crossings(entries)
        link = crossings.find_link(request.link_id)
        if link is None or link.reference_number != request.reference_number:
            raise UnknownDataSet
        view = _View(entries, link)
        _allow(interoperability.check_responsible(authority, state, named=view.responsible))
        conclude(link.facts, verdict)
        concluded = replace(
            link, facts=replace(link.facts, verdict=verdict), changed_at=centre.now()
        )
        crossings.link(concluded)
        return pb.VerifyIdentityLinkResponse(link=_View(entries, concluded).decision())

    return apply_once(centre, state, request, answer=pb.VerifyIdentityLinkResponse, act=act)


def place_record(
    centre: Centre, state: str, request: pb.PlaceRecordRequest
) -> pb.PlaceRecordResponse:
    """Hold a record for another system and look for links, as that system would have it done."""
    _insist_on_switch(centre)
    system, number = _record_key(request)
    part = detection.read_identity(request.identity)
    template = None
    if wire.has_biometrics(request.capture):
        samples = wire.samples_from(request.capture)
        extracted = centre.engine.extract([*samples.fingers, *samples.faces])
        template = templates.encode(extracted.reference)
    identity = detection.write_identity(part).SerializeToString()

    def act(entries: Entries) -> pb.PlaceRecordResponse:
        crossings = Crossings(entries)
        known = crossings.record(system, number)
        if known is not None:
            _allow(retention.check_own(known.state, state))
        elif crossings.count_records() >= MOST_RECORDS:
            remedy = f"remove some of the {MOST_RECORDS}"
            raise FormatRefused("W03 TOO_LONG", "record_number", "too many records", remedy)
        record = ForeignRecord(0, system, number, state, identity, template)
        detection.detect_elsewhere(centre, entries, crossings.place(record))
        return pb.PlaceRecordResponse(placed_at=wire.instant_to(centre.now()))

    return apply_once(centre, state, request, answer=pb.PlaceRecordResponse, act=act)


def remove_record(
    centre: Centre, state: str, request: pb.RemoveRecordRequest
) -> pb.RemoveRecordResponse:
    """The other system erases its record; the links vanish with it."""
    _insist_on_switch(centre)
    system, number = _record_key(request)

    def act(entries: Entries) -> pb.RemoveRecordResponse:
        crossings = Crossings(entries)
        known = crossings.record(system, number)
        if known is None:
            raise UnknownDataSet
        _allow(retention.check_own(known.state, state))
        crossings.remove(system, number)
        return pb.RemoveRecordResponse(removed_at=wire.instant_to(centre.now()))

    return apply_once(centre, state, request, answer=pb.RemoveRecordResponse, act=act)


class _View:
    """One link with both of its records, as the confirmation file has them."""

    def __init__(self, entries: Entries, link: IdentityLink) -> None:
        stored = entries.data_set(link.reference_number)
        assert stored is not None, "a link never outlives its data set"
        self._link, self._data_set = link, data_set_in(stored)
        self._record = Crossings(entries).record_of_id(link.record_id)
        self._systems = Crossings(entries).systems_of
        row = link_row(link.facts)
        assert row is not None, "only what the table links is stored"
        self._row: LinkRow = row
        self._sides = sides(link, self._record)
        self._rule = interoperability.responsible(self._sides[Side.NEWER], self._sides[Side.OLDER])

    @property
    def responsible(self) -> tuple[System, str]:
        """System and State of the authority that verifies."""
        system = self._sides[self._rule.side]
        return system, self._state_of(system)

    def awaits(self, state: str) -> bool:
        """Whether the link waits for an authority of this State."""
        return self._row.colour is Colour.YELLOW and self.responsible[1] == state

    def shown_to(self, state: str) -> pb.IdentityLink | None:
        """What a State may see of the link; None: nothing."""
        reader = Reader(
            self._systems(state) | {System.EURODAC},
            made=state in (self._data_set.origin, self._record.state),
            verifies=self.responsible[1] == state,
        )
        colour = self._row.colour
        if not interoperability.may_see(colour, frozenset(self._sides.values()), reader):
            return None
        return self.whole() if VISIBILITY[colour].whole else self.existence()

    def existence(self) -> pb.IdentityLink:
        """That there is a link, its colour and the systems."""
        return pb.IdentityLink(
            link_id=self._link.link_id,
            colour=pb.LinkColour.Value(f"LINK_COLOUR_{self._row.colour.name}"),
            records=[pb.LinkedRecord(system=_system_to(one)) for one in self._sides.values()],
        )

    def decision(self) -> pb.IdentityLink:
        """What was decided on the link and why, without a word on whose records it links."""
        link, facts, message = self._link, self._link.facts, self.existence()
        message.MergeFrom(
            pb.IdentityLink(
                trigger=pb.LinkTrigger.Value(f"LINK_TRIGGER_{link.trigger.name}"),
                biometrics=pb.LinkBiometrics.Value(f"LINK_BIOMETRICS_{facts.biometrics.name}"),
                identity=pb.LinkIdentity.Value(f"LINK_IDENTITY_{facts.identity.name}"),
                document=pb.LinkDocument.Value(f"LINK_DOCUMENT_{facts.document.name}"),
                verdict=pb.LinkVerdict.Value(f"LINK_VERDICT_{facts.verdict.name}"),
                article=self._row.article,
                explanation=self._row.why,
                created_at=wire.instant_to(link.created_at),
                changed_at=wire.instant_to(link.changed_at),
            )
        )
        return message

    def whole(self) -> pb.IdentityLink:
        """The confirmation file; identity data only while somebody must compare them."""
        message, (system, state) = self.decision(), self.responsible
        message.responsible_state = state
        message.responsible_system = _system_to(system)
        message.responsible_authority = self._rule.authority
        for record, linked in zip(message.records, self._sides.values(), strict=True):
            self._describe(record, linked)
        return message

    def _describe(self, message: pb.LinkedRecord, system: System) -> None:
        eurodac = system is System.EURODAC
        message.number = self._link.reference_number if eurodac else self._record.number
        message.state = self._state_of(system)
        if self._row.colour is Colour.YELLOW:
            part = identity_part(self._data_set) if eurodac else detection.identity_in(self._record)
            message.identity.CopyFrom(detection.write_identity(part))

    def _state_of(self, system: System) -> str:
        return self._data_set.origin if system is System.EURODAC else self._record.state


def _insist_on_switch(centre: Centre) -> None:
    _allow(interoperability.check_switch(centre.policy, centre.now()))


def _allow(violations: tuple[Any, ...]) -> None:
    if violations:
        raise RuleBroken(*violations)


def _record_key(request: pb.PlaceRecordRequest | pb.RemoveRecordRequest) -> tuple[System, str]:
    system = _named(pb.System, "SYSTEM_", System, ("system", request.system))
    number = wire.text("record_number", request.record_number)
    if not interoperability.may_link(System.EURODAC, system):
        remedy = "transmit a data set instead"
        raise FormatRefused("W01 VALUE", "system", "is not another system", remedy)
    if not number:
        raise FormatRefused("W02 ABSENT", "record_number", "no number", "name the record")
    return system, number


def _named(kinds: Any, prefix: str, kind: Any, stated: tuple[str, int]) -> Any:
    """The term whose name stands behind the prefix on the wire; FormatRefused for any other."""
    field, value = stated
    known = {kinds.Value(f"{prefix}{member.name}"): member for member in kind}
    if value not in known:
        remedy = f"use one of {[member.name for member in kind]}"
        raise FormatRefused("W01 VALUE", field, "not one of the known values", remedy)
    return known[value]


def _system_to(system: System) -> pb.System.ValueType:
    return pb.System.Value(f"SYSTEM_{system}")
