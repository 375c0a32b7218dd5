"""The store: the truth of the node and the only SQL. One module per noun, one commit per act."""

from node.store.store import Store, open_store
from node.store.transaction import Transaction

__all__ = ["Store", "Transaction", "open_store"]
