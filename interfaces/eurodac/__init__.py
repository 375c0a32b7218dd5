"""Regulation (EU) 2024/1358 as tables and pure functions: what both parties of the wire obey."""
