"""Private keys, made once and kept in a cache; certificates, made afresh for each lab."""

import datetime
import fcntl
import hashlib
import ipaddress
import os
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

_GENERATE = {
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "ec256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def cache_dir():
    return Path(os.environ.get("XDG_CACHE_HOME") or "/var/cache") / "survey-lab"


class KeyCache:
    """A directory of private keys; a key that is not there yet is generated."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._loaded = {}

    @contextmanager
    def locked(self):
        """Hold off other labs: two may start at once with an empty cache."""
        with open(self.path / "lock", "w", encoding="ascii") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            for left in self.path.glob("*.new"):
                left.unlink()
            yield

    def key(self, name, kind, ssh=False):
        """(private key, its file); ssh: the file is in OpenSSH's format."""
        path = self.path / f"{name}.{kind}.{'ssh' if ssh else 'pem'}"
        if path not in self._loaded:
            self._loaded[path] = self._load(path, ssh) if path.exists() else \
                self._generate(path, kind, ssh)
        return self._loaded[path], path

    @staticmethod
    def _load(path, ssh):
        load = serialization.load_ssh_private_key if ssh else serialization.load_pem_private_key
        return load(path.read_bytes(), None)

    @staticmethod
    def _generate(path, kind, ssh):
        key = _GENERATE[kind]()
        fmt = serialization.PrivateFormat.OpenSSH if ssh else serialization.PrivateFormat.PKCS8
        new = path.with_name(path.name + ".new")
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "wb") as f:
            f.write(key.private_bytes(serialization.Encoding.PEM, fmt,
                                      serialization.NoEncryption()))
            f.flush()
            os.fsync(f.fileno())
        new.rename(path)
        return key


def spki_sha256(key):
    return hashlib.sha256(key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def ssh_sha256(key):
    import base64
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH,
                                         serialization.PublicFormat.OpenSSH)
    return hashlib.sha256(base64.b64decode(line.split()[1])).hexdigest()


class Authority:
    """Signs the lab's certificates into a directory: a root and one intermediate."""

    ROOT = ("Lab Root CA", "ca-root", "rsa2048", (-800, 3650))
    ISSUING = ("Lab Issuing CA 1", "ca-issuing", "rsa2048", (-800, 1800))

    def __init__(self, keys, path):
        self.keys = keys
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self.now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0, tzinfo=None)
        self.root = self._ca(self.ROOT, None)
        self.issuing = self._ca(self.ISSUING, self.root)
        self.ca_file = self._write("ca", [self.root[0]])

    def issue(self, cert):
        """(certificate file with its chain, key file) of a table.Cert."""
        key, key_file = self.keys.key(cert.key, cert.kind)
        issuer = self.issuing if cert.by_ca else None
        made = self._sign(cert.id, self._name(cert.cn), key, cert.days, issuer, sans=[
            *(x509.DNSName(s) for s in cert.sans),
            *(x509.IPAddress(ipaddress.ip_address(a)) for a in cert.ip_sans)])
        return self._write(cert.id, [made] + ([self.issuing[0]] if issuer else [])), key_file

    def _ca(self, what, issuer):
        cn, key_name, kind, days = what
        key, _ = self.keys.key(key_name, kind)
        subject = self._name(cn, "Lab Trust")
        return self._sign(key_name, subject, key, days, issuer, ca=True), key

    @staticmethod
    def _name(cn, org=None):
        parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, org)] if org else []
        return x509.Name(parts + [x509.NameAttribute(NameOID.COMMON_NAME, cn)])

    def _sign(self, ident, subject, key, days, issuer, sans=(), ca=False):
        issuer_name = issuer[0].subject if issuer else subject
        signer = issuer[1] if issuer else key
        builder = (x509.CertificateBuilder()
                   .subject_name(subject).issuer_name(issuer_name).public_key(key.public_key())
                   .serial_number(int(hashlib.sha256(ident.encode()).hexdigest()[:30], 16))
                   .not_valid_before(self.now + datetime.timedelta(days=days[0]))
                   .not_valid_after(self.now + datetime.timedelta(days=days[1]))
                   .add_extension(x509.BasicConstraints(ca, None), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
                                  False))
        if ca:
            builder = builder.add_extension(
                x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(sans), False)
        digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return builder.sign(signer, digest)

    def _write(self, ident, chain):
        path = self.path / f"{ident}.pem"
        path.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain))
        return path
