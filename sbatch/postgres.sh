# PostgreSQL for one platform, run by one job on its first node, as the user. Sourced by common.sh.
#
# The data lie on the shared folder, so two servers could open them at once, and a node that fell silent may still run one. Therefore:
#   owner        names the job and life that may run the server; a server whose job finds another name there is ended
#   sign.JOB.N   is touched every few seconds while a server runs, and removed after it; a server whose sign cannot be touched any more is ended
# A new life makes owner, where none of a living job is, then waits until every other sign is removed, its process is proven dead, or it was silent for longer
# than a server lives without it. Silos of older lives are fenced by the database: each life has its own role, and only the newest one may log in.
beat_seconds=5
stuck_seconds=15  # a server whose sign cannot be touched for so long is ended
silent_seconds=45 # a server whose sign was not touched for so long is gone
guard=            # the background process that runs the server
socket=           # the folder of its Unix socket, which only this user can enter

database() { echo "$DTT_HOME/postgres"; }
sign() { echo "$(database)/sign.$job.$life"; }
owner() { echo "job $job life $life on $here"; }

# The folder of PostgreSQL's programs, of the version that made the data where there are some, else of 13 or newer.
find_postgres() {
  local folder version wanted=
  [ ! -s "$(database)/data/PG_VERSION" ] || wanted=$(cat "$(database)/data/PG_VERSION")
  while read -r folder; do
    [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ] && [ -x "$folder/psql" ] || continue
    pg=$folder
    version=$("$pg/postgres" --version | sed -n 's/.* \([0-9]\{1,\}\).*/\1/p') || continue
    if [ -n "$wanted" ]; then [ "$version" != "$wanted" ] || return 0; else [ "${version:-0}" -lt 13 ] || return 0; fi
  done < <(
    echo "${DTT_PGBIN:-}"
    dirname "$(command -v postgres || true)"
    pg_config --bindir 2>/dev/null
    printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV
  )
  fault "$here has no PostgreSQL ${wanted:-13 or newer}${wanted:+, the version of the data in $(database)}:" \
    "install it, name its bin folder with DTT_PGBIN, or a server with DTT_POSTGRES"
}

start_database() {
  local address
  unset "${!PG@}" # what psql and silos would take for another server's: a user, a password
  address=$(printf '%s\n' "${addresses[@]}" | sed -n "s/^$here=//p")
  take_over
  make_data
  socket=$(mktemp -d /tmp/dtt-postgres-XXXXXX)
  trap : USR2 # until it serves, its end is a fault of the start
  guard_server "$address" &
  guard=$!
  wait_for_server
  trap 'end_by requeue "PostgreSQL is lost"' USR2
  admit_this_life "$address"
  say "PostgreSQL serves at $address:$port, its data in $(database)"
}

# Waits until no other server can run any more.
take_over() {
  local names other left told=
  touch "$(sign)"
  names=$(ls "$(database)") || fail 75 "$(database) cannot be read, so nobody knows whether another server runs: submit the job again once it can"
  for other in $(grep '^sign\.' <<< "$names"); do
    other=$(database)/$other
    [ "$other" != "$(sign)" ] || continue
    while goes_on && left=$(seconds_left "$other") && [ "$left" -gt 0 ] && ! proven_dead "$other"; do
      [ "$told" = "$other" ] || say "waiting for the PostgreSQL of job $(sed 's/.*sign\.//; s/\./, life /' <<< "$other"), which is not proven to have ended:" \
        "it has $left s to give a sign of life"
      told=$other
      sleep 2
    done
    rm -f "$other"
  done
  is_owner || fail 2 "$(cat "$(database)/owner") took the database of $DTT_HOME meanwhile; it serves this home now"
  # PostgreSQL's own lock names a process of another node, where the same number means nothing.
  ! grep -qsvx "node $here" "$(database)/host" || rm -f "$(database)/data/postmaster.pid"
  echo "node $here" > "$(database)/host"
}

# Whether a file of the database's folder is removed. The folder itself must say so: a file that cannot be read is there.
is_gone() {
  local names
  names=$(ls -A "${1%/*}" 2>/dev/null) && ! grep -qxF -e "${1##*/}" <<< "$names"
}

# How long a silent server may still live: all of the time when its sign cannot be read. Both times are of the file server's clock; opening a file asks for
# its newest.
seconds_left() {
  local now seen
  if is_gone "$1"; then echo 0
  elif touch "${1%/*}/now.$job" && now=$(stat -c %Y "${1%/*}/now.$job") && cat "$1" > /dev/null && seen=$(stat -c %Y "$1"); then
    echo $((silent_seconds - now + seen))
  else echo "$silent_seconds"; fi
} 2> /dev/null

# Whether the processes that a sign names are gone, for all that can be told: from their node, where that is one of ours.
proven_dead() {
  local node process lives
  local -a lines
  mapfile -t lines < "$1" && [ ${#lines[@]} -gt 0 ] || return 1
  for process in "${lines[@]}"; do
    node=${process%% *}
    process=${process#"$node"}
    process=${process# }
    [ -n "$process" ] || return 1
    if [ "$node" = "$here" ]; then lives=$(life_of "${process%% *}"; echo told)
    elif printf '%s\n' "${nodes[@]}" | grep -qxF -e "$node"; then
      lives=$(srun --overlap --nodelist="$node" -N1 -n1 bash -c "$(declare -f life_of); life_of ${process%% *}; echo told" < /dev/null 2>/dev/null) || return 1
    else return 1; fi
    grep -qx told <<< "$lives" && ! grep -qxF -e "$process" <<< "$lives" || return 1
  done
}

# A process, and what makes it this one and no later one of the same number; nothing when there is none.
life_of() {
  [ ! -r "/proc/$1/stat" ] || echo "$1 $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20) $(cat /proc/sys/kernel/random/boot_id)"
}

make_data() {
  local address
  # It gets its name when it is whole, so what bears the name is never made again.
  if is_gone "$(database)/data"; then
    rm -rf "$(database)/data.new"
    attended "$pg/initdb" -D "$(database)/data.new" -U "$(id -un)" --auth-local=peer --auth-host=scram-sha-256 -E UTF8 --locale=C > "$logs/initdb.log" 2>&1 ||
      fail 1 "PostgreSQL's initdb failed: $(tail -n 3 "$logs/initdb.log")"
    mv -T "$(database)/data.new" "$(database)/data"
  fi
  [ -s "$(database)/data/PG_VERSION" ] || fail 3 "$(database)/data has no PG_VERSION that $here can read, and it may hold your runs, so nothing is changed:" \
    "see to the folder's file system, or put a copy back; to begin with an empty database, move data away"
  {
    echo "local all $(id -un) peer"
    for address in "${addresses[@]#*=}"; do
      case $address in *:*) echo "host dtt all $address/128 scram-sha-256" ;; *) echo "host dtt all $address/32 scram-sha-256" ;; esac
    done
  } > "$(database)/data/pg_hba.conf"
}

# Keeps a server running until USR2, or until none may run any more. In the background: when this dies, the server dies with it. TERM is Slurm's word to all
# processes of a job, so the server has it too and takes no clients any more. The silos still need one, to save what runs: it is ended, and another started.
guard_server() { # ADDRESS
  local server='' pulse='' ours='' over='' failures=0 started seen=$SECONDS code
  trap 'over=${over:-INT}; end_server "$over"' USR2
  trap 'end_server INT' TERM
  while [ -z "$over" ] || [ -n "$server" ]; do
    # The sign is touched by another process, since a shared folder may let it hang.
    if [ -z "$pulse" ]; then
      touch_sign 2> /dev/null &
      pulse=$!
    elif ! kill -0 "$pulse" 2>/dev/null; then
      code=0
      wait "$pulse" || code=$?
      pulse=
      case $code in
        0) seen=$SECONDS ours=1 ;;
        1)
          say "PostgreSQL is ended: another life took over"
          over=QUIT # a fast end would still write into the files of the next server
          kill -USR2 $$
          ;;
      esac
    fi
    if [ -z "$server" ]; then
      [ -n "$over" ] || [ -z "$ours" ] || start_server "$1"
    elif ! kill -0 "$server" 2>/dev/null; then
      server='' ours=
      [ -n "$over" ] || count_failure
    elif [ $((SECONDS - seen)) -ge $((beat_seconds + stuck_seconds)) ]; then
      say "PostgreSQL is ended: $(database) could not be written for $stuck_seconds s"
      end_server QUIT
    elif [ -n "$over" ]; then
      end_server "$over"
    fi
    if [ -n "$server" ] && [ -z "$pulse" ]; then sleep "$beat_seconds" & else sleep 0.2 & fi
    wait -n ${server:+"$server"} $! || true
  done
  [ -z "$pulse" ] || wait "$pulse" || true # its touch would bring the sign back
  rm -f "$(sign)"
}

end_server() { [ -z "$server" ] || kill -"$1" "$server" 2>/dev/null || true; }

# The sign names the guard besides the server: where the guard lives, it may start another. To write it is a touch, too.
start_server() { # ADDRESS
  local processes guard=$BASHPID
  started=$SECONDS
  setpriv --pdeathsig=QUIT "$pg/postgres" -D "$(database)/data" -p "$port" -k "$socket" -c listen_addresses="$1" -c password_encryption=scram-sha-256 \
    -c max_connections=$((20 + 20 * ${#nodes[@]})) >> "$logs/postgres.log" 2>&1 < /dev/null &
  server=$!
  processes=$(printf '%s\n' "$here $(life_of "$guard")" "$here $(life_of "$server")")
  { echo "$processes" > "$(sign)" || exit 2; } 2> /dev/null &
  pulse=$!
}

# A server that ended by itself is started again; when the sixth one lives for less than a minute, too, the next life shall try it.
count_failure() {
  [ $((SECONDS - started)) -lt 60 ] || failures=0
  if [ $((++failures)) -gt 5 ]; then
    say "PostgreSQL ends again and again: $(tail -n 3 "$logs/postgres.log")"
    over=INT
    kill -USR2 $$
  else
    say "PostgreSQL ended: $(tail -n 1 "$logs/postgres.log"); it is started again"
    sleep $((failures - 1)) || true
  fi
}

# 0: touched; 1: another life's; else nobody can tell.
touch_sign() {
  local now
  touch "$(sign)" && now=$(cat "$(database)/owner") && [ -n "$now" ] || return 2
  [ "$now" = "$(owner)" ]
}

# Recovery after a power cut may take its time.
wait_for_server() {
  local seconds=0
  until "$pg/pg_isready" -q -d postgres -h "$socket" -p "$port"; do
    goes_on
    kill -0 "$guard" 2>/dev/null || fail 1 "PostgreSQL did not start: $(tail -n 3 "$logs/postgres.log")"
    [ $((++seconds % 60)) != 0 ] || say "PostgreSQL is not ready after $((seconds / 2)) s: $(tail -n 1 "$logs/postgres.log")"
    sleep 0.5
  done
}

# A role of this life's own; older ones may not log in any more, and what they had open is ended. All own their tables together, as role dtt.
admit_this_life() {
  local role=life_${job}_$life password
  password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
  "$pg/psql" -XAtq -v ON_ERROR_STOP=1 -h "$socket" -p "$port" -d postgres > "$logs/roles.log" 2>&1 << SQL || fail 1 "PostgreSQL: $(cat "$logs/roles.log")"
SET log_min_error_statement = panic;
SELECT format('ALTER ROLE %I NOLOGIN', rolname) FROM pg_roles WHERE rolname LIKE 'life\_%' \gexec
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename LIKE 'life\_%';
SELECT 'CREATE ROLE dtt' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dtt') \gexec
SELECT 'CREATE ROLE $role IN ROLE dtt' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$role') \gexec
ALTER ROLE $role LOGIN PASSWORD '$password';
ALTER ROLE $role SET role = dtt;
SELECT 'CREATE DATABASE dtt OWNER dtt' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'dtt') \gexec
SQL
  rm -f "$(database)"/pgpass.*
  (umask 077 && echo "*:$port:dtt:$role:$password" > "$(database)/pgpass.$job.$life")
  export PGPASSFILE=$(database)/pgpass.$job.$life
  case $1 in *:*) DTT_POSTGRES="postgresql://$role@[$1]:$port/dtt" ;; *) DTT_POSTGRES="postgresql://$role@$1:$port/dtt" ;; esac
  export DTT_POSTGRES
}

stop_database() {
  if [ -n "$guard" ]; then
    kill -USR2 "$guard" 2>/dev/null || true
    attend "$guard" || true
    rm -rf "$socket" "$(database)/pgpass.$job.$life" "$(database)/now.$job"
  fi
  [ "$ending" = requeue ] || give_up_database # a requeued job keeps the place for its next life
}
give_up_database() { ! is_owner || rm -f "$(database)/owner"; }
