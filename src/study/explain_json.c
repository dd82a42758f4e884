#include "survey/explain_json.h"
#include "survey/jsonw.h"

void
explain_members(struct jsonw *w, const struct explanation *v, unsigned n, bool smelly)
{
	jsonw_key(w, "may_be");
	jsonw_array(w);
	for (unsigned i = 0; i < n; i++) {
		jsonw_object(w);
		jsonw_member_string(w, "what", why_word(v[i].what));
		jsonw_member_string(w, "for", v[i].pro);
		jsonw_member_string(w, "against", v[i].contra);
		jsonw_member_uint(w, "score", v[i].score);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_key(w, "smelly");
	jsonw_bool(w, smelly);
}
