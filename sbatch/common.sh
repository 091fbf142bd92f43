# A platform's life on the nodes of one Slurm job. Sourced by silo.sh, download.sh, tokenize.sh, train.sh and node.sh, which set root, DTT's folder.
#
# USR1 (the time limit is near) and TERM (scancel) end the platform in order: the silos drain, which saves the runs, then the database stops. After USR1
# the job is requeued, and its next life goes on from there. Nothing here needs accounting, root, or anything but a folder that all nodes share.
# shellcheck source=sbatch/preflight.sh
. "$root/sbatch/preflight.sh"
# shellcheck source=sbatch/owner.sh
. "$root/sbatch/owner.sh"
# shellcheck source=sbatch/postgres.sh
. "$root/sbatch/postgres.sh"

job=$SLURM_JOB_ID
life=${SLURM_RESTART_COUNT:-0}
self=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
self=${self:-$job} # the number of an array's job stands for all of the array
here=$SLURMD_NODENAME
logs=$PWD/slurmlogs/$job/life-$life
pulse=$logs/pulse                      # the nodes end in order when it is removed, and requeue the job when nobody touches it
first_port=$((20000 + job % 2400 * 5)) # below the ports that systems give out themselves
port=$((first_port + 2))               # the database's; the silos' are the two before
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
up_seconds=${DTT_UP_SECONDS:-300}

ending=   # requeue or stop, once a signal asked for it
silos=    # the srun of the silos
beats=    # the process that touches the pulse
command=  # the dtt command that this job is for

# A signal's words go to the log also while the output of what it interrupts goes elsewhere.
exec {log}>&1
say() { printf '%(%F %T)T %s\n' -1 "$*" >&"$log"; }
fail() { # CODE MESSAGE...
  local code=$1
  shift
  goes_on # what fails in a job that ends fails for that
  say "error: $*"
  exit "$code"
}

# Waits for a process of ours through any signals; its exit code.
attend() {
  local code=0
  while code=0; wait "$1" || code=$?; kill -0 "$1" 2>/dev/null; do :; done
  [ "$code" -le 128 ] || { code=0; wait "$1" 2>/dev/null || code=$?; } # a signal's number may stand where the exit code should
  return "$code"
}

# Runs a long command so that signals are heard meanwhile.
attended() {
  "$@" &
  attend $!
}

begin() {
  if [ -z "${DTT_HOME:-}" ]; then
    [ -d "${HOME:-}" ] || fail 2 "HOME is '${HOME:-}', which is no folder on $here. Name a folder that all nodes see: export DTT_HOME=FOLDER, then sbatch."
    DTT_HOME=$HOME/.dtt
  fi
  (umask 077 && mkdir -p "$DTT_HOME") 2>/dev/null || fail 2 "DTT_HOME is $DTT_HOME, which cannot be made on $here. Name a folder that all nodes see."
  DTT_HOME=$(cd "$DTT_HOME" && pwd)
  export DTT_HOME
  mkdir -p "$logs" "$DTT_HOME/cluster"
  rm -f "$(database)/owner.$job" # of a life that was killed while it claimed the database
  # The silos of an older life that could not withdraw: else commands of this one would look for them.
  { grep -ls "\"job\": *\"$job\"" "$DTT_HOME"/cluster/*.json || true; } | xargs -r -d '\n' rm -f
  trap 'end_by requeue "the time limit is near"' USR1
  trap end_by_slurm TERM
  trap 'finish $?' EXIT
  say "job $self, life $life, on ${#nodes[@]} node$([ ${#nodes[@]} = 1 ] || echo s) (${nodes[*]}); home $DTT_HOME, logs $logs"
  attended "$root/dtt" --version > "$logs/build.log" 2>&1 || fail 1 "$root/dtt does not run on $here: $(tail -3 "$logs/build.log")"
}

end_by() { # requeue|stop REASON
  say "$2$([ -z "$silos" ] || echo ": the silos save what runs and end")"
  ending=${ending:-$1}
  [ -z "$command" ] || kill -HUP "$command" 2>/dev/null || true # a command that hangs up leaves its work to the platform
  drain
}

# TERM is the word of scancel, but also of a requeue that somebody else asked for: of the user, or of Slurm, which lost a node or wants it for another job. Then
# this life keeps the place for the next one.
end_by_slurm() {
  local current=0
  [ -z "$silos" ] || rm -f "$pulse" # the silos hear of it at once, also where Slurm does not answer
  is_current_life || current=$?
  if [ "$current" = 1 ]; then end_by requeue "Slurm takes this job's nodes for now"; else end_by stop "asked to end"; fi
}

# The silos are told to end: by TERM, and where Slurm does not answer by the pulse, which is gone. A life whose job was requeued without it (its node was lost
# to Slurm, not to itself) must not touch the next one's.
drain() {
  local current=0
  [ -n "$silos" ] || return 0
  rm -f "$pulse"
  is_current_life || current=$?
  case $current in
    0) scancel --signal=TERM "$self" 2>/dev/null || true ;;
    1) kill -TERM "$silos" 2>/dev/null || true ;; # srun kills its tasks at once
  esac
}

# 0: this life is the job's, 1: it is not, 2: Slurm gave no answer for some seconds, as while its controller starts.
is_current_life() {
  local end=$((SECONDS + 15))
  until answer=$(scontrol show job "$self" 2>&1); do
    case $answer in *"Invalid job id"*) return 1 ;; esac
    [ "$SECONDS" -lt "$end" ] || return 2
    sleep 1 || true
  done
  [ "$(sed -n 's/.*Restarts=\([0-9]*\).*/\1/p' <<< "$answer")" = "$life" ]
}

# Whether Slurm ends the job, as its last answer has it, though its time is not over.
is_cancelled() {
  grep -Eq 'JobState=(COMPLETING|CANCELLED)' <<< "$answer" && ! awk -F '[= ]+' '
    function seconds(time, n, part) {
      n = split(time, part, /[-:]/)
      return n < 3 ? 1e9 : (n > 3 ? part[1] * 86400 : 0) + part[n - 2] * 3600 + part[n - 1] * 60 + part[n]
    }
    { for (i = 1; i < NF; i++) is[$i] = $(i + 1) }
    END { exit seconds(is["RunTime"]) < seconds(is["TimeLimit"]) }' <<< "$answer"
}

start_platform() {
  until find_other_job; [ -z "$leaving" ] && { [ -n "$other${DTT_POSTGRES:-}" ] || claim_database || [ -n "$other" ]; }; do
    wait_as "job $leaving, which served $DTT_HOME, is ending: its end is waited for"
  done
  [ -z "$other" ] || refuse
  rm -f "$PWD/slurmlogs/$job"/life-*/pulse # nodes that Slurm lost, but that live, end what older lives left there
  preflight
  goes_on
  [ -n "${DTT_POSTGRES:-}" ] || start_database
  goes_on
  start_silos
  wait_for_silos
}

goes_on() { [ -z "$ending" ] || exit 0; }

start_silos() {
  export DTT_SILO_PORT=$first_port DTT_GATEWAY_PORT=$((first_port + 1)) DTT_ADDRESSES="${addresses[*]}"
  touch "$pulse"
  beat &
  beats=$!
  [ -z "${SLURM_CPUS_PER_TASK:-}" ] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK # srun does not take it over from sbatch
  srun --no-kill --kill-on-bad-exit=0 --wait=0 --output="$logs/silo-%N.log" bash "$root/sbatch/node.sh" < /dev/null &
  silos=$!
}

beat() {
  while kill -0 $$ 2>/dev/null; do
    touch -c "$pulse" || true
    sleep "$beat_seconds"
  done
}

wait_for_silos() {
  local up='' before=-1 start=$SECONDS node
  while [ -z "$ending" ] && [ "$(wc -w <<< "$up")" != ${#nodes[@]} ]; do
    up=$(silos_of "$job" "$life")
    [ -n "$ending" ] || tell_of_deaths
    [ "$(wc -w <<< "$up")" = "$before" ] || say "$(wc -w <<< "$up") of ${#nodes[@]} silos are up"
    before=$(wc -w <<< "$up")
    kill -0 "$silos" 2>/dev/null && [ $((SECONDS - start)) -lt "$up_seconds" ] || break
    sleep 0.5
  done
  for node in "${nodes[@]}"; do
    [ -n "$ending" ] || grep -qx "$node" <<< "$up" || say "the silo of $node is not up: $(tail -n 3 "$logs/silo-$node.log" 2>&1)"
  done
  [ -n "$ending" ] || [ -n "$up" ] || fail 1 "no silo came up within $up_seconds s; see $logs"
}

# The first end of each silo before all are up: the next one may come up, or end like it.
declare -A deaths=()
tell_of_deaths() {
  local node
  for node in "${nodes[@]}"; do
    if [ -z "${deaths[$node]:-}" ] && grep -qs 'the silo ended with exit code' "$logs/silo-$node.log"; then
      deaths[$node]=told
      say "the silo of $node ended, and another is started: $(grep -v 'the silo ended with' "$logs/silo-$node.log" | tail -n 2)"
    fi
  done
}

# Until the silos end.
serve() {
  [ -n "$ending" ] || say "serving; join with DTT_HOME=$DTT_HOME, end with scancel $self"
  attend "$silos"
}

# Runs a command of dtt to its end: the job's exit code is its.
work() {
  goes_on
  say "dtt $*"
  "$root/dtt" "$@" < /dev/null &
  command=$!
  attend "$command"
}

# A run is created once; later lives of the job go on with it.
train() {
  local name=$PWD/slurmlogs/$job/run once=$PWD/slurmlogs/$job/once word
  goes_on
  if [ ! -s "$name" ]; then
    # The answer may be lost: asked again with the same word, the platform makes no second run.
    if [ ! -s "$once" ]; then
      cat /proc/sys/kernel/random/uuid > "$once.new" || return
      mv "$once.new" "$once" || return
    fi
    word=$(cat "$once") || return
    say "dtt train $*"
    attended "$root/dtt" train "$@" --once "$word" --detach < /dev/null > "$name.new" || return
    [ -s "$name.new" ] || fail 1 "$name.new could not be written: submit this job again once it can"
    mv "$name.new" "$name" || return
    if [ -n "$silos" ] && [ ${#nodes[@]} -gt 1 ] && "$root/dtt" show "$(cat "$name")" --json 2>&1 | grep -q '^    "nodes": 1,$'; then
      say "note: the run takes 1 of the ${#nodes[@]} nodes of this job; --set nodes=all takes all of them"
    fi
  fi
  word=$(cat "$name") || return
  work resume "$word"
}

# The end of every job: the silos first, then the database, then the job itself, or its next life.
finish() {
  local code=$1 current=0
  trap - EXIT
  trap '' USR1 USR2 TERM
  drain
  [ -z "$silos" ] || attend "$silos" || true
  [ -z "$beats" ] || kill "$beats" 2>/dev/null || true
  stop_database
  while [ "$ending" = requeue ]; do
    current=0
    is_current_life || current=$?
    [ "$current" = 2 ] || break
    say "Slurm does not answer: the job is requeued once it does"
  done
  if [ "$ending" = requeue ] && [ "$current" = 0 ] && is_cancelled; then
    say "cancelled meanwhile: the job is not requeued"
    ending=stop
    give_up_database
  elif [ "$ending" = requeue ] && [ "$current" = 1 ]; then
    say "requeued by Slurm: the next life goes on"
    code=0
  elif [ "$ending" = requeue ]; then
    if [ "$current" = 0 ]; then
      say "requeued: the next life goes on"
      ! scontrol requeue "$self" || exit 0
    fi
    say "this job cannot be requeued: submit it again, and it goes on"
    code=75
  fi
  [ "$ending" != stop ] || code=0
  say "ended with exit code $code"
  exit "$code"
}
