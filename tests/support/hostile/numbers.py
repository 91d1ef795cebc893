"""Numbers that no float, no 64-bit integer and no table keeps, and what only looks like one."""

from collections.abc import Iterator

from tests.support.hostile.case import Case, envelope

# As JSON has it: the amount of money, the whole number and the id that may be read from it.
_NUMBERS: dict[str, tuple[str, str | None, int | None, str | None]] = {
    "zero": ("0", "0", 0, "0"),
    "minus-zero": ("-0", "0", 0, "0"),
    "minus-one": ("-1", None, None, "-1"),
    "minus-zero-point": ("-0.0", "0.0", 0, None),
    "money": ("0.0001140000022132881", "0.0001140000022132881", None, None),
    "whole-fraction": ("12.000", "12.000", 12, None),
    "exponent": ("1e5", "100000", 100_000, None),
    "exponent-with-zeros": ("1E+00005", "100000", 100_000, None),
    "just-under-a-trillion": ("999999999999.9", "999999999999.9", None, None),
    "a-trillion": ("1000000000000", None, 10**12, "1000000000000"),
    "2-to-53-plus-1": ("9007199254740993", None, 2**53 + 1, "9007199254740993"),
    "2-to-63-minus-1": ("9223372036854775807", None, 2**63 - 1, "9223372036854775807"),
    "2-to-63": ("9223372036854775808", None, None, "9223372036854775808"),
    "minus-2-to-63": ("-9223372036854775808", None, None, "-9223372036854775808"),
    "2-to-64": ("18446744073709551616", None, None, "18446744073709551616"),
    "2-to-64-plus-1": ("18446744073709551617", None, None, "18446744073709551617"),
    "200-digits": ("7" * 200, None, None, "7" * 200),
    "201-digits": ("7" * 201, None, None, None),
    "4300-digits": ("7" * 4300, None, None, None),
    "5000-digits": ("7" * 5000, None, None, None),
    "100000-digits": ("7" * 100_000, None, None, None),
    "minus-5000-digits": ("-" + "7" * 5000, None, None, None),
    "5000-decimals": ("0." + "1" * 5000, None, None, None),
    "40-decimals": ("0." + "0" * 39 + "1", "0." + "0" * 39 + "1", None, None),
    "41-decimals": ("0." + "0" * 40 + "1", None, None, None),
    "1e18": ("1e18", None, 10**18, None),
    "1e19": ("1e19", None, None, None),
    "1e308": ("1e308", None, None, None),
    "largest-double-times-10": ("1.7976931348623157e309", None, None, None),
    "1e400": ("1E+400", None, None, None),
    "1e999": ("1e999", None, None, None),
    "minus-1e999": ("-1e999", None, None, None),
    "1e-999": ("1e-999", None, None, None),
    "1e200000": ("1e200000", None, None, None),
    "1e-200000": ("1e-200000", None, None, None),
    "exponent-no-decimal-holds": ("1e99999999999999999999", None, None, None),
    "negative-exponent-no-decimal-holds": ("1e-99999999999999999999", None, None, None),
    "exponent-of-5000-digits": ("1e" + "9" * 5000, None, None, None),
    "smallest-double": ("5e-324", None, None, None),
    "zero-with-exponent": ("0e9", "0", 0, None),
    "zero-with-huge-exponent": ("0e999999", "0", None, None),
    "zero-with-tiny-exponent": ("0e-999", None, 0, None),
}

_NO_NUMBERS: dict[str, bytes] = {
    "nan": b"NaN",
    "nan-lower": b"nan",
    "minus-nan": b"-NaN",
    "infinity": b"Infinity",
    "minus-infinity": b"-Infinity",
    "plus-infinity": b"+Infinity",
    "inf": b"inf",
    "inf-sign": "∞".encode(),
    "plus": b"+1",
    "leading-zero": b"01",
    "minus-leading-zero": b"-01",
    "double-zero": b"00",
    "no-digit-before-point": b".5",
    "no-digit-after-point": b"1.",
    "point-before-exponent": b"1.e5",
    "no-exponent": b"1e",
    "no-exponent-digits": b"1e+",
    "exponent-of-signs": b"1e+-2",
    "fractional-exponent": b"1e5.5",
    "hexadecimal": b"0x1F",
    "binary": b"0b1",
    "octal": b"0o7",
    "underscore": b"1_000",
    "minus-alone": b"-",
    "two-minuses": b"--1",
    "minus-and-space": b"- 1",
    "suffix": b"1f",
    "big-suffix": b"1n",
    "full-width-digit": "\uff11".encode(),
    "arabic-digit": "\u0661".encode(),
    "minus-sign": "\u22121".encode(),
    "nul-after": b"1\x00",
    "two-points": b"1.2.3",
}


def cases() -> Iterator[Case]:
    """Yield each number where nobody looks, as money, as milliseconds, as the job's id."""
    for name, (literal, cost, runtime, identity) in _NUMBERS.items():
        number = literal.encode()
        yield _unread(f"number.{name}", number)
        yield _in_status(f"number.{name}.cost", b"cost", number, cost_usd=cost)
        yield _in_status(f"number.{name}.runtime", b"runtime_ms", number, runtime_ms=runtime)
        # 0 and -0 name the same job: the word keeps their events apart.
        status = b'"status":"%b"' % name.encode()
        body = envelope("", request=number, status=status)
        yield Case(f"number.{name}.id", body, "progress", {"request_id": identity})
    for name, literal_bytes in _NO_NUMBERS.items():
        yield _unread(f"no-number.{name}", literal_bytes, "not-json")
        yield _in_status(f"no-number.{name}.cost", b"cost", literal_bytes, "not-json")


def _unread(name: str, number: bytes, verdict: str = "succeeded") -> Case:
    return Case(name, envelope(name, members=b'"logs":[%b]' % number), verdict)


def _in_status(
    name: str, key: bytes, number: bytes, verdict: str = "succeeded", **row: object
) -> Case:
    status = b'"status":"succeeded","%b":%b' % (key, number)
    return Case(name, envelope(name, status=status), verdict, row)
