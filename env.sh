#!/usr/bin/env bash
# Prepares a node for DTT: what slurmify, or `srun --ntasks-per-node=1 bash env.sh`, runs on every node, on all of them at once.
#   env.sh [MOUNT]    DTT is in MOUNT/dtt; by default it is where this file lies
# Fetches the .NET SDK and builds where that is missing (one node does, the others wait), and says what the node has.
set -euo pipefail
root=${1:+$1/dtt}
root=${root:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)}
if [ ! -x "$root/dtt" ]; then
  echo "env.sh: there is no DTT in $root: clone it there, or publish it there (./dtt publish $root)" >&2
  exit 1
fi
cd "$root"
if [ -w . ] && mkdir -p artifacts; then
  exec 9> artifacts/.preparing
  flock 9
fi
version=$(./dtt --version)
postgres=$(printf "%s\n" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | grep -v "\*" | sort -rV | head -1 || true)
postgres=${postgres:-$(dirname "$(command -v postgres || echo none/none)")}
gpus=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | sort | uniq -c | tr -s ' \n' ' ' || true)
echo "$(hostname): DTT $version in $root; PostgreSQL: $postgres; GPUs: ${gpus:-none}"
