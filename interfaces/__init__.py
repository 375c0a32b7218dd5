"""The Regulation, untrusted formats, the wire, and the other side of it."""
