"""Prolonged temporary protection at the centre: its operator declares it, no State does.

All data sets recorded under the prolonged decision of the Council get their new end in one commit,
and so does whatever arrives later (Art. 29(9)). What was erased before stays erased.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from interfaces.central.centre import data_set_in
from interfaces.central.entries import Entries
from interfaces.central.ledger import Ledger
from interfaces.eurodac.dataset import DataSet
from interfaces.eurodac.declared import Declared, DeclaredKind, check_declared
from interfaces.eurodac.errors import RuleBroken
from interfaces.eurodac.retention import prolonged_end


def prolong(ledger: Ledger, prolonged: str, decision: str) -> int:
    """Let a decision of the Council prolong another by a year; returns how many ends moved.

    Declared again it changes nothing. RuleBroken when a reference is missing.
    """
    kind = DeclaredKind.TEMPORARY_PROTECTION
    violations = tuple(check_declared(Declared(kind, decision=decision, prolonged=prolonged)))
    if violations:
        raise RuleBroken(*violations)
    moved = 0
    with ledger.write() as entries:
        entries.prolong(prolonged, decision)
        for stored in list(entries.data_sets()):
            until = find_end(entries, data_set_in(stored))
            if until != stored.retained_until:
                entries.replace(replace(stored, retained_until=until))
                moved += 1
    return moved


def find_end(entries: Entries, data_set: DataSet) -> datetime:
    """Last second of a data set under all prolongations that the ledger knows."""
    kind = DeclaredKind.TEMPORARY_PROTECTION
    declared = [
        Declared(kind, decision=decision, prolonged=prolonged)
        for prolonged, decision in entries.prolongations()
    ]
    return prolonged_end(data_set, data_set.transmitted_at, declared)
