# SPDX-License-Identifier: Apache-2.0
"""Debian trees to build and install packages in.

A base of each release is made once by mmdebstrap and kept; a tree is a layer
above it, so that it is there at once and gone at once. A command in a tree has
namespaces of its own: what it mounts and what it starts end with it. Packages
come from where this machine's apt takes Debian's.
"""
import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
KEEP_DAYS = 7
STATE = os.environ.get("GANTRY_TREES") or os.path.abspath("trees")
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
LIBC = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    pass


def said(*command):
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def sources(release):
    """Lines of sources.list, as this machine has them for its own release."""
    lines = set()
    form = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"
    here = said("sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME").strip()
    for line in said("apt-get", "indextargets", "--format", form,
                     "Created-By: Packages").splitlines():
        uri, suite, component, origin = line.split(" ", 3)
        if origin != "Debian" or component != "main":
            continue
        if suite in (here, here + "-updates", here + "-security"):
            lines.add("deb %s %s main" % (uri, suite.replace(here, release, 1)))
    if not lines:
        raise Failed("apt of this machine has no sources of Debian's %s" % here)
    return sorted(lines)


def apt_options():
    """What this machine's apt needs to reach them."""
    for line in said("apt-config", "dump").splitlines():
        name = line.split(" ", 1)[0]
        if name.startswith(("Acquire::http", "Acquire::Check-", "Acquire::Retries")):
            yield line.rstrip(";")
    yield 'APT::Install-Recommends "false"'
    yield 'Dpkg::Use-Pty "false"'
    yield 'Acquire::Languages "none"'


def old(path):
    return time.time() - os.path.getmtime(path) > KEEP_DAYS * 86400


def base(release):
    """The folder of a release; made again when it is some days old."""
    at = os.path.join(STATE, release, "base")
    stamp = at + ".stamp"
    if os.path.exists(stamp) and not old(stamp):
        return at
    shutil.rmtree(os.path.join(STATE, release), ignore_errors=True)
    os.makedirs(os.path.dirname(at))
    command = ["mmdebstrap", "--quiet", "--variant=apt", "--format=directory",
               "--skip=cleanup/apt/lists", "--dpkgopt=force-unsafe-io"]
    command += ["--aptopt=" + option for option in apt_options()]
    command += [release, at] + sources(release)
    ran = subprocess.run(command, text=True, capture_output=True)
    if ran.returncode != 0:
        raise Failed("mmdebstrap %s: %s" % (release, ran.stderr[-2000:]))
    # nothing that is installed there is started
    policy = os.path.join(at, "usr/sbin/policy-rc.d")
    with open(policy, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\nexit 101\n")
    os.chmod(policy, 0o755)
    open(stamp, "w", encoding="utf-8").close()
    return at


def base_ahead(release):
    """Begins with the base of a release that comes later."""
    return subprocess.Popen([sys.executable, os.path.abspath(__file__), "--base", release],
                            env=dict(os.environ, GANTRY_TREES=STATE))


def private_mounts():
    """What is mounted from here on is seen by nobody else, and ends with us."""
    if LIBC.unshare(CLONE_NEWNS) != 0 or \
            LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        raise Failed("no mounts of our own: " + os.strerror(ctypes.get_errno()))


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 1 | 0x40))


class Tree:
    """One layer above a base. Needs private_mounts()."""

    def __init__(self, release, name):
        self.release, self.name = release, name
        lower = base(release)
        at = os.path.join(STATE, release, name)
        self.root = os.path.join(at, "root")
        shutil.rmtree(at, ignore_errors=True)
        for folder in ("root", "upper", "work"):
            os.makedirs(os.path.join(at, folder))
        self.folder = at
        layers = "lowerdir=%s,upperdir=%s/upper,workdir=%s/work" % (lower, at, at)
        if subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root],
                          capture_output=True).returncode != 0:
            subprocess.run(["cp", "-aT", lower, self.root], check=True)
        shutil.copy("/etc/resolv.conf", self.path("etc/resolv.conf"))
        self.log = os.path.join(STATE, release, name + ".log")
        open(self.log, "w", encoding="utf-8").close()

    def path(self, inside):
        return os.path.join(self.root, inside.lstrip("/"))

    def popen(self, script, network=True, **environment):
        """Starts a shell script as root in the tree. Without network it has a
        loopback interface of its own."""
        inside = ("mount -t proc proc {0}/proc && mount -t tmpfs tmpfs {0}/run && "
                  "mount -t tmpfs tmpfs {0}/dev/shm && "
                  "mkdir -p {0}/dev/pts && mount -t devpts devpts {0}/dev/pts && "
                  'exec chroot {0} /bin/sh -euc "$1"').format(self.root)
        command = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork",
                   "--kill-child"]
        if not network:
            command.append("--net")
            inside = "%s %s --loopback && %s" % (sys.executable,
                                                 os.path.abspath(__file__), inside)
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
               "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive",
               "PYTHONDONTWRITEBYTECODE": "1"}
        env.update(environment)
        said_to = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        process = subprocess.Popen(command + ["sh", "-euc", inside, "sh", script],
                                   env=env, stdin=subprocess.DEVNULL,
                                   stdout=said_to, stderr=subprocess.STDOUT)
        process.said_to = said_to
        return process

    def finish(self, process, script, seconds=600):
        late = ""
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            late = "\n(took longer than %d s)" % seconds
        with process.said_to as f:
            f.seek(0)
            out = f.read() + late
        with open(self.log, "a", encoding="utf-8") as f:
            f.write("$ %s\n%s\n" % (script, out))
        if process.returncode != 0:
            raise Failed("%s, in %s of %s: status %s\n%s" % (
                script.strip().split("\n")[0][:80], self.name, self.release,
                process.returncode, out[-3000:]))
        return out

    def run(self, script, network=True, **environment):
        return self.finish(self.popen(script, network, **environment), script)

    def boot(self):
        """A systemd that manages the tree, until it is closed."""
        return Booted(self)

    def files(self):
        """Each path outside of what dpkg, apt and the like keep for themselves."""
        skipped = ("proc", "sys", "dev", "run", "tmp", "var/cache", "var/log", "var/tmp",
                   "var/lib/dpkg", "var/lib/apt", "root")
        found = {}
        for at, below, names in os.walk(self.root):
            rel = os.path.relpath(at, self.root)
            below[:] = [b for b in below if os.path.normpath(
                os.path.join(rel, b)) not in skipped]
            for name in names + below:
                path = os.path.normpath(os.path.join(rel, name))
                info = os.lstat(os.path.join(self.root, path))
                found[path] = (info.st_mode, info.st_uid, info.st_gid)
        return found

    def close(self):
        subprocess.run(["umount", self.root], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


# What systemd wants of a container: its own mounts, devices and cgroups, no kernel
# that it could change, and mounts that reach its services (credentials).
BOOT = """
cd "$1"
mount --bind . . && cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
	: >dev/$name
	mount --bind /dev/$name dev/$name
done
mkdir -p dev/shm dev/pts old
mount -t tmpfs tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
pivot_root . old
umount -l /old
mount --make-rshared /
exec env -i container=tree PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
	/lib/systemd/systemd --system --unit=basic.target --show-status=no
"""
# What looks after a kernel or a screen.
NOT_THERE = ["systemd-sysctl", "systemd-journal-flush", "systemd-modules-load", "systemd-remount-fs",
             "systemd-udevd", "systemd-udev-trigger", "systemd-update-utmp"]
BOOT_SECONDS = 20


def cgroups():
    """Where the second version of cgroups is."""
    with open("/proc/self/mounts", encoding="utf-8") as f:
        found = [line.split()[1] for line in f if line.split()[2] == "cgroup2"]
    if not found:
        raise Failed("no cgroup2 is mounted here")
    return found[0]


class Booted:
    """A tree whose process 1 is systemd, with a network of its own."""

    def __init__(self, tree):
        self.tree, self.process, self.pid = tree, None, None
        self.cgroup = os.path.join(cgroups(), "gantry-tree-%d" % os.getpid())
        for name in NOT_THERE:
            at = tree.path("etc/systemd/system/%s.service" % name)
            if not os.path.lexists(at):
                os.symlink("/dev/null", at)
        policy = tree.path("usr/sbin/policy-rc.d")
        if os.path.exists(policy):
            os.unlink(policy)
        os.makedirs(self.cgroup)

    def __enter__(self):
        inside = "%s %s --loopback && %s" % (
            sys.executable, os.path.abspath(__file__), BOOT)
        with open(self.tree.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["sh", "-euc", 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"', "sh",
                 self.cgroup, "unshare", "--mount", "--pid", "--ipc", "--uts", "--net",
                 "--cgroup", "--fork", "--kill-child", "--propagation", "private",
                 "sh", "-euc", inside, "sh", self.tree.root],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def wait(self):
        ends = time.monotonic() + BOOT_SECONDS
        while self.process.poll() is None and time.monotonic() < ends:
            with open("/proc/{0}/task/{0}/children".format(self.process.pid),
                      encoding="ascii") as f:
                self.pid = (f.read().split() or [None])[0]
            if self.pid is not None and self.manages():
                return
            time.sleep(0.1)
        raise Failed("systemd does not come up in a tree here; see " + self.tree.log)

    def manages(self):
        ran = subprocess.run(self.enter() + ["systemctl", "is-system-running"],
                             text=True, capture_output=True)
        return ran.stdout.strip() in ("running", "degraded")

    def enter(self):
        return ["nsenter", "--target", self.pid, "--mount", "--pid", "--ipc", "--uts",
                "--net", "--cgroup", "--root", "--wd", "env", "-i", "LC_ALL=C.UTF-8",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
                "HOME=/root"]

    def run(self, script, seconds=120, **environment):
        said_to = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        process = subprocess.Popen(
            self.enter() + ["%s=%s" % each for each in environment.items()] +
            ["sh", "-euc", script], stdin=subprocess.DEVNULL, stdout=said_to,
            stderr=subprocess.STDOUT)
        process.said_to = said_to
        return self.tree.finish(process, script, seconds)

    def __exit__(self, kind, value, trace):
        self.process.kill()     # and systemd with it, and so all that is in there
        self.process.wait()
        ends = time.monotonic() + 10
        for at, _, _ in sorted(os.walk(self.cgroup), reverse=True):
            while time.monotonic() < ends:
                try:
                    os.rmdir(at)
                    break
                except OSError:
                    time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1:] == ["--loopback"]:
        loopback_up()
    elif sys.argv[1] == "--base":
        base(sys.argv[2])
    else:
        print(json.dumps(sources(sys.argv[1])))
