"use strict";
/* A cluster's picture in the page: taken over element by element, panned and zoomed.  make: page.js's. */
const surveyPicture = make => {
	const SVG_TAGS = new Set("svg g a title desc rect circle line path text".split(" "));
	const SVG_ATTRS = new Set(("class d x y x1 y1 x2 y2 cx cy r width height viewBox fill stroke stroke-width " +
		"stroke-dasharray stroke-opacity stroke-linejoin paint-order font-size font-family font-weight " +
		"text-anchor role").split(" "));

	/* A line's colour for a dark ground: the same hue, light enough. */
	function lit(colour) {
		const rgb = [1, 3, 5].map(i => parseInt(colour.slice(i, i + 2), 16));
		const bright = .299 * rgb[0] + .587 * rgb[1] + .114 * rgb[2];
		const f = Math.max(0, Math.min(.75, (150 - bright) / (255 - bright)));
		return "rgb(" + rgb.map(c => Math.round(c + (255 - c) * f)).join(" ") + ")";
	}

	/* A copy with known elements and attributes only; links point into this page. */
	function cleanSvg(from) {
		if (!SVG_TAGS.has(from.localName)) return null;
		const to = document.createElementNS("http://www.w3.org/2000/svg", from.localName);
		for (const a of from.attributes) {
			if (SVG_ATTRS.has(a.name)) to.setAttribute(a.name, a.value);
			else if (a.name === "href" && from.localName === "a" && /#[ch]=[A-Za-z0-9.:%-]+$/.test(a.value))
				to.setAttribute("href", a.value.slice(a.value.indexOf("#")));
		}
		if (/^#[0-9a-f]{6}$/.test(from.getAttribute("stroke")))
			to.style.setProperty("--lit", lit(from.getAttribute("stroke")));
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

	return {cleanSvg, panAndZoom};
};
