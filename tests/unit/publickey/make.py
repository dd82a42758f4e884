#!/usr/bin/env python3
"""Make keys.ndjson: records in ZGrab2's layout with a real key each, in every form that records have.

    make.py > keys.ndjson

`expect` of a line says what public_key_decode() must make of its key: result, type,
bits, curve, and modulus, exponent, point, generator in hex.  Keys are new at each call.
"""
import base64
import hashlib
import json
import pathlib
import subprocess
import tempfile

from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

DER, SPKI = ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo
lines = []


def b64(data):
    return base64.b64encode(data).decode()


def octets(n):
    return n.to_bytes((n.bit_length() + 7) // 8, "big")


def fp(data):
    return hashlib.sha256(data).hexdigest()


def line(name, ssh, members, hashed, raw=None, result="ok", **expect):
    expect = {"result": result, **expect}
    if ssh:
        key = {**members, "algorithm": "x", "fingerprint_sha256": fp(hashed)}
        if raw is not None:
            key["raw"] = raw
        record = {"p22": {"status": "success", "result": {"key_exchange": {"server_host_key": key}}}}
    else:
        info = {"key_algorithm": {"name": "x"}, **members, "fingerprint_sha256": fp(hashed)}
        certificate = {"parsed": {"subject_key_info": info}}
        if raw is not None:
            certificate["raw"] = raw
        record = {"p25": {"status": "success", "result": {"tls": {"handshake_log": {
            "server_certificates": {"certificate": certificate}}}}}}
    lines.append({"ip": "192.0.2.1", "name": name, "expect": expect, "data": record})


def der(tag, *parts):
    data = b"".join(parts)
    n = len(data)
    size = bytes([n]) if n < 128 else bytes([0x80 | len(octets(n))]) + octets(n)
    return bytes([tag]) + size + data


def der_int(n):
    return der(2, b"\0" * (n.bit_length() % 8 == 0) + octets(n))


RSA_OID = bytes.fromhex("06092a864886f70d010101")


def rsa_spki(n, e, null=b"\x05\0"):
    return der(0x30, der(0x30, RSA_OID, null), der(3, b"\0", der(0x30, der_int(n), der_int(e))))


def string(data):
    return len(data).to_bytes(4, "big") + data


def mpint(n):
    return string(b"\0" * (n.bit_length() % 8 == 0) + octets(n))


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def rsa_members(n, e):
    return {"rsa_public_key": {"exponent": e, "modulus": b64(octets(n)), "length": len(octets(n)) * 8}}


def rsa_expect(n, e):
    return {"type": "rsa", "bits": n.bit_length(), "modulus": octets(n).hex(), "exponent": octets(e).hex()}


def ec_members(x, y, curve="P-256", pub=None):
    members = {"curve": curve, "x": b64(octets(x)), "y": b64(octets(y))}
    if pub is not None:
        members = {"curve": curve, "pub": b64(pub)}
    return {"ecdsa_public_key": members}


def make_rsa():
    for bits, e in ((1024, 65537), (2048, 65537), (2048, 3)):
        n = rsa.generate_private_key(public_exponent=e, key_size=bits).public_key().public_numbers().n
        line(f"tls rsa {bits} {e}", False, rsa_members(n, e), rsa_spki(n, e), **rsa_expect(n, e))
        blob = string(b"ssh-rsa") + mpint(e) + mpint(n)
        line(f"ssh rsa {bits} {e} members", True, rsa_members(n, e), blob, **rsa_expect(n, e))
        line(f"ssh rsa {bits} {e} blob", True, rsa_members(n + 2, e), blob, b64(blob), **rsa_expect(n, e))
    short = n >> 5
    line("tls rsa with an odd number of bits", False, rsa_members(short, 3), rsa_spki(short, 3), **rsa_expect(short, 3))
    line("tls rsa without parameters", False, rsa_members(n, 3), rsa_spki(n, 3, b""), **rsa_expect(n, 3))
    giant = (1 << 2047) + 12345
    line("tls rsa with a giant exponent", False, rsa_members(n, str(giant)), rsa_spki(n, giant), **rsa_expect(n, giant))
    line("ssh rsa with an exponent of 64 bits", True, rsa_members(n, (1 << 64) - 1),
         string(b"ssh-rsa") + mpint((1 << 64) - 1) + mpint(n), **rsa_expect(n, (1 << 64) - 1))
    for name, members, result in (
            ("another modulus", rsa_members(n + 2, 3), "mismatch"), ("another exponent", rsa_members(n, 5), "mismatch"),
            ("no exponent", {"rsa_public_key": {"modulus": b64(octets(n))}}, "absent"),
            ("an exponent of letters", rsa_members(n, "0x3"), "malformed"), ("an exponent 0", rsa_members(n, 0), "malformed"),
            ("a negative exponent", rsa_members(n, "-3"), "malformed"),
            ("an exponent of 6000 digits", rsa_members(n, "7" * 6000), "malformed"),
            ("a modulus 0", {"rsa_public_key": {"modulus": "AAAA", "exponent": 3}}, "malformed"),
            ("a modulus that is no base64", {"rsa_public_key": {"modulus": "AA*A", "exponent": 3}}, "malformed"),
            ("a modulus cut short", {"rsa_public_key": {"modulus": "AAAAA", "exponent": 3}}, "malformed"),
            ("a modulus with bits to spare", {"rsa_public_key": {"modulus": "AB==", "exponent": 3}}, "malformed"),
            ("an empty modulus", {"rsa_public_key": {"modulus": "", "exponent": 3}}, "absent"),
            ("a modulus of another type", {"rsa_public_key": {"modulus": 17, "exponent": 3}}, "absent"),
            ("an endless modulus", {"rsa_public_key": {"modulus": "A" * 66000, "exponent": 3}}, "absent"),
            ("no key", {}, "absent")):
        line(f"tls rsa with {name}", False, members, rsa_spki(n, 3), result=result)


def make_ec():
    curves = (("P-256", ec.SECP256R1()), ("P-384", ec.SECP384R1()), ("P-521", ec.SECP521R1()), ("P-224", ec.SECP224R1()),
              ("secp256k1", ec.SECP256K1()), ("brainpoolP256r1", ec.BrainpoolP256R1()),
              ("brainpoolP384r1", ec.BrainpoolP384R1()), ("brainpoolP512r1", ec.BrainpoolP512R1()))
    for name, curve in curves:
        key = ec.generate_private_key(curve).public_key()
        at = key.public_numbers()
        point = key.public_bytes(ser.Encoding.X962, ser.PublicFormat.UncompressedPoint)
        expect = {"type": "ec", "bits": curve.key_size, "curve": name, "point": point.hex()}
        spki = key.public_bytes(DER, SPKI)
        line(f"tls {name} point", False, ec_members(0, 0, "?", point), spki, **expect)
        line(f"tls {name} coordinates", False, ec_members(at.x, at.y, name), spki, **expect)
        line(f"tls {name} another point", False, ec_members(at.x, at.y + 1, name), spki, result="mismatch")
        if name in ("P-256", "P-384", "P-521"):
            nist = b"nistp" + name[2:].encode()
            blob = string(b"ecdsa-sha2-" + nist) + string(nist) + string(point)
            line(f"ssh {name} coordinates", True, ec_members(at.x, at.y, name), blob, **expect)
            line(f"ssh {name} blob", True, ec_members(1, 1), blob, b64(blob), **expect)
    while True:
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        at = key.public_numbers()
        if at.y >> 248 == 0:
            break
    point = key.public_bytes(ser.Encoding.X962, ser.PublicFormat.UncompressedPoint)
    expect = {"type": "ec", "bits": 256, "curve": "P-256", "point": point.hex()}
    line("tls P-256 with a leading zero", False, ec_members(at.x, at.y), key.public_bytes(DER, SPKI), **expect)
    packed = key.public_bytes(ser.Encoding.X962, ser.PublicFormat.CompressedPoint)
    spki = der(0x30, der(0x30, bytes.fromhex("06072a8648ce3d020106082a8648ce3d030107")), der(3, b"\0", packed))
    line("tls P-256 compressed", False, ec_members(0, 0, pub=packed), spki, **{**expect, "point": packed.hex()})
    line("tls EC, a point of no curve", False, ec_members(0, 0, pub=b"\4" + b"x" * 100), spki, result="mismatch")
    line("tls EC, coordinates of no curve", False, ec_members(1 << 4000, 1), spki, result="mismatch")
    line("tls EC, x alone", False, {"ecdsa_public_key": {"x": "AA=="}}, spki, result="absent")
    line("tls EC, x no base64", False, {"ecdsa_public_key": {"x": "=", "y": "AA=="}}, spki, result="malformed")


def make_edwards():
    for name, cls, bits in (("ed25519", ed25519.Ed25519PrivateKey, 256), ("ed448", ed448.Ed448PrivateKey, 456)):
        key = cls.generate().public_key()
        raw = key.public_bytes(ser.Encoding.Raw, ser.PublicFormat.Raw)
        expect = {"type": name, "bits": bits, "point": raw.hex()}
        blob = string(b"ssh-" + name.encode()) + string(raw)
        members = {"ed25519_public_key": {"public_bytes": b64(raw)}}
        line(f"ssh {name} bytes", True, members, blob, **expect)
        line(f"ssh {name} blob", True, {}, blob, b64(blob), **expect)
        line(f"tls {name} bytes", False, members, key.public_bytes(DER, SPKI), **expect)
        line(f"ssh {name} of another key", True, {}, blob + b"x", b64(blob), result="mismatch")
    line("ssh ed25519 of 31 bytes", True, {"ed25519_public_key": {"public_bytes": b64(raw[:31])}}, blob, result="malformed")


def dsa_expect(p):
    q = p.parameter_numbers
    return {"type": "dsa", "bits": q.p.bit_length(), **{name: octets(n).hex() for name, n in (("modulus", q.p), ("exponent", q.q), ("point", p.y), ("generator", q.g))}}


def make_blobs():
    p = dsa.generate_private_key(key_size=1024).public_key().public_numbers()
    q = p.parameter_numbers
    blob = string(b"ssh-dss") + mpint(q.p) + mpint(q.q) + mpint(q.g) + mpint(p.y)
    line("ssh dsa blob", True, {}, blob, b64(blob), **dsa_expect(p))
    blob = string(b"sk-ssh-ed25519@openssh.com") + string(b"x" * 32) + string(b"ssh:")
    line("ssh key of a security token", True, {}, blob, b64(blob), type="unknown", bits=0)
    for name, blob in (("empty string", string(b"")), ("rsa without numbers", string(b"ssh-rsa")),
                       ("rsa with a length past the end", string(b"ssh-rsa") + b"\xff\xff\xff\xffabc"),
                       ("rsa with a negative number", string(b"ssh-rsa") + string(b"\x81") + string(b"\x81")),
                       ("rsa with an empty number", string(b"ssh-rsa") + string(b"") + mpint(7)),
                       ("nistp256 with a short point", string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\4ab")),
                       ("ed25519 of 3 bytes", string(b"ssh-ed25519") + string(b"abc")), ("two bytes", b"ab")):
        line(f"ssh blob: {name}", True, {}, blob, b64(blob), result="ok" if name == "empty string" else "malformed",
             **({"type": "unknown", "bits": 0} if name == "empty string" else {}))


def make_certificates():
    def certificate(name, expect, *args, parsed=None):
        with tempfile.TemporaryDirectory() as tmp:
            tmp = pathlib.Path(tmp)
            openssl("req", "-x509", "-nodes", "-subj", "/CN=mail.example.ie", "-days", "30", "-keyout", str(tmp / "key"),
                    "-outform", "DER", "-out", str(tmp / "crt"), *args)
            openssl("pkey", "-in", str(tmp / "key"), "-pubout", "-outform", "DER", "-out", str(tmp / "spki"))
            spki, crt = (tmp / "spki").read_bytes(), (tmp / "crt").read_bytes()
            assert spki in crt
            line(f"certificate, {name}", False, parsed or {}, spki, b64(crt), **(expect(spki) if callable(expect) else expect))
            return spki, crt

    def of_rsa(spki):
        n = ser.load_der_public_key(spki).public_numbers()
        return rsa_expect(n.n, n.e)

    spki, crt = certificate("ed25519", lambda s: {"type": "ed25519", "bits": 256, "point": s[-32:].hex()}, "-newkey", "ed25519")
    certificate("rsa", of_rsa, "-newkey", "rsa:2048", parsed={"rsa_public_key": {"length": 2048}})
    certificate("version 1", of_rsa, "-newkey", "rsa:1024", "-x509", "-config", "/dev/null", "-set_serial", "1")
    certificate("rsa-pss", of_pss, "-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048")
    certificate("P-384", lambda s: {"type": "ec", "bits": 384, "curve": "P-384", "point": s[-97:].hex()},
                "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384")
    certificate("a curve by its parameters", {"type": "unknown", "bits": 0}, "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit")
    with tempfile.TemporaryDirectory() as tmp:
        openssl("dsaparam", "-out", f"{tmp}/dsa", "1024")
        certificate("dsa", lambda s: dsa_expect(ser.load_der_public_key(s).public_numbers()), "-newkey", f"dsa:{tmp}/dsa")
    line("certificate of another key", False, {}, spki + b"x", b64(crt), result="mismatch")
    line("certificate cut off", False, {}, spki, b64(crt[:200]), result="malformed")
    line("certificate, no DER", False, {}, spki, b64(b"0" * 80), result="malformed")
    line("certificate, members first", False, {"ed25519_public_key": {"public_bytes": b64(spki[-32:])}}, spki, b64(crt[:9]),
         type="ed25519", bits=256, point=spki[-32:].hex())


def of_pss(spki):
    """Modulus and exponent of a key whose algorithm is RSASSA-PSS: the numbers stand at the end as in any RSA key."""
    at = spki.index(b"\x02\x82\x01\x01\0")
    n = int.from_bytes(spki[at + 4:at + 4 + 257], "big")
    return rsa_expect(n, int.from_bytes(spki[-3:], "big"))


def main():
    make_rsa()
    make_ec()
    make_edwards()
    make_blobs()
    make_certificates()
    for one in lines:
        print(json.dumps(one, separators=(",", ":")))


if __name__ == "__main__":
    main()
