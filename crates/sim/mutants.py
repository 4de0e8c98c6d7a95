#!/usr/bin/env python3
"""Puts each bug of mutants.txt into a copy of the sources and tells what notices it.

    python3 crates/sim/mutants.py [part of a name]
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = ["cargo", "test", "--quiet", "--offline"]
SIMULATION = ["cargo", "run", "--quiet", "--offline", "-p", "headworks-sim", "--"]
SEEDS = SIMULATION + ["--seeds", "1500"]
# For bugs of the store and of the engine: two engines on one store.
SEEDS_OF_TWO = SIMULATION + ["--engines", "2", "--seeds", "400"]


def bugs():
    for line in (ROOT / "crates/sim/mutants.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            fields = [field.strip() for field in re.split(r"(?<!\\)\|", line)]
            name, path, *texts = [field.replace("\\|", "|").replace("\\&", "&").replace("\\n", "\n") for field in fields]
            yield name, path, *texts


def fails(command, work):
    """Whether a command notices something; one that hangs does."""
    try:
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=400)
    except subprocess.TimeoutExpired:
        return True
    if "could not compile" in done.stderr:
        sys.exit(f"the bug does not compile:\n{done.stderr}")
    return done.returncode != 0


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    work = pathlib.Path(tempfile.gettempdir()) / "headworks-mutants"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(ROOT, work, ignore=shutil.ignore_patterns("target", "target-*", ".git"))
    survivors, caught, by_tests, by_seeds = [], 0, 0, 0
    for name, path, was, bug in bugs():
        if wanted not in name:
            continue
        file = work / path
        text = file.read_text()
        if text.count(was) != 1:
            sys.exit(f"{name}: {path} has the text {text.count(was)} times:\n{was}")
        file.write_text(text.replace(was, bug))
        layer = path.split("/")[1]
        packages = {"store": ["headworks-store", "headworks-audit", "headworks-engine"], "cli": ["headworks"], "api": ["headworks-api", "headworks-server"]}.get(layer, [f"headworks-{layer}"])
        tests = fails(TESTS + [f"-p{p}" for p in packages], work)
        seeds = fails(SEEDS, work) or (layer in ("store", "engine") and fails(SEEDS_OF_TWO, work))
        file.write_text(text)
        by_tests, by_seeds, caught = by_tests + tests, by_seeds + seeds, caught + (tests or seeds)
        print(f"{'tests' if tests else '-':6} {'seeds' if seeds else '-':6} {name}", flush=True)
        if not (tests or seeds):
            survivors.append(name)
    print(f"{caught} caught, {len(survivors)} not: {by_tests} by tests, {by_seeds} by the simulation")
    shutil.rmtree(work, ignore_errors=True)
    return 1 if survivors else 0


sys.exit(main())
