/*
 * The report's behaviour.  The data are remote text: they reach the page only
 * as text nodes and attribute values, never as markup.
 */
(() => {
	const {parseQuery, csvField} = surveyTexts;
	const PAGE = 100;
	const TRUSTED = 1, WEAK = 2, NEW = 4; /* flags of a cluster, as in page.h */
	const $ = id => document.getElementById(id);
	let D = null;        /* the data: see page_data.c */
	let shown = [];      /* cluster indices in the table's order */
	let limit = PAGE;
	let sortBy = "hosts", descending = true;
	let index = null;    /* a lower-case text for each host, made at the first search */

	function make(tag, props, ...children) {
		const e = document.createElement(tag);
		for (const [k, v] of Object.entries(props || {})) {
			if (k === "class") e.className = v;
			else if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
			else if (v !== undefined && v !== null) e.setAttribute(k, v);
		}
		for (const c of children) if (c !== undefined && c !== null) e.append(c);
		return e;
	}
	const {cleanSvg, panAndZoom} = surveyPicture(make);
	const count = n => n.toLocaleString("en");
	const counted = (n, one, many) => count(n) + " " + (n === 1 ? one : many);
	const number = n => make("td", {class: "n"}, count(n));

	async function unpack(id) {
		const element = $(id);
		if (!element || typeof DecompressionStream === "undefined") return null;
		const raw = atob(element.textContent.trim());
		const bytes = new Uint8Array(raw.length);
		for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
		const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
		return new Response(stream).text();
	}

	/* ---- tables ---- */

	/* A cell as text: what stands in lines of its own is kept apart. */
	function cellText(cell) {
		const lines = [...cell.children].filter(e => e.classList.contains("name"));
		return (lines.length > 1 ? lines.map(e => e.textContent).join("; ") : cell.textContent).trim();
	}

	function saveCsv(name, rows) {
		const text = rows.map(r => r.map(csvField).join(",") + "\r\n").join("");
		const url = URL.createObjectURL(new Blob([text], {type: "text/csv"}));
		const link = make("a", {href: url, download: name + ".csv"});
		document.body.append(link);
		link.click();
		link.remove();
		setTimeout(() => URL.revokeObjectURL(url), 10000);
	}

	const csvButton = (name, rows) => make("button", {type: "button", class: "csv",
		"aria-label": "this table as CSV", onclick: () => saveCsv(name, rows())}, "CSV");

	/* Long tables of the page itself: the first rows, and a button for the others. */
	function foldTables() {
		for (const table of document.querySelectorAll("table.stat, table.fold")) {
			const rows = [...table.tBodies[0].rows], first = +(table.dataset.rows || 12);
			const under = make("p", {class: "under"});
			const place = table.closest(".scroll") || table;
			if (rows.length > first + 3) {
				for (const r of rows.slice(first)) r.hidden = true;
				under.append(make("button", {type: "button", class: "more", onclick: e => {
					for (const r of rows) r.hidden = false;
					e.target.remove();
				}}, count(rows.length - first) + " more"), " ");
			}
			under.append(csvButton(table.id.replace(/^t-/, ""), () => [...table.rows]
				.map(r => [...r.cells].map(cellText))));
			place.after(under);
		}
	}

	/* Columns of D.clusters: see page_data.c. */
	const C = i => {
		const c = D.clusters[i];
		return {id: c[0], host0: c[1], hosts: c[2], key0: c[3], keys: c[4], shared: c[5], ases: c[6],
			why: c[7], text: c[8], as: c[9], ports: c[10], flags: c[11]};
	};
	const asName = a => {
		const [asn, name] = D.ases[a];
		return asn ? "AS" + asn + (name ? " " + name : "") : name || "AS unknown";
	};
	const portNames = mask => D.ports.filter((p, i) => mask >> i & 1).join(" ");

	/* ---- the table of clusters ---- */

	const columns = [
		["cluster", "id", true, c => make("td", {class: "n"}, make("a", {href: "#c=" + c.id}, String(c.id)))],
		["hosts", "hosts", true, c => number(c.hosts)],
		["ASes", "ases", true, c => number(c.ases)],
		["shared keys", "shared", true, c => number(c.shared)],
		["ports", "ports", false, c => make("td", {class: "mono"}, portNames(c.ports))],
		["largest AS", "as", false, c => make("td", {}, make("span", {class: "name"}, asName(c.as)))],
		["it may be", "why", false, c => make("td", {}, D.whys[c.why], c.flags & WEAK
			? make("span", {class: "weak"}, " weak key") : null)],
	];

	function sortValue(c) {
		if (sortBy === "as") return asName(c.as).toLowerCase();
		if (sortBy === "why") return D.whys[c.why];
		if (sortBy === "ports") return portNames(c.ports);
		return c[sortBy];
	}

	function sortClusters() {
		const values = new Map(shown.map(i => [i, sortValue(C(i))]));
		shown.sort((a, b) => {
			const x = values.get(a), y = values.get(b);
			const order = x < y ? -1 : x > y ? 1 : 0;
			return (descending ? -order : order) || a - b;
		});
	}

	function drawHead() {
		const row = make("tr");
		for (const [title, key, numeric] of columns) {
			const th = make("th", {scope: "col", class: numeric ? "n" : ""},
				make("button", {type: "button", onclick: () => {
					descending = sortBy === key ? !descending : numeric && key !== "id";
					sortBy = key;
					sortClusters();
					drawTable();
					$("clusters-table").querySelector("[aria-sort] button").focus();
				}}, title));
			if (sortBy === key) th.setAttribute("aria-sort", descending ? "descending" : "ascending");
			row.append(th);
		}
		$("clusters-table").tHead.replaceChildren(row);
	}

	function drawTable() {
		drawHead();
		const body = $("clusters-table").tBodies[0];
		const rows = [];
		const open = location.hash.match(/^#c=(\d+)$/);
		for (const i of shown.slice(0, limit)) {
			const c = C(i);
			const row = make("tr", {"data-id": c.id, class: open && +open[1] === c.id ? "open" : "",
				onclick: e => { if (!e.target.closest("a")) location.hash = "#c=" + c.id; }});
			for (const [, , , cell] of columns) row.append(cell(c));
			rows.push(row);
		}
		body.replaceChildren(...rows);
		$("clusters-count").textContent = shown.length === D.clusters.length
			? count(shown.length) + " clusters"
			: count(shown.length) + " of " + count(D.clusters.length) + " clusters";
		$("clusters-more").hidden = shown.length <= limit;
		$("clusters-more").textContent = count(shown.length - limit) + " more";
	}

	/* ---- search and filter ---- */

	function hostText(h) {
		const parts = [D.hosts.ip[h], asName(D.hosts.as[h])];
		for (const n of D.hosts.names[h]) parts.push(n[1]);
		for (const u of usesOf(h)) parts.push(D.keys[D.uses[u + 1]]);
		return parts.join("\n").toLowerCase();
	}

	const checked = id => $(id) !== null && $(id).checked;

	let useStart = null; /* of each host: where in hostUses its uses begin */
	let hostUses = null;
	function indexUses() {
		const n = D.hosts.ip.length;
		useStart = new Uint32Array(n + 1);
		for (let i = 0; i < D.uses.length; i += 3) useStart[D.uses[i] + 1]++;
		for (let h = 0; h < n; h++) useStart[h + 1] += useStart[h];
		const next = useStart.slice();
		hostUses = new Uint32Array(D.uses.length / 3);
		for (let i = 0; i < D.uses.length; i += 3) hostUses[next[D.uses[i]]++] = i;
	}
	function usesOf(h) {
		return hostUses.subarray(useStart[h], useStart[h + 1]);
	}

	/* Hosts in no cluster, and addresses that the survey knows without a key, or not at all. */
	function drawOutside(query, asked, outside, found) {
		const box = $("outside");
		const list = (title, items) => {
			box.append(make("p", {class: "note"}, title + (items.length > 20 ? "; the first 20:" : ":")),
				make("ul", {}, ...items.slice(0, 20).map(i => make("li", {}, ...i))));
		};
		box.replaceChildren();
		if (outside.length > 0)
			list(counted(outside.length, "matching host is in no cluster", "matching hosts are in no cluster"),
				outside.map(h => [make("code", {class: "name"}, D.hosts.ip[h]), " ",
					make("span", {class: "name soft"}, asName(D.hosts.as[h]))]));
		if (query === "" || !asked.isAddress) return;
		const says = {"no key": "surveyed, but showed no key", "another country": "found, but in another country",
			"country not known": "found, but of unknown country"};
		let absent = 0;
		for (const [reason, ips] of Object.entries(D.absent)) {
			const these = ips.filter(asked.address);
			absent += these.length;
			if (these.length > 0)
				list(counted(these.length, "address was ", "addresses were ") + says[reason],
					these.map(ip => [make("code", {class: "name"}, ip)]));
		}
		if (found === 0 && outside.length === 0 && absent === 0)
			box.append(make("p", {class: "note"}, query + (D.others
				? " is not in this survey: it did not answer, was not asked, or opted out (survey find tells which)."
				: " is in no cluster; this directory does not tell of other hosts.")));
	}

	function search() {
		const query = $("q").value.trim(), lower = query.toLowerCase();
		const asked = parseQuery(query);
		const least = +$("least").value || 0;
		const group = $("port").value, why = $("why").value;
		const want = (checked("f-trusted") ? TRUSTED : 0) | (checked("f-weak") ? WEAK : 0) | (checked("f-new") ? NEW : 0);
		const hit = new Set();
		const outside = [];
		let all = query === "", found = 0;
		const id = lower.match(/^#?(?:cluster )?(\d+)$/);
		if (!all) {
			if (asked.line) index = index || D.hosts.ip.map((_, h) => hostText(h));
			for (let h = 0; h < D.hosts.ip.length; h++) {
				if (!(asked.line ? asked.line(index[h]) : asked.address(D.hosts.ip[h]))) continue;
				found++;
				if (D.hosts.cluster[h] >= 0) hit.add(D.hosts.cluster[h]);
				else outside.push(h);
			}
		}
		shown = [];
		for (let i = 0; i < D.clusters.length; i++) {
			const c = C(i);
			if (!(all || hit.has(i) || id && c.id === +id[1])) continue;
			if (c.hosts < least || (c.flags & want) !== want) continue;
			if (checked("f-ases") && c.ases < 2) continue;
			if (group !== "" && !(c.ports >> +group & 1)) continue;
			if (why !== "" && c.why !== +why) continue;
			shown.push(i);
		}
		limit = PAGE;
		sortClusters();
		drawTable();
		drawOutside(query, asked, outside, found);
	}

	/* ---- one cluster ---- */

	function drawNames(h, all) {
		const cell = make("td");
		const names = D.hosts.names[h];
		for (const n of all ? names : names.slice(0, 4)) {
			const verdict = D.verdicts[n[2]]; /* "none": it is no name to look up */
			const mark = {good: "✓ ", unknown: "? ", none: "– "}[verdict] || "✗ ";
			cell.append(make("span", {class: "name", title: n[0] + ": " + (verdict === "none" ? "not looked up" : verdict)},
				make("span", {class: verdict}, mark),
				n[1], make("span", {class: "soft"}, " " + n[0] + (n[3] ? " → " + n[3] : ""))));
		}
		const more = D.hosts.more[h] + (all ? 0 : Math.max(0, names.length - 4));
		if (more > 0) cell.append(make("span", {class: "soft"}, "and " + count(more) + " more"));
		return cell;
	}

	function drawFacts(h) {
		const cell = make("td");
		for (const f of D.hosts.facts[h])
			cell.append(make("span", {class: "name"}, make("b", {}, f[0] + " "), f.slice(1).filter(x => x).join(", ")));
		return cell;
	}

	function drawKeys(c, h) {
		const cell = make("td", {class: "mono"});
		const byKey = new Map();
		for (const u of usesOf(h)) {
			const key = D.uses[u + 1];
			byKey.set(key, (byKey.get(key) || []).concat(D.uses[u + 2]));
		}
		for (const [key, ports] of byKey) {
			const nth = key - c.key0 + 1;
			const weak = D.weak[key];
			cell.append(make("span", {class: "name" + (weak ? " weak" : ""), title: D.keys[key]},
				nth <= c.shared ? make("b", {}, "k" + nth) : make("span", {class: "soft"}, "own"), " ",
				make("span", {class: "soft"}, D.keys[key].slice(0, 8)), " " + ports.join(" ") + (weak ? " weak: " + weak[1] : "")));
		}
		return cell;
	}

	/* A table whose rows are made as they are asked for. */
	function pagedTable(name, caption, heads, n, row, page) {
		const body = make("tbody");
		const more = make("button", {type: "button", class: "more"});
		let at = 0;
		const fill = to => {
			for (const end = Math.min(n, to); at < end; at++) body.append(row(at));
			more.hidden = at >= n;
			more.textContent = count(n - at) + " more";
		};
		more.addEventListener("click", () => fill(n));
		fill(n <= page + 3 ? n : page);
		const csv = csvButton(name, () => [heads.map(([t]) => t),
			...Array.from({length: n}, (_, i) => [...row(i).cells].map(cellText))]);
		return [make("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": caption},
			make("table", {class: caption.toLowerCase()}, make("caption", {}, caption),
				make("thead", {}, make("tr", {}, ...heads.map(([t, k]) => make("th", {scope: "col", class: k}, t)))),
				body)), make("p", {class: "under"}, more, " ", csv)];
	}

	function hostTable(c, wanted) {
		const order = Array.from({length: c.hosts}, (_, i) => c.host0 + i);
		const first = order.findIndex(h => D.hosts.ip[h] === wanted);
		if (first > 0) order.unshift(order.splice(first, 1)[0]);
		return pagedTable("cluster-" + c.id + "-hosts", "Hosts", [["#", "n"], ["address", ""], ["AS", ""], ["keys on ports", ""],
			["names", ""], ["ports", ""]], c.hosts, i => {
			const h = order[i];
			const ip = D.hosts.ip[h] === wanted ? make("mark", {}, D.hosts.ip[h]) : D.hosts.ip[h];
			return make("tr", {}, number(h - c.host0 + 1), make("td", {class: "mono"}, make("span", {class: "name ip"}, ip)),
				make("td", {}, make("span", {class: "name"}, asName(D.hosts.as[h]))),
				drawKeys(c, h), drawNames(h, c.hosts <= 4), drawFacts(h));
		}, 50);
	}

	function keyTable(c) {
		const uses = Array.from({length: c.shared}, () => ({hosts: new Set(), ports: new Map()}));
		for (let h = c.host0; h < c.host0 + c.hosts; h++) {
			for (const u of usesOf(h)) {
				const k = D.uses[u + 1] - c.key0;
				if (k >= c.shared) continue;
				uses[k].hosts.add(h);
				const p = D.uses[u + 2];
				uses[k].ports.set(p, (uses[k].ports.get(p) || 0) + 1);
			}
		}
		return pagedTable("cluster-" + c.id + "-keys", "Shared keys", [["key", ""], ["hosts", "n"], ["ports (hosts)", ""], ["SHA-256", ""]],
			c.shared, k => {
				const ports = [...uses[k].ports].sort((a, b) => a[0] - b[0]);
				const weak = D.weak[c.key0 + k];
				const alarm = weak && weak[0] < 2 || ports.length > 1 && uses[k].ports.has(22);
				return make("tr", {class: alarm ? "alarm" : ""}, make("th", {scope: "row"}, weak ? make("b", {class: "weak"}, "k" + (k + 1)) : "k" + (k + 1)),
					number(uses[k].hosts.size),
					make("td", {}, ports.map(([p, n]) => p + " (" + count(n) + ")").join(" ")),
					make("td", {class: "mono"}, make("span", {class: "fp name"}, D.keys[c.key0 + k] || "not named in the file"),
						weak ? make("span", {class: "weak name"}, "weak: " + weak[1]) : null));
			}, 25);
	}

	/* Which ports of two hosts one key links, counted by key and host. */
	function pairTable(c) {
		const pairs = new Map();
		const byKey = new Map();
		for (let h = c.host0; h < c.host0 + c.hosts; h++)
			for (const u of usesOf(h)) {
				const k = D.uses[u + 1] - c.key0;
				if (k >= c.shared) continue;
				if (!byKey.has(k)) byKey.set(k, new Map());
				const ports = byKey.get(k), p = D.uses[u + 2];
				if (!ports.has(p)) ports.set(p, new Set());
				ports.get(p).add(h);
			}
		for (const ports of byKey.values())
			for (const [p, hp] of ports)
				for (const [q, hq] of ports) {
					if (p > q || p === q && hp.size < 2) continue;
					if (p !== q && hp.size === 1 && hq.size === 1 && hp.values().next().value === hq.values().next().value) continue;
					const name = p + " = " + q;
					const row = pairs.get(name) || {p, q, keys: 0, hosts: new Set()};
					row.keys++;
					for (const h of hp) row.hosts.add(h);
					for (const h of hq) row.hosts.add(h);
					pairs.set(name, row);
				}
		const rows = [...pairs.values()].sort((a, b) => a.p - b.p || a.q - b.q);
		return pagedTable("cluster-" + c.id + "-ports", "Pairs of ports that share a key", [["ports", ""], ["keys", "n"], ["hosts", "n"]],
			rows.length, i => make("tr", {class: rows[i].p === 22 && rows[i].q !== 22 ? "alarm" : ""},
				make("th", {scope: "row"}, rows[i].p + " = " + rows[i].q),
				number(rows[i].keys), number(rows[i].hosts.size)), 60);
	}

	async function drawPicture(c, box) {
		const text = await unpack("picture-" + c.id);
		if (text === null) {
			box.replaceWith(make("p", {class: "missing"},
				"No picture of this cluster in the directory: survey graph makes it."));
			return;
		}
		const doc = new DOMParser().parseFromString(text, "image/svg+xml");
		const svg = doc.documentElement.localName === "svg" ? cleanSvg(doc.documentElement) : null;
		if (!svg) {
			box.replaceWith(make("p", {class: "missing"}, "The picture is damaged."));
			return;
		}
		svg.removeAttribute("width");
		svg.removeAttribute("height");
		for (const t of svg.querySelectorAll(":scope > title, :scope > desc")) t.remove();
		svg.setAttribute("role", "group"); /* its hosts are links */
		svg.setAttribute("aria-label", "Picture of cluster " + c.id + ": plus and minus zoom, arrows move, 0 shows all");
		box.append(svg);
		panAndZoom(box, svg);
	}

	/* What the signs of the table of hosts say. */
	function legend() {
		const sign = (c, text, says) => [make("b", {class: c}, text), " " + says + "  "];
		return make("p", {class: "note legend"},
			...sign("mono", "k1", "a shared key of the table above, with the begin of its SHA-256;"),
			...sign("mono", "own", "a key that no other host of the survey shows."),
			...sign("good", "✓", "the name leads to this address;"),
			...sign("bad", "✗", "it leads elsewhere (→) or nowhere;"),
			...sign("unknown", "?", "there was no answer;"), ...sign("", "–", "it was not looked up."),
			...sign("mono", "rdns", "the name that DNS gives for the address;"),
			...sign("mono", "banner", "the name in the greeting on port 25;"),
			...sign("mono", "p25dn", "the common name in the certificate of port 25;"),
			...sign("mono", "p25san0", "the first of its other names, and so on for each port."));
	}

	function openCluster(i, wanted) {
		const c = C(i);
		const box = $("detail");
		const position = shown.indexOf(i);
		const step = (by, label, name) => {
			const to = position >= 0 ? shown[position + by] : undefined;
			const b = make("button", {type: "button", "aria-label": name, title: name,
				onclick: () => { location.hash = "#c=" + C(to).id; }}, label);
			b.disabled = to === undefined;
			return b;
		};
		const picture = make("div", {class: "picture"});
		box.replaceChildren(
			make("div", {class: "bar"}, make("h3", {tabindex: "-1", id: "detail-title"}, "Cluster " + c.id),
				step(-1, "‹", "previous cluster of the table"), step(1, "›", "next cluster of the table"),
				make("button", {type: "button", onclick: close}, "Close")),
			make("p", {}, counted(c.hosts, "host", "hosts") + ", " + counted(c.shared, "shared key", "shared keys") +
				", " + counted(c.ases, "AS", "ASes") + ". ", make("span", {class: "badge"}, D.whys[c.why])),
			make("p", {class: "soft"}, c.text),
			picture, ...keyTable(c), make("details", {}, make("summary", {}, "Pairs of ports"), ...pairTable(c)),
			...hostTable(c, wanted), legend());
		box.hidden = false;
		drawPicture(c, picture);
		for (const row of $("clusters-table").tBodies[0].rows)
			row.classList.toggle("open", +row.dataset.id === c.id);
		box.scrollIntoView({block: "start"});
		$("detail-title").focus({preventScroll: true});
	}

	function close() {
		const open = $("clusters-table").querySelector("tr.open a");
		$("detail").hidden = true;
		$("detail").replaceChildren();
		history.replaceState(null, "", "#clusters");
		for (const row of $("clusters-table").tBodies[0].rows) row.classList.remove("open");
		(open || $("q")).focus();
	}

	/* A finding's link: only those clusters. */
	function applyFilter(name) {
		const why = name.match(/^why-(\d+)$/);
		$("q").value = "";
		for (const f of ["ases", "trusted", "weak", "new"])
			if ($("f-" + f)) $("f-" + f).checked = f === name;
		$("why").value = why ? why[1] : "";
		$("port").value = "";
		$("least").value = $("least").min;
		$("filters").open = true;
		search();
		$("clusters").scrollIntoView({block: "start"});
	}

	function follow() {
		const table = /^#t-[a-z-]+$/.test(location.hash) && $(location.hash.slice(1));
		if (table && table.closest("details")) {
			table.closest("details").open = true;
			table.closest("details").scrollIntoView({block: "start"});
		}
		const m = location.hash.match(/^#([chf])=(.+)$/);
		if (!m) return;
		if (m[1] === "f") { applyFilter(m[2]); return; }
		if (m[1] === "c") {
			const i = D.clusters.findIndex(c => c[0] === +m[2]);
			if (i >= 0) openCluster(i);
			return;
		}
		let ip;
		try { ip = decodeURIComponent(m[2]); } catch { return; }
		const h = D.hosts.ip.indexOf(ip);
		if (h >= 0 && D.hosts.cluster[h] >= 0) openCluster(D.hosts.cluster[h], ip);
		else { $("q").value = ip; search(); $("q").focus(); }
	}

	/* ---- start ---- */

	const theme = $("theme");
	theme.addEventListener("click", () => {
		const dark = document.documentElement.dataset.theme
			? document.documentElement.dataset.theme === "dark"
			: matchMedia("(prefers-color-scheme: dark)").matches;
		document.documentElement.dataset.theme = dark ? "light" : "dark";
		theme.setAttribute("aria-pressed", String(!dark));
	});
	theme.hidden = false;

	/* Paper has no buttons: what is to be printed is opened before. */
	addEventListener("beforeprint", () => {
		for (const d of document.querySelectorAll("main details:not(#filters)")) d.open = true;
		for (const b of document.querySelectorAll("main button.more:not([hidden])"))
			if (b.id !== "clusters-more") b.click();
	});
	$("print").addEventListener("click", () => {
		limit = Infinity;
		if (D) drawTable();
		print();
	});
	$("print").hidden = false;
	foldTables();

	unpack("data").then(text => {
		if (text === null) {
			$("clusters-count").textContent = "This browser cannot unpack the list of clusters; the figures " +
				"below and clusters.json have them.";
			return;
		}
		D = JSON.parse(text);
		indexUses();
		D.ports.forEach((p, i) => $("port").append(make("option", {value: i}, "port " + p)));
		D.whys.forEach((w, i) => $("why").append(make("option", {value: i}, w)));
		for (const id of ["q", "least", "port", "why", "f-ases", "f-trusted", "f-weak", "f-new"])
			if ($(id)) $(id).addEventListener("input", search);
		$("clusters-more").addEventListener("click", () => { limit = Infinity; drawTable(); });
		$("clusters-csv").addEventListener("click", () => saveCsv("clusters", [columns.map(([title]) => title),
			...shown.map(i => columns.map(([, , , cell]) => cellText(cell(C(i)))))]));
		$("clusters-csv").hidden = false;
		addEventListener("hashchange", follow);
		addEventListener("keydown", e => {
			if (e.key === "Escape" && !$("detail").hidden) close();
			if (e.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
				e.preventDefault();
				$("q").focus();
			}
		});
		search();
		follow();
		document.documentElement.dataset.ready = "yes";
	});
})();
