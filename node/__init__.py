"""The national access point: the doors, the acts behind them, and the store."""
