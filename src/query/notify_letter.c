/* letter.txt and letter.html: a constituency's data as JSON, put into the user's texts. */
#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/buf.h"
#include "survey/command.h"
#include "survey/file.h"
#include "survey/log.h"
#include "survey/mem.h"
#include "survey/template.h"
#include "survey/text.h"

#include "notify.h"
#include "notify_json.h"
#include "notify_templates.h"

#define TEMPLATE_MAX (1 << 20) /* bytes */
#define LANG_MAX 16

const char *const notify_fields[] = { "constituency", "network", "asn", "as_name", "contact",
	"reply_to", "opt_out", "run", "first_day", "last_day", "since", "n_hosts", "n_hosts_is_one",
	"n_hosts_sharing", "n_hosts_sharing_is_one", "n_hosts_sharing_with_others",
	"n_hosts_sharing_with_others_is_one", "n_hosts_weak", "n_hosts_weak_is_one", "n_keys",
	"n_keys_is_one", "n_shared", "n_shared_is_one", "n_weak", "n_weak_is_one", "n_broken",
	"n_broken_is_one", "sha1_only", "n_other_hosts", "n_other_hosts_is_one", "n_repaired",
	"n_repaired_is_one", "n_silent", "n_silent_is_one", "repaired_list", "silent_list", "ssh",
	"openssh", "dropbear", "tls", "mail", "postfix", "exim", "dovecot", "other_mail", "web",
	"nginx", "apache", "sections", "new", "changed", "open", "host_list", "address", "name",
	"port_list", "key_list", "n_more_keys", "n_more_keys_is_one", "place_list", "n_more_hosts",
	"n_more_hosts_is_one", "name_fits", "n_pictures", "n_pictures_is_one", "ports",
	"ports_is_one", "port", "service", "is_ssh", "key_type", "fingerprint", "severity",
	"severity_text", "first_seen", "last_seen", "n_own_hosts", "n_own_hosts_is_one",
	"own_shared", "n_other_operators", "n_other_operators_is_one", "finding_list", "weak_list",
	"kind", "text", "picture_list", "picture", "cluster", "n_mail_domains",
	"n_mail_domains_is_one", "pinned", "tlsa_mismatch", NULL };

/* ---- the texts ---- */

static bool
is_language(const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)s[i]) && s[i] != '-')
			return false;
	}
	return len > 0 && len <= LANG_MAX;
}

/* A letter that is built in, and the words of its language. */
struct letter {
	const char *lang;
	struct letter_text {
		const unsigned char *s;
		const size_t *len;
	} text, html, words;
};

static const struct letter letters[] = {
	{ "en", { letter_en_txt, &letter_en_txt_len }, { letter_en_html, &letter_en_html_len },
	    { NULL, NULL } },
	{ "de", { letter_de_txt, &letter_de_txt_len }, { letter_de_html, &letter_de_html_len },
	    { words_de, &words_de_len } },
	{ "fr", { letter_fr_txt, &letter_fr_txt_len }, { letter_fr_html, &letter_fr_html_len },
	    { words_fr, &words_fr_len } },
};

/* A file of --templates, or an installed one. */
static char *
path_of(const struct notify_options *o, const char *what, const char *ending)
{
	const char *dir = o->templates != NULL ? o->templates : SURVEY_DATADIR "/notify";

	return xasprintf("%s/%s.%s%s", dir, what, o->lang, ending);
}

/* One text: of --templates, else built in, else of the language's installed ones. */
static struct template *
read_template(const struct notify_options *o, const char *ending, enum template_form form,
    const struct letter_text *ours)
{
	char *path = path_of(o, "letter", ending);
	char *text = NULL, *error = NULL;
	struct template *t = NULL;
	size_t len;

	if (ours != NULL)
		t = template_new((const char *)ours->s, *ours->len, form, notify_fields, &error);
	else if ((text = file_read(path, TEMPLATE_MAX, &len)) == NULL)
		error = xstrdup(strerror(errno));
	else
		t = template_new(text, len, form, notify_fields, &error);
	if (t == NULL)
		log_error("%s: %s", path, error);
	free(error);
	free(text);
	free(path);
	return t;
}

/* The words that lie beside the letters, else those that are built in for their language, if any. */
static int
read_words(struct notifying *x, const struct letter *built_in)
{
	char *path = path_of(x->o, "words", ""), *text = NULL, *error = NULL;
	size_t len = 0;

	if (x->o->templates != NULL || built_in == NULL) {
		text = file_read(path, TEMPLATE_MAX, &len);
		if (text == NULL && errno != ENOENT)
			error = xstrdup(strerror(errno));
	}
	if (text != NULL)
		(void)notify_words_read(&x->words, text, len, &error);
	else if (error == NULL && built_in != NULL && built_in->words.s != NULL)
		(void)notify_words_read(
		    &x->words, (const char *)built_in->words.s, *built_in->words.len, &error);
	if (error != NULL)
		log_error("%s: %s", path, error);
	free(text);
	free(path);
	if (error == NULL)
		return 0;
	free(error);
	return EXIT_USAGE;
}

int
notify_templates(struct notifying *x)
{
	const struct letter *built_in = NULL, *ours;

	if (!is_language(x->o->lang)) {
		log_error("--lang %s: a language is letters, as in en or pt-BR", x->o->lang);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (strcmp(letters[i].lang, x->o->lang) == 0)
			built_in = &letters[i];
	ours = x->o->templates == NULL ? built_in : NULL;
	x->text = read_template(x->o, ".txt", TEMPLATE_MAIL, ours != NULL ? &ours->text : NULL);
	x->html = read_template(x->o, ".html", TEMPLATE_HTML, ours != NULL ? &ours->html : NULL);
	return x->text != NULL && x->html != NULL ? read_words(x, built_in) : EXIT_USAGE;
}

/* ---- what they are filled with ---- */

static json_object *
address_objects(const struct address_list *l)
{
	json_object *list = json_object_new_array();
	char text[IP_STRLEN];

	for (size_t i = 0; i < l->n; i++) {
		json_object *o = json_object_new_object();

		letter_text(o, "address", ip_format(&l->v[i], text));
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *
pictures(struct notifying *x, uint32_t *others)
{
	json_object *list = json_object_new_array();

	*others = 0;
	for (uint32_t i = 0; i < x->view.nclusters; i++) {
		uint32_t cluster = x->view.clusters[i], id = x->n.st->clusters[cluster].id;
		struct share s = view_cluster(&x->view, cluster);
		json_object *o = json_object_new_object();
		char *file = xasprintf("cluster-%u.svg", id);

		letter_text(o, "picture", file);
		letter_put(o, "cluster", json_object_new_int64(id));
		letter_count(o, "n_own_hosts", s.own_hosts);
		letter_count(o, "n_other_hosts", s.other_hosts);
		letter_count(o, "n_other_operators", s.other_operators);
		json_object_array_add(list, o);
		*others += s.other_hosts;
		free(file);
	}
	return list;
}

/* What the steps of a letter depend on. */
struct kinds {
	bool ssh, tls, mail, web, openssh, dropbear, postfix, exim, dovecot, other_mail, nginx,
	    apache;
};

/* What the port says that it runs, by whichever of its grabs; or NULL. */
static const char *
software_of(const struct notifying *x, const struct notice *row)
{
	for (uint32_t k = row->keys.at; k < row->keys.at + row->keys.n; k++) {
		uint32_t text = x->n.st->grabs[x->n.keys[k].grab].software;

		if (text != STUDY_NO_TEXT)
			return study_text(x->n.st, text);
	}
	return NULL;
}

static bool
mentions(const char *s, const char *word)
{
	return s != NULL && strcasestr(s, word) != NULL;
}

/* Names of mail software are our own: "Exim", "Exim 4.96". */
static bool
is_program(const char *s, const char *name)
{
	size_t len = strlen(name);

	return s != NULL && strncmp(s, name, len) == 0 && (s[len] == '\0' || s[len] == ' ');
}

static void
add_mail(struct kinds *k, const char *software)
{
	bool postfix = is_program(software, "Postfix"), exim = is_program(software, "Exim");
	bool dovecot = is_program(software, "Dovecot");

	k->mail = true;
	k->postfix |= postfix;
	k->exim |= exim;
	k->dovecot |= dovecot;
	k->other_mail |= !postfix && !exim && !dovecot;
}

/* Of SSH and web servers that tell no software, or another, the steps of the commonest stand there. */
static void
add_port(struct kinds *k, const struct notifying *x, const struct notice *row)
{
	const char *software = software_of(x, row);
	bool ssh = port_table[row->port].kind == KEY_SSH_HOST;
	bool web = port_table[row->port].port == 443;

	k->ssh |= ssh;
	k->tls |= !ssh;
	k->web |= web;
	k->dropbear |= ssh && mentions(software, "dropbear");
	k->openssh |= ssh && !mentions(software, "dropbear");
	k->nginx |= web && !mentions(software, "apache");
	k->apache |= web && !mentions(software, "nginx");
	if (!ssh && !web)
		add_mail(k, software);
}

static void
put_kinds(json_object *o, const struct notifying *x)
{
	const struct constituency *c = x->view.c;
	struct kinds k = { false };

	for (size_t i = 0; i < c->nhosts; i++) {
		struct study_span rows = x->n.of_host[c->hosts[i]];

		for (uint32_t r = rows.at; r < rows.at + rows.n; r++)
			add_port(&k, x, &x->n.v[r]);
	}
	letter_flag(o, "ssh", k.ssh);
	letter_flag(o, "tls", k.tls);
	letter_flag(o, "mail", k.mail);
	letter_flag(o, "web", k.web);
	letter_flag(o, "openssh", k.openssh);
	letter_flag(o, "dropbear", k.dropbear);
	letter_flag(o, "postfix", k.postfix);
	letter_flag(o, "exim", k.exim);
	letter_flag(o, "dovecot", k.dovecot);
	letter_flag(o, "other_mail", k.other_mail);
	letter_flag(o, "nginx", k.nginx);
	letter_flag(o, "apache", k.apache);
}

static void
put_constituency(json_object *o, const struct notifying *x)
{
	const struct constituency *c = x->view.c;
	const struct study *st = x->n.st;
	const char *name = c->kind == BY_AS && c->asn != 0
			       ? study_text_or_empty(st, st->ases[st->hosts[c->hosts[0]].as].name)
			       : "";
	const char *unknown = notify_word(&x->words, WORD_UNKNOWN_NETWORK);
	struct buf as, network;

	buf_init(&as);
	buf_init(&network);
	text_plain(&as, name, strlen(name), 100);
	if (c->kind == BY_AS && c->asn == 0)
		buf_adds(&network, unknown);
	else if (c->kind == BY_NETWORKS)
		buf_adds(&network, notify_word(&x->words, WORD_YOUR_NETWORKS));
	else
		buf_printf(&network, "%s%s%s", c->name, as.len > 0 ? " " : "", as.data);
	/* What has no name of its own has the word. */
	letter_text(o, "constituency",
	    c->kind == BY_AS && c->asn == 0 ? unknown
	    : c->kind == BY_NETWORKS	    ? network.data
					    : c->name);
	letter_buf(o, "network", &network);
	letter_put(
	    o, "asn", c->kind == BY_AS && c->asn != 0 ? json_object_new_int64(c->asn) : NULL);
	letter_text(o, "as_name", as.data);
	letter_text(o, "contact", c->mails);
	buf_fini(&as);
	buf_fini(&network);
}

/* What of its keys concerns a host: the numbers of hosts by that. */
struct host_kinds {
	uint32_t sharing, with_others, weak;
};

static void
add_host(struct host_kinds *k, struct notifying *x, uint32_t host)
{
	struct study_span rows = x->n.of_host[host];
	bool sharing = false, with_others = false, weak = false;

	for (uint32_t r = rows.at; r < rows.at + rows.n; r++) {
		struct study_span keys = x->n.v[r].keys;

		for (uint32_t i = keys.at; i < keys.at + keys.n; i++) {
			uint32_t key = x->n.keys[i].key;

			sharing = sharing || x->n.st->keys[key].nhosts > 1;
			with_others = with_others || view_key(&x->view, key).other_operators > 0;
			weak = weak || x->n.worst[key] != STUDY_NONE;
		}
	}
	k->sharing += sharing;
	k->with_others += with_others;
	k->weak += weak;
}

static void
put_hosts(json_object *o, struct notifying *x)
{
	const struct constituency *c = x->view.c;
	struct host_kinds k = { 0 };

	for (size_t i = 0; i < c->nhosts; i++)
		add_host(&k, x, c->hosts[i]);
	letter_count(o, "n_hosts", c->nhosts);
	letter_count(o, "n_hosts_sharing", k.sharing);
	letter_count(o, "n_hosts_sharing_with_others", k.with_others);
	letter_count(o, "n_hosts_weak", k.weak);
}

/* Keys that are weak; of these, broken ones, as which anybody can pose. */
static void
put_weak(json_object *o, const struct notifying *x)
{
	const struct study *st = x->n.st;
	uint32_t weak = 0, broken = 0;
	bool sha1_only = false;

	for (uint32_t i = 0; i < x->view.nkeys; i++) {
		uint32_t worst = x->n.worst[x->view.keys[i]];

		if (worst == STUDY_NONE)
			continue;
		weak++;
		broken += finding_kinds[st->findings->findings[worst].kind].severity ==
			  FINDING_CRITICAL;
		for (uint32_t f = worst; f != STUDY_NONE; f = x->n.next_finding[f])
			sha1_only |= st->findings->findings[f].kind == FINDING_SHA1_ONLY;
	}
	letter_count(o, "n_weak", weak);
	letter_count(o, "n_broken", broken);
	letter_flag(o, "sha1_only", sha1_only);
}

static json_object *
letter_object(struct notifying *x, bool by_host)
{
	const struct constituency *c = x->view.c;
	json_object *o = json_object_new_object(), *list;
	uint32_t shared = 0, others;

	for (uint32_t i = 0; i < x->view.nkeys; i++)
		shared += x->n.st->keys[x->view.keys[i]].nhosts > 1;
	put_constituency(o, x);
	letter_text(o, "reply_to", x->o->reply_to);
	letter_text(o, "opt_out", x->o->opt_out);
	letter_text(o, "run", x->run);
	letter_day(o, "first_day", x->began);
	letter_day(o, "last_day", x->ended);
	letter_day(o, "since", x->since);
	put_hosts(o, x);
	letter_count(o, "n_keys", x->view.nkeys);
	letter_count(o, "n_shared", shared);
	put_weak(o, x);
	letter_count(o, "n_mail_domains", notify_domains(x, c));
	letter_count(o, "n_repaired", c->repaired.n);
	letter_count(o, "n_silent", c->silent.n);
	letter_put(o, "repaired_list", address_objects(&c->repaired));
	letter_put(o, "silent_list", address_objects(&c->silent));
	put_kinds(o, x);
	letter_put(o, "sections", notify_sections(x, by_host));
	letter_put(o, "weak_list", notify_weak_list(x));
	list = pictures(x, &others);
	letter_count(o, "n_pictures", json_object_array_length(list));
	letter_put(o, "picture_list", list);
	letter_count(o, "n_other_hosts", others);
	return o;
}

static int
write_letter(struct notifying *x, const struct template *t, json_object *data, const char *file)
{
	char *name = path_join(x->view.c->folder, file);
	struct buf b;
	int rc;

	buf_init(&b);
	template_render(t, data, &b);
	rc = newdir_write(x->o->out, name, b.data, b.len);
	buf_fini(&b);
	free(name);
	return rc;
}

int
notify_letters(struct notifying *x)
{
	bool by_host = template_uses(x->text, "host_list") || template_uses(x->html, "host_list");
	json_object *data = letter_object(x, by_host);
	int rc = write_letter(x, x->text, data, "letter.txt");

	if (rc == 0)
		rc = write_letter(x, x->html, data, "letter.html");
	json_object_put(data);
	return rc;
}
