#!/bin/sh
# Record the nine runs of He et al. 2015, Table 6 and Fig. 6, at full length, on a machine with one GPU.
#
#     tools/record_on_gpu.sh [HOURS]      stop after so many hours (default: 12); the same command goes on
#
# What it needs is Python with Keras and a backend that sees the GPU: JAX unless KERAS_BACKEND says otherwise,
# and CIFAR-10, which it fetches unless CNNLIB_DATA names a folder that has it. Records go into
# $CNNLIB_RECORDS, or into this checkout's cnnlib/records/runs; checkpoints into $RUNS (default: runs), where
# a run that was stopped goes on. Networks that are already recorded are skipped. Only records need to be
# brought back. PYTHON, SEEDS (default: 0), RECIPE and NETWORKS may be others; OPTIONS are further ones of
# `python -m cnnlib train`, such as "--iterations 100" for a trial. COMPILED=yes makes a pass one program (JAX),
# which no GPU has tried yet.
set -u
cd "$(dirname "$0")/.." || exit 2
hours=${1:-12}
seconds=$(awk -v hours="$hours" 'BEGIN { if (hours + 0 <= 0) exit 1; printf "%d", hours * 3600 }') || {
    echo "record_on_gpu: hours: expected a number above 0, got '$hours'" >&2
    exit 2
}
export KERAS_BACKEND="${KERAS_BACKEND:-jax}"
case ${COMPILED:-no} in
yes) compiled=--compiled ;;
no) compiled= ;;
*)
    echo "record_on_gpu: COMPILED: expected yes or no, got '$COMPILED'" >&2
    exit 2
    ;;
esac
end=$(($(date +%s) + seconds))
recipe=${RECIPE:-he2015-cifar}
# The two ends first: they carry the claim. Then the depths between, and the deepest, which takes longest.
networks=${NETWORKS:-"plain-56 resnet-56 plain-20 resnet-20 plain-32 resnet-32 plain-44 resnet-44 resnet-110"}
for network in $networks; do
    used=$recipe
    # Section 4.2: the network of 110 layers needs a lower rate at first.
    if [ "$recipe" = he2015-cifar ] && [ "$network" = resnet-110 ]; then used=he2015-cifar-warm-up; fi
    left=$((end - $(date +%s)))
    if [ "$left" -le 0 ]; then
        echo "record_on_gpu: $hours hours are over; the same command goes on with $network"
        exit 3
    fi
    # INT, so that the run says that it was stopped; its last checkpoint is at most an epoch old.
    timeout --signal=INT --kill-after=60 "$left" \
        "${PYTHON:-python3}" -m cnnlib train "cifar-$network" --data cifar10 --recipe "$used" \
        --seeds "${SEEDS:-0}" --record --directory "${RUNS:-runs}" $compiled ${OPTIONS:-}
    code=$?
    case $code in
    0) ;;
    124 | 130 | 137)
        echo "record_on_gpu: $hours hours are over; the same command goes on with $network"
        exit 3
        ;;
    *)
        echo "record_on_gpu: $network failed with code $code" >&2
        exit "$code"
        ;;
    esac
done
echo "record_on_gpu: all are recorded"
