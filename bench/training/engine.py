"""PyTorch as an engine of the benchmark: one step for each line on stdin, one JSON line as the answer.
python engine.py SHAPE_JSON FOLDER THREADS"""
import json
import re
import sys
import time

import torch
from transformers import LlamaForCausalLM

shape, folder, threads = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
model = LlamaForCausalLM.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float32)
model.config.use_cache = False
if shape.get("layers"):
    model.requires_grad_(False)
    for layer in shape["layers"]:
        model.model.layers[layer].requires_grad_(True)
if shape.get("rank"):
    from peft import LoraConfig, get_peft_model

    rank = shape["rank"]
    model = get_peft_model(
        model,
        LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"),
    )


def batch(step):
    vocab = shape["config"]["vocabSize"]
    rows = [
        [(step * 104729 + row * 1299709 + i * i * 31 + i * 7919) % vocab for i in range(shape["sequence"])]
        for row in range(shape["batch"])
    ]
    return torch.tensor(rows)


def peak():
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read()).group(1)) // 1024


if shape.get("score"):
    model.eval()

    def run(ids):
        with torch.inference_mode():
            logits = model(ids).logits[:, :-1]
            return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))
else:
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": 0.01},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=1e-3, fused=True)

    def run(ids):
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss


for step, _ in enumerate(sys.stdin):
    ids = batch(step)
    began = time.perf_counter()
    loss = run(ids).item()
    print(json.dumps({"ms": (time.perf_counter() - began) * 1e3, "loss": loss, "peakMB": peak()}), flush=True)
