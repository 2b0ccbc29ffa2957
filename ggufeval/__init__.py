"""What a GGUF quantization costs, measured question by question."""

__version__ = "0.1.0"
