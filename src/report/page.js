"use strict";
/*
 * The report's behaviour.  The data are remote text: they reach the page only
 * as text nodes and attribute values, never as markup.
 */
(() => {
	const PAGE = 100;
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

	/* Columns of D.clusters: see page_data.c. */
	const C = i => {
		const c = D.clusters[i];
		return {id: c[0], host0: c[1], hosts: c[2], key0: c[3], keys: c[4], shared: c[5], ases: c[6],
			why: c[7], text: c[8], as: c[9], ports: c[10]};
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
		["it may be", "why", false, c => make("td", {}, D.whys[c.why])],
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
	}

	/* ---- search and filter ---- */

	function hostText(h) {
		const parts = [D.hosts.ip[h], asName(D.hosts.as[h])];
		for (const n of D.hosts.names[h]) parts.push(n[1]);
		for (const u of usesOf(h)) parts.push(D.keys[D.uses[u + 1]]);
		return parts.join("\n").toLowerCase();
	}

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

	function search() {
		const query = $("q").value.trim().toLowerCase();
		const least = +$("least").value || 0;
		const group = $("port").value, why = $("why").value;
		const hit = new Set();
		const outside = [];
		let all = query === "";
		const id = query.match(/^#?(?:cluster )?(\d+)$/);
		if (!all) {
			index = index || D.hosts.ip.map((_, h) => hostText(h));
			for (let h = 0; h < index.length; h++) {
				if (!index[h].includes(query)) continue;
				if (D.hosts.cluster[h] >= 0) hit.add(D.hosts.cluster[h]);
				else outside.push(h);
			}
		}
		shown = [];
		for (let i = 0; i < D.clusters.length; i++) {
			const c = C(i);
			if (!(all || hit.has(i) || id && c.id === +id[1])) continue;
			if (c.hosts < least) continue;
			if (group !== "" && !(c.ports >> +group & 1)) continue;
			if (why !== "" && c.why !== +why) continue;
			shown.push(i);
		}
		limit = PAGE;
		sortClusters();
		drawTable();
		const box = $("outside");
		box.replaceChildren();
		if (outside.length > 0) {
			box.append(make("p", {class: "note"}, count(outside.length) +
				" matching hosts are in no cluster" + (outside.length > 20 ? "; the first 20:" : ":")));
			const list = make("ul");
			for (const h of outside.slice(0, 20))
				list.append(make("li", {}, make("code", {class: "name"}, D.hosts.ip[h]), " ",
					make("span", {class: "name soft"}, asName(D.hosts.as[h]))));
			box.append(list);
		}
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
		const cell = make("td", {class: "wide"});
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
				nth <= c.shared ? make("b", {}, "k" + nth) : make("span", {class: "soft"}, "own"),
				" " + ports.join(" ") + (weak ? " weak: " + weak[1] : "")));
		}
		return cell;
	}

	/* A table whose rows are made as they are asked for. */
	function pagedTable(caption, heads, n, row, page) {
		const body = make("tbody");
		const more = make("button", {type: "button", class: "more"}, "Show more");
		let at = 0;
		const fill = () => {
			for (const end = Math.min(n, at + page); at < end; at++) body.append(row(at));
			more.hidden = at >= n;
		};
		more.addEventListener("click", fill);
		fill();
		return [make("div", {class: "scroll"}, make("table", {}, make("caption", {}, caption),
			make("thead", {}, make("tr", {}, ...heads.map(([t, k]) => make("th", {scope: "col", class: k}, t)))),
			body)), more];
	}

	function hostTable(c, wanted) {
		const order = Array.from({length: c.hosts}, (_, i) => c.host0 + i);
		const first = order.findIndex(h => D.hosts.ip[h] === wanted);
		if (first > 0) order.unshift(order.splice(first, 1)[0]);
		return pagedTable("Hosts", [["#", "n"], ["address", ""], ["AS", "wide"], ["keys on ports", ""],
			["names", ""], ["ports", "wide"]], c.hosts, i => {
			const h = order[i];
			const ip = D.hosts.ip[h] === wanted ? make("mark", {}, D.hosts.ip[h]) : D.hosts.ip[h];
			return make("tr", {}, number(h - c.host0 + 1), make("td", {class: "mono"}, make("span", {class: "name ip"}, ip)),
				make("td", {class: "wide"}, make("span", {class: "name"}, asName(D.hosts.as[h]))),
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
		return pagedTable("Shared keys", [["key", ""], ["hosts", "n"], ["ports (hosts)", ""], ["SHA-256", ""]],
			c.shared, k => {
				const ports = [...uses[k].ports].sort((a, b) => a[0] - b[0]);
				const weak = D.weak[c.key0 + k];
				const alarm = weak && weak[0] < 2 || ports.length > 1 && uses[k].ports.has(22);
				return make("tr", {class: alarm ? "alarm" : ""}, make("th", {scope: "row"}, "k" + (k + 1)),
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
		return pagedTable("Pairs of ports that share a key", [["ports", ""], ["keys", "n"], ["hosts", "n"]],
			rows.length, i => make("tr", {class: rows[i].p === 22 && rows[i].q !== 22 ? "alarm" : ""},
				make("th", {scope: "row"}, rows[i].p + " = " + rows[i].q),
				number(rows[i].keys), number(rows[i].hosts.size)), 60);
	}

	const SVG_TAGS = new Set("svg g a title desc rect circle line path text".split(" "));
	const SVG_ATTRS = new Set(("class d x y x1 y1 x2 y2 cx cy r width height viewBox fill stroke stroke-width " +
		"stroke-dasharray stroke-opacity stroke-linejoin paint-order font-size font-family font-weight " +
		"text-anchor role").split(" "));

	/* A copy with known elements and attributes only; links point into this page. */
	function cleanSvg(from) {
		if (!SVG_TAGS.has(from.localName)) return null;
		const to = document.createElementNS("http://www.w3.org/2000/svg", from.localName);
		for (const a of from.attributes) {
			if (SVG_ATTRS.has(a.name)) to.setAttribute(a.name, a.value);
			else if (a.name === "href" && from.localName === "a" && /#[ch]=[A-Za-z0-9.:%-]+$/.test(a.value))
				to.setAttribute("href", a.value.slice(a.value.indexOf("#")));
		}
		for (const n of from.childNodes) {
			if (n.nodeType === Node.TEXT_NODE) to.append(n.data);
			else if (n.nodeType === Node.ELEMENT_NODE) {
				const c = cleanSvg(n);
				if (c) to.append(c);
			}
		}
		return to;
	}

	function panAndZoom(box, svg) {
		const full = svg.getAttribute("viewBox").split(" ").map(Number);
		let view = full.slice();
		svg.style.aspectRatio = full[2] + " / " + full[3];
		svg.style.maxWidth = full[2] * 1.5 + "px"; /* texts no larger than the page's headings */
		const apply = () => svg.setAttribute("viewBox", view.map(v => v.toFixed(2)).join(" "));
		const zoom = (factor, fx = .5, fy = .5) => {
			const w = Math.min(full[2] * 1.5, Math.max(full[2] / 40, view[2] / factor));
			const h = w * view[3] / view[2];
			view = [view[0] + (view[2] - w) * fx, view[1] + (view[3] - h) * fy, w, h];
			apply();
		};
		const pan = (dx, dy) => { view[0] += dx * view[2]; view[1] += dy * view[3]; apply(); };
		const reset = () => { view = full.slice(); apply(); };
		const at = e => {
			const r = svg.getBoundingClientRect();
			return [(e.clientX - r.left) / r.width, (e.clientY - r.top) / r.height];
		};
		const pointers = new Map();
		let moved = false;
		svg.addEventListener("pointerdown", e => { pointers.set(e.pointerId, e); moved = false; });
		svg.addEventListener("pointermove", e => {
			const before = pointers.get(e.pointerId);
			if (!before) return;
			const r = svg.getBoundingClientRect();
			if (pointers.size === 2) {
				const [other] = [...pointers.values()].filter(p => p.pointerId !== e.pointerId);
				const d = p => Math.hypot(p.clientX - other.clientX, p.clientY - other.clientY) || 1;
				zoom(d(e) / d(before), ...at(e));
			} else if (Math.hypot(e.clientX - before.clientX, e.clientY - before.clientY) > 1) {
				moved = true;
				if (!svg.hasPointerCapture(e.pointerId)) svg.setPointerCapture(e.pointerId);
				const scale = Math.max(view[2] / r.width, view[3] / r.height);
				view[0] -= (e.clientX - before.clientX) * scale;
				view[1] -= (e.clientY - before.clientY) * scale;
				apply();
			}
			pointers.set(e.pointerId, e);
		});
		for (const type of ["pointerup", "pointercancel", "pointerleave"])
			svg.addEventListener(type, e => pointers.delete(e.pointerId));
		svg.addEventListener("click", e => { if (moved) e.preventDefault(); }, true);
		box.addEventListener("wheel", e => {
			if (!e.ctrlKey && document.activeElement !== svg) return;
			e.preventDefault();
			zoom(e.deltaY < 0 ? 1.2 : 1 / 1.2, ...at(e));
		}, {passive: false});
		svg.setAttribute("tabindex", "0");
		svg.addEventListener("keydown", e => {
			const keys = {"+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), "0": reset,
				ArrowLeft: () => pan(-.1, 0), ArrowRight: () => pan(.1, 0),
				ArrowUp: () => pan(0, -.1), ArrowDown: () => pan(0, .1)};
			if (keys[e.key]) { keys[e.key](); e.preventDefault(); }
		});
		const button = (label, name, f) => make("button", {type: "button", "aria-label": name, title: name, onclick: f}, label);
		box.append(make("div", {class: "zoom"}, button("+", "zoom in", () => zoom(1.4)),
			button("−", "zoom out", () => zoom(1 / 1.4)), button("⟲", "whole picture", reset)));
		const tip = make("div", {class: "tip"});
		tip.hidden = true;
		box.append(tip);
		const show = e => {
			const g = e.target.closest("g");
			const title = g && g.querySelector(":scope > title");
			tip.hidden = !title;
			if (title) tip.textContent = title.textContent;
		};
		svg.addEventListener("pointerover", show);
		svg.addEventListener("focusin", show);
		svg.addEventListener("pointerout", () => { tip.hidden = true; });
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
		svg.setAttribute("aria-label", "Picture of cluster " + c.id + ": plus and minus zoom, arrows move, 0 shows all");
		box.append(svg);
		panAndZoom(box, svg);
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
			...hostTable(c, wanted));
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

	function follow() {
		const m = location.hash.match(/^#([ch])=(.+)$/);
		if (!m) return;
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
		for (const id of ["q", "least", "port", "why"]) $(id).addEventListener("input", search);
		$("clusters-more").addEventListener("click", () => { limit += PAGE * 5; drawTable(); });
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
