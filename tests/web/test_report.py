#!/usr/bin/env python3
"""Drive the report in headless Chromium as a reader would.

usage: test_report.py SURVEY [PYTHON]

PYTHON is that of the environment which install-deps.sh --test makes; it has axe-core.

Exit status 77 when there is no browser to drive.  The report is opened from
disk; Chromium reports every request, and any that leaves the file is a
failure, as is anything on the console.
"""
import base64
import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ET

import packed

try:
    from selenium import webdriver
    from selenium.common.exceptions import TimeoutException, WebDriverException
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    print("skipped: no selenium for Python (Debian: python3-selenium)")
    sys.exit(77)

HERE = pathlib.Path(__file__).parent
SURVEY = sys.argv.pop(1)
VENV = pathlib.Path(sys.argv.pop(1)).parent.parent if len(sys.argv) > 1 else None


def run(*args):
    subprocess.run([str(a) for a in args], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def browser():
    options = Options()
    for a in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
              "--force-device-scale-factor=1", "--window-size=1280,1000", "--hide-scrollbars"):
        options.add_argument(a)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tmp = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.tmp.name)
        cls.study, cls.hostile = cls.dir / "run", cls.dir / "hostile"
        run(sys.executable, HERE / "make_run.py", cls.study, "--hosts", 900, "--clusters", 150,
            "--largest", 163)
        run(sys.executable, HERE / "make_run.py", cls.hostile, "--hosts", 200, "--clusters", 20,
            "--largest", 45, "--hostile")
        for d in (cls.study, cls.hostile):
            run(SURVEY, "graph", d, "--format", "svg,png")
            run(SURVEY, "report", d)
        try:
            cls.driver = browser()
        except WebDriverException as e:
            print(f"skipped: no Chromium to drive: {str(e).splitlines()[0]}")
            cls.tmp.cleanup()
            sys.stdout.flush()
            import os
            os._exit(77)

    @classmethod
    def tearDownClass(cls):
        cls.driver.quit()
        cls.tmp.cleanup()

    def setUp(self):
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")

    def tearDown(self):
        d = self.driver
        self.assertEqual(d.get_log("browser"), [], "console")
        sent = set()
        for entry in d.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                sent.add(message["params"]["request"]["url"].split("#")[0])
        own = {u for u in sent if u.startswith(("file://", "data:", "about:", "blob:")) and
               (not u.startswith("file://") or u.endswith("/report/index.html"))}
        self.assertEqual(sent - own, set(), "requests")

    def open(self, d, fragment="", wide=1280, high=1000, **media):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": wide, "height": high, "deviceScaleFactor": 1, "mobile": wide < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": k.replace("_", "-"), "value": v} for k, v in media.items()]})
        self.driver.get("about:blank")
        self.driver.get((d / "report/index.html").as_uri() + fragment)
        self.wait(lambda: self.js("return document.documentElement.dataset.ready") == "yes")

    def js(self, code, *args):
        return self.driver.execute_script(code, *args)

    def wait(self, condition):
        end = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), end, "the page never came to be so")
            time.sleep(0.05)

    def css(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def column(self, n):
        return self.js("return [...document.querySelectorAll('#clusters-table tbody tr')]"
                       ".map(r => r.cells[arguments[0]].textContent)", n)

    def clusters(self):
        return json.loads((self.study / "clusters.json").read_text())

    def test_table_has_every_cluster(self):
        self.open(self.study)
        n = len(self.clusters())
        self.assertEqual(self.css("#clusters-count").text, f"{n} clusters")
        self.assertEqual(len(self.column(0)), 100)
        self.css("#clusters-more").click()
        self.assertEqual(sorted(map(int, self.column(0))), list(range(1, n + 1)))

    def test_sort(self):
        self.open(self.study)
        sizes = [int(x.replace(",", "")) for x in self.column(1)]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertEqual(sizes[0], max(c["size"] for c in self.clusters()))
        hosts = "#clusters-table th:nth-child(2)"
        self.assertEqual(self.css(hosts).get_attribute("aria-sort"), "descending")
        self.css(hosts + " button").click()
        sizes = [int(x) for x in self.column(1)]
        self.assertEqual(sizes, sorted(sizes))
        self.assertEqual(self.css(hosts).get_attribute("aria-sort"), "ascending")
        self.css("#clusters-table th:nth-child(1) button").send_keys(Keys.ENTER)
        self.assertEqual(self.column(0)[:5], ["1", "2", "3", "4", "5"])
        self.css("#clusters-table th:nth-child(6) button").click()
        names = [x.lower() for x in self.column(5)]
        self.assertEqual(names, sorted(names))

    def search(self, text):
        box = self.css("#q")
        box.clear()
        box.send_keys(text)

    def test_search(self):
        self.open(self.study)
        c = self.clusters()[6]
        host, key = c["hosts"][-1], c["keys"][0]["fp"]
        for text in (host["ip"], key, key[:20].upper()):
            self.search(text)
            self.assertIn(str(c["id"]), self.column(0), text)
            self.assertLess(len(self.column(0)), 20, text)
        self.search(f"mx{host['ip_record']}.")
        self.assertIn(str(c["id"]), self.column(0))
        self.search(host["as"].lower())
        self.assertIn(str(c["id"]), self.column(0))
        self.search("#7")
        self.assertIn("7", self.column(0))
        self.search("no such thing anywhere")
        self.assertEqual(self.column(0), [])
        self.assertTrue(self.css("#clusters-count").text.startswith("0 of "))

    def test_search_outside_clusters(self):
        self.open(self.study)
        inside = {h["ip"] for c in self.clusters() for h in c["hosts"]}
        hosts = json.loads((self.study / "all-key-fingerprints.json").read_text())
        lonely = next(h["ip"] for h in reversed(hosts) if h["ip"] not in inside)
        self.search(lonely)
        self.assertIn(lonely, self.css("#outside").text)

    def test_filter(self):
        self.open(self.study)
        self.js("document.getElementById('least').value = 10;"
                "document.getElementById('least').dispatchEvent(new Event('input'))")
        want = sum(c["size"] >= 10 for c in self.clusters())
        self.assertEqual(len(self.column(0)), want)
        self.js("const p = document.getElementById('port'); p.value = '0';"
                "p.dispatchEvent(new Event('input'))")
        for ports in self.column(4):
            self.assertIn("22", ports.split())

    def test_order(self):
        """What it is, what was found, the clusters, then charts."""
        self.open(self.study)
        self.assertEqual(self.css("h1").text, "Shared keys of mail hosts")
        order = self.js("return [...document.querySelectorAll('main > section')].map(e => e.id)")
        self.assertEqual(order, ["findings", "glance", "clusters", "repair", "charts", "figures", "method"])
        self.open(self.study, wide=390, high=844)
        top = self.js("return document.querySelector('#clusters-table tbody tr').getBoundingClientRect().top")
        self.assertLess(top, 2 * 844, "the clusters are on the first two screens of a phone")

    def test_findings_lead_there(self):
        self.open(self.study)
        largest = max(self.clusters(), key=lambda c: c["size"])
        self.css(f"#findings a[href='#c={largest['id']}']").click()
        self.wait(lambda: self.css("#detail").is_displayed())
        self.assertEqual(self.css("#detail-title").text, f"Cluster {largest['id']}")
        self.js("arguments[0].click()", self.css("#findings a[href='#f=ases']"))
        wide = {str(c["id"]) for c in self.clusters() if len({h["asn"] for h in c["hosts"]}) > 1}
        self.wait(lambda: self.css("#clusters-count").text.startswith(f"{len(wide)} of"))
        self.assertLessEqual(set(self.column(0)), wide)
        self.js("arguments[0].click()", self.css("#findings a[href='#f=trusted']"))
        self.wait(lambda: not self.css("#f-ases").is_selected())
        self.assertTrue(self.css("#f-trusted").is_selected())
        self.assertLessEqual(set(self.column(0)), wide)
        self.assertGreater(len(self.column(0)), 0)

    def test_what_is_lacking_is_said_first(self):
        for name, clusters, state, says in (("broken", [0], "incomplete", "Not complete."),
                                            ("empty", [], "complete", "Nothing was found")):
            alone = self.dir / name
            alone.mkdir()
            lines = (self.study / "clusters.json").read_text().splitlines()
            (alone / "clusters.json").write_text("[\n" + "".join(lines[1].rstrip(",") for _ in clusters) + "\n]\n")
            (alone / "run.json").write_text(json.dumps({
                "writer": "survey", "version": 1, "name": "ie", "created": "2026-01-02T03:04:05Z", "state": state,
                "counts": {"targets_v4": 2000, "probed": 1000 if clusters else 2000, "hits": 10}}))
            run(SURVEY, "report", alone)
            self.open(alone)
            first = self.js("return document.querySelector('main > .alert, main > section').textContent")
            self.assertIn(says, first)
            if clusters:
                self.assertIn("1,000 of 2,000 addresses were probed", first)
            self.assertEqual(self.css("h1").text, "Shared keys of mail hosts, 2 January 2026")

    def test_since_an_earlier_run(self):
        older, newer = self.dir / "older", self.dir / "newer"
        lines = (self.study / "clusters.json").read_text().splitlines()[1:-1]
        for d, kept in ((older, lines[:5] + lines[6:20]), (newer, lines[1:20])):
            d.mkdir()
            (d / "clusters.json").write_text("[\n" + ",\n".join(x.rstrip(",") for x in kept) + "\n]\n")
        run(SURVEY, "report", newer, "--since", older)
        self.open(newer)
        link = self.css("#findings a[href='#f=new']")
        # Of hosts outside clusters, so of those that are repaired, such a file tells nothing.
        self.assertEqual(link.text, "Since older clusters: 1 new, 1 gone.")
        self.js("arguments[0].click()", link)
        self.wait(lambda: len(self.column(0)) == 1)
        self.assertEqual(self.column(0), [str(json.loads(lines[5].rstrip(","))["id"])])
        run(SURVEY, "report", newer)
        self.open(newer)
        self.assertEqual(self.driver.find_elements(By.CSS_SELECTOR, "#f-new, #findings a[href='#f=new']"), [])

    def test_search_by_network_glob_and_digest(self):
        self.open(self.study)
        hosts = json.loads((self.study / "all-key-fingerprints.json").read_text())
        inside = {h["ip"]: c["id"] for c in self.clusters() for h in c["hosts"]}
        self.search("198.18.1.77/25")
        want = {str(inside[f"198.18.1.{i}"]) for i in range(128) if f"198.18.1.{i}" in inside}
        self.assertEqual(set(self.column(0)), want)
        self.assertGreater(len(want), 3)
        one = next(h for h in hosts if h["clusternum"])
        self.search(f"mx{one['ip_record']}.example*.ie")
        self.assertEqual(self.column(0), [str(one["clusternum"])])
        self.search(f"x{one['ip_record']}.example*.ie")
        self.assertEqual(self.column(0), [], "a glob is of a whole name")
        key = next(k["fp"] for k in self.clusters()[4]["keys"])
        for text in ("SHA256:" + base64.b64encode(bytes.fromhex(key)).decode().rstrip("="),
                     "sha256:" + ":".join(key[i:i + 2] for i in range(0, 64, 2))):
            self.search(text)
            self.assertEqual(self.column(0), [str(self.clusters()[4]["id"])], text)
        self.search("fd53::/16")
        self.assertEqual(self.column(0), [])
        self.assertIn("is not in this survey", self.css("#outside").text)
        self.search("198.19.77.77")
        self.assertIn("198.19.77.77 is not in this survey", self.css("#outside").text)

    def test_search_tells_a_host_without_a_key_from_an_unknown_one(self):
        folder = self.dir / "records"
        records = self.dir / "lines.ndjson"
        parsed = {"subject_key_info": {"fingerprint_sha256": "ab" * 32}}
        tls = {"handshake_log": {"server_certificates": {"certificate": {"parsed": parsed}}}}
        records.write_text("".join(json.dumps({"ip": f"198.18.0.{i}", "p25": {
            "status": "success", "data": {"smtp": {"status": "success", "protocol": "smtp", "result": {
                "banner": "220 x", **({"tls": tls} if i < 3 else {})}}}} }) + "\n" for i in range(1, 5)))
        subprocess.run([SURVEY, "analyze", records, "-o", folder, "-c", "XX"], check=True, capture_output=True)
        run(SURVEY, "report", folder)
        self.open(folder)
        for query, says in (("198.18.0.4", "1 address was surveyed, but showed no key"),
                            ("198.18.0.0/29", "2 addresses were surveyed, but showed no key"),
                            ("198.18.0.*", "2 addresses were surveyed, but showed no key"),
                            ("198.18.0.5", "198.18.0.5 is not in this survey")):
            self.search(query)
            self.assertIn(says, self.css("#outside").text, query)

    def saved(self, button):
        """What a click would save: the text that the page makes a file of."""
        self.js("window.saved = null; const old = window.savedFrom || URL.createObjectURL.bind(URL); window.savedFrom = old;"
                "URL.createObjectURL = b => { b.text().then(t => { window.saved = t; }); return old(b); }")
        self.js("arguments[0].click()", button)
        self.wait(lambda: self.js("return window.saved !== null"))
        return list(csv.reader(io.StringIO(self.js("return window.saved"))))

    def test_csv_of_tables(self):
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "deny"})
        c = self.open_largest()
        n = len(self.clusters())
        rows = self.saved(self.css("#clusters-csv"))
        self.assertEqual([rows[0][0], len(rows), {len(r) for r in rows}], ["cluster", n + 1, {7}])
        tables = self.driver.find_elements(By.CSS_SELECTOR, "#detail .csv")
        rows = self.saved(tables[-1])
        self.assertEqual({r[1] for r in rows[1:]}, {h["ip"] for h in c["hosts"]}, "also rows that are not shown")
        rows = self.saved(self.css("#t-sizes").find_element(By.XPATH, "ancestor::details").find_element(
            By.CSS_SELECTOR, ".csv"))
        self.assertEqual(sum(int(r[1].replace(",", "")) for r in rows[1:]), n)

    def test_csv_holds_no_formula(self):
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "deny"})
        self.open(self.hostile)
        for row in self.saved(self.css("#clusters-csv")):
            for field in row:
                self.assertNotRegex(field, r"^[=+@-][A-Za-z(]")

    def test_no_row_hides_without_a_word(self):
        self.open(self.study)
        self.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        hidden = self.js("""return [...document.querySelectorAll('table.stat, table.fold')].map(t => {
            const hidden = [...t.tBodies[0].rows].filter(r => r.hidden).length;
            const more = t.closest('.scroll').nextElementSibling.querySelector('.more');
            return [t.id, hidden, more ? parseInt(more.textContent.replace(',', '')) : 0,
                t.closest('.scroll').scrollHeight - t.closest('.scroll').clientHeight]})""")
        self.assertGreater(sum(h for _, h, _, _ in hidden), 0)
        for name, rows, told, beyond in hidden:
            self.assertEqual([rows, beyond], [told, 0], name)
        self.js("document.querySelectorAll('#figures .more').forEach(b => b.click())")
        self.assertEqual(self.js("return document.querySelectorAll('#figures tr[hidden]').length"), 0)

    def test_print_all(self):
        self.open(self.study)
        self.js("window.print = () => { window.printed = true; dispatchEvent(new Event('beforeprint')); };"
                "document.getElementById('print').click()")
        self.assertTrue(self.js("return window.printed"))
        self.assertEqual(len(self.column(0)), len(self.clusters()))
        self.assertEqual(self.js("return document.querySelectorAll('main details:not([open]):not(#filters)').length"), 0)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        self.assertEqual(self.js("return [...document.querySelectorAll('main table')].filter(t => t.offsetHeight > 0 &&"
                                 "[...t.tBodies[0].rows].some(r => r.offsetHeight === 0)).map(t => t.id)"), [])
        self.assertEqual(self.js("return getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

    def test_print_is_light_from_a_dark_page(self):
        self.open(self.study, prefers_color_scheme="light")
        self.css("#theme").click()
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        self.assertEqual(self.js("return getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

    def test_dark_pictures(self):
        """Pictures lie on the dark ground, and what is in clusters is stronger than what is not."""
        largest = max(self.clusters(), key=lambda c: c["size"])
        self.open(self.study, f"#c={largest['id']}", prefers_color_scheme="dark")
        self.wait(lambda: self.js("return !!document.querySelector('.picture svg')"))
        bright = ("const light = (css, what) => { const [r, g, b] = getComputedStyle(document.querySelector(css))[what]"
                  ".match(/[0-9.]+/g).map(Number); return .299 * r + .587 * g + .114 * b; };")
        page, ink, line, inside, outside = self.js(bright + """return [light('.picture .page', 'fill'),
            light('.picture .ink', 'fill'), light('.picture line, .picture g path:not(.key)', 'stroke'),
            light('.charts rect.in', 'fill'), light('.charts rect.out', 'fill')]""")
        self.assertLess(page, 60)
        self.assertGreater(min(ink, line), 120)
        self.assertGreater(inside, outside + 50)

    def test_signs_are_explained(self):
        c = self.open_largest()
        legend = self.css("#detail .legend").text
        for sign in ("✓", "✗", "?", "–", "k1", "own", "p25dn", "p25san0", "rdns", "banner"):
            self.assertIn(sign, legend)
        first = {k["fp"][:8] for k in c["keys"] if len({ip for ip, _ in k["at"]}) > 1}
        keys = self.js("return [...document.querySelectorAll('#detail td b')].filter(b => /^k[0-9]+$/.test(b.textContent))"
                       ".map(b => b.parentNode.querySelector('.soft').textContent)")
        self.assertGreater(len(keys), 0)
        self.assertLessEqual(set(keys), first, "a short name stands with the begin of its fingerprint")

    def test_accessible(self):
        """axe-core finds no serious fault: light, dark, on a phone, with a cluster open."""
        found = sorted(VENV.glob("lib/python3*/site-packages/axe_core_python/axe.min.js")) if VENV else []
        if not found:
            self.assertNotIn("web", os.environ.get("SURVEY_REQUIRE", ""), "no axe-core")
            self.skipTest("no axe-core: install-deps.sh --test installs it")
        axe = found[0].read_text()
        largest = max(self.clusters(), key=lambda c: c["size"])
        for scheme, wide in (("light", 1280), ("dark", 1280), ("light", 390)):
            self.open(self.study, f"#c={largest['id']}", wide=wide, high=900, prefers_color_scheme=scheme)
            self.wait(lambda: self.js("return !!document.querySelector('.picture svg')"))
            self.js("document.querySelectorAll('details').forEach(d => { d.open = true; });"
                    "document.getElementById('q').value = ''; document.activeElement.blur()")
            self.js(axe + ";window.axe = axe;")
            self.driver.set_script_timeout(120)
            faults = self.driver.execute_async_script(
                "const done = arguments[0]; axe.run(document, {preload: false, resultTypes: ['violations']})"
                ".then(r => done(r.violations.map(v => [v.impact, v.id, v.nodes.length, v.nodes[0].html.slice(0, 300),"
                " v.nodes[0].failureSummary])), e => done([['serious', String(e)]]))")
            serious = [f for f in faults if f[0] in ("serious", "critical")]
            self.assertEqual(serious, [], f"{scheme}, {wide} px")

    def open_largest(self):
        largest = max(self.clusters(), key=lambda c: c["size"])
        self.open(self.study, f"#c={largest['id']}")
        self.wait(lambda: self.js("return !!document.querySelector('.picture svg')"))
        return largest

    def test_open_by_mouse_and_keyboard(self):
        self.open(self.study)
        self.css("#clusters-table tbody tr td:nth-child(6)").click()
        self.wait(lambda: self.css("#detail").is_displayed())
        title = self.css("#detail-title").text
        self.assertEqual(title, "Cluster " + self.column(0)[0])
        self.css("body").send_keys(Keys.ESCAPE)
        self.assertFalse(self.css("#detail").is_displayed())
        self.css("body").send_keys("/")
        self.assertEqual(self.driver.switch_to.active_element.get_attribute("id"), "q")
        self.css("#clusters-table tbody tr:nth-child(2) a").send_keys(Keys.ENTER)
        self.wait(lambda: self.css("#detail").is_displayed())
        self.assertEqual(self.css("#detail-title").text, "Cluster " + self.column(0)[1])
        self.css("[aria-label='next cluster of the table']").click()
        self.wait(lambda: self.css("#detail-title").text == "Cluster " + self.column(0)[2])

    def test_cluster_tables(self):
        c = self.open_largest()
        keys = [k for k in c["keys"] if len({ip for ip, _ in k["at"]}) > 1]
        shown = self.js("return [...document.querySelectorAll('#detail td .fp')].map(e => e.textContent)")
        self.assertEqual(len(shown), min(25, len(keys)))
        self.assertLessEqual(set(shown), {k["fp"] for k in keys})
        tables = self.driver.find_elements(By.CSS_SELECTOR, "#detail table")
        rows = tables[-1].find_elements(By.CSS_SELECTOR, "tbody tr")
        self.assertEqual(len(rows), min(50, c["size"]))
        self.assertIn(rows[0].find_elements(By.TAG_NAME, "td")[1].text, {h["ip"] for h in c["hosts"]})

    def test_link_to_a_host(self):
        c = max(self.clusters(), key=lambda c: c["size"])
        ip = c["hosts"][-1]["ip"]
        self.open(self.study, f"#h={ip}")
        self.wait(lambda: self.css("#detail").is_displayed())
        self.assertEqual(self.css("#detail mark").text, ip)

    def view(self):
        return [float(x) for x in self.css(".picture svg").get_dom_attribute("viewBox").split()]

    def test_pan_and_zoom(self):
        self.open_largest()
        full = self.view()
        self.css("[aria-label='zoom in']").click()
        zoomed = self.view()
        self.assertLess(zoomed[2], full[2])
        svg = self.css(".picture svg")
        svg.send_keys(Keys.ARROW_RIGHT)
        self.assertGreater(self.view()[0], zoomed[0])
        svg.send_keys("0")
        self.assertEqual(self.view(), full)
        svg.send_keys("+")
        before = self.view()
        webdriver.ActionChains(self.driver).move_to_element(svg).click_and_hold() \
            .move_by_offset(40, 25).release().perform()
        after = self.view()
        self.assertLess(after[0], before[0])
        self.assertLess(after[1], before[1])
        self.css("[aria-label='whole picture']").click()
        self.assertEqual(self.view(), full)

    def pixels(self, element):
        """Share of the element's pixels that are neither its paper nor white."""
        png = base64.b64encode(element.screenshot_as_png).decode()
        return self.driver.execute_async_script("""
            const done = arguments[arguments.length - 1], image = new Image();
            image.onload = () => {
                const canvas = document.createElement('canvas');
                canvas.width = image.width; canvas.height = image.height;
                const g = canvas.getContext('2d');
                g.drawImage(image, 0, 0);
                const p = g.getImageData(0, 0, image.width, image.height).data;
                const colours = new Set();
                let other = 0;
                for (let i = 0; i < p.length; i += 4) {
                    if (p[i] < 225 || p[i + 1] < 225 || p[i + 2] < 225) other++;
                    colours.add(p[i] << 16 | p[i + 1] << 8 | p[i + 2]);
                }
                done([other / (p.length / 4), colours.size]);
            };
            image.src = 'data:image/png;base64,' + arguments[0];""", png)

    def test_pictures_are_not_empty(self):
        self.open_largest()
        share, colours = self.pixels(self.css(".picture"))
        self.assertGreater(share, 0.01)
        self.assertGreater(colours, 50)
        for figure in self.driver.find_elements(By.CSS_SELECTOR, "figure svg"):
            share, _ = self.pixels(figure)
            self.assertGreater(share, 0.005)

    def test_dark(self):
        self.open(self.study, prefers_color_scheme="dark")
        back = "return getComputedStyle(document.body).backgroundColor"
        self.assertEqual(self.js(back), "rgb(20, 23, 26)")
        self.css("#theme").click()
        self.assertEqual(self.js(back), "rgb(251, 251, 250)")
        self.open(self.study, prefers_color_scheme="light")
        self.assertEqual(self.js(back), "rgb(251, 251, 250)")
        self.css("#theme").click()
        self.assertEqual(self.js(back), "rgb(20, 23, 26)")
        ink = self.js("return getComputedStyle(document.querySelector('.charts svg .ink')).fill")
        self.assertEqual(ink, "rgb(230, 232, 234)")

    def test_phone(self):
        self.open(self.study, wide=375, high=800)
        width = self.js("return [document.documentElement.scrollWidth, innerWidth]")
        self.assertLessEqual(width[0], width[1], "nothing sticks out to the side")
        cells = self.js("return [...document.querySelectorAll('#clusters-table tbody tr:first-child td')]"
                        ".filter(e => e.offsetWidth > 0).map(e => e.getBoundingClientRect().right)")
        self.assertEqual(len(cells), 4)
        self.assertLessEqual(max(cells), width[1], "what a cluster is can be read without scrolling")
        # What to repair: all of it is there, below each other and with its column's name.
        cells = self.js("return [...document.querySelectorAll('#t-repair tbody tr:not([hidden]) td')].map(e => {"
                        "const r = e.getBoundingClientRect(), head = getComputedStyle(e, '::before').content;"
                        "return [head.replace(/\"/g, '').trim(), e.innerText.trim(), r.left, r.right, r.width, r.height]})")
        heads = ["cluster", "hosts", "it may be", "repair", "who was told"]
        self.assertEqual([c[0] for c in cells], heads * (len(cells) // len(heads)))
        for head, text, left, right, wide, high in cells:
            self.assertTrue(text and left >= 0 and right <= width[1] and wide > 0 and high > 0, f"{head}: {text!r} {left} {right}")
            if head == "repair":
                self.assertRegex(text, r"^\d+ changes?: ")
        texts = self.js("return [...document.querySelectorAll('.charts text')]"
                        ".map(e => e.getBoundingClientRect().height)")
        self.assertGreater(min(texts), 7, "the charts can be read")
        self.css("#clusters-table tbody tr a").click()
        self.wait(lambda: self.css("#detail").is_displayed())
        self.wait(lambda: self.js("return !!document.querySelector('.picture svg')"))
        width = self.js("return [document.documentElement.scrollWidth, innerWidth]")
        self.assertLessEqual(width[0], width[1])

    def printed(self):
        """The page as PDF.  Chromium gives up after ten seconds, which a busy machine may need."""
        for _ in range(5):
            try:
                return base64.b64decode(self.driver.print_page())
            except TimeoutException:
                pass
        return base64.b64decode(self.driver.print_page())

    def test_print(self):
        self.open_largest()
        pdf = self.printed()
        self.assertEqual(pdf[:5], b"%PDF-")
        # However it is printed, tables are whole, also those that were closed.
        self.assertEqual(self.js("return document.querySelectorAll('main details:not([open]):not(#filters)').length"), 0)
        self.assertEqual(self.js("return document.querySelectorAll('#figures tr[hidden]').length"), 0)
        self.assertGreater(len(pdf), 50000)
        self.assertGreaterEqual(pdf.count(b"/Type /Page\n") + pdf.count(b"/Type/Page"), 1)

    def test_hostile_texts_do_nothing(self):
        self.open(self.hostile)
        title = self.driver.title
        ids = [c["id"] for c in json.loads((self.hostile / "clusters.json").read_text())]
        for i in ids:
            self.js("location.hash = '#c=' + arguments[0]", i)
            self.wait(lambda: self.css("#detail-title").text == f"Cluster {i}")
            self.wait(lambda: self.js("return !!document.querySelector('.picture svg')"))
        self.search("</script>")
        self.assertGreater(len(self.column(0)), 0, "the text is there, as text")
        self.assertEqual(self.driver.title, title)
        self.assertEqual(self.js("return document.scripts.length"),
                         1 + 1 + len(ids), "the page's own scripts only")
        self.assertEqual(self.js("return document.querySelectorAll('[onerror], [onmouseover], "
                                 "main img, iframe, object, embed').length"), 0)
        body = self.js("return document.documentElement.innerHTML")
        for c in "\u202e\u202c\x1b\x00":
            self.assertNotIn(c, body)
        self.assertLess(max(map(len, body.split("w" * 200))), len(body) + 1)
        self.assertNotIn("w" * 200, body, "long texts are cut")

    def test_policy_stops_scripts(self):
        """Even if something got in, it would not run."""
        self.open(self.study)
        self.js("const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
                "document.body.append(s); const i = document.createElement('img');"
                "i.src = 'file:///nonexistent.png'; document.body.append(i)")
        time.sleep(0.3)
        self.assertIsNone(self.js("return window.ran === undefined ? null : 1"))
        log = self.driver.get_log("browser")
        self.assertEqual(sum("Content Security Policy" in e["message"] for e in log), 2, log)
        blocked = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        self.assertIn("csp", [m["params"].get("blockedReason") for m in blocked
                              if m["method"] == "Network.loadingFailed"])

    def test_svg_is_xml(self):
        n = 0
        for d in (self.study, self.hostile):
            for path in sorted(d.glob("*/*.svg")):
                root = ET.parse(path).getroot()
                self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
                self.assertEqual(root.findall(".//{http://www.w3.org/2000/svg}script"), [])
                for e in root.iter():
                    self.assertFalse([a for a in e.attrib if a.startswith("on")], path)
                n += 1
            page = (d / "report/index.html").read_text()
            self.assertNotRegex(page, r'(href|src|action)="?https?:')
            blocks = dict(packed.blocks(page))
            json.loads(blocks["data"])
            for name, text in blocks.items():
                if name != "data":
                    ET.fromstring(text)
        self.assertGreater(n, 170)

    def test_hostile_csv(self):
        for path in self.hostile.glob("report/*.csv"):
            for line in path.read_text().splitlines():
                self.assertNotRegex(line, r'(^|,)"?[=+@-][A-Za-z(]', path)

    def test_missing_things_are_said(self):
        alone = self.dir / "alone"
        alone.mkdir()
        (alone / "clusters.json").write_bytes((self.study / "clusters.json").read_bytes())
        run(SURVEY, "report", alone)
        self.open(alone)
        text = self.css("main").text
        self.assertIn("There is no run.json", text)
        self.assertIn("This directory has only hosts that are in clusters", text)
        self.assertEqual(self.css(".tile b").text, "–")
        self.css("#clusters-table tbody tr a").click()
        self.wait(lambda: "No picture of this cluster" in self.css("#detail").text)

    def test_nothing_is_said_of_a_scan_that_is_not_known(self):
        alone = self.dir / "analysis"
        alone.mkdir()
        for name in ("clusters.json", "all-key-fingerprints.json", "verdicts.ndjson"):
            (alone / name).write_bytes((self.study / name).read_bytes())
        (alone / "run.json").write_text(json.dumps({
            "writer": "survey", "version": 1, "name": "records", "created": "2026-01-02T03:04:05Z",
            "state": "complete", "analysis": {"hosts": 900, "dns": "cached"}}))
        run(SURVEY, "report", alone)
        self.open(alone)
        text = self.css("main").text
        self.assertIn("Records analysed 2026-01-02 03:04 UTC", text)
        self.assertNotIn("Begun", text)
        self.assertNotIn("SYN", self.css("#method").text)
        for heading in self.driver.find_elements(By.CSS_SELECTOR, "#method h3"):
            self.fail(f"nothing follows {heading.text}")

    def test_colours_of_charts_are_explained(self):
        self.open(self.study)
        fills = lambda css: self.js(f"return [...new Set([...document.querySelectorAll('{css}')]"
                                    ".map(e => e.getAttribute('fill')))]")
        for figure in range(1, len(self.driver.find_elements(By.CSS_SELECTOR, "figure")) + 1):
            bars = fills(f"figure:nth-child({figure}) rect[height=\\'15\\']")
            keys = fills(f"figure:nth-child({figure}) rect[height=\\'10\\']")
            if keys:
                self.assertEqual(set(bars), set(keys))

    def test_small_pictures_are_not_blown_up(self):
        c = min(self.clusters(), key=lambda c: c["size"])
        self.open(self.study, f"#c={c['id']}")
        self.wait(lambda: self.js("return !!document.querySelector('.picture svg')"))
        size = self.js("return parseFloat(getComputedStyle(document.querySelector('.picture text')).fontSize) *"
                       "document.querySelector('.picture svg').getBoundingClientRect().width /"
                       "document.querySelector('.picture svg').viewBox.baseVal.width")
        self.assertLess(size, 28)

    def test_two_thousand_hosts_open_quickly_enough_to_use(self):
        """The numbers of the benchmark are not tested here; that all of it works is."""
        big = self.dir / "big"
        run(sys.executable, HERE / "make_run.py", big, "--hosts", 4000, "--clusters", 300,
            "--largest", 1991)
        run(SURVEY, "graph", big, "--format", "svg")
        run(SURVEY, "report", big)
        self.open(big)
        c = max(json.loads((big / "clusters.json").read_text()), key=lambda c: c["size"])
        self.js("location.hash = '#c=' + arguments[0]", c["id"])
        self.wait(lambda: self.css("#detail").is_displayed())
        self.wait(lambda: self.js("return !!document.querySelector('.picture svg')"))
        share, colours = self.pixels(self.css(".picture"))
        self.assertGreater(share, 0.02)


if __name__ == "__main__":
    unittest.main(verbosity=1)
