/* tests/compile_fail/attr_of_secret.c - a secret is no attribute of a template's object. */
#include "donjon/attrs.h"
#include "donjon/secret.h"

typedef struct account {
    dj_str           name;
    const dj_secret *key;
} account;
#ifdef OK
DJ_ATTRS(account, DJ_ATTR(account, name));
#else
DJ_ATTRS(account, DJ_ATTR(account, key));
#endif

const dj_attrs *probe(void);
const dj_attrs *probe(void)
{
    return &account_attrs;
}
