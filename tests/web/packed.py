"""Read what a report's page holds packed: deflated, in base64."""
import base64
import re
import zlib


def blocks(page):
    """(id, bytes) of each packed block of the page's text."""
    for name, body in re.findall(r'<script type="text/plain" id="([^"]+)">([^<]*)</script>', page):
        yield name, zlib.decompress(base64.b64decode(body))
