/* Pure: a placed drawing as DOT; `neato -n2` redraws it as it stands. */
#include <string.h>

#include "survey/buf.h"
#include "survey/escape.h"

#include "page.h"

static void
quoted(struct buf *b, const char *name, const char *s)
{
	buf_printf(b, ",%s=\"", name);
	for (const char *p = s, *nl; p != NULL; p = nl) {
		nl = strchr(p, '\n');
		escape_dot(b, p, nl != NULL ? (size_t)(nl - p) : strlen(p));
		if (nl != NULL) {
			buf_adds(b, "\\n");
			nl++;
		}
	}
	buf_addc(b, '"');
}

static const char *
line_name(const struct line_style *s)
{
	if (s->dash[0] <= 0)
		return "solid";
	return s->dash[0] <= 3 ? "dotted" : "dashed";
}

void
drawing_dot(const struct drawing *d, const struct study *st, struct buf *b)
{
	buf_printf(b,
	    "graph cluster_%u {\n"
	    "graph [layout=neato,splines=line,overlap=true,outputorder=edgesfirst];\n"
	    "node [style=filled,fixedsize=true,fontname=\"Helvetica\",fontsize=9];\n",
	    d->id);
	for (size_t i = 0; i < d->nnodes; i++) {
		const struct draw_node *n = &d->nodes[i];

		buf_printf(b, "n%zu [shape=%s,pos=\"%.1f,%.1f!\",width=%.3f,height=%.3f", i,
		    draw_node_is_key(n) ? "diamond" : "circle", n->x, n->y, n->r / 36, n->r / 36);
		buf_printf(b, ",fillcolor=\"#%06x\",color=\"#%06x\",fontcolor=\"#%06x\"",
		    n->style.rgb, n->style.outline, palette_ink(n->style.rgb));
		quoted(b, "label", n->label);
		if (n->caption != NULL)
			quoted(b, "xlabel", n->caption);
		if (n->tip != NULL)
			quoted(b, "tooltip", n->tip);
		if (n->as != STUDY_NONE) {
			struct buf as;

			buf_init(&as);
			drawing_as_name(&as, st, n->as, 60);
			quoted(b, "comment", as.data);
			buf_fini(&as);
		}
		buf_adds(b, "];\n");
	}
	for (size_t i = 0; i < d->nedges; i++) {
		const struct draw_edge *e = &d->edges[i];

		buf_printf(b, "n%u -- n%u [color=\"#%06x\",penwidth=%.1f,style=%s", e->a, e->b,
		    e->style.rgb, e->style.width, line_name(&e->style));
		if (e->tip != NULL)
			quoted(b, "tooltip", e->tip);
		buf_adds(b, "];\n");
	}
	buf_adds(b, "}\n");
}
