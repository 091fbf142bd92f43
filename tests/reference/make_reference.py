#!/usr/bin/env python3
"""Reference values for Dtt.Training's tests, made by PyTorch in fp64: python3 make_reference.py (Debian: python3-torch 1.13).

Weights follow a formula that the tests repeat, so only results are stored: logits, loss and every gradient of a tiny
GPT-2 and a tiny DTT model, AdamW over several steps, and OneCycleLR with momentum cycling.
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

B, T, C, HEADS, LAYERS, MLP, VOCAB = 2, 8, 16, 2, 2, 40, 37


def formula(index, shape, base=0.0):
    count = math.prod(shape)
    values = [base + 0.2 * math.sin(0.7311 * (k + 1) + 1.7 * index + 0.3 * (k % 7)) for k in range(count)]
    return torch.tensor(values, dtype=torch.float64).view(shape).requires_grad_()


def parameters(architecture):
    shapes = [("transformer.wte.weight", (VOCAB, C)), ("transformer.wpe.weight", (T, C))]
    for i in range(LAYERS):
        h = f"transformer.h.{i}."
        shapes += [(h + "ln_1.weight", (C,)), (h + "ln_1.bias", (C,)), (h + "attn.c_attn.weight", (3 * C, C))]
        if architecture == "gpt2":
            shapes += [(h + "attn.c_attn.bias", (3 * C,))]
        shapes += [(h + "attn.c_proj.weight", (C, C)), (h + "attn.c_proj.bias", (C,)),
                   (h + "ln_2.weight", (C,)), (h + "ln_2.bias", (C,)),
                   (h + "mlp.c_fc.weight", (MLP, C)), (h + "mlp.c_fc.bias", (MLP,)),
                   (h + "mlp.c_proj.weight", (C, MLP)), (h + "mlp.c_proj.bias", (C,))]
    shapes += [("transformer.ln_f.weight", (C,)), ("transformer.ln_f.bias", (C,))] if architecture == "gpt2" else [("lm_head.bias", (VOCAB,))]
    return {name: formula(i, shape, 1.0 if "ln_" in name and name.endswith("weight") else 0.0) for i, (name, shape) in enumerate(shapes)}


def forward(p, x, architecture):
    h = F.embedding(x, p["transformer.wte.weight"]) + p["transformer.wpe.weight"][: x.shape[1]]
    mask = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
    for i in range(LAYERS):
        n = f"transformer.h.{i}."
        a = F.layer_norm(h, (C,), p[n + "ln_1.weight"], p[n + "ln_1.bias"])
        q, k, v = F.linear(a, p[n + "attn.c_attn.weight"], p.get(n + "attn.c_attn.bias")).chunk(3, -1)
        q, k, v = (t.view(B, -1, HEADS, C // HEADS).transpose(1, 2) for t in (q, k, v))
        scores = (q @ k.transpose(-2, -1) / math.sqrt(C // HEADS)).masked_fill(mask, -math.inf)
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, -1, C)
        h = h + F.linear(y, p[n + "attn.c_proj.weight"], p[n + "attn.c_proj.bias"])
        m = F.layer_norm(h, (C,), p[n + "ln_2.weight"], p[n + "ln_2.bias"])
        m = F.gelu(F.linear(m, p[n + "mlp.c_fc.weight"], p[n + "mlp.c_fc.bias"]), approximate="tanh" if architecture == "gpt2" else "none")
        h = h + F.linear(m, p[n + "mlp.c_proj.weight"], p[n + "mlp.c_proj.bias"])
    if architecture == "gpt2":
        h = F.layer_norm(h, (C,), p["transformer.ln_f.weight"], p["transformer.ln_f.bias"])
    return F.linear(h, p["transformer.wte.weight"], p.get("lm_head.bias"))


def rounded(t):
    return [float(f"{v:.8g}") for v in t.detach().flatten().tolist()]


def model_reference(architecture):
    p = parameters(architecture)
    tokens = torch.tensor([(7 * i * i + 3 * i + 1) % VOCAB for i in range(B * (T + 1))]).view(B, T + 1)
    x, y = tokens[:, :-1], tokens[:, 1:]
    logits = forward(p, x, architecture)
    loss = F.cross_entropy(logits.reshape(-1, VOCAB), y.reshape(-1))
    loss.backward()
    result = {"logits": rounded(logits), "loss": loss.item(), "gradients": {n: rounded(t.grad) for n, t in p.items()}}
    optimizer = torch.optim.AdamW([
        {"params": [t for t in p.values() if t.dim() >= 2], "weight_decay": 0.1},
        {"params": [t for t in p.values() if t.dim() < 2], "weight_decay": 0.0}], lr=1e-2, betas=(0.9, 0.95), eps=1e-8)
    result["norms"], result["losses"] = [], []
    for _ in range(5):
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(p, x, architecture).reshape(-1, VOCAB), y.reshape(-1))
        loss.backward()
        result["losses"].append(loss.item())
        result["norms"].append(torch.nn.utils.clip_grad_norm_(p.values(), 0.5).item())
        optimizer.step()
    result["after_adamw"] = {n: rounded(t) for n, t in p.items()}
    return result


def onecycle(total, pct):
    w = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.AdamW([w], lr=1.0, betas=(0.9, 0.999))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=total, pct_start=pct)
    rows = []
    for step in range(total):
        rows.append([optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]])
        optimizer.step()
        if step + 1 < total:
            schedule.step()
    return rows


if __name__ == "__main__":
    here = Path(__file__).parent
    for name in ("gpt2", "dtt"):
        (here / f"{name}.json").write_text(json.dumps(model_reference(name), separators=(",", ":")) + "\n")
    (here / "onecycle.json").write_text(json.dumps({"total_20_pct_0.1": onecycle(20, 0.1), "total_97_pct_0.3": onecycle(97, 0.3)}, separators=(",", ":")) + "\n")
    print("torch", torch.__version__)
