"""The gallery of hard images: one page that works offline, and the data in it."""
