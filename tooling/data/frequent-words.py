"""Words as they come in a language, as files for `sdq trim` where there is little text: `pip install wordfreq`, then
`python tooling/data/frequent-words.py OUT it nl pl pt` writes OUT/it.txt, .... Each has 200,000 words drawn by their frequency
(wordfreq's lists of many sources, CC BY-SA 4.0), a tenth of them capitalized, as at the start of a sentence or in a name.
"""

import os
import random
import sys

from wordfreq import get_frequency_dict

WORDS = 200_000
WORDS_A_LINE = 20

out, *languages = sys.argv[1:]
os.makedirs(out, exist_ok=True)
for language in languages:
    chosen = random.Random(0)
    frequencies = get_frequency_dict(language, wordlist="best")
    drawn = chosen.choices(list(frequencies), weights=list(frequencies.values()), k=WORDS)
    words = [word.capitalize() if chosen.random() < 0.1 else word for word in drawn]
    lines = [" ".join(words[at : at + WORDS_A_LINE]) for at in range(0, WORDS, WORDS_A_LINE)]
    with open(os.path.join(out, f"{language}.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{language}: {len(frequencies)} words, {len(set(drawn))} of them drawn")
