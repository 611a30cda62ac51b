"""The numbers of pictures, as frozen dataclasses; nothing here draws."""
