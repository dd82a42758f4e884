/* The letters and words as they were when the program was built (config/notify). */
#ifndef QUERY_NOTIFY_TEMPLATES_H
#define QUERY_NOTIFY_TEMPLATES_H

#include <stddef.h>

extern const unsigned char letter_en_txt[], letter_en_html[], letter_de_txt[], letter_de_html[],
    letter_fr_txt[], letter_fr_html[], words_de[], words_fr[];
extern const size_t letter_en_txt_len, letter_en_html_len, letter_de_txt_len, letter_de_html_len,
    letter_fr_txt_len, letter_fr_html_len, words_de_len, words_fr_len;

#endif
