"""The HTTP side: an application that serves what the markets contribute, to those who have its token."""
