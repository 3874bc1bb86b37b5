"""From a source of files to arrays: what is a photo of which class, and who sees it."""
