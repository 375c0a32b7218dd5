"""The other side: a client of the central system, and a stand-in that obeys the same law."""
