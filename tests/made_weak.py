"""Keys that are weak in a known way, the same ones each time, with the factors that made them."""
import hashlib
import math
import random

from made_keys import b64, octets, rsa_object, rsa_spki, ssh_rsa

PRIMES = [p for p in range(2, 65538) if p in (2, 3) or p % 2 and all(p % d for d in range(3, int(p ** .5) + 1, 2))]
PRIMORIAL = math.prod(PRIMES)


def is_rough(n):
    """As good as a prime for most of this, and found sooner: nothing up to 65537 divides it."""
    return math.gcd(n, PRIMORIAL) == 1


def is_prime(n):
    if not is_rough(n):
        return False
    d, twos = n - 1, 0
    while d % 2 == 0:
        d, twos = d // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13):  # no adversary made these numbers
        x = pow(base, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def following(n, fits=is_rough):
    n |= 1
    while not fits(n):
        n += 2
    return n


def prime(text, bits, fits=is_rough):
    """Two of them multiply to the full length."""
    return following(random.Random(text).getrandbits(bits) | 3 << bits - 2, fits)


def roca_prime(text, bits):
    m = math.prod(p for p in PRIMES if p < 168)
    rnd = random.Random(text)
    n = (rnd.getrandbits(bits) | 3 << bits - 2) // m * m + pow(65537, rnd.getrandbits(40), m)
    while not is_rough(n):
        n += m
    return n


def zero_blocks(text, bits):
    rnd = random.Random(text)
    while True:
        n = 1 << bits - 1 | 1
        for at in range(0, bits, 32):
            n |= rnd.getrandbits(12) << at
        if is_rough(n):
            return n


def small_private(text, bits):
    """n, e with a d of less than a quarter of the bits."""
    p, q = prime(f"{text} p", bits // 2, is_prime), prime(f"{text} q", bits // 2, is_prime)
    phi = (p - 1) * (q - 1)
    d = random.Random(text).getrandbits(bits // 4 - 10) | 1
    while math.gcd(d, phi) != 1:
        d += 2
    return p * q, pow(d, -1, phi)


def tls(n, e=65537):
    """`subject_key_info` of an RSA key."""
    return {"key_algorithm": {"name": "RSA"}, "rsa_public_key": rsa_object(octets(n), e),
            "fingerprint_sha256": hashlib.sha256(rsa_spki(octets(n), e)).hexdigest()}


def ssh(n, e=65537):
    """`server_host_key` of an RSA key."""
    blob = ssh_rsa(octets(n), e)
    return {"rsa_public_key": rsa_object(octets(n), e), "raw": b64(blob), "algorithm": "ssh-rsa",
            "fingerprint_sha256": hashlib.sha256(blob).hexdigest()}
