#!/usr/bin/env bash
# A tokenizer and token shards, made by the nodes of this job, or by the platform that runs already. Takes the options of `dtt tokenize`.
#   sbatch -N 4 -c 32 sbatch/tokenize.sh -c configs/config.yaml
#SBATCH --job-name=dtt-tokenize
#SBATCH --ntasks-per-node=1
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
set -euo pipefail
# Slurm runs a copy of this file and remembers where it was submitted from.
script=$(scontrol show job "${SLURM_JOB_ID:?submit this with sbatch}" | sed -n 's/^ *Command=//p') || true # its controller may be starting
root=${script%%/sbatch/tokenize.sh*}
[ -f "$root/sbatch/common.sh" ] || root=$PWD
# shellcheck source=sbatch/common.sh
. "$root/sbatch/common.sh"

begin
do_work work tokenize "$@"
