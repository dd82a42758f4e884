#ifndef SCAN_ZMAP_H
#define SCAN_ZMAP_H

#include "survey/scan.h"

struct zmap_request zmap_request_make(const struct zmap_params *p, unsigned shard);

#endif
