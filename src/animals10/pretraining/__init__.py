"""A backbone of the project's own: pre-trained on invented creatures, none of them of the ten."""
