"""The history of the store's schema, applied at start by `node.schema.migrate`."""
