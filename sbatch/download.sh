#!/usr/bin/env bash
# Raw text and a manifest of it, fetched by the nodes of this job, or by the platform that runs already. Takes the options of `dtt download`.
#   sbatch sbatch/download.sh -c configs/config.yaml
#SBATCH --job-name=dtt-download
#SBATCH --ntasks-per-node=1
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
set -euo pipefail
# Slurm runs a copy of this file and remembers where it was submitted from.
script=$(scontrol show job "${SLURM_JOB_ID:?submit this with sbatch}" | sed -n 's/^ *Command=//p') || true # its controller may be starting
root=${script%%/sbatch/download.sh*}
[ -f "$root/sbatch/common.sh" ] || root=$PWD
# shellcheck source=sbatch/common.sh
. "$root/sbatch/common.sh"

begin
do_work work download "$@"
