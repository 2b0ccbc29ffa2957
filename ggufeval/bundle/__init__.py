"""A study in one file that another machine can check: `bundle`, `verify`, `reproduce`."""
