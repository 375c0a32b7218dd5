"""Model data: manifest, cards and recipes (synthesis, later training)."""
