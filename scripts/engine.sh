#!/usr/bin/env bash
# Make sure that a Docker engine with compose and buildx answers on this machine. Idempotent, asks nothing.
#
#   scripts/engine.sh          the engine and what `make demo` and `make image` need
#   scripts/engine.sh --lab    also what the lab of two hosts needs (sshd, iproute2); starts no sshd here
#
# An engine that answers is used as it is. Otherwise, as root on Debian or Ubuntu, packages of the machine's own release
# are installed and dockerd is started. Exit codes: 0 ready, 2 this machine or user cannot do that, 3 it did not start.
set -euo pipefail

readonly PID_FILE=/var/run/docker.pid
readonly CONTAINERD_PID_FILE=/var/run/docker/containerd/containerd.pid
readonly LOG_FILE=/var/log/dsk-dockerd.log
readonly PLUGINS=/usr/local/lib/docker/cli-plugins
readonly START_LIMIT_S=60
# The first Debian release whose docker-compose is Compose v2 and that has docker-buildx; its programs are static.
readonly PLUGIN_SUITE=trixie

scratch=
trap '[[ -z $scratch ]] || rm -rf -- "$scratch"' EXIT

say() { printf 'engine: %s\n' "$*"; }
fail() { local code=$1; shift; printf 'engine: error: %s\n' "$*" >&2; exit "$code"; }
has() { command -v "$1" >/dev/null 2>&1 || [[ -x /usr/sbin/$1 ]]; }
answers() { has docker && docker info >/dev/null 2>&1; }

# shellcheck source=/dev/null
os() { (. /etc/os-release 2>/dev/null && printf '%s' "${!1:-}"); }

require_root_on_debian() {
  [[ $(id -u) == 0 ]] || fail 2 "$1, and only root can change that. Run this as root, or start an engine that this" \
    "user may use (\`docker info\` must work)."
  has apt-get && [[ " $(os ID) $(os ID_LIKE) " == *" debian "* ]] ||
    fail 2 "$1, and this is $(os PRETTY_NAME), not Debian or Ubuntu. Install Docker with Compose v2 and buildx by hand."
}

candidate() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" {print $2}'; }

# Services of new packages stay down: dockerd is started below, and nobody asked for an sshd on this machine.
apt_install() {
  local log policy=/usr/sbin/policy-rc.d ours=
  log=$(mktemp)
  say "installing $*"
  [[ -e $policy ]] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; ours=1; }
  local options=(-qq -y --no-install-recommends -o DPkg::Lock::Timeout=300) status=0
  export DEBIAN_FRONTEND=noninteractive
  apt-get install "${options[@]}" "$@" >"$log" 2>&1 ||
    { apt-get update -qq && apt-get install "${options[@]}" "$@"; } >"$log" 2>&1 || status=$?
  [[ -z $ours ]] || rm -f "$policy"
  ((status == 0)) || { tail -n 15 "$log" >&2; rm -f "$log"; fail 3 "apt-get could not install: $*"; }
  rm -f "$log"
}

install_missing() {
  local wanted=() pair
  for pair in "$@"; do
    has "${pair%%:*}" || [[ " ${wanted[*]} " == *" ${pair#*:} "* ]] || wanted+=("${pair#*:}")
  done
  ((${#wanted[@]} == 0)) && return
  require_root_on_debian "${wanted[*]} missing"
  [[ -n $(candidate "${wanted[0]}") ]] || apt-get update -qq
  # From Debian 13 on the client is a package of its own.
  if [[ " ${wanted[*]} " == *" docker.io "* && -n $(candidate docker-cli) ]]; then wanted+=(docker-cli); fi
  apt_install "${wanted[@]}"
  if [[ " ${wanted[*]} " == *" openssh-server "* && -d /run/systemd/system ]]; then
    systemctl disable -q --now ssh.service ssh.socket 2>/dev/null || true
  fi
}

# True where the file's process is that program; one that has ended but is not collected yet has no exe.
runs_as() {
  local pid
  [[ -r $1 ]] && pid=$(<"$1") && readlink "/proc/$pid/exe" >/dev/null && [[ $(<"/proc/$pid/comm") == "$2" ]]
} 2>/dev/null

# A cut-off run leaves pid files. dockerd refuses to start while the number in them is any live process, and would even
# end that process when it takes it for its containerd.
drop_stale_pid_files() {
  runs_as "$CONTAINERD_PID_FILE" containerd || rm -f "$CONTAINERD_PID_FILE"
  runs_as "$PID_FILE" dockerd || rm -f "$PID_FILE"
}

start_engine() {
  local ours='' deadline=$((SECONDS + START_LIMIT_S))
  if [[ -d /run/systemd/system ]]; then
    say "starting docker.service"
    systemctl start docker.service || fail 3 "docker.service did not start; see \`journalctl -u docker\`"
  fi
  until answers; do
    if [[ -n $ours ]]; then
      kill -0 "$ours" 2>/dev/null || break
    elif ! runs_as "$PID_FILE" dockerd && [[ ! -d /run/systemd/system ]]; then
      drop_stale_pid_files
      say "starting dockerd, log in $LOG_FILE"
      setsid dockerd >"$LOG_FILE" 2>&1 </dev/null &
      ours=$!
    fi
    ((SECONDS < deadline)) || break
    sleep 0.3
  done
  answers && return
  [[ ! -r $LOG_FILE ]] || tail -n 20 "$LOG_FILE" >&2
  fail 3 "the engine did not answer within $START_LIMIT_S s or ended; its last lines are above ($LOG_FILE)"
}

# The machine's own package sources, for $PLUGIN_SUITE instead of its release. Both of apt's formats.
write_plugin_sources() {
  local folder=$1 release=$2 file
  mkdir -p "$folder"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ ! -r $file ]] || awk -v from="$release" -v to="$PLUGIN_SUITE" \
      '$1 == "deb" && / main( |$)/ { for (i = 2; i <= NF; i++) if ($i == from) { $i = to; print; next } }' "$file"
  done >"$folder/plugins.list"
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ ! -r $file ]] || awk -v RS= -v from="$release" -v to="$PLUGIN_SUITE" '
      $0 ~ "(^|\n)Suites:[^\n]*[ \t]" from "([ \t\n]|$)" && /(^|\n)Components:[^\n]*[ \t]main([ \t\n]|$)/ {
        sub(/Suites:[^\n]*/, "Suites: " to); print; print "" }' "$file"
  done >"$folder/plugins.sources"
  [[ -s $folder/plugins.list || -s $folder/plugins.sources ]]
}

plugins_from_newer_debian() {
  local package found
  scratch=$(mktemp -d)
  if [[ $(os ID) != debian ]] || ! write_plugin_sources "$scratch/sources.d" "$(os VERSION_CODENAME)"; then
    fail 2 "no package of this release has Compose v2 or buildx ($*). Install them by hand into $PLUGINS."
  fi
  mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial"
  local options=(-qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$scratch/sources.d"
    -o "Dir::State::Lists=$scratch/lists" -o "Dir::Cache=$scratch/cache" -o APT::Sandbox::User=root)
  say "taking $* of Debian $PLUGIN_SUITE for the command line's plugins (nothing else of it is installed)"
  { apt-get update "${options[@]}" && cd "$scratch" && apt-get download "${options[@]}" "$@"; } ||
    fail 3 "apt-get could not fetch $* of Debian $PLUGIN_SUITE"
  mkdir -p "$PLUGINS"
  for package in "$@"; do
    dpkg-deb -x "$scratch/$package"_*.deb "$scratch/tree"
    found=$(find "$scratch/tree" -path "*cli-plugins/$package" -type f | head -n 1)
    [[ -n $found ]] || fail 3 "the package $package of Debian $PLUGIN_SUITE holds no plugin"
    install -m 755 "$found" "$PLUGINS/$package"
  done
  cd /
}

install_plugins() {
  local newer=() own=() name
  if ! docker compose version >/dev/null 2>&1; then
    newer+=(docker-compose)
  fi
  docker buildx version >/dev/null 2>&1 || newer+=(docker-buildx)
  ((${#newer[@]} == 0)) && return
  require_root_on_debian "\`${newer[*]//-/ }\` missing"
  for name in "${newer[@]}"; do
    if [[ $name == docker-compose && -n $(candidate docker-compose-v2) ]]; then own+=(docker-compose-v2)
    elif [[ $name == docker-compose && -n $(candidate docker-compose-plugin) ]]; then own+=(docker-compose-plugin)
    elif [[ $name == docker-compose && $(candidate docker-compose) == 2* ]]; then own+=(docker-compose)
    elif [[ $name == docker-buildx && -n $(candidate docker-buildx) ]]; then own+=(docker-buildx)
    elif [[ $name == docker-buildx && -n $(candidate docker-buildx-plugin) ]]; then own+=(docker-buildx-plugin)
    fi
  done
  ((${#own[@]} == 0)) || apt_install "${own[@]}"
  newer=()
  docker compose version >/dev/null 2>&1 || newer+=(docker-compose)
  docker buildx version >/dev/null 2>&1 || newer+=(docker-buildx)
  ((${#newer[@]} == 0)) || plugins_from_newer_debian "${newer[@]}"
}

main() {
  local tools=(ssh:openssh-client rsync:rsync)
  local argument
  for argument in "$@"; do
    case $argument in
      # docker-ce recommends pigz, Debian's docker.io does not: an engine unpacks layers with it, if it is there.
      --lab) tools+=(sshd:openssh-server ip:iproute2 tc:iproute2 ps:procps hostname:hostname unpigz:pigz) ;;
      *) fail 2 "unknown argument $argument (there is --lab)" ;;
    esac
  done
  if answers; then
    say "using the engine that runs"
  else
    if has docker && [[ $(docker info 2>&1) == *"permission denied"* ]]; then
      fail 3 "an engine runs, but $(id -un) may not use it. Run this as root, or join the group docker and log in again."
    fi
    require_root_on_debian "no Docker engine answers"
    [[ -z ${DOCKER_HOST:-} ]] || fail 3 "the engine at DOCKER_HOST=$DOCKER_HOST does not answer. Start it or unset it."
    install_missing docker:docker.io dockerd:docker.io iptables:iptables
    start_engine
  fi
  install_missing "${tools[@]}"
  install_plugins
  say "engine $(docker version --format '{{.Server.Version}}')," \
    "$(docker info --format '{{.Driver}}, cgroup v{{.CgroupVersion}}')," \
    "compose $(docker compose version --short), buildx $(docker buildx version | awk '{print $2}')"
}

main "$@"
