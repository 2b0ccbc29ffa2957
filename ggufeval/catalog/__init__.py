"""Where models come from: files, folders, and the catalogue in `models/`."""
