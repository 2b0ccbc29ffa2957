"""Records for other programs: one file, or a folder that `datasets` loads."""

from ggufeval.export.files import export, frame
from ggufeval.export.folder import export_folder

__all__ = ["export", "export_folder", "frame"]
