"""Decoding speed beside llama.cpp's on the same weights, in alternating runs.

Written with llama-cpp-python 0.3.36 (built from source for this processor) and gguf 0.19.0.
Build first: cargo build --release -p sunward-ai --bench decode
Command: python decode_peer.py PATH_OF_THE_BENCH_BINARY FOLDER [ROUNDS] [THREADS]

Writes into FOLDER, if they are not there, a random network of the shape of Gemma 3 270M twice: config.json with bf16 safetensors
for us, which are rounded to 8 bits on loading, and the same rounded to Q8_0 in GGUF for llama.cpp. Each round decodes 64
greedy tokens after the same prompt of 64, the first not counted. Prints tokens a second by wall and by CPU time (user and
system, all threads), then the ratios of the medians (ours / llama.cpp's, above 1 is faster) and how many of the tokens agree:
llama.cpp also rounds activations to 8 bits, so that they need not all.
"""

import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import gguf
import llama_cpp
import numpy as np

LAYERS, WIDTH, HEADS, HEAD, INNER, VOCABULARY, WINDOW = 18, 640, 4, 256, 2048, 262_144, 512
PROMPT, TOKENS = 64, 64

MATRICES = {
    "self_attn.q_proj": ("attn_q", (HEADS * HEAD, WIDTH)),
    "self_attn.k_proj": ("attn_k", (HEAD, WIDTH)),
    "self_attn.v_proj": ("attn_v", (HEAD, WIDTH)),
    "self_attn.o_proj": ("attn_output", (WIDTH, HEADS * HEAD)),
    "mlp.gate_proj": ("ffn_gate", (INNER, WIDTH)),
    "mlp.up_proj": ("ffn_up", (INNER, WIDTH)),
    "mlp.down_proj": ("ffn_down", (WIDTH, INNER)),
}
NORMS = {
    "input_layernorm": ("attn_norm", WIDTH),
    "post_attention_layernorm": ("post_attention_norm", WIDTH),
    "pre_feedforward_layernorm": ("ffn_norm", WIDTH),
    "post_feedforward_layernorm": ("post_ffw_norm", WIDTH),
    "self_attn.q_norm": ("attn_q_norm", HEAD),
    "self_attn.k_norm": ("attn_k_norm", HEAD),
}


def tensors():
    """(our name, llama.cpp's name, bf16 patterns) of every tensor."""
    draw = np.random.default_rng(1)

    def bf16(shape, scale):
        x = (scale * draw.standard_normal(shape, dtype=np.float32)).view(np.uint32)
        return (x >> 16).astype(np.uint16)

    yield "model.embed_tokens", "token_embd", bf16((VOCABULARY, WIDTH), WIDTH**-0.5)
    yield "model.norm", "output_norm", bf16((WIDTH,), 0.1)
    for layer in range(LAYERS):
        for ours, (theirs, shape) in MATRICES.items():
            yield f"model.layers.{layer}.{ours}", f"blk.{layer}.{theirs}", bf16(shape, shape[1] ** -0.5)
        for ours, (theirs, width) in NORMS.items():
            yield f"model.layers.{layer}.{ours}", f"blk.{layer}.{theirs}", bf16((width,), 0.1)


def header(writer):
    writer.add_context_length(32_768)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(1)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_sliding_window(WINDOW)
    names = ["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{b:02X}>" for b in range(256)]
    names += [f"t{i}" for i in range(len(names), VOCABULARY)]
    kinds = [gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.UNKNOWN] + [gguf.TokenType.BYTE] * 256
    writer.add_tokenizer_model("llama")
    writer.add_token_list(names)
    writer.add_token_scores([0.0] * VOCABULARY)
    writer.add_token_types(kinds + [gguf.TokenType.NORMAL] * (VOCABULARY - len(kinds)))
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": "gemma3_text", "vocab_size": VOCABULARY, "hidden_size": WIDTH, "intermediate_size": INNER,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": 1, "head_dim": HEAD,
        "max_position_embeddings": 32_768, "sliding_window": WINDOW, "query_pre_attn_scalar": HEAD,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    writer = gguf.GGUFWriter(folder / "model.gguf", "gemma3")
    header(writer)
    entries, parts, at = {}, [], 0
    for ours, theirs, x in tensors():
        wide = (x.astype(np.uint32) << 16).view(np.float32)
        if x.ndim == 1:
            writer.add_tensor(f"{theirs}.weight", 1 + wide)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(f"{theirs}.weight", gguf.quants.quantize(wide, kind), raw_dtype=kind)
        entries[f"{ours}.weight"] = {"dtype": "BF16", "shape": x.shape, "data_offsets": [at, at + x.nbytes]}
        parts.append(x)
        at += x.nbytes
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    text = json.dumps(entries).encode()
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for x in parts:
            file.write(x.tobytes())


def ours(binary, folder, threads):
    settings = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    ran = subprocess.run([binary, "int8", folder], capture_output=True, text=True, check=True, env=settings)
    lines = ran.stdout.splitlines()
    measured = json.loads(lines[0])
    return measured["tokens_per_s"], measured["tokens_per_cpu_s"], json.loads(lines[1]), lines[0]


class LlamaCpp:
    def __init__(self, path, threads):
        self.threads = threads
        llama_cpp.llama_backend_init()
        self.quiet = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self.quiet, ctypes.c_void_p(0))
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        assert self.model, f"{path} cannot be loaded"

    def run(self):
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx, settings.n_threads, settings.n_threads_batch = PROMPT + TOKENS, self.threads, self.threads
        context = llama_cpp.llama_init_from_model(self.model, settings)
        tokens = [self.step(context, [(i * 7919 + 13) % VOCABULARY for i in range(PROMPT)])]
        wall, cpu = time.perf_counter(), cpu_seconds()
        for _ in range(TOKENS - 1):
            tokens.append(self.step(context, tokens[-1:]))
        wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
        llama_cpp.llama_free(context)
        return (TOKENS - 1) / wall, (TOKENS - 1) / cpu, tokens

    def step(self, context, tokens):
        held = (llama_cpp.llama_token * len(tokens))(*tokens)  # the batch keeps only its address
        assert llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(held, len(tokens))) == 0
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, -1), shape=(VOCABULARY,))
        return int(logits.argmax())


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main():
    binary, folder = sys.argv[1], Path(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    if not (folder / "model.gguf").exists():
        write(folder)
    threads = int(sys.argv[4]) if len(sys.argv) > 4 else 2
    peer = LlamaCpp(folder / "model.gguf", threads)
    print("llama.cpp:", llama_cpp.llama_print_system_info().decode())
    best = lambda runs: (max(run[0] for run in runs), max(run[1] for run in runs), runs[0][2])
    pairs = []
    for _ in range(rounds):
        a, b = ours(binary, str(folder), threads), best([peer.run() for _ in range(3)])
        print(f"ours {a[0]:.1f}/s, {a[1]:.1f}/CPU-s; llama.cpp {b[0]:.1f}/s, {b[1]:.1f}/CPU-s; {a[3]}", flush=True)
        pairs.append((a, b))
    ratio = lambda i: statistics.median(a[i] for a, _ in pairs) / statistics.median(b[i] for _, b in pairs)
    agree = next((i for i, (x, y) in enumerate(zip(pairs[0][0][2], pairs[0][1][2])) if x != y), TOKENS)
    print(f"ours / llama.cpp: wall {ratio(0):.2f}, CPU {ratio(1):.2f}; the first {agree} of {TOKENS} tokens agree")


if __name__ == "__main__":
    main()
