# Which job serves a home, where several may want to. Sourced by common.sh.

# A second, unless this job is to end; what is waited for is told once.
told=
wait_as() { # REASON
  goes_on
  [ "$told" = "$1" ] || say "$1"
  told=$1
  sleep 1 || true
}

# The state of a job in the queue, empty once it has left it. Where Slurm does not answer for long, nobody knows, and nothing is begun.
find_state() { # JOB
  local end=$((SECONDS + 15))
  until state=$(squeue -h -j "$1" -o %T 2>&1); do
    case $state in *"Invalid job id"*) state='' && return ;; esac
    [ "$SECONDS" -lt "$end" ] || fail 75 "squeue cannot say whether job $1 still runs: $state"
    wait_as "squeue does not say whether job $1 still runs: $state"
  done
}

# The other job that serves this home or keeps it for its next life (other), its state, and the nodes that such jobs have (taken). A job that ends, and may
# come back, is not other yet (leaving). What ended lives left is removed.
find_other_job() {
  local file of state
  local -A states=()
  other=
  other_state=
  leaving=
  taken=()
  for file in "$DTT_HOME"/cluster/*.json "$(database)/owner"; do
    of=$(sed -n 's/.*"job": *"\{0,1\}\([0-9]\{1,\}\).*/\1/p; s/^job \([0-9]*\).*/\1/p' "$file" 2>/dev/null | head -1) || true
    [ -n "$of" ] && [ "$of" != "$job" ] || continue
    if [ -z "${states[$of]+known}" ]; then
      find_state "$of"
      states[$of]=$state
    fi
    case ${file##*.}:${states[$of]} in
      json: | json:PENDING) rm -f "$file" ;;
      *:COMPLETING) leaving=$of ;;
      *:?*)
        other=$of
        other_state=${states[$of]}
        taken+=("$(basename "$file" .json)")
        ;;
    esac
  done
}

# Which nodes have a silo of a job that accepts clients, in the life that is given, else in any.
silos_of() { # JOB [LIFE]
  local file
  for file in "$DTT_HOME"/cluster/*.json; do
    grep -qs "\"job\": *\"$1\"" "$file" || continue
    [ -z "${2:-}" ] || grep -qs "\"life\": *$2\b" "$file" || continue
    basename "$file" .json
  done
}

# Makes this life the one that may run the server, unless a job that is not gone may (other, leaving). Of several jobs that begin at once a link is made by
# one alone. Another may have judged what stood there before as left by a job that is gone, and remove the link: so long, its own file lies beside it.
claim_database() {
  local file tries=0 said
  file=$(database)/owner
  other=
  leaving=
  (umask 077 && mkdir -p "$(database)") || fail 2 "$(database) cannot be made on $here"
  while :; do
    owner > "$file.$job" || fail 2 "$(database) cannot be written on $here"
    until said=$(ln "$file.$job" "$file" 2>&1) || is_owner; do
      find_other_job
      [ -z "$other$leaving" ] || break
      [ $((++tries)) -lt 10 ] || fail 1 "this job cannot be noted as the one that serves: $said"
      rm -f "$file"
    done
    rm -f "$file.$job"
    [ -z "$other$leaving" ] || return 1
    wait_for_rivals
    ! is_owner || return 0
  done
}
is_owner() { [ "$(cat "$(database)/owner" 2>/dev/null)" = "$(owner)" ]; }

# Until no other job that began at the same time can still remove what this one made.
wait_for_rivals() {
  local rival state
  for rival in "$(database)"/owner.*; do
    while [ -e "$rival" ]; do
      find_state "${rival##*.}"
      case $state in
        '' | PENDING) rm -f "$rival" ;;
        *) wait_as "job ${rival##*.} would serve $DTT_HOME too: this job waits until it knows better" ;;
      esac
    done
  done
}

refuse() {
  if [ -z "$(silos_of "$other")" ] && [ -z "${DTT_POSTGRES:-}" ]; then
    fail 75 "job $other ($other_state) is to serve $DTT_HOME and goes on with its runs, but no silo of it is up now. End it (scancel $other) first, if this" \
      "job is to serve instead."
  elif [ -f "$(database)/owner" ]; then
    fail 2 "job $other serves $DTT_HOME with a database of its own, so no other job can join. End it (scancel $other), or give both one with DTT_POSTGRES."
  elif [ -z "${DTT_POSTGRES:-}" ]; then
    fail 2 "job $other serves $DTT_HOME. To join it, set DTT_POSTGRES to its database; else end it (scancel $other) or name another DTT_HOME."
  fi
}

# Whether the platform of another job serves this home, so that this job only asks it. One that is coming up is waited for. Else this job is to serve. One that
# waits for its next life is not waited for: it may need the nodes of this job.
platform_runs() {
  while goes_on; do
    find_other_job
    if [ -n "$other" ] && [ -n "$(silos_of "$other")" ]; then
      say "job $other serves $DTT_HOME: the work goes to it, and this job only waits"
      return 0
    elif [ "$other_state" = PENDING ]; then
      fail 75 "job $other waits for its next life, which serves $DTT_HOME and goes on with its runs. Submit this job again once it runs," \
        "or end it (scancel $other) first."
    elif [ -n "$other" ]; then
      wait_as "job $other is about to serve $DTT_HOME: the work waits for it"
    elif [ -n "$leaving" ]; then
      wait_as "job $leaving, which served $DTT_HOME, is ending: its end is waited for"
    elif [ -n "${DTT_POSTGRES:-}" ] || claim_database; then
      return 1
    fi
  done
}

# Does the work of this job on the platform that serves its home, be it another job's. When that ends before the work does, this job serves it to its end; when
# the silos of this job do not answer, but live, they are asked again. Not for ever: a command may have reasons of its own for exit code 75.
do_work() { # COMMAND...
  local code=75 tries=0
  while [ "$code" = 75 ] && [ $((++tries)) -le 100 ]; do
    if [ -n "$silos" ]; then
      kill -0 "$silos" 2>/dev/null || break
      wait_as "the silos did not answer: they are asked again"
    else
      [ "$tries" = 1 ] || wait_as "the platform ended before the work did: what serves $DTT_HOME now is looked for"
      platform_runs || start_platform
    fi
    code=0
    "$@" || code=$?
  done
  return "$code"
}
