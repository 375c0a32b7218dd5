"""One transaction of the store: a connection, the keys it opened, and what it will announce."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select

from node import schema, vault
from node.errors import NotFound
from node.vault import Place, Vault

THE_NODE = ""
"""Owner of sealed values that belong to no data set."""


@dataclass(slots=True)
class Transaction:
    """What a store function works on. touched: cases that change; queued: a parcel was added."""

    connection: Connection
    vault: Vault
    touched: set[str] = field(default_factory=set)
    queued: bool = False
    erased: bool = False
    _keys: dict[str, bytes] = field(default_factory=dict, repr=False)

    def seal(self, plain: bytes, place: Place) -> bytes:
        """Seal under the data key of the place's owner."""
        return vault.seal(self._key_of(place.owner), plain, place)

    def unseal(self, sealed: bytes, place: Place) -> bytes:
        """Open what lies at a place; NotFound once its owner is erased."""
        return vault.unseal(self._key_of(place.owner), sealed, place)

    def add_owner(self, owner: str) -> None:
        """Draw and keep the data key of a new data set."""
        key = self.vault.new_data_key()
        wrapped = self.vault.wrap(owner, key)
        self.connection.execute(insert(schema.data_keys).values(owner=owner, wrapped=wrapped))
        self._keys[owner] = key

    def forget_owner(self, owner: str) -> None:
        """Drop an opened key after its row was deleted."""
        self._keys.pop(owner, None)

    def _key_of(self, owner: str) -> bytes:
        if owner == THE_NODE:
            return self.vault.node_key
        if owner not in self._keys:
            table = schema.data_keys
            query = select(table.c.wrapped).where(table.c.owner == owner)
            wrapped = self.connection.execute(query).scalar_one_or_none()
            if wrapped is None:
                raise NotFound(f"{owner} is erased or was never here")
            self._keys[owner] = self.vault.unwrap(owner, wrapped)
        return self._keys[owner]
