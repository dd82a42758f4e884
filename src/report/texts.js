"use strict";
/* What the page's script makes of texts: queries and fields of CSV.  Nothing here touches the page. */
const surveyTexts = (() => {
	/* An address as a number of so many bits, or null. */
	function addressBits(text) {
		if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) {
			const v = text.split(".").reduce((n, part) => n * 256n + BigInt(part), 0n);
			return text.split(".").every(part => +part < 256) ? [v, 32] : null;
		}
		if (!/^[0-9a-f:]*:[0-9a-f:]*$/.test(text) || text.split("::").length > 2) return null;
		const [head, tail] = text.split("::").map(half => half === "" ? [] : half.split(":"));
		const gap = 8 - head.length - (tail || []).length;
		if (tail === undefined ? gap !== 0 : gap < 1) return null;
		const groups = tail === undefined ? head : [...head, ...Array(gap).fill("0"), ...tail];
		if (groups.some(g => !/^[0-9a-f]{1,4}$/.test(g))) return null;
		return [groups.reduce((n, g) => n * 65536n + BigInt("0x" + g), 0n), 128];
	}

	/* What a query asks of a host's lines, and of an address alone. */
	function parseQuery(query) {
		const network = query.match(/^([0-9a-f.:]+)\/(\d{1,3})$/);
		const base = network && addressBits(network[1]);
		if (base && +network[2] <= base[1]) {
			const shift = BigInt(base[1] - network[2]);
			const within = ip => {
				const a = addressBits(ip);
				return a !== null && a[1] === base[1] && a[0] >> shift === base[0] >> shift;
			};
			return {line: null, address: within, isAddress: true};
		}
		const digest = query.match(/^sha256:([0-9a-f:]+|[a-z0-9+/]+={0,2})$/i);
		if (digest) {
			let hex = digest[1].replaceAll(":", "").toLowerCase();
			if (!/^[0-9a-f]{64}$/.test(hex)) {
				try {
					hex = [...atob(digest[1])].map(c => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
				} catch { return {line: null, address: () => false}; }
			}
			return {line: text => text.includes(hex), address: () => false};
		}
		const lower = query.toLowerCase();
		if (/[*?]/.test(query)) {
			const body = lower.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
			const glob = new RegExp("^" + body + "$", "m");
			return {line: text => glob.test(text), address: ip => glob.test(ip), isAddress: /^[0-9a-f.:*?]+$/.test(lower)};
		}
		return {line: text => text.includes(lower), address: ip => ip === lower, isAddress: addressBits(lower) !== null};
	}

	/* RFC 4180; a text that a spreadsheet would take for a formula is marked as text. */
	function csvField(text) {
		if (/^[=+@\t\r-]/.test(text) && !/^[+-]?[\d.,]+( %)?$/.test(text)) text = "'" + text;
		return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
	}

	return {addressBits, parseQuery, csvField};
})();
