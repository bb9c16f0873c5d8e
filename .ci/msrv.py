"""The declared minimum Rust version holds: it builds with that toolchain where it is installed;
everywhere, no default dependency asks for more."""

import json
import subprocess


def version(text):
    return tuple(int(part) for part in (text.split(".") + ["0", "0"])[:3])


metadata = json.loads(
    subprocess.check_output(["cargo", "metadata", "--format-version", "1"], text=True)
)
packages = {package["id"]: package for package in metadata["packages"]}
declared = packages[metadata["resolve"]["root"]]["rust_version"]
names = subprocess.check_output(
    ["cargo", "tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"], text=True
)
default = {tuple(line.split()[:2]) for line in names.splitlines() if line}
too_new = [
    f'{package["name"]} {package["version"]} needs {package["rust_version"]}'
    for package in packages.values()
    if (package["name"], "v" + package["version"]) in default
    and package["rust_version"]
    and version(package["rust_version"]) > version(declared)
]
assert not too_new, f"declared {declared}, but {too_new}"
print(f"no default dependency needs more than {declared}")

try:
    toolchains = subprocess.check_output(["rustup", "toolchain", "list"], text=True).split()
except (OSError, subprocess.CalledProcessError):
    toolchains = []
match = [name for name in toolchains if name.startswith(declared)]
if match:
    subprocess.check_call(["cargo", f"+{match[0]}", "check", "--lib"])
else:
    print(f"no toolchain {declared} here: not built with it (clippy checks the use of std)")
