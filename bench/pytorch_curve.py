#!/usr/bin/env python3
"""The other side of `dtt-bench curve`: the same GPT-2 from the same weights on the same windows in PyTorch.

Prints a line "step loss" for every validation.
Its folder holds curve.json (sizes and constants), windows.bin and val.bin (int32, rows of T + 1 tokens), and start/ as `dtt export` wrote it.
"""
import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

folder = Path(sys.argv[1])
c = json.loads((folder / "curve.json").read_text())
T, LAYERS, HEADS, WIDTH = c["context"], c["layers"], c["heads"], c["width"]
torch.set_num_threads(c["threads"])


def windows(name):
    return torch.from_file(str(folder / name), size=(folder / name).stat().st_size // 4, dtype=torch.int32).view(-1, T + 1).long()


def safetensors(path):
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    for name, entry in json.loads(raw[8:8 + length]).items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            values = torch.frombuffer(bytearray(raw[8 + length + start:8 + length + end]), dtype=torch.float32)
            yield name, values.view(entry["shape"]).clone().requires_grad_()


p = dict(safetensors(folder / "start" / "model.safetensors"))
decayed = [w for w in p.values() if w.dim() >= 2]
rest = [w for w in p.values() if w.dim() < 2]
groups = [{"params": decayed, "weight_decay": c["weight_decay"]}, {"params": rest, "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(c["beta1"], c["beta2"]), eps=c["epsilon"])
mask = torch.ones(T, T).triu(1).bool()


def linear(x, name):
    return x @ p[name + ".weight"] + p[name + ".bias"]  # Conv1D: (in, out)


def norm(x, name):
    return F.layer_norm(x, (WIDTH,), p[name + ".weight"], p[name + ".bias"])


def loss_of(rows, reduction="mean"):
    x = F.embedding(rows[:, :-1], p["transformer.wte.weight"]) + p["transformer.wpe.weight"]
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        q, k, v = (a.view(len(rows), T, HEADS, -1).transpose(1, 2) for a in linear(norm(x, h + "ln_1"), h + "attn.c_attn").chunk(3, -1))
        y = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).masked_fill(mask, -math.inf).softmax(-1) @ v
        x = x + linear(y.transpose(1, 2).reshape(len(rows), T, WIDTH), h + "attn.c_proj")
        x = x + linear(F.gelu(linear(norm(x, h + "ln_2"), h + "mlp.c_fc"), approximate="tanh"), h + "mlp.c_proj")
    logits = F.linear(norm(x, "transformer.ln_f"), p["transformer.wte.weight"])
    return F.cross_entropy(logits.view(-1, logits.shape[-1]), rows[:, 1:].reshape(-1), reduction=reduction)


def validate():
    with torch.no_grad():
        rows = windows("val.bin")
        return sum(loss_of(part, "sum").item() for part in rows.split(c["batch"])) / (len(rows) * T)


data = windows("windows.bin")
for step in range(c["steps"]):
    if step % c["eval_every"] == 0:
        print(step, validate(), flush=True)
    warm = step < c["warmup"]
    done = (step - c["warmup"]) / max(1, c["steps"] - 1 - c["warmup"])
    rate = c["lr"] * (step + 1) / c["warmup"] if warm else c["min_lr"] + (c["lr"] - c["min_lr"]) / 2 * (1 + math.cos(math.pi * done))
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss_of(data[step * c["batch"]:(step + 1) * c["batch"]]).backward()
    torch.nn.utils.clip_grad_norm_(p.values(), 1.0)
    optimizer.step()
print(c["steps"], validate(), flush=True)
