#!/usr/bin/env bash
# A run on the nodes of this job, or of the platform that runs already; the job ends with the run. Takes the options of `dtt train`.
#   sbatch -N 4 -c 32 --gres=gpu:4 sbatch/train.sh -c configs/config.yaml --set nodes=all
#SBATCH --job-name=dtt-train
#SBATCH --ntasks-per-node=1
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
set -euo pipefail
# Slurm runs a copy of this file and remembers where it was submitted from.
script=$(scontrol show job "${SLURM_JOB_ID:?submit this with sbatch}" | sed -n 's/^ *Command=//p') || true # its controller may be starting
root=${script%%/sbatch/train.sh*}
[ -f "$root/sbatch/common.sh" ] || root=$PWD
# shellcheck source=sbatch/common.sh
. "$root/sbatch/common.sh"

begin
do_work train "$@"
