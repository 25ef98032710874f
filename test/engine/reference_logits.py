"""Logits of Hugging Face folders, and of a base with a PEFT adapter, as transformers computes them.

reference_logits.py IDS.json FOLDER... [--adapter BASE ADAPTER]   prints {"folders": [[...], ...], "adapter": [...]}
"""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

words = sys.argv[1:]
ids = torch.tensor(json.load(open(words[0]))["input_ids"])
cut = words.index("--adapter") if "--adapter" in words else len(words)


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()


def logits(model):
    with torch.no_grad():
        return model(input_ids=ids).logits.flatten().tolist()


out = {"folders": [logits(load(folder)) for folder in words[1:cut]]}
if cut < len(words):
    base, adapter = words[cut + 1 : cut + 3]
    out["adapter"] = logits(PeftModel.from_pretrained(load(base), adapter))
print("\n" + json.dumps(out))
