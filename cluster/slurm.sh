#!/usr/bin/env bash
# A job of Fleet under Slurm: Ray on the nodes of an allocation, then one command on it.
#   sbatch --nodes=8 cluster/slurm.sh fleet run jobs/detect.toml --input /archive --output /scratch/found
# Every node needs the same Python with Fleet on its PATH, and reaches input and output by the same paths.
#SBATCH --job-name=fleet
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --exclusive
# The batch script gets SIGTERM two minutes before the end: the run commits what it has in hand, and ends.
#SBATCH --signal=B:TERM@120
set -euo pipefail

if [ $# -eq 0 ]; then
  echo "usage: sbatch [options of sbatch] $0 COMMAND, such as: fleet run jobs/detect.toml" >&2
  exit 2
fi
# One device a core; another number by DEVICES_PER_NODE=8 in front of sbatch.
devices="${DEVICES_PER_NODE:-${SLURM_CPUS_PER_TASK:?run it by sbatch, with --cpus-per-task}}"
# Not Ray's own port: several jobs may share a node.
port="${RAY_PORT:-$((20000 + SLURM_JOB_ID % 20000))}"
here="$(hostname)"
# The paths of Ray's sockets below it may have 107 bytes in all, 64 of which are Ray's.
parent="${SLURM_TMPDIR:-${TMPDIR:-/tmp}}"
if [ ${#parent} -gt 29 ]; then parent=/tmp; fi
folder="$(mktemp -d "$parent/fleet-XXXXXX")"
address="$(hostname -I 2>/dev/null | cut -d ' ' -f 1)"
address="${address:-$here}:$port"

# Who reaches the cluster's ports can run code on it: a token of this job's own, in a folder that all
# nodes see and nobody else may read.
export RAY_AUTH_MODE=token
tokens="${FLEET_TOKENS:-$HOME/.fleet-slurm}"
(umask 077; mkdir -p "$tokens")
export RAY_AUTH_TOKEN_PATH="$tokens/$SLURM_JOB_ID"
(umask 077; od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$RAY_AUTH_TOKEN_PATH")

settings="$(dirname "$(scontrol show job "$SLURM_JOB_ID" 2>/dev/null | sed -n 's/^ *Command=\([^ ]*\).*/\1/p')")/ray.env"
if [ -r "$settings" ]; then
  set -a
  # shellcheck source=ray.env
  . "$settings"
  set +a
fi

steps=()
command=
# Called by the trap below.
# shellcheck disable=SC2329
finish() {
  for step in "${steps[@]}"; do kill -TERM "$step" 2>/dev/null || true; done
  wait || true
  # Other nodes have the folder too, by the same name.
  srun --ntasks-per-node=1 rm -rf "$folder" 2>/dev/null || true
  rm -rf "$folder" "$RAY_AUTH_TOKEN_PATH"
}
trap finish EXIT
# The command ends as by Ctrl-C: what it has in hand is committed.
trap 'if [ -n "$command" ]; then kill -TERM "$command" 2>/dev/null || true; else exit 1; fi' TERM INT

ray start --head --block --port="$port" --num-cpus=0 --resources='{"NPU": 0}' \
  --include-dashboard=false --object-store-memory=128000000 --temp-dir="$folder" \
  >"$folder/head.log" 2>&1 &
steps+=($!)
for _ in $(seq 600); do
  grep -q "Ray runtime started" "$folder/head.log" && break
  kill -0 "${steps[0]}" 2>/dev/null || { cat "$folder/head.log" >&2; exit 1; }
  sleep 0.2
done

# A node that fails ends its own step, and neither the others nor the command.
# A step of Slurm's takes its cores from here, and not from sbatch.
srun --ntasks-per-node=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" --kill-on-bad-exit=0 --export=ALL \
  ray start --block --address="$address" --resources="{\"NPU\": $devices}" \
  --object-store-memory=128000000 >"$folder/nodes.log" 2>&1 &
steps+=($!)

export RAY_ADDRESS="$address"
# The nodes come within seconds of each other; the command takes each as it comes.
"$@" --max-devices "$((devices * SLURM_JOB_NUM_NODES))" &
command=$!
code=0
wait "$command" || code=$?
# A trapped signal ends the first wait before the command has ended.
while kill -0 "$command" 2>/dev/null; do wait "$command" && code=0 || code=$?; done
exit "$code"
