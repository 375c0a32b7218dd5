"""Messages generated from interfaces/proto by `make proto`; never edited by hand."""
