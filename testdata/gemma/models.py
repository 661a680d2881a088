"""Small random Gemma 2 and Gemma 3 models with the logits, tokens and text that the reference implementation gives.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 safetensors==0.8.0 numpy
    python testdata/gemma/models.py

Writes, beside itself and for each of gemma2, gemma3 and odd: config.json, tokenizer.json, weights, expected.safetensors
(logits `[position, token]` of one prompt) and expected.json (prompt, greedy continuation, texts with their tokens).

- The window is 8 positions, the prompt 100, so that every mask matters and a ring of the window is overwritten; norms, caps and
  score scales are drawn or chosen so that leaving any of them out moves the logits.
- gemma2 is one bfloat16 file in the current form of config.json; gemma3 is two float32 shards with an index in the older form
  (rope_theta, rope_local_base_freq, rope_scaling, sliding_window_pattern), as published folders have.
- odd has no width, head or vocabulary that fills a block, biases, an output layer of its own, and names of a folder of text and images.
- The tokenizer is byte-pair encoding with byte fallback in the form that the library's GemmaTokenizer builds, trained on the words below.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig

HERE = Path(__file__).parent
VOCABULARY = 448
CONTEXT = 128
PROMPT = 100
NEW = 20

CORPUS = [
    "The satellite leaves the shadow and the array wakes; the battery fills while the chip runs warm.",
    "A model in orbit answers when the ground station rises: light is quick, the queue is not.",
    "In the shadow the clock is slow, and the radiator is cold. The sun returns, the clock is fast again.",
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 satellites; 100 200 300 watts; 0.04 USD/kWh.",
    "naïve café, größer, über; the thermal model, the thermal mass, the thermal mast.",
]

TEXTS = [
    "",
    " ",
    "The satellite leaves the shadow.",
    "  two  spaces   three    four ",
    "line\nline\n\nparagraph\n\n\n\tend",
    "naïve café größer",
    "bytes: \U0001f680 中文 \u0416 e\u0301",
    "<start_of_turn>user\nthe model?<end_of_turn>\n<start_of_turn>model\n",
    "<start_of_turn>the<start_of_turn><end_of_tur",
    "▁▁ already ▁ marked",
    "<0x41> is not a byte, the the thethe thermal thermalthermal",
    "tttttthhhhheeeeee aaaaaaaaaaaaa 1111222333",
    "rindt nsller slesla hm at",  # the earliest rule is not at the leftmost pair
]


def tokenizer():
    """The tokenizer, with the special tokens and runs of white space that Gemma adds to its vocabulary."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>"]
    plain = ["\n", "\n\n", "\n\n\n", "▁▁", "▁▁▁", "▁▁▁▁", "\t"]
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    built = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    built.normalizer = normalizers.Replace(" ", "▁")
    built.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")  # for training only: keeps words apart
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=special + plain + bytes_, show_progress=False)
    built.train_from_iterator(CORPUS, trainer)
    built.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    built.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    built.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    form = json.loads(built.to_str())
    keep = set(special) | set(plain)
    form["added_tokens"] = [
        {**token, "special": token["content"] in special} for token in form["added_tokens"] if token["content"] in keep
    ]
    return form


def randomise(model, seed):
    """Weights of unit-variance layers, norms around 1, an embedding that does not drown the layers."""
    draw = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        scale = 0.3 if parameter.ndim == 1 else 0.1 if "embed" in name else parameter.shape[1] ** -0.5
        parameter.data = scale * torch.randn(parameter.shape, generator=draw)


def expected(model, folder, tokens, built):
    """Logits of the prompt, and the greedy continuation with and without a cache."""
    with torch.no_grad():
        logits = model(tokens[None], use_cache=False).logits[0]
        cached = model.generate(tokens[None, : len(tokens) // 2], do_sample=False, max_new_tokens=NEW, eos_token_id=None)[0]
        plain = tokens[: len(tokens) // 2]
        for _ in range(NEW):
            plain = torch.cat([plain, model(plain[None], use_cache=False).logits[0, -1].argmax()[None]])
    assert torch.equal(cached, plain), "the reference disagrees with itself"
    save_file({"logits": logits.contiguous()}, folder / "expected.safetensors")
    texts = [{"text": text, "tokens": built.encode(text).ids} for text in TEXTS]
    decoded = [{"tokens": t, "text": built.decode(t, skip_special_tokens=True)} for t in runs(built)]
    content = {"prompt": tokens.tolist(), "greedy": plain[len(tokens) // 2 :].tolist(), "encoded": texts, "decoded": decoded}
    (folder / "expected.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def runs(built):
    """Token runs whose decoding is easy to get wrong: whole, broken and split byte runs, special tokens between."""
    byte = lambda b: built.token_to_id(f"<0x{b:02X}>")
    rocket = [byte(b) for b in "\U0001f680".encode()]
    the = built.encode("the", add_special_tokens=False).ids
    return [
        built.encode(TEXTS[6]).ids,
        rocket + the,
        the + rocket[:3] + the,
        rocket[:2] + [2] + rocket[2:],
        rocket + rocket[:1],
        [byte(0x41), byte(0x42)] + rocket[1:],
    ]


def write(name, model, config, files, prompt=PROMPT):
    """One folder as a model is published in."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    form = tokenizer()
    (folder / "tokenizer.json").write_text(json.dumps(form, ensure_ascii=False, separators=(",", ":")) + "\n")
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    for file, tensors in files.items():
        save_file(tensors, folder / file, metadata={"format": "pt"})
    if len(files) > 1:
        places = {tensor: file for file, tensors in files.items() for tensor in tensors}
        size = sum(4 * tensor.numel() for tensors in files.values() for tensor in tensors.values())
        index = {"metadata": {"total_size": size}, "weight_map": places}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    tokens = torch.randint(7, VOCABULARY, (prompt,), generator=torch.Generator().manual_seed(5))
    expected(model, folder, tokens, Tokenizer.from_str(json.dumps(form)))


SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 32, "max_position_embeddings": CONTEXT, "sliding_window": 8, "query_pre_attn_scalar": 2,
    "eos_token_id": [1, 6], "bos_token_id": 2, "pad_token_id": 0, "rms_norm_eps": 1e-6, "tie_word_embeddings": True,
}


def gemma2():
    config = Gemma2Config(
        **SIZES, num_hidden_layers=3, attn_logit_softcapping=3.0, final_logit_softcapping=0.5, attn_implementation="eager"
    )
    model = Gemma2ForCausalLM(config).eval()
    randomise(model, 2)
    for parameter in model.parameters():  # not model.to(bfloat16), which would round the rotation's frequencies too
        parameter.data = parameter.data.to(torch.bfloat16).to(torch.float32)
    state = model.state_dict()
    tensors = {name: tensor.to(torch.bfloat16) for name, tensor in state.items() if name != "lm_head.weight"}
    text = config.to_dict() | {"architectures": ["Gemma2ForCausalLM"]}
    write("gemma2", model, text, {"model.safetensors": tensors})


def gemma3():
    older = SIZES | {
        "num_hidden_layers": 3, "sliding_window_pattern": 3, "rope_theta": 1_000_000.0, "rope_local_base_freq": 10_000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0},
    }
    config = Gemma3TextConfig(**older, attn_implementation="eager")
    assert config.layer_types == ["sliding_attention", "sliding_attention", "full_attention"]
    assert config.rope_parameters["full_attention"]["factor"] == 8.0, config.rope_parameters
    model = Gemma3ForCausalLM(config).eval()
    randomise(model, 3)
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    names = sorted(tensors)
    shards = {
        f"model-0000{1 + half}-of-00002.safetensors": {name: tensors[name] for name in part}
        for half, part in enumerate([names[: len(names) // 2], names[len(names) // 2 :]])
    }
    text = older | {
        "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "hidden_activation": "gelu_pytorch_tanh",
        "attention_bias": False, "attn_logit_softcapping": None, "final_logit_softcapping": None,
    }
    write("gemma3", model, text, shards)


def odd():
    sizes = SIZES | {
        "vocab_size": VOCABULARY + 1, "hidden_size": 18, "intermediate_size": 37, "num_attention_heads": 6, "head_dim": 6,
        "num_hidden_layers": 2, "attention_bias": True, "tie_word_embeddings": False,
        "layer_types": ["full_attention", "sliding_attention"],
    }
    config = Gemma3TextConfig(**sizes, attn_implementation="eager")
    model = Gemma3ForCausalLM(config).eval()
    randomise(model, 4)
    tensors = {f"language_model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors["vision_tower.post_layernorm.weight"] = torch.ones(3)
    text = {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"], "text_config": config.to_dict()}
    write("odd", model, text, {"model.safetensors": tensors}, 40)


if __name__ == "__main__":
    gemma2()
    gemma3()
    odd()
