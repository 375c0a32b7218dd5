"""The main job in one run: two access points, one centre, real messages, a printed timeline."""
