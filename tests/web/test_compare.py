#!/usr/bin/env python3
"""The page of survey compare in headless Chromium: light, dark and on a phone.

usage: test_compare.py SURVEY

Exit status 77 when there is no browser to drive.
"""
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
except ImportError:
    print("skipped: no selenium for Python (Debian: python3-selenium)")
    sys.exit(77)

SURVEY = sys.argv[1]
# Each address with its key, before and after: a merger, a split, one cluster that is new and one that is gone.
BEFORE = {**{f"198.18.1.{i}": "a" if i < 3 else "b" for i in range(1, 6)}, **{f"198.18.2.{i}": "c" for i in range(1, 6)},
          **{f"198.18.3.{i}": f"own {i}" for i in range(1, 4)}, "198.18.4.1": "d", "198.18.4.2": "d"}
AFTER = {**BEFORE, "198.18.1.3": "a", "198.18.1.4": "a", "198.18.1.5": "a", "198.18.2.4": "new", "198.18.2.5": "new",
         "198.18.3.1": "e", "198.18.3.2": "e", "198.18.4.1": "own d"}

# The colour of a picture's ground, and of the page around it.
GROUND = """
const img = document.querySelector(".sides img"), c = document.createElement("canvas");
c.width = img.naturalWidth; c.height = img.naturalHeight;
const g = c.getContext("2d");
g.drawImage(img, 0, 0);
return Array.from(g.getImageData(3, 3, 1, 1).data.slice(0, 3));
"""
SIDES = """
return Array.from(document.querySelectorAll(".sides"), s => Array.from(s.children, p => {
    const r = p.getBoundingClientRect();
    return {left: r.left, right: r.right, top: r.top, bottom: r.bottom, pictures: p.querySelectorAll("img").length,
            loaded: Array.from(p.querySelectorAll("img")).every(i => i.complete && i.naturalWidth > 0),
            none: p.querySelectorAll(".none").length};
}));
"""


def need(condition, *words):
    if not condition:
        sys.exit("FAILED: " + " ".join(map(str, words)))


def run(*args):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, check=False)
    need(r.returncode == 0, args, r.stderr)


def make(folder, hosts):
    folder.mkdir()
    with open(folder / "records.fresh", "w") as f:
        for ip, word in hosts.items():
            key = {"algorithm": "ssh-ed25519", "fingerprint_sha256": hashlib.sha256(word.encode()).hexdigest()}
            f.write(json.dumps({"ip": ip, "writer": "survey", "location": {"country_code": "IE"}, "p22": {"data": {"ssh": {
                "status": "success", "result": {"key_exchange": {"server_host_key": key}}}}}}) + "\n")
    run("analyze", folder, "--country", "IE")
    return folder


def browser():
    options = Options()
    for a in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1280,1000"):
        options.add_argument(a)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)


def look(driver, url, scheme, width):
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 6000, "deviceScaleFactor": 1, "mobile": False})
    driver.get(url)
    what = f"{scheme}, {width} pixels:"
    need(driver.execute_script("return document.documentElement.scrollWidth") <= width, what, "wider than the window")
    groups = driver.execute_script(SIDES)
    # Old ones left, new ones right: two became one, one became two, none became one, one became none.
    need(sorted((a["pictures"], b["pictures"]) for a, b in groups) == [(0, 1), (1, 0), (1, 2), (2, 1)], what, groups)
    for a, b in groups:
        need(a["loaded"] and b["loaded"], what, "a picture is not there")
        need((a["none"], b["none"]) == (int(not a["pictures"]), int(not b["pictures"])), what, "an empty side says nothing")
        beside = a["right"] <= b["left"] and abs(a["top"] - b["top"]) < 2
        need(beside if width > 640 else a["bottom"] <= b["top"], what, "where the sides are", a, b)
    ground = driver.execute_script(GROUND)
    need(max(ground) < 64 if scheme == "dark" else min(ground) > 192, what, "the ground of a picture is", ground)
    log = driver.get_log("browser")
    need(log == [], what, log)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        run("compare", make(tmp / "before", BEFORE), make(tmp / "after", AFTER), "-o", tmp / "page")
        try:
            driver = browser()
        except WebDriverException as e:
            print(f"skipped: no Chromium to drive: {str(e).splitlines()[0]}")
            sys.exit(77)
        try:
            for scheme in ("light", "dark"):
                for width in (1280, 390):
                    look(driver, (tmp / "page/index.html").as_uri(), scheme, width)
        finally:
            driver.quit()
    print("old and new stand side by side, on a light and on a dark ground")


if __name__ == "__main__":
    main()
