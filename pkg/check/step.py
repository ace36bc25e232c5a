# What the box starts: it copies the application's source to where it may be written, finds the command as the
# application's environment has it, and becomes it. It runs isolated (-I -S -B) in any Python 3.
#
# Arguments: where /app, /copy, /report and /overlay are found (the last empty without one), then what is asked, JSON
# in base64, in pieces.
import base64, json, os, re, shlex, shutil, signal, sys

app, room, report, overlay = sys.argv[1:5]
ask = json.loads(base64.b64decode("".join(sys.argv[5:])).decode())
told = {"places": {"/app": app, "/copy": room, "/report": report, "/overlay": overlay, "/tmp": os.environ["TMPDIR"], "/dock": os.environ["HOME"]}}


def tell():
    with open(report + "/told.json", "w") as f:
        json.dump(told, f)


def give_up(kind, text=""):
    told.update(kind=kind, text=text)
    tell()
    os._exit(97)


def copy(source, target):
    todo = [(source, target)]
    while todo:
        source, target = todo.pop()
        os.mkdir(target, 0o755)
        with os.scandir(source) as entries:
            for e in entries:
                to = os.path.join(target, e.name)
                if e.is_symlink():
                    os.symlink(os.readlink(e.path), to)
                elif e.is_dir():
                    todo.append((e.path, to))
                elif e.is_file():
                    shutil.copyfile(e.path, to)
                    os.chmod(to, 0o755 if e.stat().st_mode & 0o100 else 0o644)


PYTHON = re.compile(r"python[0-9.]*$")


def is_python(path):
    """Whether a program is Python itself, or a script that Python runs."""
    if PYTHON.match(os.path.basename(path)):
        return True
    with open(path, "rb") as f:
        first, second = (f.read(1024).decode("latin-1").split("\n") + ["", ""])[:2]
    if not first.startswith("#!"):
        return False
    words = first[2:].split()[:3]
    if any(PYTHON.match(os.path.basename(w)) for w in words):
        return True
    return second.startswith("'''exec'") and "python" in second  # how installers write long or relative paths


def find(name, own, path):
    """The program of a name, and why there is none."""
    why = "absent"
    for folder in [""] if "/" in name else path.split(":"):
        p = os.path.join(folder, name)
        if not os.path.isfile(p):
            continue
        if not os.access(p, os.X_OK):
            why = "no-program"
        elif folder and folder not in own and os.path.realpath(p).startswith(("/usr/", "/bin/")) and is_python(p):
            why = "of-the-system"  # it would see none of the application's packages
        else:
            return p, ""
    return None, why


def main():
    tell()
    try:
        copy(app + "/src", room + "/src")
    except OSError as e:
        give_up("copy", e.strerror or str(e))
    try:
        os.chdir(os.path.join(room, "src", ask["dir"]))
    except OSError as e:
        give_up("dir", e.strerror or str(e))
    own = [d + "/bin" for d in (overlay, app + "/venv") if d]
    given = ask["env"] or {}
    env = dict(os.environ)
    env.update(given)
    env["PATH"] = ":".join(own + [given.get("PATH") or "/usr/local/bin:/usr/bin:/bin"])
    env["PYTHONPATH"] = ":".join(p for p in (overlay, given.get("PYTHONPATH")) if p)
    if not env["PYTHONPATH"]:
        del env["PYTHONPATH"]  # an empty one would be the current folder
    env["PYTEST_ADDOPTS"] = (given.get("PYTEST_ADDOPTS", "") + " " + shlex.quote("--junitxml=" + report + "/junit.xml")).strip()
    name, args = ask["command"][0], ask["command"][1:]
    program, why = find(name, own, env["PATH"])
    if program is None:
        give_up(why)
    argv, python = [name] + args, app + "/venv/bin/python"
    if os.path.dirname(program) in own and not PYTHON.match(os.path.basename(program)) and is_python(program) and os.path.exists(python):
        # Its first line names an interpreter where it was installed, which may not be where it is shown.
        argv, program = [python, program] + args, python
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores both, and who comes after would too
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.dup2(1, 2)  # one pipe keeps the order of both
    try:
        os.execve(program, argv, env)
    except OSError as e:
        give_up("refused", e.strerror or str(e))


main()
