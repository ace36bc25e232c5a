# What runs inside the box for one source distribution: makes a scratch environment of the build requirements and
# builds a wheel there. Here code of the package runs, and can do what the box lets it do.
#
# argv: uv, folder of the build requirements' wheels, folder with their requirements files, the source distribution,
# folder to build in. The last line of standard output is a JSON object.
import os, sys
sys.path[:] = [p for p in sys.path if p]
import json, shutil, subprocess

UV, WHEELS, PLAN, SOURCE, OUT = sys.argv[1:6]
CACHE, VENV = OUT + "/.cache", OUT + "/.venv"


def uv(*args):
    env = dict(os.environ, UV_CACHE_DIR=CACHE)
    return subprocess.call([UV, *args, "--no-config", "--offline", "--color", "never", "--no-progress"], env=env, stdin=subprocess.DEVNULL, stdout=2)


def main():
    if uv("venv", "--quiet", "--no-project", "--python", sys.executable, VENV):
        return "uv"
    for name in sorted(os.listdir(PLAN)):
        if uv("pip", "install", "--quiet", "--python", VENV + "/bin/python", "--no-index", "--find-links", WHEELS,
              "--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", PLAN + "/" + name):
            return "uv"
    os.mkdir(OUT + "/wheel")
    if uv("build", "--wheel", "--no-build-isolation", "--python", VENV + "/bin/python", "--no-index", "-o", OUT + "/wheel", SOURCE):
        return "build"
    return None


failed = main()
for name in os.listdir(OUT):  # what is brought out is the wheel
    if name != "wheel":
        shutil.rmtree(OUT + "/" + name, ignore_errors=True)
for name in os.listdir(OUT + "/wheel") if os.path.isdir(OUT + "/wheel") else []:
    if not name.endswith(".whl"):
        os.unlink(OUT + "/wheel/" + name)
print("\n" + json.dumps({"failed": failed or "", "what": "build a wheel"}), flush=True)
sys.exit(1 if failed else 0)
