"""The world with a DNS-over-TLS upstream, whose certificate names it dot.lab."""
import subprocess

import world as w

UPSTREAM = "127.0.0.3"


def openssl(d, *argv):
    subprocess.run(["openssl", *argv], cwd=d, check=True, capture_output=True)


class DotWorld(w.World):

    def __enter__(self):
        super().__enter__()
        try:
            self.make_certificate()
            self.start_upstream()
        except BaseException:
            self.__exit__()
            raise
        return self

    def make_certificate(self):
        d = self.dir
        openssl(d, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out",
                "ca.pem", "-days", "2", "-subj", "/CN=lab", "-addext",
                "basicConstraints=critical,CA:TRUE")
        openssl(d, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "dot.key", "-out",
                "dot.csr", "-subj", "/CN=dot.lab")
        (d / "ext").write_text("subjectAltName=DNS:dot.lab\n")
        openssl(d, "x509", "-req", "-in", "dot.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", "dot.pem", "-days", "2", "-extfile", "ext")

    def start_upstream(self):
        d = self.dir
        conf = self.unbound_conf(port=853).replace(
            "interface: 127.0.0.1", f"interface: {UPSTREAM}@853\n  tls-service-key: "
            f'"{d}/dot.key"\n  tls-service-pem: "{d}/dot.pem"\n  tls-port: 853').replace(
            "incoming-num-tcp: 128", "incoming-num-tcp: 1000")
        (d / "upstream.conf").write_text(conf)
        self.upstream = self.spawn("unbound", "-d", "-c", d / "upstream.conf")

    def config(self, mode, hostname="dot.lab", extra="", validate="false"):
        path = self.dir / "survey.conf"
        path.write_text(f'run {{ name = x }}\ndns {{\n mode = {mode}\n validate = {validate}\n {extra}\n'
                        f' upstream "lab" {{ address = "{UPSTREAM}" hostname = "{hostname}" '
                        f'ca_file = "ca.pem" }}\n}}\n')
        return path

    def live(self):
        return [n for n, t in self.questions if self.truth[n, t][0] != "servfail"]
