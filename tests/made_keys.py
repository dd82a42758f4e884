"""Public keys out of a text: the same text gives the same key, and its fingerprint is right.

No private key belongs to any of them.  An RSA modulus is an odd number of full length
from a hash, with no regard to its factors; a point of P-256 is on the curve.
"""
import base64
import functools
import hashlib

# P-256 (FIPS 186-4, D.1.2.3)
P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffff
N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b
G = (0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
     0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)
E = 65537


def b64(data):
    return base64.b64encode(data).decode()


def octets(n):
    return n.to_bytes((n.bit_length() + 7) // 8, "big")


# ---- numbers ----

def modulus(text, bits):
    data = bytearray(hashlib.shake_256(f"rsa {text}".encode()).digest(bits // 8))
    data[0] |= 0x80
    data[-1] |= 1
    return bytes(data)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if a[1] != b[1]:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


@functools.cache
def multiples(power):
    """0, 1, … 4095 times G times 4096 ** power."""
    base = G
    for _ in range(12 * power):
        base = add(base, base)
    found = [None]
    while len(found) < 4096:
        found.append(add(found[-1], base))
    return found


def point(text):
    """x and y in 32 bytes each, of one of 2 ** 36 multiples of G."""
    n = int.from_bytes(hashlib.sha256(f"ec {text}".encode()).digest()[:5], "big") % ((1 << 36) - 1) + 1
    at = None
    for power in range(3):
        at = add(at, multiples(power)[n >> 12 * power & 4095])
    return at[0].to_bytes(32, "big"), at[1].to_bytes(32, "big")


def ed25519(text):
    return hashlib.sha256(f"ed25519 {text}".encode()).digest()


# ---- DER and SSH's format ----

def der(tag, *parts):
    data = b"".join(parts)
    n = len(data)
    return bytes([tag]) + (bytes([n]) if n < 128 else bytes([0x80 | len(octets(n))]) + octets(n)) + data


def der_int(n):
    return der(2, b"\0" * (n[0] >> 7) + n)


RSA = der(0x30, bytes.fromhex("06092a864886f70d010101"), b"\5\0")
EC_P256 = der(0x30, bytes.fromhex("06072a8648ce3d020106082a8648ce3d030107"))


def rsa_spki(n, e=E):
    return der(0x30, RSA, der(3, b"\0", der(0x30, der_int(n), der_int(octets(e)))))


def ec_spki(x, y):
    return der(0x30, EC_P256, der(3, b"\0\4", x, y))


def string(data):
    return len(data).to_bytes(4, "big") + data


def ssh_rsa(n, e=E):
    e = octets(e)
    return string(b"ssh-rsa") + string(b"\0" * (e[0] >> 7) + e) + string(b"\0" * (n[0] >> 7) + n)


def ssh_ec(x, y):
    return string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\4" + x + y)


def ssh_ed25519(key):
    return string(b"ssh-ed25519") + string(key)


# ---- as ZGrab2 describes them; brief: no more than the key needs ----

def rsa_object(n, e=E):
    return {"exponent": e, "modulus": b64(n), "length": len(n) * 8}


def ec_object(x, y, tls, brief=False):
    at = {"curve": "P-256", "length": 256}
    if not brief:
        at = {"b": b64(octets(B)), "curve": "P-256", "gx": b64(octets(G[0])), "gy": b64(octets(G[1])), "length": 256,
              "n": b64(octets(N)), "p": b64(octets(P)), "x": b64(x.lstrip(b"\0")), "y": b64(y.lstrip(b"\0"))}
    if tls:
        at["pub"] = b64(b"\4" + x + y)
    return at


def tls_key(text, kind="rsa", bits=2048, brief=False):
    """`subject_key_info` of a certificate with the key of this text: kind rsa or ec."""
    if kind == "rsa":
        n = modulus(text, bits)
        info, spki = {"key_algorithm": {"name": "RSA"}, "rsa_public_key": rsa_object(n)}, rsa_spki(n)
    else:
        x, y = point(text)
        info, spki = {"key_algorithm": {"name": "ECDSA"}, "ecdsa_public_key": ec_object(x, y, True, brief)}, ec_spki(x, y)
    return {**info, "fingerprint_sha256": hashlib.sha256(spki).hexdigest()}


def ssh_key(text, kind="rsa", bits=2048, brief=False):
    """`server_host_key` with the key of this text: kind rsa, ec or ed25519."""
    if kind == "rsa":
        n = modulus(text, bits)
        key, name, blob = {"rsa_public_key": {"length": bits} if brief else rsa_object(n)}, "ssh-rsa", ssh_rsa(n)
    elif kind == "ec":
        x, y = point(text)
        key, name, blob = {"ecdsa_public_key": ec_object(x, y, False, brief)}, "ecdsa-sha2-nistp256", ssh_ec(x, y)
    else:
        k = ed25519(text)
        key, name, blob = {} if brief else {"ed25519_public_key": {"public_bytes": b64(k)}}, "ssh-ed25519", ssh_ed25519(k)
    return {**key, "raw": b64(blob), "algorithm": name, "fingerprint_sha256": hashlib.sha256(blob).hexdigest()}
