"""Builds the guest once: Debian with systemd, its kernel, and a module that is a camera. Kept in the cache."""

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "demo.d"))

from programs import Failed, say  # noqa: E402

GUEST = HERE / "guest"

# What the guest is made of, besides Debian's smallest system. Python is for the demo, which is run there too.
PACKAGES = ("busybox-static", "dbus", "kmod", "procps", "python3", "systemd", "systemd-sysv", "udev", "v4l-utils")

# The kernel modules that the disks need, in the initrd, and those that the running system may ask for.
EARLY = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
LATE = ("autofs4", "configfs", "evdev", "uinput", "virtio_console", "virtio_net", "virtio_rng", "videodev", "videobuf2-v4l2")

# Nothing would be there to wait for or to do, and each costs seconds of an emulated machine.
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
    "e2scrub_reap.service", "getty.target", "systemd-networkd-wait-online.service", "systemd-pstore.service",
    "systemd-update-utmp.service", "systemd-user-sessions.service", "systemd-firstboot.service",
    "systemd-binfmt.service", "systemd-logind.service",
)  # fmt: skip
ENABLED = (
    "limen-shell.service", "limen-journal.service", "limen-gpio.service", "limen-reader.service",
    "systemd-networkd.service",
)  # fmt: skip

# One machine's number for all runs: the terminal knows its hardware by it.
MACHINE_ID = "11ae11ae11ae41ae81ae11ae11ae11ae"

# Room for what a run writes to its own copy of the root disk.
ROOT_MB = 768

# An image that was not used for so long is thrown away.
KEPT_S = 7 * 24 * 3600


@dataclasses.dataclass(frozen=True)
class Arch:
    """What differs between processors."""

    debian: str  # Debian's name, which is also that of its kernel's flavour
    make: str  # the kernel's own name
    qemu: str  # QEMU's name
    cross: str  # what the compiler's name begins with


ARCHS = {
    "x86_64": Arch("amd64", "x86_64", "x86_64", "x86_64-linux-gnu-"),
    "aarch64": Arch("arm64", "arm64", "aarch64", "aarch64-linux-gnu-"),
}


@dataclasses.dataclass(frozen=True)
class Image:
    """A guest in the cache: what QEMU needs to start it."""

    arch: str
    folder: pathlib.Path

    @property
    def kernel(self) -> pathlib.Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> pathlib.Path:
        return self.folder / "initrd"

    @property
    def root(self) -> pathlib.Path:
        """The root disk, never to be written: a run works on a copy."""
        return self.folder / "root.img"


def run(*line: str | os.PathLike, **options) -> str:
    """A command's output; where it fails, its last words."""
    words = [str(word) for word in line]
    done = subprocess.run(words, stdin=options.pop("stdin", subprocess.DEVNULL), capture_output=True, text=True,
                          check=False, **options)  # fmt: skip
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise Failed(f"{' '.join(words)[:300]} failed with status {done.returncode}:\n{said}")
    return done.stdout


def cache() -> pathlib.Path:
    """The folder of all images."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "limen" / "vm"


def versions() -> str:
    """What apt would install of the packages that matter, in words that change when it would change."""
    names = ("linux-headers-amd64", "linux-source", "v4l2loopback-dkms", "systemd", "udev", "libc6", "python3")
    line = ("apt-cache", "show", "--no-all-versions", *names)
    try:
        shown = run(*line)
    except Failed:
        # A bare machine has never asked what there is.
        run("apt-get", "update", "-q")
        shown = run(*line)
    return "\n".join(re.findall(r"^(?:Package|Version): .*$", shown, re.MULTILINE))


def recipe(arch: str, made_of: str) -> str:
    """The name of an image: other files, other name."""
    digest = hashlib.sha256(f"{arch}\n{made_of}\n".encode())
    for path in [HERE / "image.py", *sorted(GUEST.rglob("*"))]:
        if path.is_file():
            digest.update(f"{path.relative_to(HERE)} {path.stat().st_mode & 0o111}\n".encode() + path.read_bytes())
    return f"{arch}-{digest.hexdigest()[:16]}"


def image(arch: str) -> Image:
    """The guest for `arch`, x86_64 or aarch64: from the cache, or built there, which takes minutes."""
    if arch not in ARCHS:
        raise Failed(f"there is no virtual terminal for {arch}; there is one for {' and '.join(ARCHS)}")
    made_of = versions()
    name, folder = recipe(arch, made_of), cache()
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / f"{arch}.lock"):
        if not (folder / name).exists():
            say(f"Building the {arch} guest, once; it is kept in {folder}")
            begin = time.monotonic()
            for left in folder.glob(f"building-{arch}-*"):
                shutil.rmtree(left)
            with tempfile.TemporaryDirectory(prefix=f"building-{arch}-", dir=folder) as work:
                made = _build(ARCHS[arch], pathlib.Path(work))
                (made / "versions").write_text(made_of + "\n")
                made.rename(folder / name)
            say(f"Built in {time.monotonic() - begin:.0f} s")
        os.utime(folder / name)
        # Two checkouts may take turns; what none of them has asked for lately goes.
        for other in folder.glob(f"{arch}-*"):
            if time.time() - other.stat().st_mtime > KEPT_S:
                shutil.rmtree(other)
    return Image(arch, folder / name)


@contextlib.contextmanager
def _locked(path: pathlib.Path):
    """Two runs build one image once."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(arch: Arch, work: pathlib.Path) -> pathlib.Path:
    made = work / "made"
    made.mkdir()
    tar = _debian(arch, work)
    run("tar", "--extract", "--no-same-owner", "--file", tar, "--directory", work, "./debs")
    unpacked = work / "unpacked"
    for deb in sorted((work / "debs").glob("*.deb")):
        run("dpkg-deb", "--extract", deb, unpacked)
    version = next((unpacked / "lib" / "modules").iterdir()).name
    modules = unpacked / "lib" / "modules" / version
    headers = _headers(unpacked, version)
    built = [_v4l2loopback(arch, unpacked, headers), _gpio_simulator(arch, unpacked, headers)]
    updates = modules / "updates"
    updates.mkdir()
    for module in built:
        run(f"{arch.cross}strip", "--strip-debug", "-o", updates / module.name, module)
    run("depmod", "--basedir", unpacked, version)
    overlay = work / "overlay"
    shutil.copytree(GUEST / "root", overlay)
    for name in ("feeder", "hold", "levels", "typist"):
        run(f"{arch.cross}gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s",
            "-o", overlay / "usr" / "lib" / "limen" / name, GUEST / f"{name}.c")  # fmt: skip
    names = [*EARLY, *LATE, *(module.stem for module in built)]
    _copy_modules(modules, names, overlay / "usr" / "lib" / "modules" / version)
    run("depmod", "--basedir", overlay / "usr", version)
    early = work / "early"
    _copy_modules(modules, EARLY, early)
    (early / "order").write_text("".join(f"{path.name}\n" for path in _with_needed(modules, EARLY)))
    shutil.copy(unpacked / "boot" / f"vmlinuz-{version}", made / "vmlinuz")
    _assemble(tar, overlay, early, made, work)
    return made


def _run_foreign(arch: Arch) -> None:
    """Lets this machine run the guest's programs while the guest is put together, through QEMU."""
    if arch.debian == run("dpkg", "--print-architecture").strip():
        return
    folder, name = pathlib.Path("/proc/sys/fs/binfmt_misc"), f"qemu-{arch.qemu}"
    if (folder / name).exists():
        return
    rule = pathlib.Path("/usr/lib/binfmt.d") / f"{name}.conf"
    try:
        if not (folder / "register").exists():
            run("mount", "-t", "binfmt_misc", "binfmt_misc", folder)
        (folder / "register").write_text(rule.read_text())
    except (OSError, Failed) as problem:
        raise Failed(f"this machine can't run programs for {arch.debian}, and can't be taught to: {problem}") from None


def _debian(arch: Arch, work: pathlib.Path) -> pathlib.Path:
    """Debian's smallest system as a tar, from where this machine's apt gets Debian; the kernel's packages are in
    it, as a folder `debs`."""
    _run_foreign(arch)
    ours = run("dpkg", "--print-architecture").strip()
    rows = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages",
               "Origin: Debian", f"Architecture: {ours}")  # fmt: skip
    sources = sorted({f"deb {row}" for row in rows.splitlines()}, reverse=True)
    if not sources:
        raise Failed("this machine's apt knows no Debian; the guest is made of Debian's packages")
    suite = min((source.split()[2] for source in sources), key=len)
    tar = work / "root.tar"
    # What runs on this machine while the module is built is of this machine's architecture.
    both = arch.debian if arch.debian == ours else f"{arch.debian},{ours}"
    run("mmdebstrap", "--variant=minbase", "--format=tar", f"--architectures={both}", "--skip=check/qemu",
        f"--include={','.join(PACKAGES)}", "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
        f'--customize-hook="{GUEST / "kernel"}" {arch.debian} {ours} "$1"', suite, tar, "-",
        input="\n".join(sources) + "\n", stdin=None)  # fmt: skip
    return tar


def _headers(unpacked: pathlib.Path, version: str) -> pathlib.Path:
    """What modules are built against."""
    sources = unpacked / "usr" / "src"
    headers = sources / f"linux-headers-{version}"
    makefile = headers / "Makefile"
    # Unpacked, not installed.
    makefile.write_text(makefile.read_text().replace("/usr/src/", f"{sources}/"))
    return headers


def _make(arch: Arch, headers: pathlib.Path, module: pathlib.Path) -> None:
    run("make", "-C", headers, f"M={module}", f"ARCH={arch.make}", f"CROSS_COMPILE={arch.cross}",
        f"CC={arch.cross}gcc", "modules")  # fmt: skip


def _v4l2loopback(arch: Arch, unpacked: pathlib.Path, headers: pathlib.Path) -> pathlib.Path:
    """Builds the module that is a camera."""
    module = next((unpacked / "usr" / "src").glob("v4l2loopback-*"))
    _make(arch, headers, module)
    return module / "v4l2loopback.ko"


def _gpio_simulator(arch: Arch, unpacked: pathlib.Path, headers: pathlib.Path) -> pathlib.Path:
    """Builds the module that is a GPIO chip. The kernel has it (gpio-sim, and irq_sim for its interrupts), Debian's
    has it not; of what its interrupts call one thing is not for modules, and another does the same."""
    archive = next((unpacked / "usr" / "src").glob("linux-source-*.tar.xz"))
    top, module = archive.name.removesuffix(".tar.xz"), unpacked / "gpio_simulator"
    module.mkdir()
    wanted = ("drivers/gpio/gpio-sim.c", "drivers/gpio/gpiolib.h", "kernel/irq/irq_sim.c")
    run("tar", "--extract", "--file", archive, "--directory", module, "--occurrence=1",
        "--transform=s#.*/##", *(f"{top}/{name}" for name in wanted))  # fmt: skip
    simulator = module / "irq_sim.c"
    text, call = simulator.read_text(), "handle_simple_irq(irq_to_desc(irqnum))"
    if call not in text:
        raise Failed(f"{archive.name} simulates interrupts in another way than this was written for")
    simulator.write_text(text.replace(call, "generic_handle_irq(irqnum)"))
    (module / "Makefile").write_text("obj-m := gpio_simulator.o\ngpio_simulator-y := gpio-sim.o irq_sim.o\n")
    _make(arch, headers, module)
    return module / "gpio_simulator.ko"


def _with_needed(modules: pathlib.Path, names) -> list[pathlib.Path]:
    """The files of the modules and of those that they need, needed ones first, below `modules`."""
    needs, files = {}, {}
    for row in (modules / "modules.dep").read_text().splitlines():
        file, _, rest = row.partition(":")
        files[pathlib.Path(file).stem.replace("-", "_")] = file
        needs[file] = rest.split()
    built_in = {
        pathlib.Path(row).stem.replace("-", "_") for row in (modules / "modules.builtin").read_text().splitlines()
    }
    order: list[str] = []
    for name in names:
        key = name.replace("-", "_")
        if key in built_in:
            continue
        if key not in files:
            raise Failed(f"the kernel {modules.name} has no module {name}")
        # modules.dep lists the most needed one last.
        for file in [*reversed(needs[files[key]]), files[key]]:
            if file not in order:
                order.append(file)
    return [modules / file for file in order]


def _copy_modules(modules: pathlib.Path, names, target: pathlib.Path) -> None:
    target.mkdir(parents=True)
    for path in _with_needed(modules, names):
        shutil.copy(path, target / path.name)
    for index in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(modules / index, target / index)


def _assemble(tar, overlay, early, made, work) -> None:
    """The disk and the initrd. Files that belong to root need root, or a user namespace that has one."""
    inside = [] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--map-auto"]
    run(*inside, GUEST / "assemble", tar, overlay, early, made, work / "root", f"{ROOT_MB}M", MACHINE_ID,
        " ".join(MASKED), " ".join(ENABLED), GUEST / "init")  # fmt: skip


if __name__ == "__main__":
    print(image(sys.argv[1] if len(sys.argv) > 1 else "x86_64").folder)
