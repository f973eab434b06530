"""The LoRA training step of bench/step.ts, written by hand in PyTorch: a peer for speed, never a dependency.

Reads one JSON request a line, {"config": ..., "classes", "rank", "batch", "threads", "steps"}, and answers each with
one line: {"milliseconds": [one number a step], "parameters": trained numbers, "version": PyTorch's}.
Same model (pre-norm Vision Transformer, exact GELU), adapters on q and v, AdamW on adapters and classifier.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F


def build(request):
    c, rank, classes = request["config"], request["rank"], request["classes"]
    width, mlp, patch, channels = c["width"], c["mlp"], c["patch"], c["channels"]
    tokens = (c["image"] // patch) ** 2 + 1
    frozen = lambda *shape: torch.randn(shape) * 0.02
    trained = lambda *shape: (torch.randn(shape) * 0.02).requires_grad_()
    blocks = [
        {
            "norm1": (torch.ones(width), torch.zeros(width)),
            "qkv": (frozen(3 * width, width), torch.zeros(3 * width)),
            "proj": (frozen(width, width), torch.zeros(width)),
            "norm2": (torch.ones(width), torch.zeros(width)),
            "fc1": (frozen(mlp, width), torch.zeros(mlp)),
            "fc2": (frozen(width, mlp), torch.zeros(width)),
            "q": (trained(rank, width), trained(width, rank)),
            "v": (trained(rank, width), trained(width, rank)),
        }
        for _ in range(c["depth"])
    ]
    return {
        "patch": (frozen(width, channels * patch * patch), torch.zeros(width)),
        "cls": frozen(1, 1, width),
        "positions": frozen(1, tokens, width),
        "norm": (torch.ones(width), torch.zeros(width)),
        "blocks": blocks,
        "head": (trained(classes, width), trained(classes)),
    }


def parameters(model):
    return [p for block in model["blocks"] for pair in (block["q"], block["v"]) for p in pair] + list(model["head"])


def logits(model, images, c):
    n, channels, size, _ = images.shape
    patch, heads, width = c["patch"], c["heads"], c["width"]
    side = size // patch
    x = images.view(n, channels, side, patch, side, patch).permute(0, 2, 4, 1, 3, 5).reshape(n, side * side, -1)
    x = F.linear(x, *model["patch"])
    x = torch.cat([model["cls"].expand(n, -1, -1), x], 1) + model["positions"]
    tokens = x.shape[1]
    split = lambda t: t.view(n, tokens, heads, width // heads).transpose(1, 2)
    for block in model["blocks"]:
        h = F.layer_norm(x, (width,), *block["norm1"], c["epsilon"])
        q, k, v = F.linear(h, *block["qkv"]).chunk(3, -1)
        lora = lambda a, b: F.linear(F.linear(h, a), b)
        q, v = q + lora(*block["q"]), v + lora(*block["v"])
        q, k, v = split(q), split(k), split(v)
        scores = torch.softmax(q @ k.transpose(-1, -2) * (width // heads) ** -0.5, -1)
        x = x + F.linear((scores @ v).transpose(1, 2).reshape(n, tokens, width), *block["proj"])
        h = F.layer_norm(x, (width,), *block["norm2"], c["epsilon"])
        x = x + F.linear(F.gelu(F.linear(h, *block["fc1"])), *block["fc2"])
    feature = F.layer_norm(x[:, 0], (width,), *model["norm"], c["epsilon"])
    return F.linear(feature, *model["head"])


cases = {}


def answer(request):
    torch.set_num_threads(request["threads"])
    key = json.dumps({**request, "steps": 0, "threads": 0})
    if key not in cases:
        torch.manual_seed(0)
        model, c, batch = build(request), request["config"], request["batch"]
        trained = parameters(model)
        optimiser = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.0, foreach=True)
        images = torch.rand(batch, c["channels"], c["image"], c["image"])
        labels = torch.arange(batch) % request["classes"]

        def step():
            loss = F.cross_entropy(logits(model, images, c), labels)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()

        cases[key] = (step, sum(p.numel() for p in trained))
        step(), step()
    step, count = cases[key]
    milliseconds = []
    for _ in range(request["steps"]):
        began = time.perf_counter()
        step()
        milliseconds.append(1e3 * (time.perf_counter() - began))
    return {"milliseconds": milliseconds, "parameters": count, "version": torch.__version__}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
