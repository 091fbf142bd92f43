#!/usr/bin/env bash
# A platform on the nodes of this job: one silo a node. Commands join it from anywhere with the same DTT_HOME, until scancel ends it.
#   sbatch -N 4 -c 32 --gres=gpu:4 sbatch/silo.sh
#SBATCH --job-name=dtt-silo
#SBATCH --ntasks-per-node=1
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
set -euo pipefail
# Slurm runs a copy of this file and remembers where it was submitted from.
script=$(scontrol show job "${SLURM_JOB_ID:?submit this with sbatch}" | sed -n 's/^ *Command=//p') || true # its controller may be starting
root=${script%%/sbatch/silo.sh*}
[ -f "$root/sbatch/common.sh" ] || root=$PWD
# shellcheck source=sbatch/common.sh
. "$root/sbatch/common.sh"

[ $# = 0 ] || fail 2 "silo.sh takes no arguments, but was given '$*': the options of sbatch stand before the script"
begin
start_platform
serve
