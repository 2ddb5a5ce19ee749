#!/bin/sh
# Creates the namespace and waits until the frontend knows it; the proxy sets its retention.
set -eu
known() {
    temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1
}
until known; do
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 7d || true
    sleep 1
done
until temporal workflow count --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; do
    sleep 1
done
