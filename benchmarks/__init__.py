"""Measurements of accuracy, search and load, each against peers of the same run."""

import matcher  # noqa: F401 - sets the libraries' threads before anything loads numpy
