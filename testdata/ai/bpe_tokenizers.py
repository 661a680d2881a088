"""A small byte-pair vocabulary and encodings of some texts by Hugging Face tokenizers, in GPT-2's form.

Written with tokenizers 0.23.3. Command: python bpe_tokenizers.py   (writes bpe-vocab.json, bpe-merges.txt, bpe_texts.json)
"""

import json
import sys

import tokenizers
from tokenizers import ByteLevelBPETokenizer

CORPUS = ["The array's light waits at noon. The bus cools in shadow, and the radiator's warm: 273.15 kelvin! "] * 20
TEXTS = [
    "The radiators wait; I'll see they're cooling at 10:30.\n\n  Two  spaces, \ttabs   and the end ",
    "Größe 12½ µm — naïve café, 東京タワー, emoji 🛰️ and it's ROCKET'S",
    "x=3;y = 'a b'\r\n\u00a0\u00a0non-breaking\u3000wide   ",
    "हिन्दी's ไทย's عَرَبِيّ's Ⅷ's x²'s \u0345's",
]

tokenizer = ByteLevelBPETokenizer()
tokenizer.train_from_iterator(CORPUS, vocab_size=320, min_frequency=2)
tokenizer.save_model(".", "bpe")
texts = [{"text": text, "tokens": tokenizer.encode(text).ids} for text in TEXTS]
json.dump({"tokenizers": tokenizers.__version__, "texts": texts}, open("bpe_texts.json", "w"), indent=1)
print(tokenizers.__version__, file=sys.stderr)
