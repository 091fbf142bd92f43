"""Writes src/Dtt.Data/Tokenizers/canonical.txt from Python's Unicode data: python3 tests/reference/make_canonical.py

A line a character, numbers in base 16: "CODE class" of a mark that is ordered (its canonical combining class), "CODE FIRST [SECOND]" of one that is
canonically equivalent to others, with "=" in front where the composed form is the normal one (NFC). Hangul is by rule and is left out.
"""
import pathlib
import unicodedata

lines = []
for code in range(0x110000):
    c = chr(code)
    if unicodedata.combining(c):
        lines.append(f"{code:X} {unicodedata.combining(c):x} class")
    parts = unicodedata.decomposition(c)
    if parts and not parts.startswith("<"):
        lines.append(f"{'=' if unicodedata.normalize('NFC', c) == c else ''}{code:X} {' '.join(f'{int(p, 16):X}' for p in parts.split())}")
path = pathlib.Path(__file__).parents[2] / "src/Dtt.Data/Tokenizers/canonical.txt"
path.write_text(f"# Unicode {unicodedata.unidata_version}; made by tests/reference/make_canonical.py, which says what it means\n" + "\n".join(lines) + "\n")
