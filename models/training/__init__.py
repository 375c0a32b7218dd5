"""How the trained models are made: the only place that may import PyTorch."""
