"""A program that stands in for one that is not to be had: it returns a code and does nothing else."""

from __future__ import annotations

import struct


def returning(code: int) -> bytes:
    """An ELF file with one section of two machine instructions: put `code` into the result, and return."""
    text = struct.pack("<BBhi", 0xB7, 0, 0, code) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    names = b"\0.text\0.shstrtab\0"
    text_at = 64 + 56
    names_at = text_at + len(text)
    sections_at = -(-(names_at + len(names)) // 8) * 8
    head = b"\x7fELF\2\1\1" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 247, 1, text_at, 64, sections_at, 0, 64, 56, 1, 64, 3, 2)
    segment = struct.pack("<IIQQQQQQ", 1, 5, text_at, text_at, text_at, len(text), len(text), 4096)
    sections = bytes(64)
    sections += struct.pack("<IIQQQQIIQQ", 1, 1, 6, text_at, text_at, len(text), 0, 0, 8, 0)
    sections += struct.pack("<IIQQQQIIQQ", 7, 3, 0, 0, names_at, len(names), 0, 0, 1, 0)
    return (head + segment + text + names).ljust(sections_at, b"\0") + sections
