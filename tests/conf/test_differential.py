"""Settings files made at random: Donjon's values are Python's. DONJON_DIFFERENTIAL=N compares N files of each kind."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DONJON_BUILD", ROOT / "build")).resolve()
COUNT = int(os.environ.get("DONJON_DIFFERENTIAL", "300"))


def compare(*how):
    run = subprocess.run([sys.executable, ROOT / "tests/conf/differential.py", BUILD / "tests/conf/dump_settings", "1", str(COUNT), *how],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20 + COUNT / 10)
    assert run.returncode == 0, run.stdout[-20000:]
    assert int(run.stdout.split()[-9]) > COUNT / 2, run.stdout[-1000:]


def test_valid_files():
    compare()


def test_broken_files():
    compare("broken")
