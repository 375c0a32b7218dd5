"""One module per step, each naming the step before it."""
