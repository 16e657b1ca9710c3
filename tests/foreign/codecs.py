"""VietQR codes of ours, read and written by PyPI's vietqr-emvco."""

import json
import os
import pathlib

from vietqr_emvco.generator import VietQRGenerator
from vietqr_emvco.parser import VietQRParser

ROOT = pathlib.Path(os.environ["ROOT"])
# What the package adds of its own accord: a category and a name that nobody asked for.
ADDED = {"52", "59"}


def main():
    laid_out = json.loads((ROOT / "target/foreign/codecs.json").read_text(encoding="utf-8"))
    for it in laid_out["vietqr"]:
        qr = it["qr"]
        read = VietQRParser.parse(qr)
        seen = (read["bank_bin"], read["account_number"], int(read["amount"]), read["memo"])
        assert seen == (it["bin"], it["account"], int(it["amount"]), it["memo"]), read
        assert (read["currency"], read["country_code"]) == ("704", "VN"), read
        assert VietQRGenerator._calculate_crc16(qr[:-4]) == qr[-4:], "their check sum is ours"

        theirs = VietQRGenerator(it["bin"], it["account"]).generate(int(it["amount"]), it["memo"])
        tags = VietQRParser.parse_raw(theirs)
        ours = read["raw_tags"]
        kept = {tag: value for tag, value in tags.items() if tag not in ADDED | {"63"}}
        assert kept == {tag: value for tag, value in ours.items() if tag != "63"}, (kept, ours)
    print(f"pypi vietqr-emvco: {len(laid_out['vietqr'])} codes read, and written alike")


if __name__ == "__main__":
    main()
