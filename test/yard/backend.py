# A build backend (PEP 517) for tests, where the real ones can't be reached. What setup.py writes into modules is packed.
import os, re, runpy, zipfile


def build_wheel(to, config_settings=None, metadata_directory=None):
    if os.path.exists("setup.py"):
        runpy.run_path("setup.py", run_name="__main__")
    with open("PKG-INFO") as f:
        info = f.read()
    name, version = (re.search("^%s: (.*)$" % key, info, re.M).group(1) for key in ("Name", "Version"))
    stem = "%s-%s" % (name.replace("-", "_"), version)
    files = {n: open(n).read() for n in sorted(os.listdir(".")) if n.endswith(".py") and n != "setup.py"}
    files[stem + ".dist-info/METADATA"] = info
    files[stem + ".dist-info/WHEEL"] = "Wheel-Version: 1.0\nGenerator: yardbuild\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = stem + ".dist-info/RECORD"
    files[record] = "".join(n + ",,\n" for n in [*files, record])
    with zipfile.ZipFile(os.path.join(to, stem + "-py3-none-any.whl"), "w") as z:
        for n, text in files.items():
            z.writestr(zipfile.ZipInfo(n, (1980, 1, 1, 0, 0, 0)), text)
    return stem + "-py3-none-any.whl"
