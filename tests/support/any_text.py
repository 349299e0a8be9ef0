"""Names that people give to files, cameras and jobs: eight scripts and what shells trip over."""

ANY_TEXT = (
    "na\u00efve 'q' \"q\" \n new\tline $HOME `x` ; & %41 \\ #1? [a] {b}",
    "\u8857\u9053 \u30ab\u30e1\u30e9 \ud55c\uad6d",
    "\u041f\u0440\u0438\u0432\u0435\u0442 \u0395\u03bb\u03bb\u03ac\u03b4\u03b1",
    "\u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u0939\u093f \u0e44\u0e17\u0e22",
    "\U0001f6a6\U0001f469\u200d\U0001f469 e\u0301",
    "-rf",
)
"""Latin with quotes, newlines and marks; Han, Kana, Hangul; Cyrillic, Greek; Hebrew, Arabic,
Devanagari, Thai; emoji and marks that combine; an option."""
