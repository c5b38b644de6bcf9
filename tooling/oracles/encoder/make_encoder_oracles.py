"""Writes the small checkpoints and reference numbers that packages/models is tested against.

Each is a random model of the transformers library, saved as that library saves it, and beside it `oracle.json`:
hidden states, logits, loss and a few gradients for a handful of sequences. See README.md for how to run it.
"""

import argparse
import json
import pathlib
import shutil

import torch
import transformers

SIZES = dict(
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    vocab_size=120,
    max_position_embeddings=24,
)
LABELS = ["low", "middle", "high"]
SEQUENCES = [[0, 5, 17, 99, 2], [0, 2], [0, 44, 45, 46, 47, 48, 49, 50, 51, 119, 3, 2], [7]]
# Of each part of the model one parameter, names without the family's prefix.
GRADIENTS = [
    "encoder.layer.0.attention.self.query.weight",
    "encoder.layer.1.output.dense.weight",
    "encoder.layer.0.attention.output.LayerNorm.weight",
    "embeddings.position_embeddings.weight",
    "embeddings.token_type_embeddings.weight",
]
# folder: class, second sequence's token type, dtype, sharded
MODELS = {
    "bert-sequence": ("BertForSequenceClassification", 1, torch.float32, False),
    "bert-token-bf16": ("BertForTokenClassification", 0, torch.bfloat16, False),
    "bert-answer": ("BertForQuestionAnswering", 0, torch.float32, False),
    "bert-base-sharded": ("BertModel", 0, torch.float32, True),
    "xlm-roberta-sequence-fp16": ("XLMRobertaForSequenceClassification", 0, torch.float16, False),
    "xlm-roberta-token": ("XLMRobertaForTokenClassification", 0, torch.float32, False),
}


def config_of(class_name):
    labels = LABELS[:2] if class_name.endswith("ForQuestionAnswering") else LABELS
    names = dict(id2label=dict(enumerate(labels)))
    if class_name.startswith("XLMRoberta"):
        # As XLM-R: one token type, positions behind the padding id, its epsilon.
        return transformers.XLMRobertaConfig(
            **SIZES, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5, **names
        )
    return transformers.BertConfig(**SIZES, type_vocab_size=2, **names)


def draw(model, seed):
    """Weights far larger than a fresh model's, so that softmax, GELU and the norms are not near their linear parts."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("LayerNorm.weight"):
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_((0.3 if parameter.dim() > 1 else 0.1) * noise)


def token_types_of(sequence, second_type):
    """The second half of a sequence has the second type."""
    return [second_type if i >= len(sequence) / 2 else 0 for i in range(len(sequence))]


def loss_of(logits, class_name):
    """The mean cross-entropy of row i against label i modulo the number of labels."""
    rows = logits.reshape(-1, logits.shape[-1])
    targets = torch.arange(rows.shape[0]) % rows.shape[1]
    return torch.nn.functional.cross_entropy(rows, targets)


def rounded(tensor):
    return [float(f"{value:.7g}") for value in tensor.detach().flatten().tolist()]


def make(folder, class_name, second_type, dtype, sharded, seed):
    config = config_of(class_name)
    # Attention by plain tensor operations, so that the numbers do not hang on a fused kernel.
    config._attn_implementation = "eager"
    model = getattr(transformers, class_name)(config).eval()
    draw(model, seed)
    model = model.to(dtype)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **({"max_shard_size": "20KB"} if sharded else {}))

    # Reference numbers: the stored weights, computed with in float32, each sequence alone.
    model = model.to(torch.float32)
    hidden, logits = [], []
    for sequence in SEQUENCES:
        output = model(
            input_ids=torch.tensor([sequence]),
            token_type_ids=torch.tensor([token_types_of(sequence, second_type)]),
            output_hidden_states=True,
        )
        hidden.append([layer[0] for layer in output.hidden_states])
        if class_name.endswith("ForSequenceClassification"):
            logits.append(output.logits)
        elif class_name.endswith("ForTokenClassification"):
            logits.append(output.logits[0])
        elif class_name.endswith("ForQuestionAnswering"):
            logits.append(torch.stack([output.start_logits[0], output.end_logits[0]], dim=-1))
    oracle = {
        "sequences": SEQUENCES,
        "tokenTypes": [token_types_of(sequence, second_type) for sequence in SEQUENCES],
        # [layers + 1][tokens of all sequences * hidden]
        "hidden": [rounded(torch.cat(layer)) for layer in zip(*hidden)],
    }
    if logits:
        all_logits = torch.cat(logits)
        loss = loss_of(all_logits, class_name)
        loss.backward()
        prefix = "roberta." if class_name.startswith("XLMRoberta") else "bert."
        own = ["qa_outputs.weight"] if "Question" in class_name else []
        own += [name for name in ("classifier.weight", "classifier.dense.weight", "classifier.out_proj.bias")]
        parameters = {name.removeprefix(prefix): parameter for name, parameter in model.named_parameters()}
        oracle["logits"] = rounded(all_logits)
        oracle["loss"] = loss.item()
        oracle["gradients"] = {
            name: rounded(parameters[name].grad) for name in GRADIENTS + own if name in parameters
        }
    (folder / "oracle.json").write_text(json.dumps(oracle, separators=(",", ":")) + "\n")


def make_quantized(folder, seed):
    """An int8 model in the compressed-tensors layout, made and run by the library that defines it."""
    from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config

    config = config_of("BertForSequenceClassification")
    config._attn_implementation = "eager"
    model = transformers.BertForSequenceClassification(config).eval()
    draw(model, seed)
    linears = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    ranges = {}

    def run():
        return torch.cat([model(input_ids=torch.tensor([sequence])).logits for sequence in SEQUENCES])

    def listen(name):
        def hook(module, inputs):
            low, high = ranges.get(name, (0.0, 0.0))
            ranges[name] = (min(low, inputs[0].min().item()), max(high, inputs[0].max().item()))

        return hook

    hooks = [module.register_forward_pre_hook(listen(name)) for name, module in linears.items()]
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()

    weights = dict(num_bits=8, type="int", symmetric=True, strategy="channel", dynamic=False)
    inputs = dict(num_bits=8, type="int", symmetric=False, strategy="tensor", dynamic=False)
    words = "bert.embeddings.word_embeddings"
    form = "int-quantized"
    quantization = QuantizationConfig(
        format=form,
        config_groups={
            "group_0": dict(targets=[words], weights=weights, format=form),
            "group_1": dict(targets=list(linears), weights=weights, input_activations=inputs, format=form),
        },
    )
    apply_quantization_config(model, quantization)
    with torch.no_grad():
        for name, module in model.named_modules():
            if name == words or name in linears:
                module.weight_scale.copy_(module.weight.abs().amax(dim=1, keepdim=True) / 127)
            if name in linears:
                low, high = ranges[name]
                scale = (high - low) / 255
                module.input_scale.fill_(scale)
                module.input_zero_point.fill_(max(-128, min(127, round(-low / scale) - 128)))
        logits = run()
    save_compressed(folder, model, form, logits)


def save_compressed(folder, model, form, logits):
    """Saves a quantized model in a format of compressed-tensors, with the logits that it gives."""
    from compressed_tensors.compressors import ModelCompressor

    compressor = ModelCompressor.from_pretrained_model(model, quantization_format=form)
    compressor.compress_model(model)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    compressor.update_config(folder)
    oracle = {"sequences": SEQUENCES, "logits": rounded(logits)}
    (folder / "oracle.json").write_text(json.dumps(oracle, separators=(",", ":")) + "\n")


def make_packed(folder, seed):
    """A model of 2, 3, 4 and 8 bits in the compressed-tensors layout, in groups and with dynamic inputs."""
    from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config

    config = config_of("BertForSequenceClassification")
    config._attn_implementation = "eager"
    model = transformers.BertForSequenceClassification(config).eval()
    draw(model, seed)
    sites = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) or name == "bert.embeddings.word_embeddings"
    ]
    token = dict(num_bits=8, type="int", symmetric=True, strategy="token", dynamic=True)

    def part_of(name):
        if "embeddings" in name:
            return 0
        return 1 if ".attention.self." in name else 2 if ".intermediate." in name else 3

    def scheme(part):
        bits, group = [(4, None), (4, 16), (3, None), (2, 32)][part]
        strategy = dict(strategy="channel") if group is None else dict(strategy="group", group_size=group)
        weights = dict(num_bits=bits, type="int", symmetric=True, dynamic=False, **strategy)
        inputs = dict(input_activations=token) if part in (1, 2) else {}
        targets = [name for name in sites if part_of(name) == part]
        return dict(targets=targets, weights=weights, format="pack-quantized", **inputs)

    quantization = QuantizationConfig(
        format="pack-quantized", config_groups={f"group_{part}": scheme(part) for part in range(4)}
    )
    apply_quantization_config(model, quantization)
    with torch.no_grad():
        for name, module in model.named_modules():
            if name in sites:
                bits, group = [(4, None), (4, 16), (3, None), (2, 32)][part_of(name)]
                rows, columns = module.weight.shape
                grouped = module.weight.abs().reshape(rows, -1, group or columns)
                module.weight_scale.copy_(grouped.amax(dim=2) / (2 ** (bits - 1) - 1))
        # The numbers are those of float inputs: the library's dynamic grid has the largest magnitude of a token on a
        # tie, so the last bit of a float32 decides where it goes, and no two implementations agree.
        schemes = [module.quantization_scheme for name, module in model.named_modules() if name in sites]
        inputs = [scheme.input_activations for scheme in schemes]
        for scheme in schemes:
            scheme.input_activations = None
        logits = torch.cat([model(input_ids=torch.tensor([sequence])).logits for sequence in SEQUENCES])
        for scheme, activations in zip(schemes, inputs):
            scheme.input_activations = activations
    save_compressed(folder, model, "pack-quantized", logits)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("packages/models/test/oracles"))
    out = parser.parse_args().out
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for seed, (name, (class_name, second_type, dtype, sharded)) in enumerate(MODELS.items()):
        make(out / name, class_name, second_type, dtype, sharded, seed)
    make_quantized(out / "bert-sequence-int8", len(MODELS))
    make_packed(out / "bert-sequence-packed", len(MODELS) + 1)


if __name__ == "__main__":
    main()
