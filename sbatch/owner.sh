# Which job serves a home, where several may want to. Sourced by common.sh.

# The state of a job in the queue, empty once it has left it. Where Slurm does not answer nobody knows, and nothing is begun.
find_state() { # JOB
  while :; do
    if ! state=$(squeue -h -j "$1" -o %T 2>&1); then
      case $state in *"Invalid job id"*) state='' ;; *) fail 75 "squeue cannot say whether job $1 still runs: $state" ;; esac
    fi
    [ "$state" = COMPLETING ] || return 0
    sleep 1 || true
  done
}

# The other job that serves this home or keeps it for its next life, its state, and the nodes that such jobs have (taken). What ended lives left is removed.
find_other_job() {
  local file of state
  other=
  other_state=
  taken=()
  for file in "$DTT_HOME"/cluster/*.json "$(database)/owner"; do
    of=$(sed -n 's/.*"job": *"\{0,1\}\([0-9]\{1,\}\).*/\1/p; s/^job \([0-9]*\).*/\1/p' "$file" 2>/dev/null | head -1) || true
    [ -n "$of" ] && [ "$of" != "$job" ] || continue
    find_state "$of"
    case ${file##*.}:$state in
      json: | json:PENDING) rm -f "$file" ;;
      *:?*)
        other=$of
        other_state=$state
        taken+=("$(basename "$file" .json)")
        ;;
    esac
  done
}

# Which nodes have a silo of a job that accepts clients.
silos_of() { # JOB
  local file
  for file in $(grep -ls "\"job\": *\"\{0,1\}$1\b" "$DTT_HOME"/cluster/*.json || true); do basename "$file" .json; done
}

# Makes this life the one that may run the server, unless a job that is not gone may (other). Of several jobs that begin at once a link is made by one alone.
claim_database() {
  local tries=0 said
  (umask 077 && mkdir -p "$(database)") || fail 2 "$(database) cannot be made on $here"
  [ "$(cat "$(database)/owner" 2>/dev/null)" != "$(owner)" ] || return 0
  owner > "$(database)/owner.$job"
  until said=$(ln "$(database)/owner.$job" "$(database)/owner" 2>&1); do
    find_other_job
    [ -z "$other" ] || break
    [ $((++tries)) -lt 10 ] || fail 1 "this job cannot be noted as the one that serves: $said"
    rm -f "$(database)/owner"
  done
  rm -f "$(database)/owner.$job"
  [ -z "$other" ]
}

refuse() {
  if [ -f "$(database)/owner" ]; then
    fail 2 "job $other serves $DTT_HOME with a database of its own, so no other job can join. End it (scancel $other), or give both one with DTT_POSTGRES."
  elif [ -z "${DTT_POSTGRES:-}" ]; then
    fail 2 "job $other serves $DTT_HOME. To join it, set DTT_POSTGRES to its database; else end it (scancel $other) or name another DTT_HOME."
  fi
}

# Whether the platform of another job serves this home, so that this job only asks it. One that is coming up is waited for. Else this job is to serve.
platform_runs() {
  local told=
  while goes_on; do
    find_other_job
    if [ -z "$other" ]; then
      if [ -n "${DTT_POSTGRES:-}" ] || claim_database; then return 1; fi
    elif [ -n "$(silos_of "$other")" ]; then
      say "job $other serves $DTT_HOME: the work goes to it, and this job only waits"
      return 0
    elif [ "$other_state" = PENDING ]; then
      refuse
    else
      [ "$told" = "$other" ] || say "job $other is about to serve $DTT_HOME: the work waits for it"
      told=$other
      sleep 1 || true
    fi
  done
}

# Does the work of this job on the platform that serves its home, be it another job's. When that ends before the work does, this job serves it to its end.
do_work() { # COMMAND...
  local code=75
  while [ "$code" = 75 ] && [ -z "$silos" ]; do
    platform_runs || start_platform
    code=0
    "$@" || code=$?
  done
  return "$code"
}
