"""Configurations of the real servers, and the commands that run them in the foreground."""

import grp
import os
import pwd
import subprocess
from pathlib import Path

from labkit import table as t

_NGINX_PROTOCOL = {25: "smtp", 587: "smtp", 465: "smtp", 110: "pop3", 995: "pop3",
                   143: "imap", 993: "imap"}
_NGINX_VERSIONS = {
    "old": "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers DEFAULT:@SECLEVEL=0;",
    "weak": "ssl_ciphers DEFAULT:@SECLEVEL=0;",
    "tls12": "ssl_protocols TLSv1.2; ssl_ciphers DEFAULT:@SECLEVEL=0;",
    "tls13": "ssl_protocols TLSv1.3;",
}


class Layout:
    """Where things are inside the lab (self.root as the servers see it)."""

    def __init__(self, root):
        self.root = Path(root)
        self.etc, self.log = self.root / "etc", self.root / "log"
        self.run = self.root / "var"

    def prepare(self):
        for d in (self.etc / "ssh", self.etc / "postfix", self.etc / "dns", self.log,
                  self.run / "nginx", self.run / "dovecot", self.run / "postfix",
                  self.root / "www"):
            d.mkdir(parents=True, exist_ok=True)
        for d in (self.root, self.run):
            d.chmod(0o755)


def nginx(layout, name, mail, http):
    """nginx.conf with the given server blocks, written to etc/<name>.conf."""
    temp = layout.run / "nginx"
    module = "/usr/lib/nginx/modules/ngx_mail_module.so"
    text = f"""load_module {module};
worker_processes 2;
user www-data;
daemon off;
pid {layout.run}/{name}.pid;
error_log {layout.log}/{name}.log warn;
events {{ worker_connections 16000; }}
mail {{
auth_http 127.0.0.1:9/;
timeout 90s;
ssl_protocols TLSv1.2 TLSv1.3;
{chr(10).join(mail)}
}}
http {{
access_log off;
client_body_temp_path {temp}/body; proxy_temp_path {temp}/proxy; fastcgi_temp_path {temp}/fcgi;
uwsgi_temp_path {temp}/uwsgi; scgi_temp_path {temp}/scgi;
server_names_hash_max_size 65536;
default_type text/html;
ssl_protocols TLSv1.2 TLSv1.3;
ssl_session_cache off;
{chr(10).join(http)}
}}
"""
    path = layout.etc / f"{name}.conf"
    path.write_text(text, encoding="utf-8")
    return ["nginx", "-c", str(path), "-e", f"{layout.log}/{name}.log"]


def nginx_server(listen, port, name, files, versions=None, greeting_s=0):
    """One server block; port decides the protocol, listen is where it listens."""
    tls = f"ssl_certificate {files[0]}; ssl_certificate_key {files[1]};" if files else ""
    tls += " " + _NGINX_VERSIONS.get(versions, "")
    on = "ssl" if port in t.IMPLICIT_TLS else ""
    if port == 443:
        return (f"server {{ listen {listen} {on}; server_name {name}; {tls} "
                f'return 200 "<html><head><title>{name}</title></head></html>\\n"; }}')
    proto = _NGINX_PROTOCOL[port]
    extra = "smtp_auth none;" if proto == "smtp" else ""
    if greeting_s:
        extra += f" smtp_greeting_delay {greeting_s}s;"
    if not on:
        extra += " starttls on;" if files else " starttls off;"
    return (f"server {{ listen {listen} {on}; server_name {name}; protocol {proto}; "
            f"{extra} {tls} }}")


def nginx_hosts(layout, hosts, files):
    mail, http = [], []
    for h in hosts:
        for port, cert in h.ports.items():
            listen = f"[{h.ip}]:{port}" if h.is_v6 else f"{h.ip}:{port}"
            block = nginx_server(listen, port, h.name, cert and files[cert.id], h.versions,
                                 h.greeting_s if port == 25 else 0)
            (http if port == 443 else mail).append(block)
    return nginx(layout, "nginx", mail, http)


def sshd(layout, name, listen, key_files, modern_only=False):
    lines = [*(f"ListenAddress {a}" for a in listen), *(f"HostKey {k}" for k in key_files),
             "PidFile none", "UsePAM no", "UseDNS no", "MaxStartups 2000:30:4000",
             "LoginGraceTime 60", "LogLevel ERROR", "PasswordAuthentication no"]
    if not modern_only:
        lines += ["HostKeyAlgorithms +ssh-rsa", "RequiredRSASize 1024"]
    path = layout.etc / "ssh" / f"{name}.conf"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["/usr/sbin/sshd", "-D", "-f", str(path), "-E", f"{layout.log}/sshd.log"]


_POSTFIX_SERVICES = """\
postlog   unix-dgram n - n - 1 postlogd
tlsmgr    unix - - n 1000? 1 tlsmgr
anvil     unix - - n - 1 anvil
rewrite   unix - - n - - trivial-rewrite
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
pickup    unix n - n 60 1 pickup
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
error     unix - - n - - error
proxymap  unix - - n - - proxymap
scache    unix - - n - 1 scache
"""


def postfix(layout, domain, hosts, files):
    """One instance; each address and port is a line of master.cf with its own options."""
    etc, state = layout.etc / "postfix", layout.run / "postfix"
    for sub in ("spool", "data"):
        (state / sub).mkdir(exist_ok=True)
    os.chown(state / "data", pwd.getpwnam("postfix").pw_uid, -1)
    grp.getgrnam("postdrop")
    (etc / "main.cf").write_text(f"""compatibility_level = 3.6
queue_directory = {state}/spool
data_directory = {state}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file_prefixes = {layout.root}
maillog_file = {layout.log}/postfix.log
myhostname = mail.{domain}
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject
smtpd_tls_security_level = may
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_session_cache_database =
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
default_process_limit = 200
""", encoding="utf-8")
    lines = []
    for h in hosts:
        for port, cert in h.ports.items():
            if port not in (25, 587):
                continue
            options = [f"myhostname={h.name}"]
            if cert:
                crt, key = files[cert.id]
                options += [f"smtpd_tls_cert_file={crt}", f"smtpd_tls_key_file={key}"]
            else:
                options.append("smtpd_tls_security_level=none")
            if h.banner == "noesmtp":
                options.append("smtpd_banner=$myhostname")
            if h.banner == "reject":
                options += ["smtpd_delay_reject=no", "smtpd_client_restrictions=reject"]
            lines.append(f"{h.ip}:{port} inet n - n - - smtpd\n  "
                         + "\n  ".join(f"-o {o}" for o in options))
    (etc / "master.cf").write_text(_POSTFIX_SERVICES + "\n".join(lines) + "\n", encoding="utf-8")
    return ["postfix", "-c", str(etc), "start-fg"]


def _dovecot_is_24():
    """From 2.4 on a config names its version, and many settings have other names."""
    version = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True)
    return tuple(int(n) for n in version.stdout.split()[0].split(".")[:2]) >= (2, 4)


def dovecot(layout, hosts, files):
    def certificate(host):
        crt, key = files[host.ports[143].id]
        if is_24:
            return f"ssl_server_cert_file = {crt}\nssl_server_key_file = {key}"
        return f"ssl_cert = <{crt}\nssl_key = <{key}"

    is_24 = _dovecot_is_24()
    blocks = [f"local {h.ip} {{\n{certificate(h)}\n}}\n" for h in hosts]
    if is_24:
        head = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0"
        mail = f"mail_driver = maildir\nmail_path = {layout.run}/nomail"
        passdb = "passdb static {\n  password = lab\n}"
        keep = "restart_request_count = unlimited"
    else:
        head = ""
        mail = f"mail_location = maildir:{layout.run}/nomail"
        passdb = "passdb {\n  driver = static\n  args = password=lab\n}"
        keep = "service_count = 0"
    path = layout.etc / "dovecot.conf"
    path.write_text(f"""{head}
base_dir = {layout.run}/dovecot
state_dir = {layout.run}/dovecot
log_path = {layout.log}/dovecot.log
protocols = imap pop3
listen = {", ".join(h.ip for h in hosts)}
ssl = yes
ssl_min_protocol = TLSv1.2
{certificate(hosts[0])}
login_greeting = Dovecot (Debian) ready.
{mail}
{passdb}
service imap-login {{
  {keep}
  client_limit = 4000
  process_min_avail = 1
  inet_listener imap {{
    port = 143
  }}
  inet_listener imaps {{
    port = 993
    ssl = yes
  }}
}}
service pop3-login {{
  {keep}
  client_limit = 4000
  process_min_avail = 1
  inet_listener pop3 {{
    port = 110
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
{"".join(blocks)}""", encoding="utf-8")
    return ["dovecot", "-F", "-c", str(path)]


def apache(layout, hosts, files):
    modules = "/usr/lib/apache2/modules"
    sites = []
    for h in hosts:
        crt, key = files[h.ports[443].id]
        sites.append(f"""Listen {h.ip}:443
<VirtualHost {h.ip}:443>
 ServerName {h.name}
 SSLEngine on
 SSLProtocol -all +TLSv1.2 +TLSv1.3
 SSLCertificateFile {crt}
 SSLCertificateKeyFile {key}
</VirtualHost>
""")
    (layout.root / "www" / "index.html").write_text("<html><title>lab apache</title></html>\n",
                                                    encoding="utf-8")
    path = layout.etc / "apache.conf"
    path.write_text(f"""ServerRoot /etc/apache2
ServerName lab
PidFile {layout.run}/apache.pid
ErrorLog {layout.log}/apache.log
Mutex file:{layout.run} default
DefaultRuntimeDir {layout.run}
User www-data
Group www-data
DocumentRoot {layout.root}/www
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule dir_module {modules}/mod_dir.so
LoadModule ssl_module {modules}/mod_ssl.so
LoadModule mime_module {modules}/mod_mime.so
TypesConfig /dev/null
ThreadsPerChild 25
StartServers 1
DirectoryIndex index.html
{"".join(sites)}""", encoding="utf-8")
    return ["apache2", "-f", str(path), "-DFOREGROUND"]
