"""How good the models are: metrics, tables, pictures."""
