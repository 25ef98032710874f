"""Loads folders that Strata wrote with transformers and PEFT, and prints what they hold, as JSON.

Usage: load.py FOLDER... [--adapter BASE ADAPTER]
"""
import hashlib
import json
import sys

import torch
from transformers import AutoModelForCausalLM


def digest(tensor):
    return hashlib.sha256(tensor.detach().contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()


def load(folder):
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", output_loading_info=True)
    problems = sorted(str(k) for key in ("missing_keys", "unexpected_keys", "mismatched_keys") for k in info[key])
    return model, problems


arguments = sys.argv[1:]
at = arguments.index("--adapter") if "--adapter" in arguments else len(arguments)
result = {"folders": []}
for folder in arguments[:at]:
    model, problems = load(folder)
    tensors = {name: digest(t) for name, t in model.state_dict().items()}
    logits = model(torch.tensor([[1, 2, 3, 4]])).logits
    result["folders"].append(
        {"problems": problems, "layers": model.config.num_hidden_layers, "tensors": tensors, "finite": bool(logits.isfinite().all())}
    )
if at < len(arguments):
    import warnings

    from peft import PeftModel

    base, adapter = arguments[at + 1 : at + 3]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(load(base)[0], adapter)
    factors = {name: t for name, t in model.state_dict().items() if ".lora_" in name}
    result["adapter"] = {
        "warnings": [str(w.message) for w in seen if "adapter" in str(w.message).lower()],
        "factors": {name.replace(".default", ""): digest(t) for name, t in factors.items()},
        "merged": {name: t.flatten().tolist() for name, t in model.merge_and_unload().state_dict().items() if "q_proj" in name},
    }
print(json.dumps(result))
