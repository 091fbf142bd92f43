#!/usr/bin/env bash
# One node of a job: its silo, and another when it dies. SIGTERM lets the silo drain. Started by srun.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=sbatch/common.sh
. "$root/sbatch/common.sh"

export DTT_NODE=$here DTT_STATE DTT_ADDRESS
DTT_ADDRESS=$(tr ' ' '\n' <<< "$DTT_ADDRESSES" | sed -n "s/^$here=//p")
DTT_STATE=$(state_folder)
(umask 077 && mkdir -p "${DTT_STATE%/*}")

# The silo is its own process group: Slurm signals the processes of a step in more than one way.
silo=
end_silo() { # SIGNAL
  ending=stop
  [ -z "$silo" ] || kill -"$1" -- "-$silo" 2>/dev/null || true
}
trap 'end_silo TERM' TERM
trap 'end_silo KILL' USR2

# Whether the job's own database is another life's by now: then nothing that ranks save here counts.
is_fenced() {
  [ "${PGPASSFILE:-}" = "$(database)/pgpass.$job.$life" ] && [ -s "$(database)/owner" ] && ! grep -q "^job $job life $life on " "$(database)/owner"
}

# Under --no-kill the job goes on without its first node, and with it without its script, and its database: then a node that is left requeues it.
watch_job() {
  local current
  while sleep "$beat_seconds"; do
    if is_gone "$pulse"; then
      say "this life of job $self is over"
      ! is_fenced || { kill -USR2 $$; return; }
    elif [ "$(seconds_left "$pulse")" -lt -"$silent_seconds" ]; then
      current=0
      is_current_life || current=$?
      [ "$current" != 2 ] || continue # nobody knows yet
      say "the first node gave no sign of life for $((2 * silent_seconds)) s: the job is requeued"
      [ "$current" = 1 ] || scontrol requeue "$self" || true
    else
      continue
    fi
    kill -TERM $$
    return
  done
}
watch_job &
watch=$!

pause=1
while :; do
  setsid "$root/dtt" silo run < /dev/null &
  silo=$!
  [ -z "$ending" ] || end_silo TERM
  code=0
  attend "$silo" || code=$?
  # 2: the next one would end like that, too.
  if [ -n "$ending" ] || [ "$code" = 0 ] || [ "$code" = 2 ]; then break; fi
  say "the silo ended with exit code $code; another starts in $pause s"
  sleep "$pause" &
  wait $! || true
  pause=$((pause < 30 ? pause * 2 : 30))
done
kill "$watch" 2>/dev/null || true
say "ended with exit code $code"
[ -n "$ending" ] || exit "$code"
