#!/bin/sh
# Writes harness/ anew: lm_eval 0.4.13 on three small tasks, with the model of the reference data.
#   pip install lm_eval==0.4.13 && sh make.sh MODEL_FOLDER OUT
# Afterwards the paths and `pretty_env_info` were taken out by hand.
set -e
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/tasks"
HF_DATASETS_OFFLINE=1 lm_eval --model hf --model_args "pretrained=$1,dtype=float32" \
  --tasks facts_choice,sums_gen,pages --include_path . --device cpu --batch_size 1 --log_samples --output_path "$2"
