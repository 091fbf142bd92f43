#!/usr/bin/env bash
# One node of a job: its silo, and another when it dies. SIGTERM lets the silo drain. Started by srun; reads what common.sh exported.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/sbatch/preflight.sh"
export DTT_NODE=$SLURMD_NODENAME DTT_STATE
DTT_STATE=$(state_folder)
(umask 077 && mkdir -p "${DTT_STATE%/*}")
for address in $DTT_ADDRESSES; do
  [ "${address%%=*}" != "$DTT_NODE" ] || export DTT_ADDRESS=${address#*=}
done
say() { printf '%(%F %T)T %s: %s\n' -1 "$DTT_NODE" "$*"; }

silo=
ending=
end() {
  ending=1
  [ -z "$silo" ] || kill -TERM -- "-$silo" 2>/dev/null || true
}
trap end TERM

pause=1
while :; do
  setsid "$root/dtt" silo run < /dev/null &
  silo=$!
  [ -z "$ending" ] || end
  while code=0; wait "$silo" || code=$?; kill -0 "$silo" 2>/dev/null; do :; done
  # 2: no other try would end otherwise.
  if [ -n "$ending" ] || [ "$code" = 0 ] || [ "$code" = 2 ]; then break; fi
  say "the silo ended with exit code $code; another starts in $pause s"
  sleep "$pause" & wait $! || true
  pause=$((pause < 30 ? pause * 2 : 30))
done
say "ended with exit code $code"
[ -n "$ending" ] || exit "$code"
