"""transformers as an engine of the benchmark: one step for each line on stdin, one JSON line as the answer.
python engine.py CASE_JSON FOLDER THREADS"""
import json
import re
import sys
import time

import torch
import torch.nn.functional as F
from transformers import LlamaForCausalLM

case, folder, threads = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
model = LlamaForCausalLM.from_pretrained(folder, attn_implementation="sdpa", dtype=torch.float32).eval()
# All of the tokens that are asked for, whichever they are.
model.generation_config.eos_token_id = None
model.generation_config.pad_token_id = 0


def tokens(step, row, length):
    vocab = model.config.vocab_size
    return [(step * 104729 + row * 1299709 + i * i * 31 + i * 7919) % vocab for i in range(length)]


def score(ids):
    with torch.inference_mode():
        logits = model(ids, use_cache=False).logits[:, :-1]
        return {"loss": F.cross_entropy(logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1)).item()}


def choices(requests):
    """As lm_eval/models/huggingface.py, _loglikelihood_tokens: every choice a row with the whole prefix, longest first, padded
    on the right in batches."""
    requests = sorted(requests, key=lambda r: -len(r[0]) - len(r[1]))
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(requests), case["batch"]):
            chunk = requests[start : start + case["batch"]]
            inputs = [(context + continuation)[:-1] for context, continuation in chunk]
            longest = max(map(len, inputs))
            ids = torch.tensor([row + [0] * (longest - len(row)) for row in inputs])
            log_probabilities = F.log_softmax(model(ids, use_cache=False).logits, dim=-1)
            for row, (own, (_, continuation)) in enumerate(zip(inputs, chunk)):
                n = len(continuation)
                scored = log_probabilities[row, len(own) - n : len(own)]
                total += scored.gather(1, torch.tensor(continuation).unsqueeze(-1)).sum().item()
    return {"loss": -total / sum(len(c) for _, c in requests)}


def generate(ids):
    with torch.inference_mode():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=case["tokens"],
            do_sample=False,
            use_cache=True,
        )
    return {"loss": 0, "ids": out[:, ids.shape[1] :].reshape(-1).tolist()}


def prepare(step):
    if case["kind"] == "score":
        return score, torch.tensor([tokens(step, row, case["sequence"]) for row in range(case["batch"])])
    if case["kind"] == "generate":
        return generate, torch.tensor([tokens(step, row, case["prompt"]) for row in range(case["batch"])])
    each = case["choices"]
    return choices, [
        (tokens(step, i // each, case["prefix"]), tokens(step, 1000 + i, case["choice"]))
        for i in range(case["questions"] * each)
    ]


def peak():
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read()).group(1)) // 1024


for step, _ in enumerate(sys.stdin):
    run, given = prepare(step)
    began = time.perf_counter()
    answer = run(given)
    ms = (time.perf_counter() - began) * 1e3
    print(json.dumps({"ms": ms, **answer, "peakMB": peak()}), flush=True)
