#!/usr/bin/env python3
"""Reference values for Dtt.Training's tests, made by PyTorch in fp64: python3 make_reference.py (Debian: python3-torch 1.13).

Weights follow a formula that the tests repeat, so only results are stored: logits, loss and every gradient of a tiny
GPT-2, DTT, llama (grouped queries, head of its own) and qwen3 (norms on heads that are wider than C / nh), AdamW over
several steps, the other optimizers over several steps of a tiny GPT-2, and PyTorch's schedules.
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

B, T, C, HEADS, LAYERS, MLP, VOCAB = 2, 8, 16, 2, 2, 40, 37
LLAMA_HEADS, LLAMA_KV_HEADS, THETA, EPS = 4, 2, 500.0, 1e-5
HEAD_DIM = {"llama": C // LLAMA_HEADS, "qwen3": 16}


def formula(index, shape, base=0.0):
    count = math.prod(shape)
    values = [base + 0.2 * math.sin(0.7311 * (k + 1) + 1.7 * index + 0.3 * (k % 7)) for k in range(count)]
    return torch.tensor(values, dtype=torch.float64).view(shape).requires_grad_()


def llama_shapes(architecture):
    head = HEAD_DIM[architecture]
    shapes = [("model.embed_tokens.weight", (VOCAB, C))]
    for i in range(LAYERS):
        h = f"model.layers.{i}."
        shapes += [(h + "input_layernorm.weight", (C,)), (h + "self_attn.qkv_proj.weight", ((LLAMA_HEADS + 2 * LLAMA_KV_HEADS) * head, C))]
        if architecture == "qwen3":
            shapes += [(h + "self_attn.q_norm.weight", (head,)), (h + "self_attn.k_norm.weight", (head,))]
        shapes += [(h + "self_attn.o_proj.weight", (C, LLAMA_HEADS * head)), (h + "post_attention_layernorm.weight", (C,)),
                   (h + "mlp.gate_up_proj.weight", (2 * MLP, C)), (h + "mlp.down_proj.weight", (C, MLP))]
    return shapes + [("model.norm.weight", (C,)), ("lm_head.weight", (VOCAB, C))]


def named(shapes):
    return {name: formula(i, shape, 1.0 if is_gain(name) else 0.0) for i, (name, shape) in enumerate(shapes)}


def is_gain(name):
    return ("ln_" in name or "norm" in name) and name.endswith("weight")


def parameters(architecture):
    if architecture in HEAD_DIM:
        return named(llama_shapes(architecture))
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
    return named(shapes)


def rms_norm(x, weight):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS) * weight


def rotate(x):
    """Hugging Face's order: the pair of value i is value i + half."""
    half = x.shape[-1] // 2
    angles = torch.outer(torch.arange(x.shape[-2], dtype=x.dtype), THETA ** (-torch.arange(half, dtype=x.dtype) / half))
    cos, sin = angles.cos(), angles.sin()
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def llama(p, x, head):
    h = F.embedding(x, p["model.embed_tokens.weight"])
    mask = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
    for i in range(LAYERS):
        n = f"model.layers.{i}."
        qkv = F.linear(rms_norm(h, p[n + "input_layernorm.weight"]), p[n + "self_attn.qkv_proj.weight"])
        widths = [n * head for n in (LLAMA_HEADS, LLAMA_KV_HEADS, LLAMA_KV_HEADS)]
        q, k, v = (t.view(B, -1, t.shape[-1] // head, head).transpose(1, 2) for t in qkv.split(widths, -1))
        if n + "self_attn.q_norm.weight" in p:
            q, k = rms_norm(q, p[n + "self_attn.q_norm.weight"]), rms_norm(k, p[n + "self_attn.k_norm.weight"])
        q, k = rotate(q), rotate(k)
        k, v = (t.repeat_interleave(LLAMA_HEADS // LLAMA_KV_HEADS, 1) for t in (k, v))
        scores = (q @ k.transpose(-2, -1) / math.sqrt(head)).masked_fill(mask, -math.inf)
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, x.shape[1], -1)
        h = h + F.linear(y, p[n + "self_attn.o_proj.weight"])
        gate, up = F.linear(rms_norm(h, p[n + "post_attention_layernorm.weight"]), p[n + "mlp.gate_up_proj.weight"]).chunk(2, -1)
        h = h + F.linear(F.silu(gate) * up, p[n + "mlp.down_proj.weight"])
    return F.linear(rms_norm(h, p["model.norm.weight"]), p["lm_head.weight"])


def forward(p, x, architecture):
    if architecture in HEAD_DIM:
        return llama(p, x, HEAD_DIM[architecture])
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


def orthogonalize(m):
    x = m if m.shape[0] <= m.shape[1] else m.T
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x if m.shape[0] <= m.shape[1] else x.T


class Muon(torch.optim.Optimizer):
    """Jordan et al. 2024 with the update's size of Liu et al. 2025; a group's "parts" are stacked matrices of their own."""

    def __init__(self, groups, lr, momentum, weight_decay):
        super().__init__(groups, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                buffer = self.state[p].setdefault("momentum_buffer", torch.zeros_like(p))
                buffer.mul_(group["momentum"]).add_(p.grad, alpha=1 - group["momentum"])
                direction = (1 - group["momentum"]) * p.grad + group["momentum"] * buffer
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(torch.cat([orthogonalize(part) * group["lr"] * 0.2 * math.sqrt(max(part.shape)) for part in direction.chunk(group["parts"])]))


def optimizer_reference(name):
    p = parameters("gpt2")
    decayed, rest = [t for t in p.values() if t.dim() >= 2], [t for t in p.values() if t.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    if name == "adam":
        optimizers = [torch.optim.Adam(groups, lr=1e-2, betas=(0.9, 0.95), eps=1e-8)]
    elif name.startswith("sgd"):
        optimizers = [torch.optim.SGD(groups, lr=1e-1, momentum=0.9, nesterov=name == "sgd_nesterov")]
    else:
        hidden = {n: t for n, t in p.items() if ".h." in n and t.dim() == 2}
        fused = [t for n, t in hidden.items() if "c_attn" in n]
        lone = [t for n, t in hidden.items() if "c_attn" not in n]
        others = [t for n, t in p.items() if n not in hidden and t.dim() == 2]
        optimizers = [Muon([{"params": fused, "parts": 3}, {"params": lone, "parts": 1}], lr=1e-2, momentum=0.95, weight_decay=0.1),
                      torch.optim.AdamW([{"params": others, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=1e-2, betas=(0.9, 0.95), eps=1e-8)]
    tokens = torch.tensor([(7 * i * i + 3 * i + 1) % VOCAB for i in range(B * (T + 1))]).view(B, T + 1)
    losses = []
    for _ in range(5):
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = F.cross_entropy(forward(p, tokens[:, :-1], "gpt2").reshape(-1, VOCAB), tokens[:, 1:].reshape(-1))
        loss.backward()
        losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(p.values(), 0.5)
        for optimizer in optimizers:
            optimizer.step()
    return {"losses": losses, "after": {n: rounded(t) for n, t in p.items()}}


def stepped(total, make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    schedule, rows = make(optimizer), []
    for _ in range(total):
        rows.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rows


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
    for name in ("gpt2", "dtt", "llama", "qwen3"):
        (here / f"{name}.json").write_text(json.dumps(model_reference(name), separators=(",", ":")) + "\n")
    (here / "onecycle.json").write_text(json.dumps({"total_20_pct_0.1": onecycle(20, 0.1), "total_97_pct_0.3": onecycle(97, 0.3)}, separators=(",", ":")) + "\n")
    (here / "optimizers.json").write_text(json.dumps({n: optimizer_reference(n) for n in ("adam", "sgd", "sgd_nesterov", "muon")}, separators=(",", ":")) + "\n")
    schedules = {"exponential": stepped(40, lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.93)),
                 "cosine": stepped(40, lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 39, 0.001))}
    (here / "schedules.json").write_text(json.dumps(schedules, separators=(",", ":")) + "\n")
    print("torch", torch.__version__)
