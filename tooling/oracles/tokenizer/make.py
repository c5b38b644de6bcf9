"""Writes packages/models/test/oracles/tokenizer: what the Rust tokenizers library and sentencepiece make of
texts.json, with a small vocabulary of the project's own (see README.md)."""

import argparse
import base64
import copy
import hashlib
import io
import json
import unicodedata
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
OUT = ROOT / "packages" / "models" / "test" / "oracles" / "tokenizer"
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def corpus():
    """The topic set, and the texts themselves a few times, so that the rarest scripts have pieces and gaps."""
    lines = []
    for path in sorted((ROOT / "packages" / "xglue" / "data" / "topics" / "NC").iterdir()):
        for line in path.read_text(encoding="utf8").splitlines():
            lines += line.split("\t")[:2]
    texts = [row["text"] for row in json.loads((HERE / "texts.json").read_text())]
    scripts = [t for t in texts if 3 < len(t) < 60 and "<" not in t and "\0" not in t]
    return lines + 4 * scripts


def unigram_model():
    """Unigram pieces of sentencepiece, its character map, and ids as XLM-R's."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()),
        model_writer=written,
        model_type="unigram",
        vocab_size=1600,
        character_coverage=0.985,
        normalization_rule_name="nmt_nfkc",
        num_threads=1,
        minloglevel=2,
    )
    proto = sentencepiece_model_pb2.ModelProto.FromString(written.getvalue())
    vocab = [[piece, 0.0] for piece in SPECIAL]
    vocab += [[p.piece, round(p.score, 4)] for p in proto.pieces if p.type == p.NORMAL]
    vocab.append(["<mask>", 0.0])
    charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    return {"type": "Unigram", "unk_id": 3, "vocab": vocab}, charsmap


def word_piece_model():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=1600, limit_alphabet=700, special_tokens=BERT_SPECIAL, show_progress=False
    )
    lower = [line.lower() for line in corpus()]
    tokenizer.train_from_iterator(corpus() + lower, trainer)
    vocab = tokenizer.get_vocab(with_added_tokens=False)
    return {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": dict(sorted(vocab.items(), key=lambda item: item[1])),
    }


def added(content, id, **flags):
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": id, "content": content, **plain, **flags}


def variants(unigram, word_piece, charsmap):
    """Whole tokenizer.json contents by name."""
    last = len(unigram["vocab"])
    special = [added(piece, id) for id, piece in enumerate(SPECIAL)] + [added("<mask>", last - 1)]
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    precompiled = {"type": "Precompiled", "precompiled_charsmap": charsmap}
    collapse = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    normalizer = {"type": "Sequence", "normalizers": [precompiled, collapse]}

    def xlmr(**changes):
        base = {"added_tokens": special, "normalizer": normalizer, "pre_tokenizer": metaspace, "model": unigram}
        return {"version": "1.0", "truncation": None, "padding": None, "post_processor": None, "decoder": None} | (
            base | changes
        )

    def bert(**changes):
        clean = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}
        return xlmr(
            added_tokens=[added(piece, id) for id, piece in enumerate(BERT_SPECIAL)],
            pre_tokenizer={"type": "BertPreTokenizer"},
            model=word_piece,
            **({"normalizer": clean | {"strip_accents": None, "lowercase": False}} | changes),
        )

    def sequence(*steps):
        return {"type": "Sequence", "normalizers": list(steps)}

    more = [("<0x%02X>" % byte, -30.0) for byte in range(256)]
    bytes_model = unigram | {"byte_fallback": True, "vocab": unigram["vocab"] + [list(m) for m in more]}
    flagged = [
        ("dot", {"single_word": True, "normalized": True}),
        ("RÉNÉ", {"normalized": True}),
        ("<left>", {"lstrip": True}),
        ("<right>", {"rstrip": True, "normalized": True}),
        ("<a>", {}),
        ("<ab>", {"single_word": True}),
        ("<abc>", {}),
        ("①x", {"normalized": True}),
        ("one", {"single_word": True, "lstrip": True, "rstrip": True}),
    ]
    with_flags = special[:-1] + [added("<mask>", last - 1, lstrip=True)]
    ids = {piece: id for id, (piece, _) in enumerate(unigram["vocab"])}
    for text, _ in flagged:
        ids.setdefault(text, len(ids))
    with_flags += [added(text, ids[text], special=False, **flags) for text, flags in flagged]
    split = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]}
    strip = {"type": "Strip", "strip_left": False, "strip_right": True}
    to_mark = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}
    first = metaspace | {"prepend_scheme": "first"}
    lower = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None}
    return {
        "xlmr": xlmr(),
        "prepend-never": xlmr(pre_tokenizer=metaspace | {"prepend_scheme": "never"}),
        "prepend-first": xlmr(pre_tokenizer=first),
        "prepend-first-of-words": xlmr(pre_tokenizer=split | {"pretokenizers": [{"type": "WhitespaceSplit"}, first]}),
        "unsplit": xlmr(pre_tokenizer=metaspace | {"split": False}),
        "byte-fallback": xlmr(model=bytes_model),
        "flags": xlmr(added_tokens=with_flags),
        "white-space-split": xlmr(pre_tokenizer=split, normalizer=precompiled),
        "strip": xlmr(normalizer=sequence(precompiled, strip, to_mark)),
        "nfkc-lower": xlmr(normalizer=sequence({"type": "NFKC"}, {"type": "Lowercase"})),
        "nfc-prepend": xlmr(
            normalizer=sequence(
                {"type": "NFC"},
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ),
            pre_tokenizer=None,
        ),
        "bert": bert(),
        "bert-lower": bert(normalizer=lower | {"lowercase": True}),
        "words": bert(
            normalizer=sequence({"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"}),
        )
        | {"pre_tokenizer": {"type": "Whitespace"}},
    }


def steps_of(normalizer):
    return [] if normalizer is None else normalizer.get("normalizers", [normalizer])


class Reference:
    """The Rust library, with sentencepiece's normalizer where the two apply a character map differently."""

    def __init__(self, described):
        self.rust = Tokenizer.from_str(json.dumps(described))
        steps = steps_of(described.get("normalizer"))
        maps = [step["precompiled_charsmap"] for step in steps if step["type"] == "Precompiled"]
        self.sentencepiece = None
        if maps:
            self.sentencepiece = map_normalizer(maps[0])
            self.rust_map = normalizers.Precompiled(base64.b64decode(maps[0]))
            rest = copy.deepcopy(described)
            rest["normalizer"] = {"type": "Sequence", "normalizers": [s for s in steps if s["type"] != "Precompiled"]}
            self.rest = Tokenizer.from_str(json.dumps(rest))

    def differs(self, text):
        return self.sentencepiece is not None and self.rust_map.normalize_str(text) != self.sentencepiece.normalize(
            text
        )

    def encode(self, text):
        """The ids and offsets in UTF-16 units, and whether sentencepiece normalized the text."""
        if not self.differs(text):
            found = self.rust.encode(text, add_special_tokens=False)
            offsets = found.offsets
        else:
            normal, places = self.sentencepiece.normalize(text, with_offsets=True)
            found = self.rest.encode(normal, add_special_tokens=False)
            offsets = [
                (places[a], next((p for p in places[b:] if p > places[b - 1]), places[-1]))
                for a, b in found.offsets
            ]
        units = [0]
        for character in text:
            units.append(units[-1] + (2 if ord(character) > 0xFFFF else 1))
        return {
            "ids": found.ids,
            "starts": [units[a] for a, _ in offsets],
            "ends": [units[b] for _, b in offsets],
        }

    def encode_words(self, words):
        if any(self.differs(word) for word in words):
            words = [self.sentencepiece.normalize(w) for w in words]
            found = self.rest.encode(words, is_pretokenized=True, add_special_tokens=False)
        else:
            found = self.rust.encode(words, is_pretokenized=True, add_special_tokens=False)
        return {"ids": found.ids, "words": found.word_ids}


def map_normalizer(charsmap):
    proto = sentencepiece_model_pb2.ModelProto()
    spec = proto.normalizer_spec
    spec.precompiled_charsmap = base64.b64decode(charsmap)
    spec.add_dummy_prefix = spec.remove_extra_whitespaces = spec.escape_whitespaces = False
    for piece, type in [("<unk>", 2), ("a", 1)]:
        proto.pieces.add(piece=piece, score=-1, type=type)
    return sentencepiece.SentencePieceNormalizer(model_proto=proto.SerializeToString())


def own_texts():
    rows = json.loads((HERE / "texts.json").read_text())
    texts = [row["text"] for row in rows]
    for text in [row["text"] for row in rows if row["kind"] in ("scripts", "marks", "compatibility")]:
        texts += [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKD")]
    return list(dict.fromkeys(texts))


def digest(value):
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()[:12]


def write(name, rows):
    lines = [
        f"{json.dumps(key)}: " + (json.dumps(value, separators=(",", ":")) if not isinstance(value, list) else
        "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in value) + "\n]")
        for key, value in rows.items()
    ]
    (OUT / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, help="a folder with strings.json and models/NAME/tokenizer.json")
    parser.add_argument("--xlmr", type=Path, help="the folder with XLM-R's own tokenizer.json")
    options = parser.parse_args()
    unigram, charsmap = unigram_model()
    word_piece = word_piece_model()
    texts = own_texts()
    every = {"xlmr", "bert"}
    few = [row["text"] for row in json.loads((HERE / "texts.json").read_text()) if row["kind"] not in ("scripts", "long")]
    described = variants(unigram, word_piece, charsmap)
    cases = []
    for name, content in described.items():
        reference = Reference(content)
        for text in texts if name in every else few:
            words = text.split()
            row = {"tokenizer": name, "text": text, **reference.encode(text)}
            if reference.differs(text):
                row["map"] = "sentencepiece"
            if name in every | {"prepend-never", "flags"} and len(words) > 1:
                row["inWords"] = {"of": words, **reference.encode_words(words)}
            cases.append(row)
    byte_vocab = described["byte-fallback"]["model"]["vocab"]
    models_ = {"unigram": unigram, "bytes": unigram | {"byte_fallback": True, "vocab": byte_vocab}, "wordPiece": word_piece}
    names = {id(unigram): "unigram", id(word_piece): "wordPiece"}
    for content in described.values():
        content["model"] = names.get(id(content["model"]), "bytes")
    text = json.dumps(described).replace(json.dumps(charsmap), '"nmt_nfkc"')
    write("files.json", {"map": charsmap, "models": models_, "tokenizers": json.loads(text)})
    normal = map_normalizer(charsmap)
    characters = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    each = "\n".join(normal.normalize(characters))
    write("pieces.json", {"everyCharacter": hashlib.sha256(each.encode()).hexdigest(), "cases": cases})
    if options.cases is None:
        return
    strings = [row["text"] for row in json.loads((options.cases / "strings.json").read_text())]
    files = {
        name: options.cases / "models" / name / "tokenizer.json"
        for name in ("base-xlmr", "byte-fallback", "prepend-never")
    }
    if options.xlmr is not None:
        files["multilingual-e5-small"] = options.xlmr / "tokenizer.json"
    digests = {}
    for name, path in files.items():
        reference = Reference(json.loads(path.read_text(encoding="utf8")))
        digests[name] = [digest([text, reference.encode(text)["ids"]]) for text in strings]
    write("digests.json", digests)


if __name__ == "__main__":
    main()
