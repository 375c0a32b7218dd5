"""The running digest: what the gallery must hold, kept in the same commit as every change.

One sum stands for all references, see matcher.digest; so a start can prove that a snapshot holds
what the store holds without opening one reference. Beside each reference lies the hash of its
content, sealed under the node's key, by which it is counted out again. Where a hash does not open,
or comes from before there were any, the sum is forgotten, not guessed: the next start then opens
everything once and writes it anew.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update

from interfaces.eurodac.categories import Category
from matcher.digest import hash_entry, read_sum, write_sum
from node import schema
from node.access import PARTITIONS
from node.errors import SealBroken
from node.store.transaction import THE_NODE, Transaction
from node.vault import Place

_DIGESTS, _TEMPLATES = schema.gallery_digests, schema.templates

NAME = "references"
"""The only row of its table."""


def read(transaction: Transaction) -> bytes | None:
    """The digest of all stored references; None where it is not known."""
    query = select(_DIGESTS.c.value).where(_DIGESTS.c.name == NAME).with_for_update()
    return transaction.connection.execute(query).scalar_one_or_none()


def put(transaction: Transaction, digest: bytes) -> None:
    """Set the digest, as computed from all references in the same transaction."""
    forget(transaction)
    transaction.connection.execute(insert(_DIGESTS).values(name=NAME, value=digest))


def forget(transaction: Transaction) -> None:
    """Say that the digest is not known: the next start opens all references and puts it."""
    transaction.connection.execute(delete(_DIGESTS).where(_DIGESTS.c.name == NAME))


def seal(transaction: Transaction, template_id: int, content: bytes) -> bytes:
    """The hash of a reference's content as it lies beside it. content: its SHA-256."""
    return transaction.seal(content, _place(template_id))


def note(transaction: Transaction, template_id: int, content: bytes) -> None:
    """Keep the hash of a reference stored before there were hashes; the sum does not change."""
    values = {"digest": seal(transaction, template_id, content)}
    mine = _TEMPLATES.c.template_id == template_id
    transaction.connection.execute(update(_TEMPLATES).where(mine).values(values))


def list_unnoted(transaction: Transaction) -> tuple[int, ...]:
    """Gallery numbers of references without a hash beside them."""
    query = select(_TEMPLATES.c.template_id).where(_TEMPLATES.c.digest.is_(None))
    return tuple(transaction.connection.execute(query).scalars())


def count_in(transaction: Transaction, template_id: int, content: bytes) -> None:
    """Count a reference that lies in its table now. content: SHA-256 of its encoded form."""
    partition = _find(transaction, template_id)[0]
    _shift(transaction, hash_entry(template_id, partition, content))


def count_out(transaction: Transaction, template_id: int) -> None:
    """Count a reference out that is about to go; what lies damaged can still be erased."""
    partition, sealed = _find(transaction, template_id)
    if sealed is None:
        forget(transaction)
        return
    try:
        content = transaction.unseal(sealed, _place(template_id))
    except SealBroken:
        forget(transaction)
        return
    _shift(transaction, -hash_entry(template_id, partition, content))


def _shift(transaction: Transaction, by: int) -> None:
    """Add to the sum; one that is not known stays so."""
    digest = read(transaction)
    if digest is not None:
        put(transaction, write_sum(read_sum(digest) + by))


def _find(transaction: Transaction, template_id: int) -> tuple[int, bytes | None]:
    """Partition and sealed hash of a stored reference."""
    data_sets = schema.data_sets
    query = (
        select(data_sets.c.category, _TEMPLATES.c.digest)
        .join(_TEMPLATES, _TEMPLATES.c.reference_number == data_sets.c.reference_number)
        .where(_TEMPLATES.c.template_id == template_id)
    )
    row = transaction.connection.execute(query).one()
    return PARTITIONS[Category(row.category)], row.digest


def _place(template_id: int) -> Place:
    return Place(THE_NODE, "templates", "digest", str(template_id))
