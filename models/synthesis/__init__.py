"""Synthetic captures of our own making: persons with ten fingers and a face."""
