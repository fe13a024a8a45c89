"""What a data script does: reads files of a folder, computes, writes a report beside them."""

import collections
import csv
import dataclasses
import decimal
import hashlib
import itertools
import json
import pathlib
import re
import statistics
import sys

FOLDER = pathlib.Path(sys.argv[1])


@dataclasses.dataclass(frozen=True)
class Sighting:
    place: str
    species: str
    birds: int
    weight: decimal.Decimal


def sightings():
    with open(FOLDER / "sightings.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield Sighting(row["place"], row["species"], int(row["birds"]), decimal.Decimal(row["weight"]))


def by_place(rows):
    groups = collections.defaultdict(list)
    for row in rows:
        groups[row.place].append(row)
    for place, group in sorted(groups.items()):
        total = sum(row.birds for row in group)
        mass = sum((row.birds * row.weight for row in group), decimal.Decimal(0))
        yield place, {"species": sorted({row.species for row in group}), "birds": total, "grams": str(mass)}


def words(text):
    pattern = re.compile(r"(?P<word>[^\W\d_]+)(?:'(?P<tail>s))?", re.UNICODE)
    return collections.Counter(match["word"].lower() for match in pattern.finditer(text))


def primes():
    found = []
    for number in itertools.count(2):
        if all(number % prime for prime in itertools.takewhile(lambda p: p * p <= number, found)):
            found.append(number)
            yield number


def main():
    print("python", ".".join(map(str, sys.version_info[:3])), sys.platform, sys.byteorder)
    rows = list(sightings())
    report = dict(by_place(rows))
    print(json.dumps(report, indent=2, ensure_ascii=False))
    print("median", statistics.median(row.birds for row in rows))

    notes = (FOLDER / "notes.txt").read_text(encoding="utf-8")
    print("words", words(notes).most_common(4))
    for name in ("md5", "sha1", "sha256", "sha3_256", "blake2b"):
        print(name, hashlib.new(name, notes.encode()).hexdigest()[:32])

    target = FOLDER / "out" / "report.json"
    target.parent.mkdir()
    target.write_text(json.dumps(report, sort_keys=True), encoding="utf-8")
    assert json.loads(target.read_text(encoding="utf-8")) == report
    target.rename(target.with_name("final.json"))
    print("files", sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()))

    print("primes", list(itertools.islice(primes(), 2000))[-3:])
    print("power", pow(3, 100_003, 2**127 - 1), 2**200 % 10**9)
    try:
        (FOLDER.parent.parent / "etc" / "passwd").read_text()
    except OSError as error:
        print("outside", type(error).__name__)


main()
