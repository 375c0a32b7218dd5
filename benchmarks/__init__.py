"""Measurements of accuracy, search and load, each against peers of the same run."""
