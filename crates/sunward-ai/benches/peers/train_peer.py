"""Training speed beside PyTorch's, in alternating runs by CPU time.

Written with torch 2.15.0. Build first: cargo build --release -p sunward-ai --bench train
Command: python train_peer.py PATH_OF_THE_BENCH_BINARY [small|characters] [ROUNDS]

On a machine with an NVIDIA GPU: cargo build --release -p sunward-cuda --bench train, then
python train_peer.py PATH_OF_THAT_BENCH_BINARY gpt2 [ROUNDS]
GPT-2 124M in bf16, by wall time: ours, and PyTorch's step under autocast with torch.compile.

Prints each round's tokens a second of CPU time (user and system, all threads) and of wall time: ours, and PyTorch's with one
thread and with two; then the ratios of our median to PyTorch's better one. The torch side is nanoGPT's network and step as its CPU command runs them: float32, dropout 0,
scaled_dot_product_attention, AdamW (fused where the build has it), no torch.compile.
"""

import json
import math
import statistics
import subprocess
import sys
import time

CONFIGS = {
    "small": dict(layers=4, heads=4, width=128, context=64, batch=12, steps=100, torch_steps=30),
    "characters": dict(layers=6, heads=6, width=384, context=256, batch=64, steps=2, torch_steps=1),
    "gpt2": dict(layers=12, heads=12, width=768, context=1024, batch=16, steps=50, torch_steps=50, vocabulary=50_304),
}
VOCABULARY = 65


def network(c, torch, nn, F):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            w = c["width"]
            self.ln_1, self.ln_2 = nn.LayerNorm(w, bias=False), nn.LayerNorm(w, bias=False)
            self.c_attn, self.attn_proj = nn.Linear(w, 3 * w, bias=False), nn.Linear(w, w, bias=False)
            self.c_fc, self.c_proj = nn.Linear(w, 4 * w, bias=False), nn.Linear(4 * w, w, bias=False)

        def forward(self, x):
            b, t, w = x.shape
            q, k, v = (y.view(b, t, c["heads"], -1).transpose(1, 2) for y in self.c_attn(self.ln_1(x)).split(w, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.attn_proj(y.transpose(1, 2).reshape(b, t, w))
            return x + self.c_proj(F.gelu(self.c_fc(self.ln_2(x))))

    class Gpt(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(c.get("vocabulary", VOCABULARY), c["width"]), nn.Embedding(c["context"], c["width"])
            self.blocks = nn.ModuleList(Block() for _ in range(c["layers"]))
            self.ln_f = nn.LayerNorm(c["width"], bias=False)
            for name, p in self.named_parameters():
                if p.dim() == 2:
                    nn.init.normal_(p, 0.0, 0.02 / math.sqrt(2 * c["layers"]) if name.endswith("proj.weight") else 0.02)

        def forward(self, x, y):
            h = self.wte(x) + self.wpe.weight
            for block in self.blocks:
                h = block(h)
            return F.cross_entropy((self.ln_f(h) @ self.wte.weight.T).flatten(0, 1), y.flatten())

    return Gpt()


def torch_run(name, steps, threads=2, text=None, seed=1337):
    """Trains `steps` after one that warms up; with a text, nanoGPT's whole run of 2000 with its evaluation."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    c = CONFIGS[name]
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    model = network(c, torch, nn, F)
    decay = [p for p in model.parameters() if p.dim() == 2]
    plain = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)
    if text is None:
        data = {"train": torch.randint(VOCABULARY, (100_000,))}
    else:
        letters = open(text, encoding="utf-8").read()
        index = {letter: i for i, letter in enumerate(sorted(set(letters)))}
        tokens = torch.tensor([index[letter] for letter in letters])
        cut = int(0.9 * len(tokens))
        data = {"train": tokens[:cut], "validation": tokens[cut:]}

    def batch(part="train"):
        starts = torch.randint(len(data[part]) - c["context"], (c["batch"],))
        x = torch.stack([data[part][s : s + c["context"]] for s in starts])
        return x, torch.stack([data[part][s + 1 : s + 1 + c["context"]] for s in starts])

    def step(rate=1e-3):
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = model(*batch())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    @torch.no_grad()
    def evaluate(batches):
        return statistics.fmean(model(*batch("validation")).item() for _ in range(batches))

    if text is not None:
        for k in range(2000):
            if k % 500 == 0:
                print(k, round(evaluate(20), 4), flush=True)
            share = (k - 100) / 1900
            step(1e-3 * (k + 1) / 101 if k < 100 else 1e-4 + 0.5 * (1 + math.cos(math.pi * share)) * 9e-4)
        print(2000, round(evaluate(20), 4), "over 200 batches", round(evaluate(200), 4))
        return
    step()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    tokens = steps * c["batch"] * c["context"]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"tokens_per_s": tokens / wall, "tokens_per_cpu_s": tokens / cpu}))


def torch_gpu_run(name, steps, device="cuda"):
    """Trains `steps` after five that warm up, on tokens drawn at random, with the loss and the gradient's norm read at every step."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    c = CONFIGS[name]
    vocabulary = c.get("vocabulary", VOCABULARY)
    torch.manual_seed(1337)
    torch.set_float32_matmul_precision("high")
    model = network(c, torch, nn, F).to(device)
    compiled = torch.compile(model)
    decay = [p for p in model.parameters() if p.dim() == 2]
    plain = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=6e-4, betas=(0.9, 0.99), fused=True)
    data = torch.randint(vocabulary, (8, 2, c["batch"], c["context"]), device=device)

    def step(k):
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = compiled(*data[k % 8])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    for k in range(5):
        step(k)
    wall = time.perf_counter()
    for k in range(steps):
        loss = step(k)
    if device == "cuda":
        torch.cuda.synchronize()
    wall = time.perf_counter() - wall
    print(json.dumps({"tokens_per_s": steps * c["batch"] * c["context"] / wall, "loss": loss}))


def last_json(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def compare(binary, name, rounds):
    c = CONFIGS[name]
    torch = [sys.executable, __file__, "--torch", name, str(c["torch_steps"])]
    commands = {"ours": [binary, name, str(c["steps"])], "torch 1": [*torch, "1"], "torch 2": [*torch, "2"]}
    runs = {who: [] for who in commands}
    for r in range(rounds):
        for who, command in commands.items():
            runs[who].append(run := last_json(command))
            print(f"round {r} {who:7}: {run['tokens_per_cpu_s']:8.0f} tokens/CPU s {run['tokens_per_s']:8.0f} tokens/s", flush=True)
    for key in ("tokens_per_cpu_s", "tokens_per_s"):
        ours, *torchs = (statistics.median(run[key] for run in runs[who]) for who in commands)
        print(f"{name} {key}: ours {ours:.0f}, PyTorch {max(torchs):.0f}, ratio {ours / max(torchs):.2f}")


def compare_gpu(binary, name, rounds):
    c = CONFIGS[name]
    commands = {"ours": [binary, name, str(c["steps"])], "torch": [sys.executable, __file__, "--torch-gpu", name, str(c["torch_steps"])]}
    runs = {who: [] for who in commands}
    for r in range(rounds):
        for who, command in commands.items():
            runs[who].append(run := last_json(command)["tokens_per_s"])
            print(f"round {r} {who:5}: {run:8.0f} tokens/s", flush=True)
    ours, torch = (statistics.median(runs[who]) for who in commands)
    print(f"{name} tokens_per_s: ours {ours:.0f}, PyTorch {torch:.0f}, ratio {ours / torch:.2f}")


if __name__ == "__main__":
    if sys.argv[1] == "--torch-gpu":
        torch_gpu_run(sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
    elif len(sys.argv) > 2 and sys.argv[2] == "gpt2":
        compare_gpu(sys.argv[1], "gpt2", int(sys.argv[3]) if len(sys.argv) > 3 else 5)
    elif sys.argv[1] == "--torch":
        torch_run(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1] == "--torch-run":
        torch_run("small", 0, text=sys.argv[2], seed=int(sys.argv[3]))
    else:
        name = sys.argv[2] if len(sys.argv) > 2 else "small"
        compare(sys.argv[1], name, int(sys.argv[3]) if len(sys.argv) > 3 else 5)
