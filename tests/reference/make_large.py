#!/usr/bin/env python3
"""The logits of a GPT-2 of 124,439,808 parameters, made by PyTorch in fp64 from fp32 weights: python3 make_large.py.

Weights follow the formula of make_reference.py with an amplitude of 0.06; of every position some logits are stored, and the
logarithm of the sum of all exponentials, which none can miss.
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

C, HEADS, LAYERS, MLP, VOCAB, CONTEXT, T = 768, 12, 12, 3072, 50257, 1024, 48
IDS = list(range(0, VOCAB, 1571))


def formula(index, shape, base):
    k = torch.arange(math.prod(shape), dtype=torch.float64)
    values = base + 0.06 * torch.sin(0.7311 * (k + 1) + 1.7 * index + 0.3 * (k % 7))
    return values.float().double().view(shape)


def shapes():
    yield "wte", (VOCAB, C), 0.0
    yield "wpe", (CONTEXT, C), 0.0
    for i in range(LAYERS):
        for name, shape, base in [("ln_1", (C,), 1.0), ("ln_1_b", (C,), 0.0), ("qkv", (3 * C, C), 0.0), ("qkv_b", (3 * C,), 0.0), ("proj", (C, C), 0.0), ("proj_b", (C,), 0.0),
                                  ("ln_2", (C,), 1.0), ("ln_2_b", (C,), 0.0), ("fc", (MLP, C), 0.0), ("fc_b", (MLP,), 0.0), ("out", (C, MLP), 0.0), ("out_b", (C,), 0.0)]:
            yield f"{name}.{i}", shape, base
    yield "ln_f", (C,), 1.0
    yield "ln_f_b", (C,), 0.0


p = {name: formula(index, shape, base) for index, (name, shape, base) in enumerate(shapes())}
tokens = torch.tensor([(7 * i * i + 3 * i + 1) % VOCAB for i in range(T)])
x = p["wte"][tokens] + p["wpe"][:T]
mask = torch.ones(T, T).triu(1).bool()
for i in range(LAYERS):
    h = F.layer_norm(x, (C,), p[f"ln_1.{i}"], p[f"ln_1_b.{i}"])
    q, k, v = (a.view(T, HEADS, -1).transpose(0, 1) for a in F.linear(h, p[f"qkv.{i}"], p[f"qkv_b.{i}"]).chunk(3, -1))
    y = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).masked_fill(mask, -math.inf).softmax(-1) @ v
    x = x + F.linear(y.transpose(0, 1).reshape(T, C), p[f"proj.{i}"], p[f"proj_b.{i}"])
    h = F.layer_norm(x, (C,), p[f"ln_2.{i}"], p[f"ln_2_b.{i}"])
    x = x + F.linear(F.gelu(F.linear(h, p[f"fc.{i}"], p[f"fc_b.{i}"]), approximate="tanh"), p[f"out.{i}"], p[f"out_b.{i}"])
logits = F.linear(F.layer_norm(x, (C,), p["ln_f"], p["ln_f_b"]), p["wte"])
result = {"torch": torch.__version__, "ids": IDS, "logits": logits[:, IDS].tolist(), "log_sum_exp": logits.logsumexp(-1).tolist()}
(Path(__file__).parent / "gpt2-124m.json").write_text(json.dumps(result) + "\n")
print("largest logit", logits.abs().max().item())
