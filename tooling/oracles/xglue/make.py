"""Writes packages/xglue/test/oracles: expected scores from independent implementations (see README.md)."""

import argparse
import json
import random
import re
import string
import sys
import unicodedata
import warnings
from collections import Counter
from itertools import groupby
from pathlib import Path

import numpy as np
import sacrebleu
from seqeval.metrics import f1_score
from sklearn.metrics import accuracy_score, ndcg_score

PACKAGE = Path(__file__).resolve().parents[3] / "packages" / "xglue" / "test"
FIXTURES = PACKAGE / "fixtures"
GOLD = FIXTURES / "xglue"


def old_precision(folder):
    """seqeval 0.0.12's precision_score, beside the version that is imported above."""
    for name in [name for name in sys.modules if name.split(".")[0] == "seqeval"]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    from seqeval.metrics import precision_score

    sys.path.pop(0)
    return precision_score


def lines(path):
    return path.read_text(encoding="utf8").rstrip("\n").split("\n")


def sentences(path):
    return [block.split("\n") for block in path.read_text(encoding="utf8").strip("\n").split("\n\n")]


def padded(gold, predicted):
    return [tags + ["O"] * (len(right) - len(tags)) for right, tags in zip(gold, predicted)]


def wpr(queries, relevance, scores):
    values = []
    for _, group in groupby(zip(queries, relevance, scores), key=lambda row: row[0]):
        group = list(group)
        if len(group) > 1:
            values.append(ndcg_score([[float(r[1]) for r in group]], [[float(r[2]) for r in group]]))
    return float(np.mean(values))


PUNCTUATION = {chr(i) for i in range(sys.maxunicode) if unicodedata.category(chr(i))[0] == "P"}
PUNCTUATION |= set(string.punctuation)
ARTICLES = {
    "en": r"\b(a|an|the)\b",
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "vi": r"\b(của|là|cái|chiếc|những)\b",
    "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "ar": "ال",
}


def answer_tokens(text, language):
    text = "".join(c for c in text.lower() if c not in PUNCTUATION)
    if language in ARTICLES:
        text = re.sub(ARTICLES[language], " ", text)
    if language == "zh":
        text = re.sub("([\u4e00-\u9fa5])", r" \1 ", text)
    return text.split()


def answer_f1(prediction, answers, language):
    best = 0.0
    left = answer_tokens(prediction, language)
    for answer in answers:
        right = answer_tokens(answer, language)
        same = sum((Counter(left) & Counter(right)).values())
        if same:
            precision, recall = same / len(left), same / len(right)
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


def answer_match(prediction, answers, language):
    return max(float(answer_tokens(prediction, language) == answer_tokens(a, language)) for a in answers)


def mlqa(gold, predictions, language):
    values = [
        answer_f1(predictions[qa["id"]], [a["text"] for a in qa["answers"]], language)
        if qa["id"] in predictions
        else 0.0
        for article in gold["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    return sum(values) / len(values)


def bleu(references, hypotheses):
    return sacrebleu.corpus_bleu(hypotheses, [references], lowercase=True).score / 100


def score(task, language, precision_score):
    predicted = FIXTURES / "predictions" / task / f"{language}.prediction"
    if task == "MLQA":
        gold = GOLD / task / "MLQA_V1" / "dev" / f"dev-context-{language}-question-{language}.json"
        return mlqa(json.loads(gold.read_text()), json.loads(predicted.read_text()), language)
    if task in ("NER", "POS"):
        gold = [[line.split()[-1] for line in block] for block in sentences(GOLD / task / f"{language}.dev")]
        tags = padded(gold, sentences(predicted))
        return float((f1_score if task == "NER" else precision_score)(gold, tags))
    answers = predicted.read_text(encoding="utf8").split("\n")[:-1]
    if task in ("QG", "NTG"):
        return bleu(lines(GOLD / task / f"xglue.{task.lower()}.{language}.tgt.dev"), answers)
    if task == "PAWSX":
        rows = [line.split("\t") for line in lines(GOLD / task / language / "dev_2k.tsv")[1:]]
    elif task == "XNLI":
        rows = [line.split("\t") for line in lines(GOLD / task / f"{language}.dev")]
    else:
        rows = [line.split("\t") for line in lines(GOLD / task / f"xglue.{task.lower()}.{language}.dev")]
    labels = [row[-1] for row in rows]
    if task == "WPR":
        return wpr([row[0] for row in rows], labels, answers)
    answers = (answers + [""] * len(labels))[: len(labels)]
    return float(accuracy_score(labels, answers))


def random_cases(precision_score):
    draw = random.Random(0)
    cases = {"entityF1": [], "tagPrecision": [], "ndcg": [], "bleu": [], "answers": []}
    entity_tags = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-ORG", "E-LOC", "S-PER", "B-MISC"]
    pos_tags = "ADJ ADP INTJ NOUN NOUN VERB PROPN PUNCT SCONJ SYM SYM X O".split()
    for _ in range(40):
        lengths = [draw.randint(1, 9) for _ in range(draw.randint(1, 4))]
        for name, tags, metric in [
            ("entityF1", entity_tags, f1_score),
            ("tagPrecision", pos_tags, precision_score),
        ]:
            gold = [[draw.choice(tags) for _ in range(n)] for n in lengths]
            predicted = [[t if draw.random() < 0.6 else draw.choice(tags) for t in s] for s in gold]
            if name == "tagPrecision" and draw.random() < 0.3:
                predicted[0].append(draw.choice(tags))
            value = float(metric(gold, predicted))
            cases[name].append({"gold": gold, "predicted": predicted, "value": value})
        relevance = [draw.randint(0, 4) for _ in range(draw.randint(2, 9))]
        scores = [draw.choice([0, 1, 2, 2.5, 4]) for _ in relevance]
        value = float(ndcg_score([relevance], [scores]))
        cases["ndcg"].append({"relevance": relevance, "scores": scores, "value": value})
    words = (
        "The the cat sat, 3.5 1,000 3-4 self-made don't \"so\" (here) a/b U.S. Straße ÉTÉ Река кошка. 猫 在。 ไทย "
        "किताब। &amp; &quot; &lt;b&gt; <skipped> x@y.z 50% $5 — … ... ¿qué? 😀 İstanbul ΣΟΦΟΣ end- ال\u00a0كتاب"
    ).split(" ")
    for size in (1, 1, 2, 3, 5, 8, 8):
        references = [" ".join(draw.choice(words) for _ in range(draw.randint(3, 16))) for _ in range(size)]
        hypotheses = [
            " ".join(w if draw.random() < 0.7 else draw.choice(words) for w in r.split(" ")) for r in references
        ]
        hypotheses[-1] = " ".join(hypotheses[-1].split(" ")[: draw.randint(0, 3)]) if size == 3 else hypotheses[-1]
        cases["bleu"].append(
            {"references": references, "hypotheses": hypotheses, "value": bleu(references, hypotheses)}
        )
    texts = {
        "en": "the a an anthem The, 1.5 km \"north\" $5 of_the the_one O'Neil".split(" "),
        "es": "el la unos torre ¿cuál? Él los-altos niña".split(" "),
        "de": "der die das Dom (des) Straße einer DEM größte".split(" "),
        "vi": "của là cái hồ sâu, Chiếc những thuyền".split(" "),
        "ar": "البيت ال كتاب، الجمال ١٤٠ عال".split(" "),
        "hi": "झील की गहराई। १४० मीटर".split(" "),
        "zh": "奥伦湖 深,140 米。 Quill先生 “白鹭” a1 々".split(" "),
        "fr": "le la l'eau".split(" "),
    }
    for language, parts in texts.items():
        for _ in range(8):
            answers = [" ".join(draw.sample(parts, 2)) for _ in range(draw.randint(1, 3))]
            prediction = " ".join(draw.sample(parts, 3)) if draw.random() < 0.7 else answers[0] + " ."
            cases["answers"].append(
                {
                    "language": language,
                    "answers": answers,
                    "prediction": prediction,
                    "f1": answer_f1(prediction, answers, language),
                    "exact": answer_match(prediction, answers, language),
                }
            )
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old-seqeval", type=Path, required=True, help="a folder with seqeval 0.0.12")
    precision_score = old_precision(parser.parse_args().old_seqeval.resolve())
    warnings.filterwarnings("ignore")
    folders = sorted(path for path in (FIXTURES / "predictions").iterdir() if path.is_dir())
    scores = {
        folder.name: {
            path.stem: score(folder.name, path.stem, precision_score)
            for path in sorted(folder.glob("*.prediction"))
        }
        for folder in folders
    }
    out = PACKAGE / "oracles"
    out.mkdir(exist_ok=True)
    (out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    cases = random_cases(precision_score)
    rows = [
        f' "{name}": [\n' + ",\n".join("  " + json.dumps(c, ensure_ascii=False) for c in of_metric) + "\n ]"
        for name, of_metric in cases.items()
    ]
    (out / "metrics.json").write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf8")


if __name__ == "__main__":
    main()
