"""From the bytes of a photo to pixels: what every stage and every prediction decodes by."""
