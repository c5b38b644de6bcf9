"""One PyTorch encoder, driven by lines of JSON on standard input; answers a line of JSON each.

The encoder is BERT's, written for speed as a PyTorch user would: fused attention, fused AdamW, padded batches. With
"qat", the input and the weight of every linear layer pass through PyTorch's fused observer and fake quantization.
"""

import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.ao.quantization import FusedMovingAvgObsFakeQuantize, MovingAverageMinMaxObserver
from torch.ao.quantization.observer import MovingAveragePerChannelMinMaxObserver

torch.manual_seed(0)


def peak_bytes():
    """On Linux not from getrusage, which counts the process that started this one too."""
    if not sys.platform.startswith("linux"):
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open("/proc/self/status", encoding="utf-8") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


class QatLinear(nn.Linear):
    def __init__(self, inside, outside):
        super().__init__(inside, outside)
        self.input_quant = FusedMovingAvgObsFakeQuantize(
            observer=MovingAverageMinMaxObserver, quant_min=0, quant_max=255, dtype=torch.quint8
        )
        self.weight_quant = FusedMovingAvgObsFakeQuantize(
            observer=MovingAveragePerChannelMinMaxObserver,
            quant_min=-127,
            quant_max=127,
            dtype=torch.qint8,
            qscheme=torch.per_channel_symmetric,
            ch_axis=0,
        )

    def forward(self, x):
        return F.linear(self.input_quant(x), self.weight_quant(self.weight), self.bias)


class Layer(nn.Module):
    def __init__(self, linear, hidden, heads, wide, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.q, self.k, self.v, self.o = (linear(hidden, hidden) for _ in range(4))
        self.wide, self.narrow = linear(hidden, wide), linear(wide, hidden)
        self.norm1, self.norm2 = nn.LayerNorm(hidden, eps=1e-12), nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, x, mask):
        batch, length, hidden = x.shape
        split = lambda y: y.view(batch, length, self.heads, -1).transpose(1, 2)
        context = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(x)), split(self.v(x)), mask)
        context = context.transpose(1, 2).reshape(batch, length, hidden)
        drop = lambda y: F.dropout(y, self.dropout, self.training)
        x = self.norm1(x + drop(self.o(context)))
        return self.norm2(x + drop(self.narrow(F.gelu(self.wide(x)))))


class Encoder(nn.Module):
    def __init__(self, request):
        super().__init__()
        hidden, dropout = request["hidden"], request["dropout"]
        linear = QatLinear if request["mode"] == "qat" else nn.Linear
        self.dropout = dropout
        self.words = nn.Embedding(request["vocabulary"], hidden)
        self.words.weight.requires_grad = False
        self.positions = nn.Embedding(512, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)
        self.layers = nn.ModuleList(
            Layer(linear, hidden, request["heads"], 4 * hidden, dropout) for _ in range(request["layers"])
        )
        self.classifier = linear(hidden, request["classes"])

    def forward(self, ids, mask):
        x = self.words(ids) + self.positions(torch.arange(ids.shape[1]))
        x = F.dropout(self.norm(x), self.dropout, self.training)
        for layer in self.layers:
            x = layer(x, mask)
        return self.classifier(x)


def batch(request):
    """Padded ids, an attention mask (None when nothing is padded) and labels, from a list of lengths."""
    lengths = request["lengths"]
    longest = max(lengths)
    ids = torch.randint(0, model.words.num_embeddings, (len(lengths), longest))
    held = torch.arange(longest)[None, :] < torch.tensor(lengths)[:, None]
    mask = None if min(lengths) == longest else held[:, None, None, :]
    labels = torch.randint(0, model.classifier.out_features, ids.shape).masked_fill(~held, -100)
    return ids, mask, labels


for line in sys.stdin:
    request = json.loads(line)
    kind = request["do"]
    if kind == "load":
        torch.set_num_threads(request["threads"])
        model = Encoder(request)
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-5, weight_decay=0.01, fused=True)
        answer = {"version": torch.__version__}
    elif kind == "forward":
        model.eval()
        ids, mask, _ = batch(request)
        with torch.inference_mode():
            start = time.perf_counter()
            model(ids, mask)
            answer = {"ms": 1000 * (time.perf_counter() - start)}
    elif kind == "step":
        model.train()
        ids, mask, labels = batch(request)
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        logits = model(ids, mask)
        F.cross_entropy(logits.flatten(0, 1), labels.flatten()).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        answer = {"ms": 1000 * (time.perf_counter() - start)}
    else:
        answer = {"error": f"no such request: {kind}"}
    answer["peakBytes"] = peak_bytes()
    print(json.dumps(answer), flush=True)
