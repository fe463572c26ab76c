# shellcheck shell=bash
# Debian's Rust for another architecture, where the machine's own Rust has no standard library for it:
# fetched by apt with the user's own mirrors, unpacked below the cache, never installed. Needs what
# .ci/needs.sh defines. Sourced, never run.
# shellcheck disable=SC2154

cross_cache="$cache/cross"

# has_std RUSTC TRIPLE: whether this compiler can build for it.
has_std() {
  local folder
  folder=$("$1" --print target-libdir --target "$2" 2>/dev/null) && compgen -G "$folder/libstd-*.rlib" >/dev/null
}

# new_enough VERSION: whether the workspace can be built with it.
new_enough() { [ "$(printf '%s\n%s\n' "$rust_needed" "$1" | sort -V | head -n 1)" = "$rust_needed" ]; }

# debian_rustc ARCH TRIPLE: prints the path of a compiler of Debian's that builds for ARCH (Debian's name).
# One that was unpacked earlier is used again without asking the network.
debian_rustc() {
  local found
  mkdir -p "$cross_cache" || return 1
  found=$(unpacked_rustc "$2") && { printf '%s\n' "$found"; return 0; }
  (
    flock 9
    # Another run may have unpacked it while this one waited.
    unpacked_rustc "$2" && exit 0
    fetch_rustc "$1" "$2" && exit 0
    say "Rust for $1 can't be had from Debian's packages, see above. With rustup instead: rustup target add $2"
    exit 1
  ) 9>"$cross_cache/lock"
}

# unpacked_rustc TRIPLE: the newest that is there, whole, and new enough.
unpacked_rustc() {
  local folder version
  while read -r folder; do
    version=${folder##*/debian-}
    if [ -e "$folder/whole-$1" ] && new_enough "${version%%+*}"; then
      printf '%s\n' "$folder/rustc"
      return 0
    fi
  done < <(compgen -G "$cross_cache/debian-*" | sort -rV)
  return 1
}

# fetch_rustc ARCH TRIPLE
fetch_rustc() {
  local arch=$1 triple=$2 host apt version std folder library names work
  if ! have apt-get || ! have dpkg-deb; then
    say "This machine has no apt-get and dpkg-deb."
    return 1
  fi
  host=$(dpkg --print-architecture)
  apt="$cross_cache/apt-$arch"
  own_apt "$apt" "$host" "$arch" || return 1
  say "Asking apt for Rust's standard library for $arch …"
  apt-get -c "$apt/apt.conf" update >"$apt/update.log" 2>&1

  # Compiler and standard library must be of one build.
  version=$(candidate "$apt" rustc-web)
  std=$(candidate "$apt" "libstd-rust-web-dev:$arch")
  if [ -z "$version" ] || [ "$version" != "$std" ] || ! new_enough "${version%%+*}"; then
    say "apt knows no rustc-web with libstd-rust-web-dev:$arch of the same version, $rust_needed or newer:"
    say "rustc-web is ${version:-unknown}, libstd-rust-web-dev:$arch is ${std:-unknown}."
    grep -E '^(E|W|Err)' "$apt/update.log" | head -n 8 >&2
    return 1
  fi
  library=$(apt-cache -c "$apt/apt.conf" depends libstd-rust-web-dev | awk '$1 == "Depends:" && $2 ~ /^libstd-rust-web-[0-9]/ {print $2; exit}')

  # What apt would install with the compiler's library is what this machine lacks to run it.
  mapfile -t names < <(
    apt-get -c "$apt/apt.conf" install --print-uris -qq -y --no-install-recommends "$library" 2>"$apt/install.log" |
      awk '{split($2, part, "_"); print part[1]}'
  )
  names+=(rustc-web libstd-rust-web-dev "libstd-rust-web-dev:$arch" "$library")
  mapfile -t names < <(printf '%s\n' "${names[@]}" | sort -u)

  work=$(mktemp -d "$cross_cache/unpacking.XXXXXX") || return 1
  folder="$cross_cache/debian-$version"
  if ! download "$apt" "$work" "${names[@]}" || ! unpack "$work" "$folder"; then
    rm -rf "$work"
    return 1
  fi
  rm -rf "$work"

  # Its libraries are not where the system looks.
  library=$(compgen -G "$folder/usr/lib/*/librustc_driver-*.so" | head -n 1)
  printf '%s\n' '#!/bin/sh' "LD_LIBRARY_PATH='${library%/*}' exec '$folder/usr/bin/rustc' \"\$@\"" >"$folder/rustc"
  chmod 755 "$folder/rustc"
  if ! "$folder/rustc" --version >&2 || ! has_std "$folder/rustc" "$triple"; then
    say "Debian's compiler in $folder does not run here, or has no standard library for $triple."
    return 1
  fi
  touch "$folder/whole-$triple"
  printf '%s\n' "$folder/rustc"
}

# own_apt FOLDER HOST ARCH: a configuration beside the system's: the same sources and keys, other lists, one
# architecture more. Nothing that the system does after an update is done here.
own_apt() {
  mkdir -p "$1/lists/partial" "$1/archives/partial" || return 1
  cat >"$1/apt.conf" <<TEXT
Dir::State "$1";
Dir::State::lists "$1/lists";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$1";
#clear APT::Architectures;
APT::Architectures { "$2"; "$3"; };
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::Retries "3";
TEXT
}

# candidate APT PACKAGE: the version that apt would take.
candidate() {
  apt-cache -c "$1/apt.conf" policy "$2" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" {print $2; exit}'
}

# download APT FOLDER PACKAGE…: apt compares with the signed index, and so does this.
download() {
  local apt=$1 folder=$2
  shift 2
  say "Fetching $*"
  (
    cd "$folder" || exit
    # Asked first: apt names nothing that is there already.
    apt-get -c "$apt/apt.conf" download --print-uris -qq "$@" |
      sed -nE "s/^'[^']*' ([^ ]+) [0-9]+ SHA256:([0-9a-f]{64})\$/\2  \1/p" >sums
    apt-get -c "$apt/apt.conf" download -qq "$@" >&2 || exit 1
    if [ "$(wc -l <sums)" != $# ] || ! sha256sum --check --quiet --strict sums >&2; then
      say "What was fetched is not what apt's index says."
      exit 1
    fi
  )
}

# unpack FROM TO
unpack() {
  local package
  for package in "$1"/*.deb; do
    dpkg-deb --extract "$package" "$2" || { say "$package can't be unpacked."; return 1; }
  done
}
