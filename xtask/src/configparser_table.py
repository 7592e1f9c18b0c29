#!/usr/bin/env python3
"""Asks Swift's own conf readers about the texts below and about mutants of the sample confs.

    VENV/bin/python xtask/src/configparser_table.py

writes tests/golden/configparser.cases.jsonl and tests/golden/configparser.mutants.txt, where VENV is
a virtual environment with swift==2.38.3. tests/it/conf.rs makes the same mutants and compares.
"""
import json
import os
import sys
import tempfile
from unittest import mock

sys.path.pop(0)  # this file has the name of Python's module

from configparser import Error  # noqa: E402

from swift.common import utils  # noqa: E402
from swift.common.statsd_client import get_statsd_client  # noqa: E402
from swift.container.auditor import ContainerAuditor  # noqa: E402

COMMAND = "# made by: VENV/bin/python xtask/src/configparser_table.py (swift==2.38.3, Python 3.11)\n"
GOLDEN = os.path.join(os.path.dirname(__file__), "../../tests/golden")
SECTION = "container-auditor"
BASES = ["packaged", "lab", "appliance"]
MUTANTS = 4000  # more than half of them are bad

A = "[container-auditor]\n"
D = "[DEFAULT]\n"

# name, text: one file
CONFS = [
    ("empty file", ""),
    ("only a newline", "\n"),
    ("only a comment", "# nothing here\n"),
    ("only the section", A),
    ("section without newline at the end", "[container-auditor]"),
    ("plain", A + "interval = 30\n"),
    ("no newline at the end", A + "interval = 30"),
    ("colon", A + "interval: 30\n"),
    ("no spaces", A + "interval=30\n"),
    ("many spaces", A + "interval   =    30   \n"),
    ("tabs", A + "interval\t=\t30\t\n"),
    ("first delimiter wins: equals", A + "devices = /a:b=c\n"),
    ("first delimiter wins: colon", A + "devices : /a=b\n"),
    ("both delimiters", A + "devices =: x\n"),
    ("two equals", A + "devices == x\n"),
    ("spaces in a key", A + "set log_name = x\n"),
    ("keys differ by case", A + "interval = 1\nInterval = 2\nINTERVAL = 3\n"),
    ("empty value", A + "interval =\n"),
    ("empty value, colon", A + "interval:\n"),
    ("value of spaces", A + "interval =     \n"),
    ("value in quotes", A + 'devices = "/srv/node"\n'),
    ("inline semicolon", A + "interval = 30 ; half a minute\n"),
    ("inline hash", A + "interval = 30 # half a minute\n"),
    ("comment hash", A + "# interval = 5\ninterval = 30\n"),
    ("comment semicolon", A + "; interval = 5\ninterval = 30\n"),
    ("indented comment", A + "interval = 30\n   # more\n"),
    ("indented comment within a value", A + "devices = /a\n  # no\n  /b\n"),
    ("comment at column 0 within a value", A + "devices = /a\n# no\n  /b\n"),
    ("rem is no comment", A + "rem a line\n"),
    ("rem with equals is a key", A + "rem a = line\n"),
    ("key begins with a hash", A + "#a = 1\nb#c = 2\n"),
    ("inherits", D + "devices = /d\n" + A + "interval = 1\n"),
    ("section beats default", D + "interval = 1\n" + A + "interval = 2\n"),
    ("default after the section", A + "interval = 2\n" + D + "interval = 1\ndevices = /d\n"),
    ("default alone", D + "interval = 1\n"),
    ("default twice", D + "a = 1\n" + A + D + "b = 2\n"),
    ("default twice, key twice", D + "a = 1\n" + A + D + "a = 2\n"),
    ("default in lower case is a section", "[default]\na = 1\n" + A),
    ("empty value beats default", D + "devices = /d\n" + A + "devices =\n"),
    ("underscore section", "[container_auditor]\na = 1\n"),
    ("section in other case", "[Container-Auditor]\na = 1\n"),
    ("section with spaces", "[ container-auditor ]\na = 1\n"),
    ("section twice", A + "a = 1\n" + A + "b = 2\n"),
    ("other section twice", A + "a = 1\n[x]\n[x]\n"),
    ("key twice", A + "a = 1\na = 2\n"),
    ("key twice in another section", A + "a = 1\n[x]\nb = 1\nb = 2\n"),
    ("key twice by different delimiters", A + "a = 1\na : 2\n"),
    ("same key in two sections", A + "a = 1\n[x]\na = 2\n"),
    ("text before a section", "a = 1\n" + A),
    ("word before a section", "hello\n" + A),
    ("indented text before a section", "  a = 1\n" + A),
    ("comment before a section", "# a = 1\n" + A),
    ("blank lines before a section", "\n\n   \n" + A + "a = 1\n"),
    ("keyless", A + "= 1\n"),
    ("keyless colon", A + ": 1\n"),
    ("keyless twice", A + "= 1\n= 2\n"),
    ("keyless twice in two sections", A + "= 1\n[x]\n= 2\n"),
    ("keyless with continuation", A + "= 1\n  a = 2\n"),
    ("keyless with continuation, then twice", A + "= 1\n  = 2\n"),
    ("a word alone", A + "interval\n"),
    ("words alone", A + "interval 30\ncontainers 5\n"),
    ("a word alone, then a key twice", A + "word\na = 1\na = 2\n"),
    ("a word alone, then a section twice", A + "word\n" + A),
    ("a key twice, then a word alone", A + "a = 1\na = 2\nword\n"),
    ("a word alone continues the key before", A + "a = 1\nword\n  more\n"),
    ("continuation", A + "devices = /a\n  /b\n\t/c\n"),
    ("continuation of an empty value", A + "devices =\n  /b\n"),
    ("continuation with equals", A + "devices = /a\n  interval = 3\n"),
    ("continuation that looks like a section", A + "devices = /a\n  [x]\n"),
    ("indented section first", "  [container-auditor]\na = 1\n"),
    ("indented section, key deeper", "  [container-auditor]\n    a = 1\n    b = 2\n"),
    ("indented key after the section", A + "  a = 1\n"),
    ("indented keys, same depth", A + "  a = 1\n  b = 2\n"),
    ("indented keys, less depth", A + "    a = 1\n  b = 2\n"),
    ("indented keys, more depth", A + "  a = 1\n    b = 2\n"),
    ("section indented after a key", A + "a = 1\n [x]\nb = 2\n"),
    ("blank line within a value", A + "devices = /a\n\n  /b\n"),
    ("blank lines at the end of a value", A + "devices = /a\n\n\nb = 1\n"),
    ("line of spaces within a value", A + "devices = /a\n      \n  /b\n"),
    ("blank line, then a key", A + "devices = /a\n\ninterval = 1\n"),
    ("value that begins on a later line", A + "devices =\n\n\n   /a\n"),
    ("tab is as deep as a space", A + " a = 1\n\tb = 2\n"),
    ("closing bracket in a section", "[a]b]\nx = 1\n" + A),
    ("text after a section", "[container-auditor] ; really\na = 1\n"),
    ("bracket after a section", "[container-auditor] ]\na = 1\n"),
    ("empty section name first", "[]\na = 1\n" + A),
    ("empty section name later", A + "[]\n"),
    ("section name a bracket", A + "[]]\na = 1\n"),
    ("no closing bracket", A + "[x\na = 1\n"),
    ("no closing bracket, with equals", A + "[x = 1\n"),
    ("key with brackets", A + "a[x] = 1\n"),
    ("section name of spaces", A + "[ ]\n"),
    ("reference", D + "root = /r\n" + A + "devices = %(root)s/node\n"),
    ("reference within the section", A + "root = /r\ndevices = %(root)s/node\n"),
    ("reference to a later key", A + "devices = %(root)s/node\nroot = /r\n"),
    ("reference twice", A + "a = x\nb = %(a)s%(a)s\n"),
    ("reference of a reference", A + "a = x\nb = %(a)s1\nc = %(b)s2\n"),
    ("default refers to the section", D + "devices = %(root)s/node\n" + A + "root = /r\n"),
    ("default refers to another section", D + "devices = %(root)s/node\n" + A + "[x]\nroot = /r\n"),
    ("unknown reference", A + "devices = %(root)s/node\n"),
    ("unknown reference in default", D + "x = %(y)s\n" + A),
    ("unknown reference in another section", A + "a = 1\n[x]\nb = %(c)s\n"),
    ("unknown reference in the override only", D + "x = %(y)s\n" + A + "x = 1\n"),
    ("reference differs by case", A + "Root = /r\ndevices = %(root)s\n"),
    ("reference to itself", A + "a = %(a)s\n"),
    ("reference in a circle", A + "a = %(b)s\nb = %(a)s\n"),
    ("reference to the value it overrides", D + "a = 1\n" + A + "a = %(a)s2\n"),
    ("references 10 deep", A + "".join("k%d = %%(k%d)s\n" % (n, n + 1) for n in range(9)) + "k9 = %%\n"),
    ("references 11 deep", A + "".join("k%d = %%(k%d)s\n" % (n, n + 1) for n in range(10)) + "k10 = %%\n"),
    ("references 11 deep, plain end", A + "".join("k%d = %%(k%d)s\n" % (n, n + 1) for n in range(10)) + "k10 = x\n"),
    ("references 12 deep, plain end", A + "".join("k%d = %%(k%d)s\n" % (n, n + 1) for n in range(11)) + "k11 = x\n"),
    ("lone percent", A + "fallocate_reserve = 1%\n"),
    ("two percents without a reference", A + "a = 1%%\n"),
    ("two percents beside a reference", A + "a = x\nb = %(a)s 1%%\n"),
    ("lone percent beside a reference", A + "a = x\nb = %(a)s 1%\n"),
    ("lone percent in the value referred to", A + "a = 1%\nb = %(a)s\n"),
    ("two percents in the value referred to", A + "a = 1%%\nb = %(a)s\n"),
    ("escaped reference", A + "a = %%(b)s\n"),
    ("escaped reference and a real one", A + "b = x\na = %%(b)s %(b)s\n"),
    ("reference without s", A + "b = x\na = %(b)\n"),
    ("reference without s, more text", A + "b = x\na = %(b)d\n"),
    ("reference not closed", A + "a = %(b\n"),
    ("reference without a name", A + "a = %()s\n"),
    ("reference with spaces", A + "b = x\na = %( b )s\n"),
    ("reference with a bracket", A + "b = x\na = %((b)s\n"),
    ("reference over two lines", A + "a = %(b\n  c)s\n"),
    ("reference to a key with spaces", A + "b c = x\na = %(b c)s\n"),
    ("reference to a value of lines", A + "b = x\n  y\na = <%(b)s>\n"),
    ("reference to an empty value", A + "b =\na = <%(b)s>\n"),
    ("dollar reference", A + "b = x\na = ${b}\n"),
    ("percent s", A + "a = %s\n"),
    ("percent and percent s and reference", A + "b = 1\na = %s %(b)s\n"),
    ("environment is not read", A + "a = $HOME %HOME%\n"),
    ("carriage returns", A.replace("\n", "\r\n") + "a = 1\r\nb = 2\r\n"),
    ("only carriage returns", "[container-auditor]\ra = 1\rb = 2\r"),
    ("carriage return twice", A + "a = 1\r\r\nb = 2\r\r\n"),
    ("carriage return within a value", A + "a = 1\rword\n"),
    ("byte order mark", b"\xef\xbb\xbf" + A.encode() + b"a = 1\n"),
    ("byte order mark before a comment", b"\xef\xbb\xbf# x\n" + A.encode() + b"a = 1\n"),
    ("byte order mark in a value", A.encode() + b"a = \xef\xbb\xbf1\n"),
    ("utf-16", A.encode("utf-16")),
    ("utf-8 in a value", A + "devices = /srv/über\n"),
    ("utf-8 in a key", A + "größe = 1\n"),
    ("utf-8 in a section", A + "[größe]\na = 1\n"),
    ("latin-1 in a value", A.encode() + b"a = \xfcber\n"),
    ("latin-1 in a comment", A.encode() + b"# \xfcber\na = 1\n"),
    ("latin-1 after a mistake", b"word\n" + A.encode() + b"a = \xfc\n"),
    ("surrogate", A.encode() + b"a = \xed\xa0\x80\n"),
    ("overlong", A.encode() + b"a = \xc0\xaf\n"),
    ("beyond unicode", A.encode() + b"a = \xf4\x90\x80\x80\n"),
    ("cut letter at the end", A.encode() + b"a = 1\xc3"),
    ("nul in a value", A + "a = x\0y\n"),
    ("nul line", A + "\0\n"),
    ("nul around a value", A + "a = \0x\0\n"),
    ("control characters in a value", A + "a = \x01\x1b[31m\x07\n"),
    ("no-break space around", A + "a\u00a0=\u00a0x\u00a0\n"),
    ("next line around", A + "a = \u0085x\u0085\n"),
    ("line separator does not end a line", A + "a = 1\u2028b = 2\n"),
    ("form feed does not end a line", A + "a = 1\x0cb = 2\n"),
    ("form feed line is blank", A + "a = 1\n\x0c\n  2\n"),
    ("vertical tab indents", A + "a = 1\n\x0b2\n"),
    ("file separator is a space", A + "a = \x1c1\x1c\n\x1d2\n"),
    ("unit separator before a comment", A + "\x1f# comment\na = 1\n"),
    ("zero width space is none", A + "a = \u200b1\u200b\n"),
    ("mongolian vowel separator is none", A + "a = \u180e1\u180e\n"),
    ("ideographic space indents", A + "a = 1\n\u30002\n"),
    ("ideographic space before a section", "\u3000[container-auditor]\na = 1\n"),
    ("log_name is set", A + "log_name = x\n"),
    ("log_name is empty", A + "log_name =\n"),
    ("log_name in default", D + "log_name = y\n" + A),
    ("long value", A + "a = " + "x" * 2000 + "\n"),
    ("long key", A + "x" * 2000 + " = 1\n"),
    ("many keys", A + "".join("k%d = %d\n" % (n, n) for n in range(100))),
    ("pipeline file", "[pipeline:main]\npipeline = a b\n[app:a]\nuse = egg:swift#container\nset log_name = x\n" + A),
    ("json", '{"container-auditor": {"interval": 30}}\n'),
    ("yaml", "container-auditor:\n  interval: 30\n"),
    ("html", "<html>\n<body>404 Not Found</body>\n</html>\n"),
    ("diff markers", A + "<<<<<<< HEAD\ninterval = 1\n=======\ninterval = 2\n>>>>>>> x\n"),
]

# name, files of a directory
DIRECTORIES = [
    ("no files", {}),
    ("one file", {"a.conf": A + "a = 1\n"}),
    ("later files win", {"10.conf": A + "a = 1\nb = 1\n", "20.conf": A + "b = 2\n"}),
    ("order of names, not of numbers", {"9.conf": A + "a = 9\n", "10.conf": A + "a = 10\n"}),
    ("capitals first", {"a.conf": A + "x = a\n", "B.conf": A + "x = B\n"}),
    ("hidden files", {".a.conf": A + "a = 1\n", "b.conf": A + "b = 1\n"}),
    ("only a hidden file", {".a.conf": A + "a = 1\n"}),
    ("other endings", {"a.conf": A + "a = 1\n", "a.conf~": "x", "b.CONF": "x", "c.cfg": "x", "conf": "x"}),
    ("name is the ending", {".conf": A, "x.conf": A + "a = 1\n"}),
    ("default in a later file", {"a.conf": A + "a = 1\n", "b.conf": D + "a = 2\nb = 2\n"}),
    ("section in one, reference in another", {"a.conf": D + "r = /r\n", "b.conf": A + "d = %(r)s\n"}),
    ("reference mended later", {"a.conf": A + "d = %(r)s\n", "b.conf": A + "r = /r\n"}),
    ("reference bound late", {"a.conf": A + "d = %(r)s\nr = 1\n", "b.conf": A + "r = 2\n"}),
    ("bad reference overridden", {"a.conf": A + "d = %(r)s\n", "b.conf": A + "d = 2\n"}),
    ("mistake in the second file", {"a.conf": A + "a = 1\n", "b.conf": "word\n"}),
    ("second file begins indented", {"a.conf": A + "a = 1\n", "b.conf": "  more\n"}),
    ("second file not UTF-8", {"a.conf": A + "a = 1\n", "b.conf": b"\xff"}),
    ("mistake in a file not read", {"a.conf": A + "a = 1\n", "b.txt": "word\n"}),
    ("value cleared later", {"a.conf": A + "a = 1\n", "b.conf": A + "a =\n"}),
    ("value of lines replaced", {"a.conf": A + "a = 1\n  2\n", "b.conf": A + "a = 3\n"}),
    ("no file has the section", {"a.conf": D + "a = 1\n", "b.conf": "[x]\n"}),
    ("an empty file among them", {"a.conf": A + "a = 1\n", "b.conf": ""}),
]

H = "[swift-hash]\n"
P = "swift_hash_path_prefix"
S = "swift_hash_path_suffix"

# name, text of swift.conf
HASH_CONFS = [
    ("both", H + P + " = pre\n" + S + " = suf\n"),
    ("suffix only", H + S + " = suf\n"),
    ("prefix only", H + P + " = pre\n"),
    ("neither", H),
    ("both empty", H + P + " =\n" + S + " =\n"),
    ("prefix empty", H + P + " =\n" + S + " = suf\n"),
    ("no section", "[swift-constraints]\nmax_file_size = 5\n"),
    ("empty file", ""),
    ("in default", D + S + " = d\n" + H),
    ("in default without the section", D + S + " = d\n"),
    ("keys in capitals", H + S.upper() + " = suf\n"),
    ("key twice by case", H + S.upper() + " = suf\n" + S + " = suf\n"),
    ("lone percent", H + S + " = 50%\n"),
    ("lone percent in the other key", H + S + " = x\nother = 50%\n"),
    ("two percents", H + S + " = 50%%\n"),
    ("reference", H + "x = a\n" + S + " = %(X)s.\n"),
    ("unknown reference", H + S + " = %(y)s\n"),
    ("bytes", H.encode() + S.encode() + b" = \xff\xfe\x01\n"),
    ("utf-8", H + S + " = über\n"),
    ("ends in a byte that latin-1 has as a space", H + S + " = caf\u00e0\n"),
    ("next line byte", H.encode() + S.encode() + b" = x\x85\n"),
    ("spaces within", H + S + " = a b  c\n"),
    ("value of lines", H + S + " = a\n  b\n"),
    ("carriage returns", H + S + " = suf\r\n"),
    ("byte order mark", b"\xef\xbb\xbf" + H.encode() + S.encode() + b" = x\n"),
    ("text before a section", S + " = x\n"),
    ("section twice", H + S + " = x\n" + H),
    ("a word alone", H + "word\n" + S + " = x\n"),
    ("comment after the value", H + S + " = x # secret\n"),
]

TOKENS = [
    b"[", b"]", b"=", b":", b"%", b"%%", b"%(", b")s", b"%(devices)s", b"%(node)s", b"%(nothing)s",
    b"\n", b"\r", b"\r\n", b" ", b"\t", b"    ", b"#", b";", b"\0", b"\x1b[31m", b"\xff", b"\xc3\xa9",
    b"\xc2\x85", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"[DEFAULT]\n", b"[container-auditor]\n", b"[x]\n",
    b"word\n", b"interval = abc\n", b"interval =\n", b"interval = -1\n", b"interval = nan\n",
    b"containers_per_second = ten\n", b"containers_per_second = inf\n", b"log_level = LOUD\n",
    b"log_max_line_length = 1.5\n", b"log_statsd_port = \n", b"fallocate_reserve = %\n", b"1e", b"_", b"-",
    b"set x = 1\n", b"  more\n", b"mount_check = maybe\n", b"nice_priority = low\n", b"user = \n",
]


def as_bytes(text):
    return text.encode() if isinstance(text, str) else text


def as_json(content):
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"hex": content.hex()}


def mistake(error):
    line = getattr(error, "lineno", None)
    if line is None and getattr(error, "errors", None):
        line = error.errors[0][0]
    answer = {"error": type(error).__name__}
    if line is not None:
        answer["line"] = line
    return answer


def ask_readconf(path):
    try:
        conf = utils.readconf(path, SECTION)
    except (Error, ValueError, OSError) as error:
        return mistake(error)
    del conf["__file__"]
    return {"conf": conf}


def ask_directory(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        return ask_readconf(folder)


def ask_file(content):
    with tempfile.NamedTemporaryFile(suffix=".conf") as file:
        file.write(content)
        file.flush()
        return ask_readconf(file.name)


def ask_hash(content):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        utils.SWIFT_CONF_FILE = file.name
        utils.HASH_PATH_PREFIX = utils.HASH_PATH_SUFFIX = b""
        try:
            utils.validate_hash_conf()
        except (Error, ValueError, OSError) as error:
            return mistake(error)
        return {"prefix": utils.HASH_PATH_PREFIX.hex(), "suffix": utils.HASH_PATH_SUFFIX.hex()}


def write_cases():
    with open(os.path.join(GOLDEN, "configparser.cases.jsonl"), "w") as out:
        out.write(COMMAND)

        def row(**cells):
            out.write(json.dumps(cells, ensure_ascii=False) + "\n")

        for name, text in CONFS:
            content = as_bytes(text)
            row(name=name, kind="file", **as_json(content), **ask_file(content))
        for name, files in DIRECTORIES:
            files = {name: as_bytes(text) for name, text in files.items()}
            shown = {name: as_json(content) for name, content in files.items()}
            row(name=name, kind="directory", files=shown, **ask_directory(files))
        for name, text in HASH_CONFS:
            content = as_bytes(text)
            row(name=name, kind="hash", **as_json(content), **ask_hash(content))


class Random:
    """SplitMix64, so that the test can draw the same numbers."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return (z ^ (z >> 31)) % bound


def mutant(bases, seed):
    random = Random(seed)
    text = bases[random.below(len(bases))]
    for _ in range(1 + random.below(4)):
        what = random.below(8)
        at = random.below(len(text) + 1)
        lines = text.split(b"\n")
        one = random.below(len(lines))
        two = random.below(len(lines))
        token = TOKENS[random.below(len(TOKENS))]
        if what == 0:
            text = text[:at] + token + text[at:]
            continue
        if what == 1:
            text = text[:at] + text[at + 1 + random.below(8):]
            continue
        if what == 2:
            text = text[:at] + bytes([random.below(128)]) + text[at + 1:]
            continue
        if what == 3:
            lines.insert(two, lines[one])
        elif what == 4:
            del lines[one]
        elif what == 5:
            lines[one] = token + lines[one]
        elif what == 6:
            lines[one], lines[two] = lines[two], lines[one]
        else:
            lines[one] = lines[one] + token
        text = b"\n".join(lines)
    return text


def fnv(content):
    digest = 0x811C9DC5
    for byte in content:
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return digest


def canonical(conf):
    return b"".join(b"%d:%s=%d:%s\n" % (len(k), k, len(v), v)
                    for k, v in sorted((k.encode(), v.encode()) for k, v in conf.items()))


def start(conf):
    """What Swift does with the values before the first audit, but for sockets."""
    int(conf.get("log_max_line_length", 0))
    if conf.get("log_udp_host"):
        int(conf.get("log_udp_port", 514))
    with mock.patch("socket.getaddrinfo", return_value=[(0, 0, 0, "", ("", 0))]):
        get_statsd_client(conf)
    utils.config_fallocate_value(conf.get("fallocate_reserve", "1%"))
    ContainerAuditor(conf, logger=mock.Mock())


def write_mutants():
    bases = []
    for name in BASES:
        with open(os.path.join(GOLDEN, "configparser.%s.conf" % name), "rb") as file:
            bases.append(file.read())
    with open(os.path.join(GOLDEN, "configparser.mutants.txt"), "w") as out:
        out.write(COMMAND)
        out.write("# of seeds 0, 1, ...: digest of the text; digest of the values that readconf gives, and whether\n"
                  "# the auditor starts with them, or readconf's error\n")
        for seed in range(MUTANTS):
            content = mutant(bases, seed)
            answer = ask_file(content)
            if "conf" in answer:
                try:
                    start(answer["conf"])
                    says = "starts"
                except ValueError:
                    says = "bad"
                says = "%08x %s" % (fnv(canonical(answer["conf"])), says)
            else:
                says = answer["error"]
            out.write("%08x %s\n" % (fnv(content), says))


if __name__ == "__main__":
    write_cases()
    write_mutants()
