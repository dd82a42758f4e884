"""Private keys, made once and kept in a cache, and certificates for them."""

import base64
import datetime
import fcntl
import hashlib
import ipaddress
import os
import time
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from labkit.table import Cert


def _rsa_of(p, q):
    """The RSA key of two primes; that is how weak ones are made."""
    e = 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), rsa.rsa_crt_iqmp(p, q),
                                 rsa.RSAPublicNumbers(e, p * q)).private_key()


def _prime_from(n):
    """The first prime from n on, by Fermat's test: nobody chose n against it."""
    n |= 1
    while pow(2, n - 1, n) != 1 or (n - 1) % 65537 == 0:
        n += 2
    return n


def _random_prime(bits=1024):
    """Two such multiply to the double length."""
    return _prime_from(int.from_bytes(os.urandom(bits // 8), "big") | 3 << bits - 2)


# All keys of the kind rsa2048-sharing have this prime.
SHARED_PRIME = _prime_from(
    int.from_bytes(hashlib.shake_256(b"a prime that the lab's keys share").digest(128), "big")
    | 3 << 1022)


def _sharing():
    return _rsa_of(SHARED_PRIME, _random_prime())


def _close():
    """Primes that are neighbours, as some programs choose them."""
    p = _random_prime()
    return _rsa_of(p, _prime_from(p + 2))


_GENERATE = {
    "rsa512": lambda: _rsa_of(_random_prime(256), _random_prime(256)),
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa2048-sharing": _sharing,
    "rsa2048-close": _close,
    "ec256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def cache_dir():
    return Path(os.environ.get("XDG_CACHE_HOME") or "/var/cache") / "survey-lab"


def write_whole(path, content):
    """Write a private file so that it is there whole or not at all."""
    new = path.with_name(path.name + ".new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, "wb") as f:
        f.write(content)
        f.flush()
        os.fsync(f.fileno())
    new.rename(path)


class KeyCache:
    """A directory of private keys; a key that is not there yet is generated.

    Loading an RSA key costs 30 ms (it is checked), so what needs none is answered from files.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def locked(self):
        """Hold off other labs: two may start at once with an empty cache."""
        with open(self.path / "lock", "w", encoding="ascii") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            for left in self.path.glob("*.new"):
                left.unlink()
            yield

    def file(self, name, kind, ssh=False):
        """The file of a private key, in PEM, or OpenSSH's format with a .pub beside it."""
        path = self.path / f"{name}.{kind}.{'ssh' if ssh else 'pem'}"
        public = path.with_suffix(".ssh.pub")
        if not path.exists() or (ssh and not public.exists()):
            key = _GENERATE[kind]()
            fmt = serialization.PrivateFormat.OpenSSH if ssh else serialization.PrivateFormat.PKCS8
            if ssh:
                write_whole(public, key.public_key().public_bytes(
                    serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH))
            write_whole(path, key.private_bytes(serialization.Encoding.PEM, fmt,
                                                serialization.NoEncryption()))
        return path

    def key(self, name, kind):
        return serialization.load_pem_private_key(self.file(name, kind).read_bytes(), None)

    def ssh_sha256(self, name, kind):
        """The fingerprint of an ssh host key: SHA-256 of its public blob, in hex."""
        line = self.file(name, kind, ssh=True).with_suffix(".ssh.pub").read_bytes()
        return hashlib.sha256(base64.b64decode(line.split()[1])).hexdigest()


def spki_sha256(cert_file):
    """The fingerprint of a certificate's key: SHA-256 of its SubjectPublicKeyInfo, in hex."""
    key = x509.load_pem_x509_certificate(cert_file.read_bytes()).public_key()
    return hashlib.sha256(key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


class Authority:
    """Certificates by a root and one intermediate, kept beside the keys while they are fresh."""

    FRESH_DAYS = 20
    ROOT = Cert("ca-root", "ca-root", "rsa2048", "Lab Root CA", (), (), False, (-800, 3650))
    ISSUING = Cert("ca-issuing", "ca-issuing", "rsa2048", "Lab Issuing CA 1", (), (), True,
                   (-800, 1800))

    def __init__(self, keys):
        self.keys = keys
        self.now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0, tzinfo=None)
        self.ca_file = self.issue(self.ROOT)[0]
        self.issuing_file = self.issue(self.ISSUING)[0]

    def issue(self, cert):
        """(certificate file with its chain, key file) of a table.Cert."""
        key_file = self.keys.file(cert.key, cert.kind)
        path = self.keys.path / f"{cert.id}.{self._digest(cert, key_file)}.crt"
        if not path.exists() or path.stat().st_mtime < time.time() - self.FRESH_DAYS * 86400:
            pem = self._sign(cert).public_bytes(serialization.Encoding.PEM)
            if cert.by_ca and cert is not self.ISSUING:
                pem += self.issuing_file.read_bytes()
            write_whole(path, pem)
        return path, key_file

    @staticmethod
    def _digest(cert, key_file):
        """Names the very certificate: of this description and this key."""
        made = key_file.stat()
        return hashlib.sha256(f"{cert} {made.st_ino} {made.st_mtime_ns}".encode()).hexdigest()[:16]

    def _sign(self, cert):
        is_ca = cert in (self.ROOT, self.ISSUING)
        signer_cert = cert if not cert.by_ca else self.ROOT if is_ca else self.ISSUING
        key = self.keys.key(cert.key, cert.kind)
        signer = self.keys.key(signer_cert.key, signer_cert.kind)
        builder = (x509.CertificateBuilder()
                   .subject_name(self._name(cert, is_ca))
                   .issuer_name(self._name(signer_cert, signer_cert in (self.ROOT, self.ISSUING)))
                   .public_key(key.public_key())
                   .serial_number(int(hashlib.sha256(cert.id.encode()).hexdigest()[:30], 16))
                   .not_valid_before(self.now + datetime.timedelta(days=cert.days[0]))
                   .not_valid_after(self.now + datetime.timedelta(days=cert.days[1]))
                   .add_extension(x509.BasicConstraints(is_ca, None), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
                                  False))
        if is_ca:
            builder = builder.add_extension(
                x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        sans = [*(x509.DNSName(s) for s in cert.sans),
                *(x509.IPAddress(ipaddress.ip_address(a)) for a in cert.ip_sans)]
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(sans), False)
        digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return builder.sign(signer, digest)

    @staticmethod
    def _name(cert, is_ca):
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab Trust")] if is_ca else []
        return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, cert.cn)])
