"""Losses and gradients of a small GPT in PyTorch, from weights and tokens that a formula gives.

Written with torch 2.15.0 (CPU). Command: python gpt_torch.py > gpt_torch.json

Weight i of the flat buffer (crates/sunward-ai, gpt/parameters.rs: matrices first, then norm weights) is
    0.1 * (h(i) / 2^32 - 0.5),  h(i) = i * 2654435761 mod 2^32,
in single precision, norm weights 1 more than that. Token j of the text is (j * j + 3 * j) // 7 mod 37; the batch of step k
holds sequences that begin at 29 k + 101 b.
"""

import json
import math

import torch
import torch.nn.functional as F

LAYERS, HEADS, WIDTH, CONTEXT, VOCABULARY, BATCH, STEPS = 2, 2, 32, 16, 37, 4, 10
RATE, RATE_MIN, WARMUP, LAST = 1e-2, 1e-3, 3, 12


def shapes():
    matrices = [("transformer.wte.weight", (VOCABULARY, WIDTH)), ("transformer.wpe.weight", (CONTEXT, WIDTH))]
    norms = []
    for layer in range(LAYERS):
        block = f"transformer.h.{layer}."
        matrices += [
            (block + "attn.c_attn.weight", (3 * WIDTH, WIDTH)),
            (block + "attn.c_proj.weight", (WIDTH, WIDTH)),
            (block + "mlp.c_fc.weight", (4 * WIDTH, WIDTH)),
            (block + "mlp.c_proj.weight", (WIDTH, 4 * WIDTH)),
        ]
        norms += [(block + "ln_1.weight", (WIDTH,)), (block + "ln_2.weight", (WIDTH,))]
    return matrices + norms + [("transformer.ln_f.weight", (WIDTH,))]


def initial():
    weights, at = {}, 0
    for name, shape in shapes():
        size = math.prod(shape)
        hashed = (torch.arange(at, at + size, dtype=torch.int64) * 2654435761) % 2**32
        value = 0.1 * (hashed.double() / 2**32 - 0.5) + (1.0 if len(shape) == 1 else 0.0)
        weights[name] = value.float().reshape(shape).requires_grad_(True)
        at += size
    return weights


def loss_of(w, inputs, targets):
    x = w["transformer.wte.weight"][inputs] + w["transformer.wpe.weight"]
    for layer in range(LAYERS):
        p = lambda name: w[f"transformer.h.{layer}.{name}.weight"]
        h = F.layer_norm(x, (WIDTH,), p("ln_1"), None, 1e-5)
        q, k, v = (h @ p("attn.c_attn").T).split(WIDTH, dim=2)
        heads = [t.view(BATCH, CONTEXT, HEADS, WIDTH // HEADS).transpose(1, 2) for t in (q, k, v)]
        y = F.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + y.transpose(1, 2).reshape(BATCH, CONTEXT, WIDTH) @ p("attn.c_proj").T
        h = F.layer_norm(x, (WIDTH,), p("ln_2"), None, 1e-5)
        x = x + F.gelu(h @ p("mlp.c_fc").T) @ p("mlp.c_proj").T
    x = F.layer_norm(x, (WIDTH,), w["transformer.ln_f.weight"], None, 1e-5)
    logits = x @ w["transformer.wte.weight"].T
    return F.cross_entropy(logits.view(-1, VOCABULARY), targets.view(-1))


def rate_of(step):
    if step < WARMUP:
        return RATE * (step + 1) / (WARMUP + 1)
    share = (step - WARMUP) / (LAST - WARMUP)
    return RATE_MIN + 0.5 * (1 + math.cos(math.pi * share)) * (RATE - RATE_MIN)


def main():
    torch.manual_seed(0)
    w = initial()
    j = torch.arange(1000)
    text = (j * j + 3 * j) // 7 % VOCABULARY
    groups = [
        {"params": [t for t in w.values() if t.dim() == 2], "weight_decay": 0.1},
        {"params": [t for t in w.values() if t.dim() == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99))
    losses, norms, gradients = [], [], {}
    for step in range(STEPS):
        starts = [29 * step + 101 * b for b in range(BATCH)]
        inputs = torch.stack([text[s : s + CONTEXT] for s in starts])
        targets = torch.stack([text[s + 1 : s + 1 + CONTEXT] for s in starts])
        for group in optimizer.param_groups:
            group["lr"] = rate_of(step)
        loss = loss_of(w, inputs, targets)
        loss.backward()
        if step == 0:
            for name, t in w.items():
                flat = t.grad.flatten()
                gradients[name] = {
                    "norm": flat.double().norm().item(),
                    "elements": [[i, flat[i].item()] for i in range(0, flat.numel(), flat.numel() // 5)],
                }
        norms.append(torch.nn.utils.clip_grad_norm_(w.values(), 1.0).item())
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
    last = {name: t.detach().flatten()[t.numel() // 3].item() for name, t in w.items()}
    print(json.dumps({"torch": torch.__version__, "losses": losses, "gradient_norms": norms,
                      "gradients_of_step_one": gradients, "weights_after": last}, indent=1))


main()
