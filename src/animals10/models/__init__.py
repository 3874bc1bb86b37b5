"""The networks, and the pre-trained weights that they start from."""
