# What must hold on every node before anything starts: all faults of all nodes at once. Sourced by common.sh and node.sh.
skew_seconds=5
least_state_mb=512
least_home_mb=1024

# The folder for one silo's state, on the node's own disk: of this home and node, since some disks that look local are shared.
state_folder() { echo "${DTT_STATE:-/var/tmp/dtt-$UID}/$SLURMD_NODENAME-$(cksum <<< "$DTT_HOME" | cut -d' ' -f1)"; }

# The address at which other nodes reach this one: of DTT_INTERFACE where it is set, else what its name resolves to.
node_address() {
  if [ -n "${DTT_INTERFACE:-}" ]; then ip -o addr show dev "$DTT_INTERFACE" scope global 2>/dev/null | awk '{sub("/.*", "", $4); print $4; exit}'
  else getent ahosts "$1" | awk '$1 !~ /^127\./ && $1 != "::1" && $1 !~ /^fe80/ {print $1; exit}'; fi
}

free_mb() { df -Pm "$1" | awk 'END {print $4}'; }

# Runs on each node, sent there as text: a node that does not see the shared folder cannot read a script in it. Prints KIND<tab>NODE<tab>WHAT.
check_node() { # ROOT CANARY CANARY-TEXT WORK-FOLDER FIRST-PORT NODE...
  local root=$1 canary=$2 text=$3 work=$4 port=$5 node=$SLURMD_NODENAME said state address
  shift 5
  tell() { printf '%s\t%s\t%s\n' "$1" "$node" "$2"; }
  tell time "$(date +%s)"

  [ "$(cat "$canary" 2>/dev/null)" = "$text" ] || tell fault "does not see DTT_HOME ($DTT_HOME) as the first node does: name a folder that all nodes share"
  [ -d "$work/slurmlogs" ] || tell fault "does not see the job's folder ($work): submit from a folder that all nodes share"
  if [ ! -x "$root/dtt" ]; then tell fault "does not see DTT ($root): install it, or \`./dtt publish DIR\`, in a folder that all nodes share"
  elif ! said=$("$root/dtt" --version 2>&1); then tell fault "cannot run $root/dtt: $(tail -n 2 <<< "$said" | tr '\n' ' ')"; fi
  [ -d "${HOME:-}" ] || tell note "HOME is '${HOME:-}', which does not exist here; DTT does not need it"

  address=$(node_address "$node")
  if [ -n "$address" ]; then tell address "$address"
  elif [ -n "${DTT_INTERFACE:-}" ]; then tell fault "has no address on the interface DTT_INTERFACE names ($DTT_INTERFACE)"
  else tell fault "its own name resolves to no address but loopback: mend /etc/hosts or DNS, or name its network interface with DTT_INTERFACE"; fi
  for said in "$@"; do
    getent ahosts "$said" > /dev/null || tell fault "cannot resolve the name of $said: mend /etc/hosts or DNS"
  done
  for said in $((port)) $((port + 1)) $((port + 2)); do
    # A job may be requeued while a silo of its last life still saves: Slurm kills that after its KillWait, which is 30 s by default.
    while answers "${address:-127.0.0.1}" "$said" && [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] && [ "$SECONDS" -lt 60 ]; do sleep 1; done
    ! answers "${address:-127.0.0.1}" "$said" || tell fault "port $said is taken: $(port_owner "$said")"
  done

  state=$(state_folder)
  if ! (umask 077 && mkdir -p "${state%/*}") 2>/dev/null || [ ! -w "${state%/*}" ]; then
    tell fault "cannot write ${state%/*}: name a folder on the node's own disk with DTT_STATE"
  elif [ "$(free_mb "${state%/*}")" -lt "$least_state_mb" ]; then
    tell fault "has only $(free_mb "${state%/*}") MB free in ${state%/*}, and $least_state_mb are needed: clear it, or name another disk with DTT_STATE"
  fi

  if [ "${SLURM_GPUS_ON_NODE:-0}" -gt 0 ]; then
    if ! said=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>&1); then
      tell fault "was given $SLURM_GPUS_ON_NODE GPUs, and nvidia-smi does not run: $(tail -n 1 <<< "$said")"
    elif [ "$(wc -l <<< "$said")" -lt "$SLURM_GPUS_ON_NODE" ]; then
      tell fault "was given $SLURM_GPUS_ON_NODE GPUs, and nvidia-smi shows $(wc -l <<< "$said"): one has fallen off the bus; have Slurm drain the node"
    else
      tell note "$SLURM_GPUS_ON_NODE GPUs: $(sort <<< "$said" | uniq -c | tr -s ' \n' ' ')"
    fi
    if [ $# -gt 1 ] && [ ! -f "${DTT_NCCL:-}" ] && ! ldconfig -p 2>/dev/null | grep -q 'libnccl\.so\.2' &&
      [ -z "$(find -L "$root/artifacts/bin/Dtt.Training" ${DTT_LIBTORCH:+"$DTT_LIBTORCH" "$DTT_LIBTORCH/../../nvidia/nccl/lib"} \
        \( -name 'libnccl.so*' -o -name 'libtorch_cuda.so' \) -print -quit 2>/dev/null)" ]; then
      tell fault "has GPUs and no libnccl.so.2, which ranks on several nodes need: install it, or name the file with DTT_NCCL"
    fi
  fi
}

answers() { (exec 3<> "/dev/tcp/$1/$2") 2>/dev/null; } # ADDRESS PORT

# What listens on a port, as far as it can be told.
port_owner() { ss -Hltnp "sport = :$1" 2>/dev/null | grep -o '"[^"]*",pid=[0-9]*' | head -1 | grep . || echo "another program's"; }

node_check() {
  echo "least_state_mb=$least_state_mb"
  declare -f state_folder node_address free_mb check_node answers port_owner
  echo 'check_node "$@"'
}

# Checks all nodes, prints every fault, and sets addresses (NODE=ADDRESS ...).
preflight() {
  local canary=$DTT_HOME/cluster/canary.$job.$life faults=0 kind node what began=$EPOCHSECONDS
  echo "$self $life $RANDOM" > "$canary"
  say "preflight on ${nodes[*]}"
  attended srun --no-kill --kill-on-bad-exit=0 --wait=0 bash -c "$(node_check)" preflight "$root" "$canary" "$(cat "$canary")" "$PWD" "$first_port" \
    "${nodes[@]}" > "$logs/preflight.log" 2> "$logs/preflight.err" < /dev/null || true
  rm -f "$canary"
  goes_on # else nodes that Slurm took away have no answer

  addresses=()
  while IFS=$'\t' read -r kind node what; do
    case $kind in
      address) addresses+=("$node=$what") ;;
      note) say "$node: $what" ;;
      fault) fault "$node $what" ;;
      time)
        if [ "$what" -lt $((began - skew_seconds)) ] || [ "$what" -gt $((EPOCHSECONDS + skew_seconds)) ]; then
          fault "$node has a clock that differs by $((what - began)) s from $here's: let it follow a time server (chrony, ntpd)"
        fi ;;
    esac
  done < "$logs/preflight.log"
  for node in "${nodes[@]}"; do
    ! printf '%s\n' "${taken[@]}" | grep -qx "$node" || fault "$node has a silo of job $other already: submit with --exclude=$node"
    grep -q "^time	$node	" "$logs/preflight.log" || fault "$node did not answer: $(tail -n 2 "$logs/preflight.err" | tr '\n' ' ')"
  done
  [ "$(free_mb "$DTT_HOME")" -ge "$least_home_mb" ] || fault "DTT_HOME ($DTT_HOME) has only $(free_mb "$DTT_HOME") MB free, and $least_home_mb are needed"
  [ -n "${DTT_POSTGRES:-}" ] || find_postgres
  [ "$faults" = 0 ] || fail 2 "preflight found $faults fault$([ "$faults" = 1 ] || echo s), and nothing was started. Mend what stands above and submit again."
  say "preflight: all well (${addresses[*]})"
}

fault() {
  faults=$((faults + 1))
  say "preflight: $*"
}
