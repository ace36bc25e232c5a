# What runs inside the box: makes the environment, takes out of it what differs between two builds, and compiles it.
# Run by the base interpreter with -s -S, so that nothing of what was installed is ever imported.
#
# argv: mode (venv | overlay), uv, folder of wheels, folder of requirements files, folder to build in, path prefix
# that bytecode says it came from. The last line of standard output is a JSON object.
#
# Bytecode depends on which strings the compiler's process knows already (marshal writes those another way), so
# nothing here may intern what differs between hosts: no pathlib, and every package is compiled in a fork of its own.
import os, sys
sys.path[:] = [p for p in sys.path if p]  # -c puts the current folder first
import errno, json, py_compile, shutil, subprocess, time

MODE, UV, WHEELS, PLAN, OUT, PREFIX = sys.argv[1:7]
CACHE = OUT + "/.cache"  # on the same file system, so that files are linked into place, not copied
VENV = OUT + "/.venv" if MODE == "overlay" else OUT
SITE = VENV + "/lib/python%d.%d/site-packages" % sys.version_info[:2]
MARKS = (".gitignore", "CACHEDIR.TAG")  # they say "can be made again, leave out of backups": an artifact is not
steps, notes = {}, []


class Failed(Exception):
    pass


def uv(*args):
    env = dict(os.environ, UV_CACHE_DIR=CACHE)
    command = [UV, *args, "--no-config", "--offline", "--color", "never", "--no-progress"]
    code = subprocess.call(command, env=env, stdin=subprocess.DEVNULL, stdout=2)
    if code:
        raise Failed("uv", code)


def walk(root):
    for folder, names, files in os.walk(root):
        names.sort()
        for name in sorted(files) + [n for n in names if os.path.islink(folder + "/" + n)]:
            yield folder + "/" + name


def look(p):
    if os.path.islink(p):
        return "-> " + os.readlink(p)
    with open(p, "rb") as f:
        return f.read()


def make():
    uv("venv", "--quiet", "--relocatable", "--allow-existing", "--no-project", "--python", sys.executable, VENV)
    for name in MARKS:
        os.unlink(VENV + "/" + name)
    return {p: look(p) for p in walk(VENV) if not p.startswith(CACHE + "/")}


def install():
    for name in sorted(os.listdir(PLAN)):
        uv("pip", "install", "--python", VENV + "/bin/python", "--no-index", "--find-links", WHEELS, "--require-hashes",
           "--no-deps", "--only-binary", ":all:", "--link-mode", "hardlink", "-r", PLAN + "/" + name)


def normalise(own):
    """Removes what holds a time or a place, and makes sure that no package changed the environment's own files."""
    shutil.rmtree(CACHE, ignore_errors=True)
    if os.path.lexists(VENV + "/.lock"):
        os.unlink(VENV + "/.lock")
    for name in sorted(os.listdir(SITE)):
        info = SITE + "/" + name
        if not name.endswith(".dist-info") or not os.path.isfile(info + "/RECORD"):
            continue
        if os.path.exists(info + "/uv_cache.json"):
            os.unlink(info + "/uv_cache.json")
        with open(info + "/RECORD", encoding="utf-8", newline="") as f:
            lines = f.read().split("\n")  # and nothing else is the end of a line: names may hold it
        os.unlink(info + "/RECORD")  # another name of the file in uv's cache
        mine = (name + "/uv_cache.json,", '"' + name + '/uv_cache.json",')
        with open(info + "/RECORD", "x", encoding="utf-8", newline="") as f:
            f.write("\n".join(l for l in lines if not l.startswith(mine)))
    for p, was in own.items():
        if not os.path.lexists(p) or look(p) != was:
            raise Failed("changed", os.path.relpath(p, VENV))


def forget():
    """Lets go of the names that types were last asked for: they are kept by where they lie in memory, which differs
    each time, and before 3.11 bytecode tells a name that somebody else keeps from one that nobody does."""
    for name in ("_clear_internal_caches", "_clear_type_cache"):  # 3.13 and newer; all others
        if hasattr(sys, name):
            return getattr(sys, name)()


def compile_one(top, root):
    files = [p for p in walk(top) if p.endswith(".py")] if os.path.isdir(top) and not os.path.islink(top) else [top]
    for p in files:
        forget()
        try:
            py_compile.compile(p, dfile=PREFIX + p[len(root):], doraise=True, optimize=-1,
                               invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        except (py_compile.PyCompileError, FileExistsError) as e:
            why = getattr(e, "exc_type_name", type(e).__name__)
            if why == "MemoryError":
                raise MemoryError
            os.write(2, ("not compiled: %s: %s\n" % (p[len(root):], why)).encode())  # as with any installer


def source(top):
    return sum(os.lstat(p).st_size for p in (walk(top) if os.path.isdir(top) else [top]) if p.endswith(".py"))


def compile_all(site, root):
    """Each entry of site in a process of its own: what one package holds changes no byte of another."""
    tops = [site + "/" + n for n in sorted(os.listdir(site)) if site != root or n != "bin"]
    tops = [t for t in tops if t.endswith(".py") or os.path.isdir(t) and not t.endswith((".dist-info", "/__pycache__"))]
    tops.sort(key=lambda t: -source(t))  # the largest first, so that no processor is left alone with it at the end
    running, most = {}, min(len(os.sched_getaffinity(0)), 8)
    for top in tops + [None] * most:
        while running and (top is None or len(running) >= most):
            pid, status = os.wait()
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 255
            if 0 < code < 255:
                raise OSError(code, os.strerror(code))
            if code:
                raise Failed("compile", running[pid][len(root):])
            del running[pid]
        if top is None:
            continue
        pid = os.fork()
        if pid == 0:
            code = 255
            try:
                compile_one(top, root)
                code = 0
            except MemoryError:
                code = errno.ENOMEM
            except OSError as e:
                code = e.errno
            finally:
                os._exit(code)
        running[pid] = top


def lay_over(own):
    """Moves packages and scripts of the scratch environment to where PYTHONPATH and PATH find them."""
    launcher = b"#!/bin/sh\n'''exec' "
    os.mkdir(OUT + "/bin")
    for name in sorted(os.listdir(VENV + "/bin")):
        p = VENV + "/bin/" + name
        if p in own:
            continue
        body = look(p)
        if body.startswith(launcher):
            body = b"#!/usr/bin/env python\n" + body.split(b"\n", 3)[3]
        with open(OUT + "/bin/" + name, "xb") as f:
            f.write(body)
        os.chmod(OUT + "/bin/" + name, 0o755)
    for name in sorted(os.listdir(SITE)):
        if os.path.lexists(OUT + "/" + name):
            raise Failed("name", name)
        os.rename(SITE + "/" + name, OUT + "/" + name)
    rest = sorted({os.path.relpath(p, VENV) for p in walk(VENV) if p not in own and not p.startswith(VENV + "/bin/")})
    if rest:
        notes.append("%d files beside the packages are left out, the first %s" % (len(rest), rest[0]))
    shutil.rmtree(VENV)


def timed(name, step, *args):
    began = time.monotonic()
    out = step(*args)
    steps[name] = round((time.monotonic() - began) * 1000)
    return out


def main():
    own = timed("venv", make)
    timed("install", install)
    timed("normalise", normalise, own)
    site = SITE
    if MODE == "overlay":
        lay_over(own)
        site = OUT
    timed("compile", compile_all, site, OUT)


report = {}
try:
    main()
except Failed as e:
    report = {"failed": e.args[0], "what": str(e.args[1])}
except OSError as e:
    report = {"failed": "system", "what": e.strerror or type(e).__name__, "errno": e.errno}
except MemoryError:
    report = {"failed": "memory", "what": "MemoryError"}
report.update(steps=steps, notes=notes)
print("\n" + json.dumps(report), flush=True)
sys.exit(1 if "failed" in report else 0)
