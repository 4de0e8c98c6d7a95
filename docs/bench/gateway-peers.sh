#!/usr/bin/env bash
# The gateway beside nginx, litellm and litellm-rs in one run of `headworks bench gateway`: each is a process (or a tree of them)
# of its own before the same stand-in for a model.
#
#   docs/bench/gateway-peers.sh install           nginx by apt-get (as root), litellm by pip, litellm-rs by cargo; once
#   docs/bench/gateway-peers.sh run [ARGUMENT…]   start them, measure, end them; arguments as of `headworks bench gateway`
#
# HEADWORKS names the binary, PEERS the directory of what is installed, ONLY some of the peers ("nginx litellm litellm-rs").
set -euo pipefail
headworks=${HEADWORKS:-target/release/headworks}
peers=${PEERS:-target/peers}
only=${ONLY:-nginx litellm litellm-rs}
workers=$(nproc)

install() {
  apt-get install -y --no-install-recommends nginx-light
  python3 -m venv "$peers/litellm"
  "$peers/litellm/bin/pip" install 'litellm[proxy]==1.108.7'
  cargo install litellm-rs --version 0.9.0 --locked --features sqlite --bin gateway --root "$peers/litellm-rs"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start NAME PORT COMMAND…: starts a process, and waits until it listens.
start() {
  local name=$1 port=$2
  shift 2
  "$@" > "$work/$name.log" 2>&1 &
  pids+=($!)
  for _ in $(seq 600); do
    if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then return; fi
    kill -0 "${pids[-1]}" 2> /dev/null || break
    sleep 0.1
  done
  echo "$name does not listen:" >&2
  tail -n 20 "$work/$name.log" >&2
  exit 1
}

nginx_peer() {
  cat > "$work/nginx.conf" <<CONF
daemon off;
worker_processes $workers;
pid $work/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $work/body;
  proxy_temp_path $work/proxy;
  fastcgi_temp_path $work/fastcgi;
  uwsgi_temp_path $work/uwsgi;
  scgi_temp_path $work/scgi;
  keepalive_requests 10000000;
  upstream model {
    server 127.0.0.1:$upstream;
    keepalive 1024;
    keepalive_requests 10000000;
  }
  server {
    listen 127.0.0.1:$1;
    location / {
      proxy_pass http://model;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
CONF
  start nginx "$1" nginx -c "$work/nginx.conf" -e stderr
}

litellm_peer() {
  cat > "$work/litellm.yaml" <<CONF
model_list:
  - model_name: m
    litellm_params: { model: openai/m, api_base: "http://127.0.0.1:$upstream/v1", api_key: none }
CONF
  LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_LOG=ERROR LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY=true start litellm "$1" \
    "$peers/litellm/bin/litellm" --config "$work/litellm.yaml" --host 127.0.0.1 --port "$1" \
    --num_workers "$workers" --telemetry False
}

litellm_rs_peer() {
  cat > "$work/litellm-rs.yaml" <<CONF
schema_version: "1.0"
server: { host: "127.0.0.1", port: $1, workers: $workers, max_connections: 16384, dev_mode: true }
providers:
  - name: model
    provider_type: openai_compatible
    endpoint_access: private_network
    api_key: none
    base_url: "http://127.0.0.1:$upstream/v1"
    rpm: 100000000
    tpm: 4000000000
    max_concurrent_requests: 16384
    timeout: 300
    max_retries: 0
    models: [m]
router: { strategy: round_robin }
storage:
  database: { url: "postgresql://localhost/none", enabled: false }
  redis: { url: "redis://localhost:6379", enabled: false }
auth: { enable_jwt: false, enable_api_key: false, allow_anonymous: true, jwt_secret: "" }
pricing:
  source: "embedded://model_prices_extended"
  unpriced_model_policy: allow_unpriced
  unpriced_fallback_cost_per_1k_tokens: 0.0
monitoring:
  metrics: { enabled: false, port: 9090, path: /metrics, interval_seconds: 15 }
  tracing: { enabled: false, endpoint: null, service_name: bench, sampling_rate: 0.0, jaeger: null }
  health: { path: /health, detailed: false }
  logging: null
CONF
  RUST_LOG=error start litellm-rs "$1" "$peers/litellm-rs/bin/gateway" --config "$work/litellm-rs.yaml"
}

run() {
  work=$(mktemp -d)
  pids=()
  trap 'for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done; wait; rm -rf "$work"' EXIT
  upstream=$(free_port)
  start upstream "$upstream" "$headworks" mock-upstream --listen "127.0.0.1:$upstream" \
    --first-token-ms 0 --tokens-per-second 0
  local flags=()
  for peer in $only; do
    local port
    port=$(free_port)
    "${peer//-/_}_peer" "$port"
    flags+=(--peer "$peer=127.0.0.1:$port,${pids[-1]}")
  done
  "$headworks" bench gateway --upstream "127.0.0.1:$upstream" "${flags[@]}" "$@"
}

case ${1:-} in
  install) install ;;
  run) shift; run "$@" ;;
  *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
